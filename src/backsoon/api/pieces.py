"""The stream of events in pieces of bytes, made once for all listeners that see the same.

An announcement becomes an event once for each audience and language; a piece is the events of up to `SPAN`
announcements, joined once for each view. What is made is kept for a while, for those who come a little later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from backsoon.api import fields, sse
from backsoon.api.board import age_view, row_view, standing
from backsoon.api.lamps import lamp_of, unconfirmed
from backsoon.api.parts import Parts
from backsoon.api.views import Json, availability_view, instant
from backsoon.domain.access import Identity, Role
from backsoon.domain.organisation import Organisation, Person
from backsoon.domain.phrase import Audience
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.hub import Announcement, News
from backsoon.store.base import AvailabilityChange, Claims, Freshness, StoreError

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

SPAN = 100
"""The most announcements in a piece: some 60 KiB. It is all that waits for one who reads nothing, and shared."""
PIECES = 64
EVENTS = 4096
AVAILABILITIES = 256
"""How many of each are kept."""


@dataclass(frozen=True, slots=True)
class View:
    """As whom somebody listens, to one organisation (None: to all that are theirs), in one language (None: each
    person's own)."""

    who: Identity
    organisation: str | None = None
    language: str | None = None

    def includes(self, person: Person) -> bool:
        """Whether news of the person are theirs."""
        return self.who.reaches(person.organisation) and self.organisation in (None, person.organisation)

    def hears(self, announced: Announcement) -> bool:
        """Whether the announcement is for them: that of a message for nobody but whose it is."""
        if announced.news is News.MESSAGE and announced.person.id != self.own:
            return False
        return self.includes(announced.person)

    @property
    def own(self) -> int:
        """The id of the person whom they see otherwise than others do; 0: nobody."""
        return self.who.person if self.who.role is Role.PERSON else 0

    @property
    def of_others(self) -> View:
        """The view of everybody who sees the same, where it is not about themselves."""
        return replace(self, who=Identity(self.who.role, self.who.organisation))


@dataclass(frozen=True, slots=True)
class Piece:
    """What follows an announcement, up to number `end`: `events` events as one chunk, "" where none is theirs."""

    end: int
    chunk: bytes
    events: int


class Kept(Generic[K, V]):
    """The last few values that were made."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, where it is there still."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value instead of the oldest one."""
        if len(self._values) >= self._most:
            del self._values[next(iter(self._values))]
        self._values[key] = value


@dataclass(frozen=True, slots=True)
class Known:
    """What is read for some announcements at once; `freshness` None: it could not be."""

    now: datetime
    freshness: Mapping[int, Freshness] | None
    claims: Mapping[int, Claims]

    def unconfirmed(self, person: Person, directory: Directory) -> bool:
        """Whether what is known of the person is not confirmed."""
        fresh = (self.freshness or {}).get(person.id, Freshness())
        return unconfirmed(fresh, self.now, directory.organisation_of(person).rules.confirmed_within)


class Pieces:
    """Makes pieces, each once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pieces: Kept[tuple[View, int], Piece] = Kept(PIECES)
        self._events: Kept[tuple[int, Audience, str | None], bytes] = Kept(EVENTS)
        self._availabilities: Kept[Hashable, tuple[Organisation, msgspec.Raw]] = Kept(AVAILABILITIES)
        self._making: dict[tuple[View, int], asyncio.Event] = {}

    async def piece(self, view: View, after: int) -> Piece:
        """What follows announcement number `after` in a view. There must be something.

        Raises `Lagged` where it is gone, `StoreError` where it cannot be known.
        """
        announced: Sequence[Announcement] = ()
        if own := view.own:
            announced = self._parts.hub.since(after, SPAN)
            if all(each.person.id != own for each in announced):
                view = view.of_others
        while (made := self._pieces.get((view, after))) is None:
            if (making := self._making.get((view, after))) is None:
                await self._make_once(view, after, announced or self._parts.hub.since(after, SPAN))
            else:
                await making.wait()
        return made

    async def _make_once(self, view: View, after: int, announced: Sequence[Announcement]) -> None:
        making = self._making[view, after] = asyncio.Event()
        try:
            self._pieces.put((view, after), await self._make(view, announced))
        finally:
            del self._making[view, after]
            making.set()

    async def _make(self, view: View, announced: Sequence[Announcement]) -> Piece:
        theirs = [each for each in announced if view.hears(each)]
        known = await self._known([each for each in theirs if self._get(each, view) is None])
        events = [self._get(each, view) or self._event(each, view, known) for each in theirs]
        return Piece(announced[-1].number, sse.chunk(b"".join(events)), len(events))

    async def _known(self, announced: Sequence[Announcement]) -> Known:
        """What is to be read from the store for these."""
        store, directory = self._parts.store, self._parts.directory
        now = self._parts.clock.now()
        ids = list({each.person.id for each in announced})
        anew = {each.person.id: each.person for each in announced if each.news not in (News.CHANGE, News.MESSAGE)}
        freshness: Mapping[int, Freshness] | None = {}
        claims: Mapping[int, Claims] = {}
        if anew:
            claims = await store.claims(list(anew), now)
            await directory.prepare(anew.values(), now)
        try:
            freshness = await store.freshness(ids) if ids else {}
        except StoreError as error:  # what changed is told all the same, without how old the knowledge is
            if anew:
                raise
            log.error("events are told without how fresh calendars are: %s", error)
            freshness = None
        return Known(now, freshness, claims)

    # -- one event -------------------------------------------------------------------------------------------------

    def _get(self, announced: Announcement, view: View) -> bytes | None:
        return self._events.get((announced.number, view.who.audience(announced.person), view.language))

    def _event(self, announced: Announcement, view: View, known: Known) -> bytes:
        audience = view.who.audience(announced.person)
        try:
            made = self._made(announced, audience, view.language, known)
        except Exception as error:  # a defect in one event: whoever listens has to look, and nobody stays behind
            log.error("announcement %d cannot be told: %s", announced.number, where(error))
            return restart(self._parts.hub.id_of(announced.number), "unknown")
        self._events.put((announced.number, audience, view.language), made)
        return made

    def _made(self, announced: Announcement, audience: Audience, language: str | None, known: Known) -> bytes:
        id = self._parts.hub.id_of(announced.number)
        if announced.news is News.MESSAGE:
            return sse.event("message", id, {"person": who_view(announced.person), "message": announced.message})
        if announced.change is not None:
            view = self._change(announced.person, announced.change, audience, language)
            return sse.event(
                "availability", id, view | self._age(announced.person, audience, language, known, announced.change)
            )
        if announced.news is News.ANEW:
            return sse.event("availability", id, self._anew(announced.person, audience, language, known))
        return sse.event("person", id, self._person(announced, audience, language, known))

    def _change(self, person: Person, change: AvailabilityChange, audience: Audience, language: str | None) -> Json:
        values = {
            "person": who_view(person),
            "at": instant(change.at),
            "recorded_at": instant(change.recorded_at),
            "trigger": change.trigger.value,
            "by": change.by or None,
            "through": change.through or None,
            "availability": self._availability(person, change, audience, language),
        }
        return fields.seen(fields.CHANGE, audience, values)

    def _availability(
        self, person: Person, change: AvailabilityChange, audience: Audience, language: str | None
    ) -> msgspec.Raw:
        """As JSON already. Of a meeting of many it is the same for all of them: only whose entry it is differs."""
        directory, key = self._parts.directory, (person.zone, person.language, audience, language, change.at)
        organisation = directory.organisation_of(person)
        same = key, organisation.id, replace(change.availability, key=None)
        found = self._availabilities.get(same)
        if found is None or found[0] is not organisation:  # else by settings that have changed
            view = availability_view(person, change.availability, change.at, directory, audience, language)
            found = organisation, msgspec.Raw(msgspec.json.encode(view))
            self._availabilities.put(same, found)
        return found[1]

    def _age(
        self,
        person: Person,
        audience: Audience,
        language: str | None,
        known: Known,
        change: AvailabilityChange | None = None,
    ) -> Json:
        """What rests on how old the knowledge is: of a change the lamp too."""
        if known.freshness is None:
            return {}
        fresh = known.freshness.get(person.id, Freshness())
        values = age_view(person, fresh, known.now, self._parts.directory, audience, language)
        if change is not None:
            values["lamp"] = lamp_of(change.availability, known.unconfirmed(person, self._parts.directory), audience)
        return fields.seen(fields.ROW, audience, values)

    def _row(self, person: Person, audience: Audience, language: str | None, known: Known) -> Json:
        directory = self._parts.directory
        availability = standing(person, known.claims.get(person.id, Claims()), known.now, directory)
        fresh = (known.freshness or {}).get(person.id, Freshness())
        return row_view(person, availability, fresh, known.now, directory, audience, language)

    def _anew(self, person: Person, audience: Audience, language: str | None, known: Known) -> Json:
        row = self._row(person, audience, language, known)
        return {
            "person": who_view(person),
            "at": instant(known.now),
            "recorded_at": instant(known.now),
            "trigger": None,
            "by": None,
            "through": None,
            "availability": row["availability"],
            "lamp": row["lamp"],
            **self._age(person, audience, language, known),
        }

    def _person(self, announced: Announcement, audience: Audience, language: str | None, known: Known) -> Json:
        """`row` is as the board has it; whom the board leaves out is removed."""
        person = announced.person
        if announced.news is News.REMOVED or not person.active:
            return {"what": News.REMOVED.value, "person": who_view(person), "row": None}
        row = self._row(person, audience, language, known)
        return {"what": announced.news.value, "person": who_view(person), "row": row}


def who_view(person: Person) -> Json:
    """Whom an event is about."""
    return {
        "id": person.id,
        "organisation": person.organisation,
        "extension": person.extension,
        "name": person.name,
    }


def restart(id: str, because: str) -> bytes:
    """The event after which the board is to be read anew; `id` is where the stream goes on."""
    return sse.event("restart", id, {"because": because, "listen_after": id})
