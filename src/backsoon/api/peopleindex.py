"""Everybody in one answer: a few fields and a lamp each, for a console that searches by itself.

The first time it is read from the store, a page at a time, as it was decided last. From then on it is kept, and
brought up to date by what the hub has announced since; where that is gone it is read anew. An answer says up to which
announcement it is right: what follows is told by the stream of events.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from backsoon.api.lamps import LAMPS, UNCONFIRMED, Facts, facts_of, unconfirmed
from backsoon.api.parts import Parts
from backsoon.domain.access import Identity, Role
from backsoon.domain.model import Availability
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.deciding import MOST_CLAIMS, decide_all
from backsoon.engine.hub import Announcement, Lagged, News
from backsoon.store.base import Freshness

PAGE = 1000
"""People that are read in one go: some milliseconds."""
TRIES = 3
"""How often it is read anew where more is announced meanwhile than is kept."""
LEVEL = 1
"""Of compression: twice as small by the next one takes ten times as long."""
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Entry:
    """One person: all of the row but its lamp and its end, and what the lamp is made of."""

    order: tuple[str, str, int]
    text: bytes
    facts: Facts


@dataclass(slots=True, eq=False)
class Book:
    """One organisation's people as they stood after announcement number `after`; None: it is to be read."""

    organisation: str
    after: int | None = None
    entries: dict[int, Entry] = field(default_factory=dict)
    anew: set[int] = field(default_factory=set)
    """Who is to be read anew."""
    order: list[Entry] | None = None
    """Everybody in the order of names; None: it is to be made."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def ordered(self) -> list[Entry]:
        """Everybody in the order of names."""
        if self.order is None:
            self.order = sorted(self.entries.values(), key=lambda entry: entry.order)
        return self.order

    def take(self, announced: Announcement) -> None:
        """One piece of news."""
        id = announced.person.id
        entry = self.entries.get(id)
        if announced.news is News.MESSAGE:
            return
        if announced.change is not None and entry is not None:
            entry.facts = facts_of(announced.change.availability, bool(entry.facts & UNCONFIRMED))
        else:
            self.anew.add(id)

    def put(self, person: Person, facts: Facts) -> None:
        """The person as they are now."""
        entry, before = _entry(person, facts), self.entries.get(person.id)
        if before is not None and before.order == entry.order:
            before.text, before.facts = entry.text, entry.facts
        else:
            self.entries[person.id] = entry
            self.order = None

    def remove(self, id: int) -> None:
        """Whoever is there no more."""
        if self.entries.pop(id, None) is not None:
            self.order = None


def _entry(person: Person, facts: Facts) -> Entry:
    values = (person.id, person.extension, person.name, person.department, person.title, person.competences)
    return Entry((person.name.casefold(), person.extension, person.id), _encode(values)[:-1], facts)


@dataclass(slots=True, eq=False)
class Answer:
    """The answer for one audience as it was made last: right up to which announcement, and for which organisations.

    `begun` counts how often it was begun to be made, `made` is the last of these that came to its end.
    """

    begun: int = 0
    made: int = 0
    right_for: tuple[int, list[str]] | None = None
    body: bytes = b""
    zipped: bytes = b""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class PeopleIndex:
    """Makes the answers; those who ask while one is made get the next one, together."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._books: dict[str, Book] = {}
        self._answers: dict[tuple[str | None, Audience], Answer] = {}

    async def answer(self, organisation: str | None, who: Identity, *, zipped: bool) -> bytes:
        """The body as JSON, or that compressed; of all organisations where None. Raises `StoreError`."""
        self._forget_gone()
        audience = who.audience(Person(organisation or "", "", ""))
        answer = self._answers.setdefault((organisation, audience), Answer())
        asked = answer.begun
        async with answer.turn:
            if answer.made <= asked:
                await self._make(answer, organisation, audience)
            body = self._with_own(answer.body, who)
            if body is not answer.body:
                return await _zip(body) if zipped else body
            if zipped and not answer.zipped:
                answer.zipped = await _zip(body)
        return answer.zipped if zipped else body

    def _forget_gone(self) -> None:
        known = self._parts.directory.organisations.keys()
        for gone in self._books.keys() - known:
            del self._books[gone]
        for key in [key for key in self._answers if key[0] not in (None, *known)]:
            del self._answers[key]

    # -- the answer ------------------------------------------------------------------------------------------------

    async def _make(self, answer: Answer, organisation: str | None, audience: Audience) -> None:
        answer.begun += 1
        self._parts.hub.position()  # it goes on recording
        names = [organisation] if organisation is not None else list(self._parts.directory.organisations)
        books = [self._books.setdefault(name, Book(name)) for name in names]
        after = min([await self._brought(book) for book in books], default=self._parts.hub.number)
        if (after, names) != answer.right_for:
            answer.body, answer.zipped = self._encoded(after, books, audience), b""
            answer.right_for = after, names
        answer.made = answer.begun

    def _encoded(self, after: int, books: Sequence[Book], audience: Audience) -> bytes:
        entries = [entry for book in books for entry in book.ordered()]
        if len(books) > 1:
            entries.sort(key=lambda entry: entry.order)
        ends = tuple(b',"%s"]' % lamp.encode() for lamp in LAMPS[audience])
        people = b",".join([entry.text + ends[entry.facts] for entry in entries])
        return b'{"listen_after":%s,"people":[%s]}' % (_encode(self._parts.hub.id_of(after)), people)

    def _with_own(self, body: bytes, who: Identity) -> bytes:
        """The same with a person's own lamp as they see it themselves."""
        book = self._books.get(who.organisation or "") if who.role is Role.PERSON else None
        entry = None if book is None else book.entries.get(who.person)
        if entry is None:
            return body
        place = body.find(entry.text + b',"') + len(entry.text) + 2
        lamp = LAMPS[Audience.PERSON][entry.facts].encode()
        if place < len(entry.text) + 2 or body[place : place + 1] == lamp:
            return body
        return body[:place] + lamp + body[place + 1 :]

    # -- the books -------------------------------------------------------------------------------------------------

    async def _brought(self, book: Book) -> int:
        """Bring a book up to date; the announcement up to which it is right."""
        async with book.turn:
            for _ in range(TRIES):
                after = await self._read(book) if book.after is None else book.after
                try:
                    return await self._catch_up(book, after)
                except Lagged:
                    book.after = None
            return await self._read(book)  # whoever listens after that is told to come again

    async def _read(self, book: Book) -> int:
        """Read everybody anew."""
        hub, store = self._parts.hub, self._parts.store
        hub.position()
        number, entries, after = hub.number, dict[int, Entry](), 0
        await self._parts.service.recorded()
        while page := await store.page_people(book.organisation, after=after, limit=PAGE):
            after = page[-1].id
            active = [person for person in page if person.active]
            facts = await self._facts(active)
            entries |= {person.id: _entry(person, facts[person.id]) for person in active}
        book.entries, book.order, book.after = entries, None, number
        book.anew.clear()
        return number

    async def _catch_up(self, book: Book, after: int) -> int:
        """Take in what was announced since. Raises `Lagged`."""
        hub = self._parts.hub
        for announced in hub.since(after):
            if announced.person.organisation == book.organisation:
                book.take(announced)
        book.after = max(after, hub.told)
        if book.anew:
            ids = list(book.anew)
            await self._parts.service.recorded()
            people = await self._parts.store.people(ids)
            active = [person for person in people.values() if person.active]
            facts = await self._facts(active)
            for id in ids:
                book.remove(id) if id not in facts else book.put(people[id], facts[id])
            book.anew.clear()
        return book.after

    async def _facts(self, people: Sequence[Person]) -> dict[int, Facts]:
        """By id, what these people's lamps are made of."""
        parts, ids = self._parts, [person.id for person in people]
        states = await parts.store.states(ids)
        fresh = await parts.store.freshness(ids)
        now = parts.clock.now()
        known = {id: state.availability for id, state in states.items() if state.due is None or state.due > now}
        known |= await self._decided([person for person in people if person.id not in known], now)

        def doubtful(person: Person) -> bool:
            within = parts.directory.organisation_of(person).rules.confirmed_within
            return unconfirmed(fresh.get(person.id, _UNREAD), now, within)

        return {person.id: facts_of(known[person.id], doubtful(person)) for person in people}

    async def _decided(self, people: Sequence[Person], now: datetime) -> dict[int, Availability]:
        """How those stand about whom nothing was decided, or not for now: as whoever decides would see it."""
        if not people:
            return {}
        directory = self._parts.directory
        claims = await self._parts.store.claims([person.id for person in people], now, MOST_CLAIMS)
        await directory.prepare(people, now)
        decisions = await decide_all(people, claims, directory, now, shown=False)
        return {decision.person.id: decision.availability for decision in decisions}


_UNREAD = Freshness()


async def _zip(body: bytes) -> bytes:
    return await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
