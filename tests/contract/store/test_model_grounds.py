"""What was known when: random reads, overrides and lamps, and a log of them that is searched from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from backsoon.domain.model import CalendarReferral, PassedOver
from backsoon.domain.organisation import Calendar, Person
from backsoon.store.base import KnownOverride, KnownReferral, ReferralChanges, Store
from tests.contract.store.factories import FACTORIES
from tests.contract.store.values import after, by_hand, furnish, passed, person, read_at, referral, told

T = TypeVar("T")
Entry = CalendarReferral | PassedOver
Held = Mapping[tuple[str, type], Entry]
"""What a calendar holds, by resource and kind."""

WAIT = st.sampled_from([1, 2, 0, 4])
WHO = st.integers(0, 1)
WHICH = st.integers(0, 2)
STARTS = st.integers(-5, 20)
UIDS = st.sampled_from(["a", "b", "c"])
ENTRIES = st.lists(st.tuples(UIDS, STARTS, st.integers(1, 9), st.booleans()), max_size=4)
EXTENSIONS = st.sampled_from(["100", "101", "102", "103"])


@dataclass(frozen=True, slots=True)
class Lamp:
    """A change of a person's lamp."""

    at: int
    name: str


class GroundsMachine(RuleBasedStateMachine):
    """One store, and the log of what it was told, by minutes after nine."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store: Store = self.do(FACTORIES[self.kind](Path(self.folder.name)))
        self.now = 0
        self.forgotten = -99
        self.people: list[Person] = []
        self.calendars: list[Calendar] = []
        self.owners: dict[int, int] = {}
        """Who has or had each calendar, those that are gone too."""
        self.confirmed: dict[int, int] = {}
        self.log: dict[int, list[tuple[int, Held]]] = {}
        """Of each calendar what it held from which minute on."""
        self.by_hand: list[list[KnownOverride]] = [[], []]
        self.in_force: list[bool] = [False, False]
        self.told: dict[str, str] = {}
        self.lamps: list[list[Lamp]] = [[], []]

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        try:
            for minute in range(max(self.forgotten, -9), self.now + 20):
                self._agree_at(minute)
        finally:
            self.do(self.store.close())
            self.runner.close()
            self.folder.cleanup()

    @initialize()
    def furnished(self) -> None:
        house = self.do(furnish(self.store))
        self.people = [house.anna, house.bob]
        second = self.do(self.store.save_calendars([Calendar(house.anna.id, "acme", "home", "second")]))
        self.calendars = [*house.calendars[:2], *second]
        self.owners = {each.id: who for each, who in zip(self.calendars, (0, 1, 0), strict=True)}

    # -- reads -----------------------------------------------------------------------------------------------

    @rule(wait=WAIT, which=WHICH, entries=ENTRIES, touched=st.none() | st.frozensets(UIDS))
    def read(
        self, wait: int, which: int, entries: list[tuple[str, int, int, bool]], touched: frozenset[str] | None
    ) -> None:
        calendar = self.calendars[which].id
        # A calendar is read once at an instant: of an entry that went and came back in no time no log need tell.
        self.now += max(wait, 1) if self.confirmed.get(calendar) == self.now else wait
        read = [
            referral(calendar, uid, start, length) if counts else passed(calendar, uid, start, length)
            for uid, start, length, counts in entries
        ]
        referrals = tuple(each for each in read if isinstance(each, CalendarReferral))
        over = tuple(each for each in read if isinstance(each, PassedOver))
        changes = ReferralChanges(referrals, touched or frozenset(), touched is None, over)
        self.do(self.store.save_read(calendar, changes, read_at(self.now)))
        self.confirmed[calendar] = self.now
        before = self._held(calendar)
        kept = {key: each for key, each in before.items() if touched is not None and key[0] not in touched}
        self._logged(calendar, self.now, kept | {(each.resource, type(each)): each for each in read})

    def _held(self, calendar: int) -> Held:
        log = self.log.get(calendar)
        return log[-1][1] if log else {}

    def _logged(self, calendar: int, at: int, held: Held) -> None:
        log = self.log.setdefault(calendar, [])
        log[:] = [*(each for each in log if each[0] < at), (at, held)]

    @rule(wait=WAIT, which=WHICH)
    def confirm(self, wait: int, which: int) -> None:
        self.now += wait
        calendar = self.calendars[which].id
        self.do(self.store.save_health(calendar, read_at(self.now)))
        self.confirmed[calendar] = self.now

    @rule(which=WHICH)
    def renew_calendar(self, which: int) -> None:
        gone = self.calendars[which]
        self.do(self.store.remove_calendars([gone.id]))
        self._logged(gone.id, self.confirmed.get(gone.id, -99), {})
        self.log[gone.id] = [
            (at, {key: each for key, each in held.items() if key[1] is CalendarReferral})
            for at, held in self.log[gone.id]
        ]
        self._renewed(which, replace(gone, id=0))

    def _renewed(self, which: int, calendar: Calendar) -> None:
        (self.calendars[which],) = self.do(self.store.save_calendars([calendar]))
        self.owners[self.calendars[which].id] = 1 if which == 1 else 0

    # -- by hand, lamps --------------------------------------------------------------------------------------

    @rule(
        wait=WAIT,
        who=WHO,
        late=st.sampled_from([0, 0, 0, 3]),
        length=st.none() | st.integers(1, 9),
        note=st.sampled_from("xy"),
    )
    def override(self, wait: int, who: int, late: int, length: int | None, note: str) -> None:
        self.now += wait
        wanted = by_hand(self.now - late, length, note)
        self.do(self.store.save_override(self.people[who].id, wanted))
        if not (self.in_force[who] and self.by_hand[who][-1].override == wanted):
            self._ended(who, self.now - late, "anna", "cli")
            self.by_hand[who].append(KnownOverride(wanted))
            self.in_force[who] = True

    @rule(wait=WAIT, who=WHO)
    def take_back(self, wait: int, who: int) -> None:
        self.now += wait
        self.do(self.store.remove_override(self.people[who].id, after(self.now), by="bob", through="phone"))
        self._ended(who, self.now, "bob", "phone")

    def _ended(self, who: int, at: int, by: str, through: str) -> None:
        if self.in_force[who]:
            last = self.by_hand[who][-1]
            if last.override.end is None or last.override.end > after(at):
                self.by_hand[who][-1] = replace(last, replaced_at=after(at), replaced_by=by, replaced_through=through)
        self.in_force[who] = False

    @rule(wait=WAIT, extension=EXTENSIONS, name=st.sampled_from(["", "on", "off"]), plan=st.sampled_from(["", "plan"]))
    def tell(self, wait: int, extension: str, name: str, plan: str) -> None:
        self.now += wait
        self.do(self.store.save_told("acme", "pbx", [told(extension, name, plan, self.now)]))
        for who, each in enumerate(self.people):
            if each.extension == extension and self.told.get(extension, "") != name:
                self.lamps[who] = [*(lamp for lamp in self.lamps[who] if lamp.at < self.now), Lamp(self.now, name)]
        self.told[extension] = name

    @rule(moves=st.permutations(["100", "101", "103"]))
    def move(self, moves: list[str]) -> None:
        for who, extension in enumerate(moves[:2]):
            if self.people[who].extension != extension:
                self.lamps[who] = []
                self.people[who] = replace(self.people[who], extension=extension)
        self.do(self.store.save_people(self.people, at=after(self.now)))

    @rule()
    def renew_person(self) -> None:
        bob = self.people[1]
        self.do(self.store.remove_people([bob.id]))
        (self.people[1],) = self.do(self.store.save_people([person(bob.extension, "Bob")], at=after(self.now)))
        for calendar in [each for each in self.log if self.owners[each] == 1]:
            del self.log[calendar]
        self._renewed(1, replace(self.calendars[1], person=self.people[1].id, id=0))
        self.by_hand[1], self.in_force[1], self.lamps[1] = [], False, []

    @rule(minutes=st.integers(0, 9))
    def forget(self, minutes: int) -> None:
        self.forgotten = max(self.forgotten, self.now - minutes)
        self.do(self.store.forget(after(self.forgotten)))
        assert self.do(self.store.forget(after(self.forgotten))) == 0
        for who, lamps in enumerate(self.lamps):
            old = [lamp for lamp in lamps if lamp.at < self.forgotten]
            kept = [old[-1]] if old and old[-1].name else []
            self.lamps[who] = kept + lamps[len(old) :]
        for who, overrides in enumerate(self.by_hand):
            gone = [each for each in overrides if _over(each) < after(self.forgotten)]
            self.in_force[who] = self.in_force[who] and overrides[-1] not in gone
            self.by_hand[who] = [each for each in overrides if each not in gone]

    @rule()
    def open_again(self) -> None:
        self.do(self.store.close())
        self.store = self.do(FACTORIES[self.kind](Path(self.folder.name)))

    # -- what must agree -------------------------------------------------------------------------------------

    @rule(back=st.integers(-9, 15))
    def look_back(self, back: int) -> None:
        """At an instant that was, or is to come."""
        self._agree_at(max(self.now - back, self.forgotten))

    def _agree_at(self, minute: int) -> None:
        for who, each in enumerate(self.people):
            found = self.do(self.store.grounds(each.id, after(minute)))
            assert _sorted(found.referrals) == _sorted(self._known(who, minute))
            assert set(found.passed) == set(self._passed(who, minute))
            assert len(found.passed) == len(set(found.passed))
            assert found.override == self._by_hand_at(who, after(minute))
            since = self.do(self.store.overrides_since(each.id, after(minute)))
            assert list(since) == self._by_hand_since(who, after(minute))
            self._lamp_agrees(who, minute)

    def _at(self, who: int, minute: int) -> Iterator[tuple[int, tuple[str, type], Entry]]:
        """What the calendars held at the instant, and covers it."""
        for calendar, log in self.log.items():
            held = [each for at, each in log if at <= minute][-1:]
            for key, entry in held[0].items() if held and self.owners[calendar] == who else ():
                if entry.span.start <= after(minute) < entry.span.end:
                    yield calendar, key, entry

    def _known(self, who: int, minute: int) -> Iterator[KnownReferral]:
        for calendar, key, entry in self._at(who, minute):
            if isinstance(entry, CalendarReferral):
                log = self.log[calendar]
                before = [at for at, held in log if at <= minute and held.get(key) != entry]
                first = next(at for at, _ in log if not before or at > before[-1])
                last = next((at for at, held in log if at > minute and held.get(key) != entry), None)
                yield KnownReferral(entry, after(first), None if last is None else after(last))

    def _passed(self, who: int, minute: int) -> Iterator[PassedOver]:
        return (entry for *_, entry in self._at(who, minute) if isinstance(entry, PassedOver))

    def _by_hand_at(self, who: int, at: datetime) -> KnownOverride | None:
        covering = [each for each in self.by_hand[who] if each.override.start <= at < _over(each)]
        return max(reversed(covering), key=lambda each: each.override.start, default=None)

    def _by_hand_since(self, who: int, since: datetime) -> list[KnownOverride]:
        known = [each for each in self.by_hand[who] if each.override.start > since or _over(each) > since]
        return sorted(known, key=lambda each: each.override.start)

    def _lamp_agrees(self, who: int, minute: int) -> None:
        found = self.do(self.store.lamps_told("acme", "pbx", self.people[who].extension, after(minute)))
        expected = [lamp for lamp in self.lamps[who] if lamp.at <= minute][-1:]
        assert (found is None) == (not expected)
        if found is not None:
            assert (found.lamp, found.at) == (expected[0].name, after(expected[0].at))


def _over(known: KnownOverride) -> datetime:
    """When it was over."""
    ends = [at for at in (known.override.end, known.replaced_at) if at is not None]
    return min(ends, default=after(10**6))


def _sorted(known: Iterable[KnownReferral]) -> list[KnownReferral]:
    return sorted(known, key=lambda each: (each.referral.key, each.referral.resource))


def test_grounds_and_the_log_agree(kind: str) -> None:
    machine = type("Machine", (GroundsMachine,), {"kind": kind})
    examples = max(settings().max_examples // 2, 10)
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=30))
