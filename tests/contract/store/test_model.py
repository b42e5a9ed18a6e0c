"""Random calls on a store and on a plain model of it: both must answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from backsoon.domain.model import AVAILABLE, Availability, CalendarReferral, Override
from backsoon.domain.organisation import Calendar, Person
from backsoon.store.base import (
    BEGINNING,
    AvailabilityChange,
    CalendarHealth,
    Claims,
    Lane,
    NotStored,
    PersonState,
    Store,
    StoreConflict,
    Told,
)
from tests.contract.store.factories import FACTORIES
from tests.contract.store.values import (
    after,
    by_hand,
    change,
    complete,
    delta,
    furnish,
    health,
    meeting,
    organisation,
    person,
    referral,
    told,
)

T = TypeVar("T")

ORGS = st.sampled_from(["acme", "other"])
NUMBERS = st.integers(1, 8)
MINUTES = st.integers(-3, 12)
TEXTS = st.one_of(st.sampled_from(["", "a", "ß", "\0x", "\ud83d", "%\\_"]), st.text(max_size=4))
UIDS = st.sampled_from(["a", "b", "c", "d"])
ENTRIES = st.lists(st.tuples(UIDS, MINUTES, st.integers(1, 9), UIDS, TEXTS), max_size=5)
AVAILABILITIES = st.one_of(
    st.just(AVAILABLE), st.builds(meeting, MINUTES, TEXTS), st.builds(Availability, divert_to=TEXTS)
)


def scrubbed(text: str) -> str:
    """The text as the contract has it: what databases refuse is U+FFFD."""
    return "".join("\ufffd" if each == "\0" or "\ud800" <= each <= "\udfff" else each for each in text)


class StoreMachine(RuleBasedStateMachine):
    """One store, and what it ought to hold."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store: Store = self.do(FACTORIES[self.kind](Path(self.folder.name)))
        self.people: dict[int, Person] = {}
        self.calendars: dict[int, tuple[Calendar, CalendarHealth]] = {}
        self.referrals: dict[int, dict[tuple[str, str], CalendarReferral]] = {}
        self.overrides: dict[int, Override] = {}
        self.states: dict[int, PersonState] = {}
        self.due: dict[int, datetime | None] = {}
        self.changes: dict[int, list[AvailabilityChange]] = {}
        self.told: dict[tuple[str, str], Told] = {}

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.do(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def furnished(self) -> None:
        house = self.do(furnish(self.store))
        for each in (house.anna, house.bob, house.carol, house.stranger):
            self._added(each)
        for calendar in house.calendars:
            self.calendars[calendar.id] = calendar, CalendarHealth()
            self.referrals[calendar.id] = {}

    def _added(self, each: Person) -> None:
        self.people[each.id] = each
        self.changes.setdefault(each.id, [])
        self._make_due(each.id)

    def _make_due(self, who: int) -> None:
        self.due[who] = BEGINNING
        if who in self.states:
            self.states[who] = replace(self.states[who], due=BEGINNING)

    # -- people ----------------------------------------------------------------------------------------------

    def _taken(self, wanted: Person) -> bool:
        others = [each for each in self.people.values() if each.organisation == wanted.organisation]
        return any(
            each.extension == wanted.extension or (wanted.email and each.email.casefold() == wanted.email.casefold())
            for each in others
            if each.id != wanted.id
        )

    @rule(org=ORGS, extension=st.integers(100, 104), email=st.sampled_from(["", "x@y", "X@y"]), name=TEXTS)
    def add_person(self, org: str, extension: int, email: str, name: str) -> None:
        wanted = person(str(extension), name, org=org, email=email)
        if self._taken(wanted):
            with pytest.raises(StoreConflict):
                self.do(self.store.save_people([wanted]))
            return
        (saved,) = self.do(self.store.save_people([wanted]))
        assert saved.id > max(self.people, default=0)
        self._added(replace(saved, name=scrubbed(name)))

    @rule(who=NUMBERS, extension=st.integers(100, 104), active=st.booleans())
    def change_person(self, who: int, extension: int, active: bool) -> None:
        before = self.people.get(who, person(id=who))
        wanted = replace(before, extension=str(extension), active=active)
        if who not in self.people or self._taken(wanted):
            with pytest.raises((StoreConflict, NotStored)):
                self.do(self.store.save_people([wanted]))
            return
        assert self.do(self.store.save_people([wanted])) == (wanted,)
        self._added(wanted)

    @rule(who=NUMBERS)
    def remove_person(self, who: int) -> None:
        self.do(self.store.remove_people([who]))
        held: list[dict[int, Any]] = [self.people, self.overrides, self.states, self.due, self.changes]
        for each in held:
            each.pop(who, None)
        for calendar in [id for id, (each, _) in self.calendars.items() if each.person == who]:
            del self.calendars[calendar], self.referrals[calendar]

    # -- calendars -------------------------------------------------------------------------------------------

    @rule(who=NUMBERS, address=st.sampled_from(["main", "second"]))
    def add_calendar(self, who: int, address: str) -> None:
        if who not in self.people:
            with pytest.raises(NotStored):
                self.do(self.store.save_calendars([Calendar(who, "acme", "home", address)]))
            return
        wanted = Calendar(who, self.people[who].organisation, "home", address)
        (saved,) = self.do(self.store.save_calendars([wanted]))
        known = [id for id, (each, _) in self.calendars.items() if replace(each, id=0) == wanted]
        assert saved.id not in self.calendars or [saved.id] == known
        self.calendars.setdefault(saved.id, (saved, CalendarHealth()))
        self.referrals.setdefault(saved.id, {})

    @rule(which=NUMBERS)
    def remove_calendar(self, which: int) -> None:
        owner = {self.calendars[which][0].person} if self.referrals.get(which) else set()
        assert self.do(self.store.remove_calendars([which])) == owner
        self.calendars.pop(which, None)
        self.referrals.pop(which, None)

    @rule(
        which=NUMBERS, entries=ENTRIES, touched=st.none() | st.frozensets(UIDS), next_read=st.none() | MINUTES,
        lane=st.sampled_from(Lane), late=st.booleans(),
    )  # fmt: skip
    def read(
        self, which: int, entries: list[tuple[str, int, int, str, str]],
        touched: frozenset[str] | None, next_read: int | None, lane: Lane, late: bool,
    ) -> None:  # fmt: skip
        found = [
            referral(which, uid, start, length, resource=resource, note=note)
            for uid, start, length, resource, note in entries
        ]
        changes = complete(*found) if touched is None else delta(touched, *found)
        saved = replace(health(None if touched is None else "token", next_read), lane=lane)
        if which not in self.calendars:
            with pytest.raises(NotStored):
                self.do(self.store.save_read(which, changes, saved))
            return
        kept, before = self.referrals[which], self.calendars[which][1]
        saved = replace(saved, hinted_at=None if late else before.hinted_at)
        left = {key: each for key, each in kept.items() if touched is not None and key[0] not in touched}
        now = left | {(each.resource, each.key.uid): replace(each, note=scrubbed(each.note)) for each in found}
        owner = self.calendars[which][0]
        assert self.do(self.store.save_read(which, changes, saved)) == ({owner.person} if now != kept else set())
        if now != kept:
            self._make_due(owner.person)
        self.calendars[which], self.referrals[which] = (owner, _after_hints(before, saved)), now

    @rule(which=st.frozensets(NUMBERS), lane=st.sampled_from(Lane), at=MINUTES)
    def hint(self, which: frozenset[int], lane: Lane, at: int) -> None:
        there = which & set(self.calendars)
        assert self.do(self.store.hint(which, lane, after(at))) == len(there)
        for each in there:
            calendar, before = self.calendars[each]
            due = before.next_read or BEGINNING
            stamp = after(at)
            if before.hinted_at is not None and before.hinted_at >= stamp:
                stamp = before.hinted_at + timedelta(microseconds=1)
            urgent = before.lane < lane and due <= after(at + 5)
            unread = before.lane is Lane.FIRST and lane is Lane.RECONCILE and before.confirmed_at is None
            self.calendars[each] = (
                calendar,
                replace(
                    before,
                    lane=before.lane if urgent or unread else lane,
                    next_read=before.next_read if due < after(at) else after(at),
                    hinted_at=stamp,
                ),
            )

    @rule(which=st.none() | NUMBERS, whole=st.booleans())
    def read_soon(self, which: int | None, whole: bool) -> None:
        ids = set(self.calendars) if which is None else {which} & set(self.calendars)
        assert self.do(self.store.read_soon(None if which is None else [which], whole=whole)) == len(ids)
        for each in ids:
            calendar, before = self.calendars[each]
            token = None if whole else before.sync_token
            self.calendars[each] = (
                calendar,
                replace(
                    before,
                    next_read=None,
                    sync_token=token,
                    lane=max(before.lane, Lane.RECONCILE) if which is None else min(before.lane, Lane.CHANGED),
                ),
            )

    @rule(which=st.frozensets(NUMBERS), at=MINUTES)
    def confirm(self, which: frozenset[int], at: int) -> None:
        known = {id: self.calendars[id] for id in which & set(self.calendars)}
        resting = {id: each for id, (_, each) in known.items() if each.next_read and each.next_read > after(at)}
        older = [id for id, each in resting.items() if each.confirmed_at and each.confirmed_at < after(at)]
        assert self.do(self.store.confirm(which, after(at))) == len(older)
        for each in older:
            calendar, before = self.calendars[each]
            self.calendars[each] = calendar, replace(before, confirmed_at=after(at))

    # -- overrides and decisions -----------------------------------------------------------------------------

    @rule(who=NUMBERS, start=MINUTES, length=st.none() | st.integers(1, 9), note=TEXTS)
    def override(self, who: int, start: int, length: int | None, note: str) -> None:
        wanted = by_hand(start, length, note)
        if who not in self.people:
            with pytest.raises(NotStored):
                self.do(self.store.save_override(who, wanted))
            return
        self.do(self.store.save_override(who, wanted))
        before, self.overrides[who] = self.overrides.get(who), replace(wanted, note=scrubbed(note))
        if self.overrides[who] != before:
            self._make_due(who)

    @rule(who=NUMBERS)
    def take_back(self, who: int) -> None:
        self.do(self.store.remove_override(who, after(3)))
        if self.overrides.pop(who, None) is not None:
            self._make_due(who)

    @rule(decided=st.lists(st.tuples(NUMBERS, AVAILABILITIES, st.none() | MINUTES), max_size=4))
    def decide(self, decided: list[tuple[int, Availability, int | None]]) -> None:
        states = [PersonState(who, each, None if at is None else after(at)) for who, each, at in decided]
        changes = [change(who, at or 0, each) for who, each, at in decided]
        self.do(self.store.save_states(states, changes))
        for state, made in zip(states, changes, strict=True):
            if state.person in self.people:
                clean = _scrub(state.availability)
                self.states[state.person] = replace(state, availability=clean)
                self.due[state.person] = state.due
                self.changes[state.person].append(replace(made, availability=clean))

    @rule(at=MINUTES)
    def forget(self, at: int) -> None:
        gone = 0
        for who, changes in self.changes.items():
            ordered = sorted(changes, key=lambda each: each.at)
            old = [each for each in ordered if each.at < after(at)][:-1]
            self.changes[who] = ordered[len(old) :]
            gone += len(old)
        for referrals in self.referrals.values():
            over = [key for key, each in referrals.items() if each.span.end < after(at)]
            gone += len([referrals.pop(key) for key in over])
        past = [who for who, each in self.overrides.items() if each.end is not None and each.end < after(at)]
        gone += len([self.overrides.pop(who) for who in past])
        assert self.do(self.store.forget(after(at))) >= gone, "versions that hold no more may go with them"
        assert self.do(self.store.forget(after(at))) == 0

    @rule(org=ORGS, extension=st.sampled_from(["1", "2"]), lamp=TEXTS, plan=TEXTS)
    def tell(self, org: str, extension: str, lamp: str, plan: str) -> None:
        self.do(self.store.save_told(org, "pbx", [told(extension, lamp, plan)]))
        self.told.pop((org, extension), None)
        if lamp or plan:
            self.told[org, extension] = told(extension, scrubbed(lamp), scrubbed(plan))

    @rule()
    def open_again(self) -> None:
        self.do(self.store.close())
        self.store = self.do(FACTORIES[self.kind](Path(self.folder.name)))

    # -- what must agree -------------------------------------------------------------------------------------

    @invariant()
    def people_agree(self) -> None:
        everybody = sorted(self.people.values(), key=lambda each: each.id)
        assert list(self.do(self.store.page_people())) == everybody
        assert self.do(self.store.people(range(1, 20))) == self.people
        acme = [each for each in everybody if each.organisation == "acme"]
        assert list(self.do(self.store.page_people("acme"))) == acme
        assert self.do(self.store.count_people("acme")) == len(acme)

    @invariant()
    def calendars_agree(self) -> None:
        found = {each.calendar.id: (each.calendar, each.health) for each in self.do(self.store.calendars())}
        assert found == self.calendars
        reads = [
            (each.next_read or BEGINNING, calendar.id)
            for calendar, each in self.calendars.values()
            if self.people[calendar.person].active
        ]
        assert self.do(self.store.next_read()) == min((at for at, _ in reads), default=None)
        found_due = self.due_calendars()
        due = [(e.health.lane, e.health.next_read or BEGINNING, e.calendar.id) for e in found_due]
        assert due == sorted(due)
        assert sorted(each[1:] for each in due) == sorted(each for each in reads if each[0] <= after(4))
        for org in ("acme", "other"):
            there = [each for each in sorted(self.calendars) if self.calendars[each][0].organisation == org]
            active = [each for each in there if self.people[self.calendars[each][0].person].active]
            assert [each.calendar.id for each in self.do(self.store.calendars_at(org, "home"))] == active

    def due_calendars(self) -> list[Any]:
        due = self.do(self.store.calendars_due(after(4), 99))
        for each in due:
            spans = [one.span for one in self.referrals[each.calendar.id].values()]
            edges = [at for span in spans for at in (span.start, span.end) if at > after(4)]
            assert each.next_due == min(edges, default=None)
        return list(due)

    @invariant()
    def claims_agree(self) -> None:
        for who, found in self.do(self.store.claims(range(1, 12), after(3))).items():
            mine = [id for id, (each, _) in self.calendars.items() if each.person == who]
            expected = [each for id in mine for each in self.referrals[id].values() if each.span.end > after(3)]
            assert found == Claims(found.referrals, self.overrides.get(who))
            assert len(found.referrals) == len(expected)
            assert set(found.referrals) == set(expected)

    @invariant()
    def decisions_agree(self) -> None:
        assert self.do(self.store.states(range(1, 20))) == self.states
        due = [(at, who) for who, at in self.due.items() if at and at < after(6) and self.people[who].active]
        assert list(self.do(self.store.due(after(6)))) == sorted(due)
        for who, changes in self.changes.items():
            ordered = sorted(changes, key=lambda each: each.at)
            before = [each for each in ordered if each.at < after(2)][-1:]
            within = [each for each in ordered if after(2) <= each.at < after(9)]
            assert list(self.do(self.store.history(who, after(2), after(9)))) == before + within

    @invariant()
    def told_agrees(self) -> None:
        for org in ("acme", "other"):
            expected = {extension: each for (of, extension), each in self.told.items() if of == org}
            assert self.do(self.store.told(org, "pbx")) == expected
        assert self.do(self.store.organisations()) in ((), (organisation(), organisation("other")))


def _after_hints(stored: CalendarHealth, saved: CalendarHealth) -> CalendarHealth:
    """A hint that came while it was read makes it due as it said."""
    late = (stored.hinted_at or BEGINNING) > (saved.hinted_at or BEGINNING)
    if late and (stored.next_read or BEGINNING) <= (saved.next_read or BEGINNING):
        return replace(saved, hinted_at=stored.hinted_at, next_read=stored.next_read, lane=stored.lane)
    return replace(saved, hinted_at=stored.hinted_at)


def _scrub(availability: Availability) -> Availability:
    return replace(availability, note=scrubbed(availability.note), divert_to=scrubbed(availability.divert_to))


def test_the_store_and_the_model_agree(kind: str) -> None:
    machine = type("Machine", (StoreMachine,), {"kind": kind})
    # Some twenty statements a step: half of the profile's examples, of twenty steps, take ten seconds.
    run_state_machine_as_test(machine, settings=settings(max_examples=_examples(), stateful_step_count=20))


def _examples() -> int:
    return max(settings().max_examples // 2, 10)
