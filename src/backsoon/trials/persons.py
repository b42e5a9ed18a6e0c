"""What a person's own calendars would do: read now, kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from backsoon.domain.entries import Owner
from backsoon.domain.errors import BacksoonError
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Person
from backsoon.engine.directory import Directory
from backsoon.sources.base import CalendarSource, Window
from backsoon.store.base import Store
from backsoon.trials.previewing import Preview

if TYPE_CHECKING:
    from backsoon.factories import Sources


class NoCalendar(BacksoonError):
    """Somebody has no calendar."""

    remedy = "give them one with `backsoon people add`, or name a connection that is everybody's"

    def __init__(self, person: Person) -> None:
        super().__init__(f"{person.name} ({person.extension}) has no calendar")


@dataclass(frozen=True, slots=True)
class Own:
    """A person's calendars, in whose zone and by which rules they are read. Close each source."""

    sources: tuple[CalendarSource, ...]
    zone: str
    rules: Rules


async def own_calendars(
    person: Person, store: Store, directory: Directory, sources: Sources, zone: str | None = None
) -> Own:
    """The person's calendars; their keywords come before the organisation's. `zone` None: theirs.

    Raises `NoCalendar`, `SourceError`.
    """
    rules = directory.organisation_of(person).rules
    calendars = await store.calendars(person=person.id)
    if not calendars:
        raise NoCalendar(person)
    zone = zone or directory.zone_of(person).key
    owner = replace(person, zone=zone)
    made = tuple([await sources.source_of(c.calendar, owner) for c in calendars])
    return Own(made, zone, replace(rules, keywords=keyword_table(rules.keywords, person.keywords)))


async def preview_of(
    person: Person, window: Window, store: Store, directory: Directory, sources: Sources, *, subjects: bool = False
) -> Preview:
    """What the person's calendars would do in the window, as they are now. Raises `NoCalendar`, `SourceError`."""
    own = await own_calendars(person, store, directory, sources)
    return await read_preview(
        own.sources, Owner(0, ZoneInfo(own.zone), own.rules.keywords), own.rules, window, subjects
    )


async def read_preview(
    sources: Iterable[CalendarSource], owner: Owner, rules: Rules, window: Window, subjects: bool
) -> Preview:
    """What these calendars would do; each is closed. Raises `SourceError`."""
    found = Preview(owner, rules, subjects)
    several = list(sources)
    try:
        for source in several:
            found.add(await source.changes(window, None))
    finally:
        for source in several:
            await source.close()
    return found
