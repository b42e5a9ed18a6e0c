"""Accounts, and who is signed in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backsoon.api.schemas.base import Brief, Instant, Model

RoleName = Literal["attendant", "person", "administrator"]


class IssuerName(Model):
    """An issuer that people may sign in by: at `/sign-in/NAME`."""

    name: Annotated[str, Field(examples=["entra"])]
    label: Annotated[str, Field(examples=["Microsoft"])]


class SignIn(Model):
    """How people sign in here."""

    local: Annotated[bool, Field(description="By user name and password.")]
    issuers: list[IssuerName]
    organisation: Annotated[str, Field(description="Its name; empty where there are several.")]


class Session(Model):
    """Who is signed in."""

    name: str
    user: Annotated[str | None, Field(description="Null: signed in by an issuer.")]
    organisation: Annotated[str, Field(description="Its id.")]
    roles: Annotated[list[RoleName], Field(description="What `Backsoon-Role` may say.")]
    person: Brief | None
    language: str
    zone: str
    ends_at: Annotated[Instant, Field(description="When it ends unless it is used again.")]
    local: Annotated[bool, Field(description="The password can be changed here.")]


class SignedOut(Model):
    """Whether there was a session."""

    signed_out: bool


class PasswordChanged(Model):
    """The other sessions have ended."""

    changed: bool


class User(Model):
    """An account."""

    id: int
    organisation: str
    name: Annotated[str, Field(description="Of one that waits: as claimed.")]
    user: str | None
    issuer: str | None
    subject: str | None
    email: Annotated[str | None, Field(description="As the issuer claimed it.")]
    state: Literal["active", "pending", "off"]
    roles: list[RoleName]
    person: Brief | None
    created_at: Instant
    created_by: str | None
    signed_in_at: Instant | None


class OneUser(User):
    """An account; with its password where one was made up."""

    password: Annotated[str | None, Field(description="Told once, now.")]


class Users(Model):
    """A page of accounts."""

    users: list[User]
    next: int | None
