"""Tells listeners when what is known of somebody becomes too old, and when it is fresh again.

Level, not edge: who is unconfirmed is held here and compared with what is stored. Each look asks only for those whose
calendars were read in a short span of time, by index, and for a few of those held; nothing goes through everybody.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence, Set
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from backsoon.domain.freshness import age_of
from backsoon.domain.organisation import Person
from backsoon.engine.directory import Directory
from backsoon.engine.timing import Clock, pause
from backsoon.store.base import BEGINNING, Freshness, Store, StoreError

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""
OVERLAP = timedelta(seconds=30)
"""A reading is stored a while after the instant that it is stamped with: so much is looked at again."""
PAGE = 20_000
"""Calendars in one answer: each page looks at the whole span, so there should be few."""
CHUNK = 500
"""People compared in one go."""
IN_TURN = 500
"""How many of those who are unconfirmed are compared at each look."""


class Announcer(Protocol):
    """Who is told of people about whom there is something new to say."""

    def announce_people(self, people: Sequence[Person]) -> None:
        """The state of these people is to be told anew. Never waits."""
        ...


class Ageing:
    """Holds who is unconfirmed, and announces whoever comes or goes."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, hub: Announcer) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._hub = hub
        self._unconfirmed: dict[int, None] = {}
        """In the order in which they were compared last."""
        self._first: set[int] = set()
        self._looked: dict[timedelta, datetime] = {}
        """How old readings may be, by the settings there are, and when was last looked for older ones."""
        self._begun: datetime | None = None
        """When the last look began; None: there was none, and whoever listens has read all anew since."""

    async def run(self) -> None:
        """Look for ever. What the store cannot tell now it is asked again."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.error("how fresh calendars are could not be read, trying again: %s", error)
            await pause(self._clock, EVERY)

    def first_read(self, person: int) -> None:
        """A calendar of the person was read for the first time: until then it was said not to be read."""
        self._first.add(person)

    async def look(self) -> None:
        """Compare whoever may have changed; announce those who have. Raises `StoreError`."""
        now = self._clock.now()
        first, self._first = self._first, set()
        try:
            await self._compare(first, now, first)
            await self._older(now)
            if self._unconfirmed and self._begun is not None:
                await self._fresher(self._begun, now)
        except BaseException:
            self._first |= first
            raise
        self._begun = now

    async def _older(self, now: datetime) -> None:
        """Whoever went past a limit since the last look."""
        limits = {o.rules.confirmed_within for o in self._directory.organisations.values()}
        for limit in limits:
            since = self._looked.get(limit)
            after = BEGINNING if since is None else since - limit
            async for people in self._read_between(after, now - limit):
                await self._compare(people, now)
            self._looked[limit] = now
        for gone in self._looked.keys() - limits:
            del self._looked[gone]

    async def _fresher(self, since: datetime, now: datetime) -> None:
        """Some in turn, who may be all: a calendar was read, or is gone, or the limit is another one. Where there are
        many, whoever was read since the last look comes first."""
        if len(self._unconfirmed) > IN_TURN:
            async for people in self._read_between(since - OVERLAP, now):
                await self._compare(people & self._unconfirmed.keys(), now)
        await self._compare(list(islice(self._unconfirmed, IN_TURN)), now)

    async def _read_between(self, after: datetime, until: datetime) -> AsyncIterator[set[int]]:
        beyond = 0
        while found := await self._store.confirmed_between(after, until, PAGE, beyond=beyond):
            yield {person for _, person in found}
            if len(found) < PAGE:
                return
            beyond = found[-1][0]

    async def _compare(self, ids: Iterable[int], now: datetime, tell: Set[int] = frozenset()) -> None:
        """Compare what is held about these people with what is stored; `tell` are told of in any case."""
        left = iter(ids)
        while chunk := list(islice(left, CHUNK)):
            people = await self._store.people(chunk)
            fresh = await self._store.freshness(chunk)
            news = [each for each in chunk if self._flipped(each, people.get(each), fresh.get(each), now)]
            told = [people[each] for each in chunk if each in people and (each in tell or each in news)]
            if told and self._begun is not None:
                self._hub.announce_people(told)

    def _flipped(self, id: int, person: Person | None, fresh: Freshness | None, now: datetime) -> bool:
        """Whether the person became unconfirmed, or is so no more; it is held from then on."""
        stale = False
        organisation = None if person is None else self._directory.organisations.get(person.organisation)
        if person is not None and person.active and fresh is not None and organisation is not None:
            within = organisation.rules.confirmed_within
            stale = age_of(fresh.calendars, fresh.confirmed_at, now, within).unconfirmed_since is not None
        was = id in self._unconfirmed
        self._unconfirmed.pop(id, None)
        if stale:
            self._unconfirmed[id] = None  # last in turn
        return was != stale
