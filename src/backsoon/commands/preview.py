"""`backsoon preview`: what a calendar would do, before anything is switched on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.times import midnight, read_instant
from backsoon.domain.model import LATEST

if TYPE_CHECKING:
    from backsoon.commands.previewsource import Subject
    from backsoon.trials.previewing import Preview, Row

DAYS = 60
"""How far ahead is looked where nobody says."""


class ModeName(StrEnum):
    """`--mode`."""

    KEYWORDS = "keywords"
    ALL_BUSY = "all-busy"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one call."""

    calendar: str
    mode: ModeName | None
    keywords: Path | None
    start: str | None
    end: str | None
    zone: str | None
    config: Path | None
    organisation: str
    username: str
    password: str
    subjects: bool


def preview(
    calendar: Annotated[str, typer.Argument(help="A file, an address (https, webcal) or a person.")],
    mode: Annotated[ModeName | None, typer.Option(help="What makes an entry count.", show_default="keywords")] = None,
    keywords: Annotated[
        Path | None, typer.Option(help="A file of keywords to use instead: TOML or JSON, keyword = reason.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="From when on.", show_default="today")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when.", show_default=f"{DAYS} days later")] = None,
    zone: Annotated[
        str | None, typer.Option(help="The calendar owner's zone, such as Europe/Oslo.", show_default="theirs")
    ] = None,
    subjects: Annotated[bool, typer.Option("--subjects", help="Show entries' subjects as well.")] = False,
    username: Annotated[str, typer.Option(help="An account for the address.", show_default=False)] = "",
    password: Annotated[str, typer.Option(help="Where its password is: env:NAME, file:PATH.", show_default=False)] = "",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a calendar would do, before anything is switched on."""
    asked = Asked(calendar, mode, keywords, start, end, zone, config, organisation, username, password, subjects)
    found, text, warnings = output.run(_read(asked))
    for warning in warnings:
        output.say(f"backsoon: {warning}")
    if as_json:
        output.tell_json(found.rows)
    else:
        _draw(found, text)


async def _read(asked: Asked) -> tuple[Preview, str, list[str]]:
    from backsoon.commands.previewsource import subject_of
    from backsoon.domain.entries import Owner
    from backsoon.sources.base import Window
    from backsoon.trials.previewing import Preview, summary
    from backsoon.wiring import SystemClock

    subject = await subject_of(asked)
    try:
        subject = _with_options(subject, asked)
        zone = ZoneInfo(subject.zone)
        start, end = _window(asked, SystemClock().now(), zone)
        found = Preview(Owner(0, zone, subject.rules.keywords), subject.rules, asked.subjects)
        for source in subject.sources:
            found.add(await source.changes(Window(start, end), None))
    finally:
        await subject.close()
    text = summary(found, start.astimezone(zone), end.astimezone(zone), subject.zone)
    return found, text, [*subject.remarks, *found.warnings]


def _with_options(subject: Subject, asked: Asked) -> Subject:
    from backsoon.commands.keywordfile import read_keyword_file
    from backsoon.domain.model import Mode

    rules = subject.rules
    if asked.mode is not None:
        rules = replace(rules, mode=Mode(asked.mode.value.replace("-", "_")))
    if asked.keywords is not None:
        rules = replace(rules, keywords=read_keyword_file(asked.keywords))
    return replace(subject, rules=rules)


def _window(asked: Asked, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    from backsoon.config import ConfigError, Problem

    today = midnight(now.astimezone(zone).date(), zone)
    start = today if asked.start is None else read_instant(asked.start, now, zone, past=True)
    if asked.end is None:
        end = midnight(start.astimezone(zone).date() + timedelta(days=DAYS), zone)
    else:
        end = read_instant(asked.end, now, zone, past=True)
    if end <= start:
        problem = Problem("--to", "", "must be later than --from", "without --from it is today")
        raise ConfigError([problem])
    return start, end


def _draw(found: Preview, text: str) -> None:
    head = ["when", "outcome", "what", "note", "because"]
    if any(row["start"] is None for row in found.rows):
        head.append("uid")  # the only thing that tells which item of the calendar is meant
    if found.subjects:
        head.append("subject")
    output.table(head, ([_cell(row, column, found.owner.zone) for column in head] for row in found.rows))
    output.say(text)


def _cell(row: Row, column: str, zone: tzinfo) -> str:
    if column == "when":
        return _when(row, zone)
    if column == "what":
        parts = (row["reason"], row["phone"], row["divert_to"] and f">{row['divert_to']}")
        return " ".join(str(part) for part in parts if part)
    if column == "uid" and row["start"] is not None:
        return ""
    return str(row[column] or "")


def _when(row: Row, zone: tzinfo) -> str:
    if row["start"] is None:
        return ""
    start, end = (datetime.fromisoformat(row[key]).astimezone(zone) for key in ("start", "end"))
    if row["all_day"]:
        last = end - timedelta(days=1)
        return f"{start:%a %Y-%m-%d}" if last.date() <= start.date() else f"{start:%a %Y-%m-%d} to {last:%a %Y-%m-%d}"
    if end >= LATEST:
        return f"{start:%a %Y-%m-%d %H:%M} until further notice"
    same = start.date() == end.date()
    return f"{start:%a %Y-%m-%d %H:%M}-{end:%H:%M}" if same else f"{start:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M}"
