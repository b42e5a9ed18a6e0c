"""`backsoon why`: the grounds of an answer, at any instant of the last thirty days or to come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption, PersonArgument
from backsoon.commands.person import who_and_when
from backsoon.commands.port import Json, connected
from backsoon.commands.times import read_instant


def why(
    person: PersonArgument,
    at: Annotated[
        str | None,
        typer.Option(help="When, past or to come: 14:30, 2026-12-24, 2026-12-24T14:30.", show_default="now"),
    ] = None,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain why somebody is, was or will be shown as they are: a line for each ground."""
    explained = output.run(_why(config, person, organisation, at))
    output.tell_json(explained) if as_json else _draw(explained)


async def _why(config: Path | None, person: str, organisation: str, at: str | None) -> Json:
    async with connected(config) as port:
        if at is None:
            return await port.why(person, organisation or None)
        found, now, zone = await who_and_when(port, person, organisation)
        return await port.why(found["extension"], found["organisation"], read_instant(at, now, zone, past=True))


def _draw(explained: Json) -> None:
    head, *grounds = (output.plain(link["words"]) for link in explained["chain"])
    output.tell(head)
    for ground in grounds:
        output.tell(f"  {ground}")
