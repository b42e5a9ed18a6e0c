"""`backsoon show`, `refer` and `back`: one person."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption, PersonArgument
from backsoon.commands.port import Json, Port, connected
from backsoon.commands.times import read_duration, read_instant
from backsoon.domain.phrase import Audience, when_words

THROUGH = "cli"


def show(
    person: PersonArgument,
    at: Annotated[
        str | None, typer.Option(help="When: 14:30, 2026-12-24, 2026-12-24T14:30.", show_default="now")
    ] = None,
    audience: Annotated[Audience, typer.Option("--as", help="As whom to look.")] = Audience.ATTENDANT,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how somebody stands, and why."""
    shown, zone = output.run(_show(config, person, organisation, at, audience))
    output.tell_json(shown) if as_json else _draw(shown, zone)


async def _show(
    config: Path | None, person: str, organisation: str, at: str | None, audience: Audience
) -> tuple[Json, ZoneInfo]:
    """What the audience sees; and the person's zone, which not everybody sees."""
    async with connected(config) as port:
        found, now, zone = await who_and_when(port, person, organisation)
        instant = None if at is None else read_instant(at, now, zone, past=True)
        return await port.show(found["extension"], found["organisation"], instant, audience), zone


async def who_and_when(port: Port, person: str, organisation: str) -> tuple[Json, datetime, ZoneInfo]:
    """The person meant, the time there is now, and their zone."""
    shown = await port.show(person, organisation or None)
    found = shown["person"]
    return found, datetime.fromisoformat(shown["at"]), ZoneInfo(found["zone"])


def refer(
    person: PersonArgument,
    reason: Annotated[str, typer.Argument(help="The code of a reason: meeting, lunch, sick, ...")],
    until: Annotated[
        str | None, typer.Option(help="Until when: 14:30, 2026-12-24 (as it begins), 2026-12-24T14:30.")
    ] = None,
    lasting: Annotated[str | None, typer.Option("--for", help="For how long: 30m, 2h, 1d.")] = None,
    note: Annotated[str, typer.Option(help="A note for attendants.", show_default=False)] = "",
    divert: Annotated[str, typer.Option(help="Divert calls to this number.", show_default=False)] = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refer somebody by hand from now on. By hand always wins; it ends as its reason does where nobody says."""
    if until is not None and lasting is not None:
        raise typer.BadParameter("give --until or --for, not both")
    shown, running = output.run(_refer(config, person, organisation, reason, until, lasting, note, divert))
    output.tell_json(shown) if as_json else _draw(shown)
    _say_when_told(running)


async def _refer(
    config: Path | None,
    person: str,
    organisation: str,
    reason: str,
    until: str | None,
    lasting: str | None,
    note: str,
    divert: str,
) -> tuple[Json, bool]:
    _check_number(divert)
    span = None if lasting is None else read_duration(lasting)
    async with connected(config) as port:
        found, now, zone = await who_and_when(port, person, organisation)
        end = None if until is None else read_instant(until, now, zone)
        shown = await port.refer(
            found["extension"],
            found["organisation"],
            reason.strip().lower(),  # codes are lower case
            until=end,
            lasting=span,
            note=note,
            divert_to=divert,
            by=whoever(),
            through=THROUGH,
        )
        return shown, _runs(port)


def _check_number(number: str) -> None:
    from backsoon.domain.errors import BadOverride
    from backsoon.switchboards.base import EXTENSION

    if number and not EXTENSION.fullmatch(number):
        raise BadOverride(f"--divert {number!r} is no number: 1 to 32 letters, digits and _.+- may stand there")


def back(
    person: PersonArgument,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make somebody available: what was set by hand ends, and the meeting that runs does not count."""
    shown, running = output.run(_back(config, person, organisation))
    output.tell_json(shown) if as_json else _draw(shown)
    _say_when_told(running)


async def _back(config: Path | None, person: str, organisation: str) -> tuple[Json, bool]:
    async with connected(config) as port:
        return await port.back(person, organisation or None, by=whoever(), through=THROUGH), _runs(port)


def _runs(port: Port) -> bool:
    from backsoon.commands.remote import Remote

    return isinstance(port, Remote)


def _say_when_told(running: bool) -> None:
    if not running:
        output.say("Backsoon is not running: switchboards are told when it starts")


def whoever() -> str:
    """Who types: the name of the account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _draw(shown: Json, zone: ZoneInfo | None = None) -> None:
    person, availability = shown["person"], shown["availability"]
    zone = zone or ZoneInfo(person["zone"])
    at = datetime.fromisoformat(shown["at"])

    def when(text: str | None) -> str:
        return "" if text is None else when_words(datetime.fromisoformat(text), at, zone, "en")

    where = ", ".join(each for each in (person["extension"], person["organisation"]) if each)
    output.tell(output.plain(f"{person['name']} ({where})"))
    lines = [
        ("at", f"{at.astimezone(zone):%a %Y-%m-%d %H:%M} {zone.key}"),
        ("state", availability["words"]),
        ("off", _off(person)),
        ("until", when(availability["until"])),
        ("note", availability["note"] or ""),
        ("divert to", shown["divert_to"] or ""),
        ("by hand", _by_hand(shown["override"], when)),
        ("entry", "" if shown["entry"] is None else f"{shown['entry']['uid']} (calendar {shown['entry']['calendar']})"),
        (
            "also",
            ", ".join(f"{i['words']} until {when(i['until']) or 'further notice'}" for i in availability["informing"]),
        ),
        ("coming", _coming(availability["upcoming"], when)),
        ("changes", when(shown["next_change"])),
        ("then", _then(shown.get("follows"), at, zone)),
        ("calendars", "" if shown["calendars"] is None else _calendars(shown, when)),
        *(("problem", problem) for problem in shown["problems"]),
    ]
    for name, text in lines:
        if text:
            output.tell(f"  {name:<10} {output.plain(text)}")


def _off(person: Json) -> str:
    if person["active"] is not False:  # None: it is not for the audience
        return ""
    return f"switched off by name: nothing counts; `backsoon people on {person['extension']}` ends that"


When = Callable[[str | None], str]


def _by_hand(override: Json | None, when: When) -> str:
    if override is None:
        return ""
    parts = (f"since {when(override['since'])}", override["by"] and f"by {override['by']}", override["through"])
    return ", ".join(part for part in parts if part)


def _coming(upcoming: Json | None, when: When) -> str:
    if upcoming is None:
        return ""
    note = f": {upcoming['note']}" if upcoming["note"] else ""
    return f"{upcoming['words']} at {when(upcoming['start'])}, in {upcoming['minutes']} min{note}"


def _then(follows: Json | None, at: datetime, zone: ZoneInfo) -> str:
    """What follows: `In a meeting 10:00-11:00`, `Available from 10:00`."""
    if follows is None:
        return ""
    start = datetime.fromisoformat(follows["at"])
    begins = when_words(start, at, zone, "en")
    if follows["until"] is None:
        return f"{follows['words']} from {begins}"
    return f"{follows['words']} {begins}-{when_words(datetime.fromisoformat(follows['until']), start, zone, 'en')}"


def _calendars(shown: Json, when: When) -> str:
    if not shown["calendars"]:
        return "none"
    confirmed = when(shown["confirmed_at"])
    return f"{shown['calendars']}, " + (shown["unconfirmed"] or f"last read {confirmed}")
