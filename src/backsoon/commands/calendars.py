"""`backsoon calendars`: which calendars an account was given, and signing in where a browser is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption

if TYPE_CHECKING:
    from backsoon.commands.discovering import Discovered
    from backsoon.commands.proposing import Proposal

app = typer.Typer(
    help="Calendars that accounts were given: discover, sign-in.", no_args_is_help=True, rich_markup_mode=None
)
MOST = 20
"""The most people that are listed by name; `--json` has all."""


@app.command("discover")
def discover(
    connection: Annotated[str, typer.Option(help="Which connection's account.", show_default="all")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows for `people import`: who is not read yet.")] = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the calendars that were shared with an account, and propose who is whose.

    Whoever has the calendar's address as their e-mail address is proposed; then whoever has its name, which is a guess:
    look at it. Nothing is changed.
    """
    from backsoon.commands.discovering import connections_of
    from backsoon.commands.discovering import discover as ask
    from backsoon.config import load

    settings = output.trying(lambda: load(config))
    meant = output.trying(lambda: connections_of(settings, connection, organisation))
    found = output.run(ask(settings, meant))
    if as_json:
        return output.tell_json([one.as_json() for one in found])
    if as_csv:
        _csv(found)
    else:
        head = ("connection", "calendar", "shared", "person", "by")
        output.table(head, (_cells(one, p) for one in found for p in one.proposals))
    for line in _remarks(found):
        output.say(output.plain(line))


@app.command("sign-in")
def sign_in(
    connection: Annotated[
        str, typer.Argument(help="The connection, of kind google.", show_default="the only one")
    ] = "",
    client: Annotated[
        Path, typer.Option(help="The JSON of an OAuth client of type Desktop app, from Google's console.")
    ] = Path("client_secret.json"),
    port: Annotated[int, typer.Option(help="Where on this machine the browser comes back to; 0: any.")] = 0,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign in at Google as the user with whom everybody shares their calendar.

    A browser on this machine is needed, once. What comes of it is written to the file that `credentials` of the
    connection names, readable for this account only.
    """
    from backsoon.commands.discovering import connections_of
    from backsoon.commands.signingin import sign_in as wait
    from backsoon.config import ConfigError, Problem, load

    settings = output.trying(lambda: load(config))
    meant = output.trying(lambda: connections_of(settings, connection, organisation, ("google",)))
    if len(meant) > 1:
        known = ", ".join(one.name for one in meant)
        raise output.fail(ConfigError([Problem("sign-in", "", "there are several connections", f"name one: {known}")]))
    path, rights = output.run(wait(meant[0], client, port, _show))
    if as_json:
        return output.tell_json({"credentials": str(path), "rights": rights})
    output.say(f"signed in: {path} is written; next: `backsoon check`, `backsoon calendars discover`")


def _show(address: str) -> None:
    """Tell the address to consent at."""
    output.say("open this address in a browser on this machine, as the user with whom calendars are shared:")
    output.say(address)


def _cells(found: Discovered, one: Proposal) -> list[str]:
    person = f"{one.person.name} ({one.person.extension})" if one.person else "nobody"
    details = one.calendar.access or "with details" if one.calendar.details else "without details"
    by = {"read": "read already", "name": "name, a guess", "": "-"}.get(one.by, one.by)
    return [found.connection.name, one.calendar.address, details, person, by]


def _csv(found: list[Discovered]) -> None:
    import csv
    import sys

    rows = [{**row, "connection": one.connection.name} for one in found for p in one.proposals if (row := p.row)]
    writer = csv.DictWriter(sys.stdout, ("extension", "calendar", "connection"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _remarks(found: list[Discovered]) -> Iterator[str]:
    """What whoever shares should know."""
    for one in found:
        name = one.connection.name
        yield f"{name}: {output.counted(len(one.proposals), 'calendar')} can be read"
        if one.blind:
            several = output.counted(len(one.blind), "calendar is", "calendars are")
            yield f"{name}: {several} shared without details: keywords cannot be read there"
        if one.without:
            several = output.counted(len(one.without), "person has", "people have")
            names = ", ".join(f"{p.name} ({p.extension})" for p in one.without[:MOST])
            more = f" and {len(one.without) - MOST} more" if len(one.without) > MOST else ""
            yield f"{name}: {several} no calendar there: {names}{more}"
