"""Random lives of a Backsoon: people are referred by hand while calendars move, and it dies and is started again.

A life is a list of steps; each is data, and goes the same way each time. What was set by hand is watched as a register
that several write: whatever was acknowledged, and not followed by another that was begun later, must be in force; what
was under way when it died is there wholly or not at all.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.defaults import REASONS
from backsoon.domain.errors import BadOverride
from backsoon.domain.model import CalendarEntry, Override, Timed
from backsoon.domain.organisation import Organisation, Person
from backsoon.sources.base import SourceError
from backsoon.switchboards.base import Presentation, Rendered, SwitchboardError
from backsoon.testing import FakeClock, MemorySource, MemorySwitchboard
from tests.mortal import Fate, MortalStore, bury, quiet, turns
from tests.properties.referred import Booked, Calendar, Hand, Rules, Told, edges, told
from tests.properties.requests import Request, may_be
from tests.properties.steps import (
    QUIET,
    Again,
    Apply,
    Back,
    Board,
    Book,
    Die,
    Edge,
    Edit,
    Follow,
    Move,
    Read,
    Refer,
    Step,
    Trouble,
    Vanish,
    Wait,
)
from tests.unit.engine.world import NINE, World, acme


class Wrong(AssertionError):
    """What is in force or shown is not what must be."""


@dataclass
class Somebody:
    """One person: who they are, what is in their calendar, and what was set by hand."""

    person: Person
    calendar: int
    source: MemorySource
    booked: dict[str, Booked] = field(default_factory=dict)
    fetched: Calendar = field(default_factory=dict)
    """What the last reading brought."""
    known: Calendar = field(default_factory=dict)
    """What is stored of it."""
    before: Hand | None = None
    """What was in force when nothing was under way the last time."""
    requests: list[Request] = field(default_factory=list)
    """Those since."""
    last: Request | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One reading of a calendar at a time."""
    trouble: SourceError | None = None
    """What every reading of it meets, until the trouble is over."""

    def meets(self, trouble: SourceError | None) -> None:
        """From now on."""
        self.trouble = trouble
        self.source.fail(trouble)


class Watched(MemorySource):
    """A calendar that notes what was read of it."""

    somebody: Somebody

    async def changes(self, *given: Any) -> Any:
        """See `MemorySource`."""
        found = await super().changes(*given)
        self.somebody.fetched = dict(self.somebody.booked)
        return found


class PlainBoard(MemorySwitchboard):
    """A switchboard in memory that renders cheaply what can be judged."""

    def render(self, presentation: Presentation) -> Rendered:
        """See `MemorySwitchboard`."""
        lamp = presentation.lamp
        plan = [[p.start.timestamp(), p.end and p.end.timestamp(), p.reason, p.phone] for p in presentation.plan]
        return Rendered("" if lamp is None else f"{lamp.reason} {lamp.phone}", json.dumps(plan) if plan else "")


def settings(rules: Rules) -> Organisation:
    """The organisation's settings."""
    reasons = {**REASONS, "lunch": replace(REASONS["lunch"], minutes=rules.lunch)}
    organisation = acme(chain_gap=timedelta(minutes=rules.gap))
    return replace(organisation, rules=replace(organisation.rules, reasons=reasons))


class Life:
    """One life, as it unfolds."""

    def __init__(self, path: Path, people: Sequence[tuple[Person, int]], seed: int) -> None:
        self.path = path
        self.clock = FakeClock(NINE)
        self.board = PlainBoard()
        self.paused = self.unreachable = False
        self.rules: list[Rules] = [Rules()]
        """Those in force; two while others are taken over."""
        self.people: list[Somebody] = []
        for person, calendar in people:
            source = Watched()
            source.somebody = somebody = Somebody(person, calendar, source)
            self.people.append(somebody)
        self.count = 0
        self.chance = random.Random(seed)
        self.doing: set[asyncio.Task[Any]] = set()
        self.parts: list[asyncio.Task[Any]] = []
        self.deaths = 0

    # -- living -----------------------------------------------------------------------------------------------------

    async def live(self, steps: Sequence[Step]) -> None:
        """All of it, and that it heals."""
        try:
            await self._start()
            for number, step in enumerate(steps):
                random.seed(number)
                await self._take(step)
            await self._heal()
        finally:
            await self._end()

    async def _start(self) -> None:
        self.fate = Fate(self.chance, at_death=self.board.pause)
        self.store = MortalStore(self.path, self.fate, self._committed)
        calendars = {s.calendar: s.source for s in self.people}
        self.world = World(self.store, self.clock, calendars, self.board)
        if not self.paused:
            self.board.resume()
        for somebody in self.people:
            somebody.turn = asyncio.Lock()
        self.ready = asyncio.Event()
        self._do(self._begin(), at_once=True)

    async def _begin(self) -> None:
        await self.world.directory.refresh()
        self.ready.set()
        await self.world.stage.fill()
        loop = asyncio.get_running_loop()
        world = self.world
        self.rest = loop.create_task(world.settler.settle_the_rest())
        self.parts = [loop.create_task(world.clockwork.run()), loop.create_task(world.publisher.run()), self.rest]

    async def _end(self) -> None:
        await bury()
        self.doing.clear()
        self.parts.clear()
        await self.store.close()

    async def _rise(self) -> None:
        """It has died: what is in the file is what was acknowledged, and it is started again."""
        self.deaths += 1
        await self._end()
        for request in (r for s in self.people for r in s.requests if r.over is None):
            request.over = self.clock.now()
        self.fate.dead = False
        await self._start()
        await self._look_at_the_file()

    async def _look_at_the_file(self) -> None:
        store = self.store.aside()
        (organisation,) = await store.organisations()
        gap, lunch = organisation.rules.chain_gap, organisation.rules.reasons["lunch"].minutes
        self.rules = [Rules(int(gap.total_seconds()) // 60, lunch)]
        for somebody in self.people:
            somebody.person = (await store.people([somebody.person.id]))[somebody.person.id]
            self._judge_hand(somebody, await store.claims([somebody.person.id], self.clock.now()))

    def _do(self, work: Coroutine[Any, Any, None], *, at_once: bool = False) -> None:
        """Have it done beside everything else; nobody is answered before it has its settings."""
        self.doing.add(asyncio.get_running_loop().create_task(work if at_once else self._when_ready(work)))

    async def _when_ready(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self.ready.wait()
        except asyncio.CancelledError:
            work.close()
            raise
        await work

    async def _take(self, step: Step) -> None:
        match step:
            case Wait() | Edge():
                await self._wait(step)
            case Die(calls, afterwards):
                self.fate.arm(calls, afterwards=afterwards)
            case Board():
                self._board(step.what)
            case _:
                self._happen(step)
        await (self._settle() if step.turns == QUIET else turns(step.turns))
        self._reap()
        if self.fate.dead:
            await self._rise()

    def _happen(self, step: Step) -> None:
        match step:
            case Refer(who, reason, minutes, instant):
                self._refer(who, reason, minutes, instant)
            case Again(who) if (last := self.people[who].last) is not None:
                self._request(who, last.reason, last.note, last.until, last.lasting)
            case Back(who):
                self._request(who, None, "", None, None)
            case Apply(gap, lunch):
                self._apply(Rules(gap, lunch))
            case Move(who):
                self._do(self._move(self.people[who]))
            case _:
                self._edit(step)

    # -- by hand ----------------------------------------------------------------------------------------------------

    def _refer(self, who: int, reason: str, minutes: int | None, instant: bool) -> None:
        lasting = None if minutes is None else timedelta(minutes=minutes)
        until = self.clock.now() + lasting if lasting is not None and instant else None
        self._request(who, reason, f"n{self.count}", until, None if until else lasting)

    def _request(
        self, who: int, reason: str | None, note: str, until: datetime | None, lasting: timedelta | None
    ) -> None:
        if until is not None and until <= self.clock.now():
            return
        self.count += 1
        request = Request(who, self.count, self.clock.now(), reason, note, until, lasting)
        somebody = self.people[who]
        somebody.requests.append(request)
        if reason is not None:
            somebody.last = request
        self._learn([somebody])
        self._do(self._ask(somebody, request))

    async def _ask(self, somebody: Somebody, request: Request) -> None:
        service = self.world.service
        if request.reason is None:
            await service.back(somebody.person, through="test")
        else:
            given = {"until": request.until, "lasting": request.lasting, "note": request.note, "through": "test"}
            try:
                await service.refer(somebody.person, request.reason, **given)  # type: ignore[arg-type]
            except BadOverride:  # its end had come before it could begin
                assert request.until is not None
                assert request.until <= self.clock.now()
                somebody.requests.remove(request)
                return
        self.count += 1
        request.ended, request.acknowledged, request.over = self.count, True, self.clock.now()

    def _learn(self, people: Sequence[Somebody]) -> None:
        """What is under way may have been decided by what is known now."""
        for somebody in people:
            for request in somebody.requests:
                if request.over is None:
                    request.known += [(somebody.known, rules) for rules in self.rules]

    def _judge_hand(self, somebody: Somebody, claims: Any) -> None:
        """What is in force is what one of those left there who may have been last."""
        found: Override | None = claims[somebody.person.id].override if somebody.person.id in claims else None
        hand = None if found is None else Hand(found.start, found.end, found.reason, found.note)
        if not may_be(hand, somebody.requests, somebody.before):
            raise Wrong(f"in force is {hand}, before was {somebody.before}; asked for was {somebody.requests}")
        somebody.before, somebody.requests = hand, []

    # -- calendars and settings -------------------------------------------------------------------------------------

    def _edit(self, step: Step) -> None:
        match step:
            case Book(who, uid, offset, minutes, tag):
                somebody = self.people[who]
                start = self._minute() + timedelta(minutes=offset)
                self._put(somebody, uid, Booked(start, start + timedelta(minutes=minutes), tag))
                self._do(self._read(somebody))
            case Follow(who, uid, other, gap, minutes, tag) if (
                first := self.people[who].booked.get(other)
            ) is not None:
                start = first.end + timedelta(minutes=gap)
                self._put(self.people[who], uid, Booked(start, start + timedelta(minutes=minutes), tag))
                self._do(self._read(self.people[who]))
            case Edit(who, uid, start_by, end_by) if (old := self.people[who].booked.get(uid)) is not None:
                start, end = old.start + timedelta(minutes=start_by), old.end + timedelta(minutes=end_by)
                self._put(self.people[who], uid, Booked(start, max(end, start + timedelta(minutes=1)), old.tag))
                self._do(self._read(self.people[who]))
            case Vanish(who, uid) if uid in self.people[who].booked:
                del self.people[who].booked[uid]
                self.people[who].source.remove(uid)
                self._do(self._read(self.people[who]))
            case Read(who, how):
                self._do(self._read(self.people[who], how))
            case Trouble(who, down):
                self.people[who].meets(SourceError("the calendar is down") if down else None)

    def _minute(self) -> datetime:
        return self.clock.now().replace(second=0, microsecond=0)

    def _put(self, somebody: Somebody, uid: str, booked: Booked) -> None:
        somebody.booked[uid] = booked
        somebody.source.put(uid, CalendarEntry(uid, Timed(booked.start, booked.end), f"{booked.tag} {uid}"))

    async def _read(self, somebody: Somebody, how: str = "token") -> None:
        store = self.world.store
        if how == "whole":
            await store.read_soon([somebody.calendar], whole=True)
        if how == "gone":
            somebody.source.lose_token()
            somebody.source.fail(SourceError("410 Gone"))
            await self._read_once(somebody)
            somebody.source.fail(somebody.trouble)  # as it is by now: it may have begun or ended meanwhile
        if how == "lost":
            somebody.source.lose_token()
        await self._read_once(somebody)

    async def _read_once(self, somebody: Somebody) -> None:
        async with somebody.turn:
            await self._read_now(somebody)

    async def _read_now(self, somebody: Somebody) -> None:
        (read,) = await self.world.store.calendars(person=somebody.person.id)
        await self.world.sync.read(read)

    def _committed(self, name: str, given: tuple[Any, ...]) -> None:
        if name == "save_reads" and given[0][0].brought is not None:
            somebody = next(s for s in self.people if s.calendar == given[0][0].calendar)
            somebody.known = somebody.fetched
            self._learn([somebody])

    def _apply(self, rules: Rules) -> None:
        if len(self.rules) == 1:
            self.rules = [self.rules[0], rules]
            self._learn(self.people)
            self._do(self._take_over(rules))

    async def _take_over(self, rules: Rules) -> None:
        world = self.world
        await world.store.save_organisation(settings(rules))
        await world.directory.refresh()
        await world.settler.settle_everybody("acme")
        self.rules = [rules]

    async def _move(self, somebody: Somebody) -> None:
        extension = somebody.person.extension
        other = extension[:-1] if len(extension) > 4 else f"{extension}9"
        (somebody.person,) = await self.world.service.save_people([replace(somebody.person, extension=other)])

    def _board(self, what: str) -> None:
        match what:
            case "cut":
                self.board.cut()
            case "down":
                self.unreachable = True
                self.board.fail(SwitchboardError("no route to host"))
            case "up":
                self.unreachable = False
                self.board.fail(None)
            case "pause":
                self.paused = True
                self.board.pause()
            case _:
                self.paused = False
                self.board.resume()

    # -- time -------------------------------------------------------------------------------------------------------

    async def _wait(self, step: Wait | Edge) -> None:
        now = self.clock.now()
        if isinstance(step, Wait):
            to = now + timedelta(seconds=step.seconds)
        else:
            coming = {e for s in self.people for e in edges(s.known, s.before) if e > now}
            if not coming:
                return
            to = min(coming) - timedelta(seconds=1 if step.before else 0)
        if to > now:
            await self._go_to(to, walked=step.walked)

    async def _go_to(self, to: datetime, *, walked: bool) -> None:
        begin = to - timedelta(seconds=7)
        if not walked:
            self.clock.step_to(to)
            return
        if begin > self.clock.now():
            self.clock.step_to(begin)
            await quiet()
        await self.clock.move_to(to)

    # -- judging ----------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        for task in [*self.doing, *self.parts]:
            if task.done() and not task.cancelled():
                self.doing.discard(task)
                task.result()

    async def _settle(self) -> None:
        await quiet()
        self._reap()
        if self.doing or self.fate.dead:
            return  # some wait for the clock: it is looked at later
        store, ids = self.store.aside(), [s.person.id for s in self.people]
        claims, states = await store.claims(ids, self.clock.now()), await store.states(ids)
        for somebody in self.people:
            self._judge_hand(somebody, claims)
            everybody = self.world.publisher.settled or self.rest.done()
            if everybody and not self.world.stage.unwritten:  # what was fired is stored a moment later
                self._judge_decided(somebody, states)
        if self.world.publisher.settled and self.world.publisher.health.connected and not self.paused:
            self._judge_shown()

    def _judge_decided(self, somebody: Somebody, states: Any) -> None:
        state = states.get(somebody.person.id)
        reason = None if state is None else state.availability.reason
        now = self.clock.now()
        must = told(now, somebody.known, somebody.before)
        if (reason and ("not_available" if reason == "sick" else reason)) != (
            must[0] if must and must[1] == "closed" else None
        ):
            raise Wrong(f"at {now} {somebody.person.name} is decided to be {reason}, must be {must}")

    def _judge_shown(self) -> None:
        now, held = self.clock.now(), dict(self.board.held)
        for somebody in self.people:
            rendered = held.pop(somebody.person.extension, Rendered())
            must = told(now, somebody.known, somebody.before)
            lamp: Told = tuple(rendered.lamp.split(" ")) if rendered.lamp else None  # type: ignore[assignment]
            if lamp != must:
                raise Wrong(f"at {now} {somebody.person.name}'s lamp is {lamp}, must be {must}")
            self._judge_plan(somebody, json.loads(rendered.plan) if rendered.plan else [], now)
        if held:
            raise Wrong(f"the switchboard holds {held}, which is nobody's")

    def _judge_plan(self, somebody: Somebody, plan: list[Any], now: datetime) -> None:
        """What is written ahead says of each instant to come what the calendar says then."""
        for at in {now} | {e for e in edges(somebody.known, somebody.before) if e > now}:
            must, stamp = told(at, somebody.known, somebody.before), at.timestamp()
            said = next(((p[2], p[3]) for p in plan if p[0] <= stamp and (p[1] is None or stamp < p[1])), None)
            if said != must:
                raise Wrong(f"at {now} the plan of {somebody.person.name} says {said} of {at}, must be {must}")

    # -- healing ----------------------------------------------------------------------------------------------------

    async def _read_what_was_doubted(self) -> None:
        """Whose calendar lost most of its referrals at once is read again in a moment, and believed."""
        while doubted := [s for s in self.people if s.calendar in self.world.sync._doubted]:
            await self._go_to(self.clock.now() + timedelta(seconds=6), walked=False)
            for somebody in doubted:
                self._do(self._read(somebody))
            await self._connected()

    async def _heal(self) -> None:
        """Everything can be reached again: before long all is as the calendars and what was set by hand say."""
        self.fate.left = None
        self._board("up")
        self._board("resume")
        for somebody in self.people:
            somebody.meets(None)
        await self._connected()
        for somebody in self.people:
            self._do(self._read(somebody))
        await self._connected()
        await self._read_what_was_doubted()
        for somebody in self.people:
            if somebody.known != somebody.booked:
                raise Wrong(f"of {somebody.person.name}'s calendar {somebody.known} is known, it is {somebody.booked}")
        await self._settle()
        for _ in range(2):
            await self._take(Edge(before=False, walked=True))
        await self._go_to(self.clock.now() + timedelta(days=2), walked=False)
        await self.clock.move_to(self.clock.now() + timedelta(seconds=2))
        await self._settle()
        for somebody in self.people:
            left, hand = self.board.held.get(somebody.person.extension), somebody.before
            if left is not None and (hand is None or hand.end is not None):
                raise Wrong(f"{left} lingers of {somebody.person.name}")

    async def _connected(self) -> None:
        """Wait until the switchboard is, and nothing is under way."""
        for _ in range(40):
            await quiet()
            self._reap()
            if not self.doing and self.world.publisher.settled and self.world.publisher.health.connected:
                break
            await self.clock.move_to(self.clock.now() + timedelta(seconds=2))
        else:
            raise Wrong("it did not heal")
