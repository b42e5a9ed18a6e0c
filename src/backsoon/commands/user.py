"""`backsoon user`: who may sign in to the pages. There is no account before somebody makes one."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.person import whoever
from backsoon.commands.port import Json, Port, connected
from backsoon.domain.access import Role
from backsoon.domain.errors import BacksoonError

app = typer.Typer(
    help="Who may sign in to the pages: add, list, approve, remove.", no_args_is_help=True, rich_markup_mode=None
)

T = TypeVar("T")
PasswordOption = Annotated[
    str,
    typer.Option(
        help="Where the password is: file:PATH or env:NAME. Otherwise it is asked for at a terminal, or made up.",
        show_default=False,
    ),
]
RolesOption = Annotated[
    list[Role] | None, typer.Option("--role", help="attendant, person or administrator; may be repeated.")
]
PersonOption = Annotated[
    str, typer.Option(help="Who it is, for the role person: extension, e-mail address or name.", show_default=False)
]
NameOption = Annotated[str, typer.Option(help="As history has it.", show_default="the person's, or the user name")]
UserArgument = Annotated[str, typer.Argument(help="The user name, or the account's id.")]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password up and write it on stdout, once.")]


class NoSuchUser(BacksoonError):
    """No account is meant, or several are."""

    remedy = "name its id: `backsoon user list` shows them"


class NoPassword(BacksoonError):
    """The password could not be taken."""

    remedy = "type the same twice, or name a file by --password file:PATH"


@app.command("add")
def add(
    user: Annotated[str, typer.Argument(help="The user name that is typed to sign in.")],
    role: RolesOption = None,
    person: PersonOption = "",
    name: NameOption = "",
    password: PasswordOption = "",
    generate: GenerateOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account with a password."""
    roles = _roles(role, person)
    given = _password(password, generate)
    made = output.run(
        _with(
            config,
            lambda port: port.add_user(
                organisation or None, user, roles, name=name, person=person or None, password=given, by=whoever()
            ),
        )
    )
    if as_json:
        return output.tell_json(made)
    _tell_password(made)
    output.say(f"This is account {made['id']}, {output.plain(made['name'])}: {', '.join(made['roles'])}.")


def _roles(said: Sequence[Role] | None, person: str) -> list[Role]:
    """The roles; whoever is somebody is a person, where nothing else is said."""
    roles = list(dict.fromkeys(said or ([Role.PERSON] if person else [])))
    if not roles or Role.SWITCHBOARD in roles:
        what = "a switchboard has a token: `backsoon tokens add`" if roles else "it is not said what they may be"
        raise output.fail(NoSuchUser(what)) from None
    return roles


@app.command("list")
def list_users(organisation: OrganisationOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List accounts; those that are pending signed in by an issuer and wait for approval."""
    found = output.run(_with(config, lambda port: _everybody(port, organisation or None)))
    if as_json:
        return output.tell_json(found)
    head = ("id", "organisation", "user", "name", "state", "roles", "person", "signs in by", "e-mail as claimed")
    output.table(head, map(_row, found))


def _row(user: Json) -> list[str]:
    person = user["person"]
    return [
        str(user["id"]),
        user["organisation"],
        user["user"] or "",
        user["name"],
        user["state"],
        " ".join(user["roles"]),
        f"{person['name']} ({person['extension']})" if person else "",
        user["issuer"] or "password",
        user["email"] or "",
    ]


@app.command("approve")
def approve(
    user: UserArgument,
    role: RolesOption = None,
    person: PersonOption = "",
    name: NameOption = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let in somebody who signed in by an issuer and waits: say who they are."""
    roles = _roles(role, person)

    async def work(port: Port) -> Json:
        found = await _one(port, user, organisation or None)
        return await port.change_user(
            found["id"],
            found["organisation"],
            name=name or None,
            roles=roles,
            person=person or None,
            state="active",
            by=whoever(),
        )

    changed = output.run(_with(config, work))
    if as_json:
        return output.tell_json(changed)
    output.say(f"{output.plain(changed['name'])} may sign in as {', '.join(changed['roles'])}.")


@app.command("password")
def new_password(
    user: UserArgument,
    password: PasswordOption = "",
    generate: GenerateOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account another password; it is signed out everywhere."""
    given = _password(password, generate)

    async def work(port: Port) -> Json:
        found = await _one(port, user, organisation or None)
        return await port.change_user(
            found["id"], found["organisation"], password=given, new_password=given is None, by=whoever()
        )

    changed = output.run(_with(config, work))
    if as_json:
        return output.tell_json(changed)
    _tell_password(changed)
    output.say(f"{output.plain(changed['name'])} has another password, and is signed out everywhere.")


@app.command("remove")
def remove(
    user: UserArgument,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an account out: its sessions are over, its streams end within 5 seconds."""

    async def work(port: Port) -> Json:
        found = await _one(port, user, organisation or None)
        return await port.remove_user(found["id"], found["organisation"], by=whoever())

    gone = output.run(_with(config, work))
    if as_json:
        return output.tell_json(gone)
    output.say(f"account {gone['id']}, {output.plain(gone['name'])}, is taken out")


# -- passwords -------------------------------------------------------------------------------------------------------


def _password(reference: str, generate: bool) -> str | None:
    """The password; None: one is made up. It is never an argument: other users of the machine see those."""
    if reference:
        from backsoon.config import secret
        from backsoon.config.secrets import absolute_reference

        return output.trying(lambda: secret(absolute_reference(reference, Path.cwd())))
    if generate or not sys.stdin.isatty():
        return None
    return output.trying(_typed)


def _typed() -> str:
    """What somebody types twice, unseen."""
    import getpass

    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise NoPassword("the two differ")
    return first


def _tell_password(made: Json) -> None:
    if made["password"]:
        output.tell(made["password"])
        output.say("That is its password. It is not shown again; whoever gets it should change it on the page.")


# -- small things ----------------------------------------------------------------------------------------------------


async def _everybody(port: Port, organisation: str | None) -> list[Json]:
    found: list[Json] = []
    after: int | None = 0
    while after is not None:
        page = await port.users(organisation, after)
        found += page["users"]
        after = page["next"]
    return found


async def _one(port: Port, text: str, organisation: str | None) -> Json:
    """The account meant by a user name or an id. Raises `NoSuchUser`."""
    everybody = await _everybody(port, organisation)
    found = [u for u in everybody if (u["user"] or "").casefold() == text.casefold()]
    found = found or [u for u in everybody if str(u["id"]) == text]
    if len(found) != 1:
        raise NoSuchUser(f"there is no account {text!r}")
    return found[0]


async def _with(config: Path | None, work: Callable[[Port], Awaitable[T]]) -> T:
    async with connected(config) as port:
        return await work(port)
