"""`backsoon health`: what is wrong and what to do, a line each, with an exit status that monitoring understands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.port import Json
from backsoon.domain.errors import BacksoonError

WRONG, DOWN, UNKNOWN = 1, 2, 3
"""The exit statuses beside 0, as monitoring plug-ins have them: warning, critical, unknown."""


def health(
    organisation: OrganisationOption = "",
    patience: Annotated[float, typer.Option(help="Seconds that the answer may take.")] = 10.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong and what to do.

    The exit status is 0 when all is well, 1 when something is wrong, 2 when Backsoon does not run or does not answer,
    3 when that cannot be found out.
    """
    from backsoon.commands.remote import Refused, Unanswered
    from backsoon.config import load

    try:
        settings = load(config)
    except BacksoonError as error:
        _ends(error, UNKNOWN, as_json)
    try:
        found = output.waited(_ask(settings.socket, organisation or None, patience))
    except Unanswered as error:
        _ends(error, DOWN, as_json)
    except Refused as error:
        _ends(error, DOWN if error.status >= 500 else UNKNOWN, as_json)
    output.tell_json({"running": True, **found}) if as_json else _draw(found, several=len(settings.organisations) > 1)
    if not found["well"]:
        raise typer.Exit(WRONG)


async def _ask(socket: Path, organisation: str | None, patience: float) -> Json:
    from backsoon.commands.remote import Remote, Unanswered, answers

    if not answers(socket):
        raise Unanswered(f"Backsoon is not running: nothing answers at {socket}")
    return await Remote(socket, patience).health(organisation)


def _ends(error: BacksoonError, status: int, as_json: bool) -> NoReturn:
    """End the command with what kept it from finding out."""
    remedy = getattr(error, "remedy", "")
    if as_json:
        output.tell_json({"running": False, "well": False, "problem": str(error), "remedy": remedy})
    else:
        output.tell(output.plain(f"error: {error}" + (f"; {remedy}" if remedy else "")))
    raise typer.Exit(status)


def _draw(found: Json, *, several: bool) -> None:
    """A line each; where there are several organisations it begins with whose it is."""
    if found["well"]:
        output.tell(_all_well(found))
    for finding in found["findings"]:
        whose = f"{finding['organisation']}: " if several else ""
        remedy = f"; {finding['remedy']}" if finding["remedy"] else ""
        output.tell(output.plain(f"{finding['level']}: {whose}{finding['what']}{remedy}"))
    if found["findings_left_out"]:
        output.tell(f"error: {found['findings_left_out']} more findings are left out; backsoon health --organisation")


def _all_well(found: Json) -> str:
    calendars = sum(each["calendars"] for each in found["connections"])
    unread = sum(each["unread"] for each in found["connections"])
    first = f", {unread} of them not read yet" if unread else ""
    people, switchboards = output.counted(found["people"], "person", "people"), len(found["switchboards"])
    counted = f"{people}, {output.counted(calendars, 'calendar')}{first}, {output.counted(switchboards, 'switchboard')}"
    return f"well: {counted}"
