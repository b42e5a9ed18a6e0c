"""`backsoon tokens`: who may ask on the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.person import whoever
from backsoon.commands.port import Json, Port, connected
from backsoon.commands.times import read_duration
from backsoon.domain.access import Role
from backsoon.domain.errors import BacksoonError

app = typer.Typer(help="Who may ask on the network: add, list, revoke.", no_args_is_help=True, rich_markup_mode=None)

T = TypeVar("T")


class NoSuchToken(BacksoonError):
    """No token is meant, or several are."""

    remedy = "name its id: `backsoon tokens list` shows them"


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Who it is for. History names whoever does something by it so.")],
    role: Annotated[Role, typer.Option(help="What its bearer may do.")],
    person: Annotated[
        str,
        typer.Option(help="Whose it is, for the role person: extension, e-mail address or name.", show_default=False),
    ] = "",
    expires_in: Annotated[str, typer.Option(help="How long it lasts: 365d, 12h.", show_default="for ever")] = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token. It is written on stdout, now and never again: only its digest is kept."""
    lasting = output.trying(lambda: read_duration(expires_in)) if expires_in else None

    from backsoon.engine.tokens import check

    output.trying(lambda: check(name, role, has_person=bool(person)))

    async def make(port: Port) -> Json:
        whose = person or None
        return await port.add_token(organisation or None, name, role, person=whose, lasting=lasting, by=whoever())

    made = output.run(_with(config, make))
    if as_json:
        return output.tell_json(made)
    output.tell(made["token"])
    ends = _when(made["expires_at"]) or "never: --expires-in 365d would end it in a year"
    output.say(
        f"This is token {made['id']}, {output.plain(made['name'])}, role {made['role']}; it ends {ends}.\n"
        "It is not shown again. Keep it where nobody else reads it, and send it as `Authorization: Bearer TOKEN`.\n"
        f"`backsoon tokens revoke {made['id']}` ends it at once."
    )


@app.command("list")
def list_tokens(
    organisation: OrganisationOption = "", config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List tokens: all but what they are."""
    found = output.run(_with(config, lambda port: _everything(port, organisation or None)))
    if as_json:
        return output.tell_json(found)
    output.table(("id", "organisation", "name", "role", "person", "made", "by", "ends"), map(_row, found))


async def _everything(port: Port, organisation: str | None) -> list[Json]:
    tokens: list[Json] = []
    after: int | None = 0
    while after is not None:
        page = await port.tokens(organisation, after)
        tokens += page["tokens"]
        after = page["next"]
    return tokens


def _row(token: Json) -> list[str]:
    person = token["person"]
    ends = _when(token["expires_at"]) or "never"
    return [
        str(token["id"]),
        token["organisation"],
        token["name"],
        token["role"],
        f"{person['name']} ({person['extension']})" if person else "",
        _when(token["created_at"]),
        token["created_by"] or "",
        f"{ends} (over)" if token["expired"] else ends,
    ]


def _when(text: str | None) -> str:
    """An instant to the minute, with its zone: tokens belong to nobody's."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else ""


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, or its name where no other has it.")],
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token worth nothing, at once."""
    gone = output.run(_with(config, lambda port: _revoke(port, token, organisation or None)))
    if as_json:
        return output.tell_json(gone)
    output.say(f"token {gone['id']}, {output.plain(gone['name'])}, is worth nothing any more")


async def _revoke(port: Port, text: str, organisation: str | None) -> Json:
    found = [t for t in await _everything(port, organisation) if text in (str(t["id"]), t["name"])]
    found = [t for t in found if text == str(t["id"])] or found
    if len(found) != 1:
        raise NoSuchToken(f"{len(found)} tokens are called {text!r}" if found else f"there is no token {text!r}")
    return await port.remove_token(found[0]["id"], found[0]["organisation"])


async def _with(config: Path | None, work: Callable[[Port], Awaitable[T]]) -> T:
    async with connected(config) as port:
        return await work(port)
