"""What requests about accounts and sessions may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool

from backsoon.api.bodies import Body, Short

RoleName = Literal["attendant", "person", "administrator"]
Roles = Annotated[list[RoleName], Field(min_length=1, max_length=3, description="What they may be.")]
Password = Annotated[str, Field(min_length=1, max_length=256)]
Name = Annotated[str, Field(max_length=64, description="As history has it.")]
Whose = Annotated[Short | None, Field(min_length=1, description="Who it is: extension, address, name or `id:17`.")]


class SignInBody(Body):
    """A user name and its password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "anna", "password": "four-words-are-good"}]}
    )

    user: Annotated[str, Field(min_length=1, max_length=200)]
    password: Password


class OwnPasswordBody(Body):
    """One's own password, the old one and the new one."""

    old: Password
    new: Password


class UserBody(Body):
    """An account with a user name. Without a password one is made up and told in the answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "anna", "roles": ["attendant"], "name": "Anna Berg"}]}
    )

    user: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$", description="What they type.")]
    roles: Roles
    name: Name = ""
    person: Whose = None
    password: Annotated[str | None, Field(min_length=10, max_length=256)] = None
    by: Annotated[Short, Field(description="Who makes it; for commands on this machine only.")] = ""


class UserChangeBody(Body):
    """What shall be otherwise; what is not named stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"state": "active", "roles": ["person"], "person": "101"}]}
    )

    name: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    roles: Roles | None = None
    person: Whose = None
    state: Literal["active", "off"] | None = None
    password: Annotated[str | None, Field(min_length=10, max_length=256)] = None
    new_password: Annotated[StrictBool, Field(description="Make one up; it is told in the answer.")] = False
    by: Annotated[Short, Field(description="Who does it; for commands on this machine only.")] = ""
