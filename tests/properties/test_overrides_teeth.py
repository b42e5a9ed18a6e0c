"""Those lives find what they are for: each of these defects, put into the code, makes one of them go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest

from backsoon.domain.model import Override
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Timeline
from backsoon.engine import service as serving
from backsoon.engine.clock import Stage
from backsoon.engine.publisher import Publisher
from backsoon.engine.service import Service
from backsoon.engine.settling import Settler
from backsoon.engine.sync import Sync
from backsoon.sources.base import Changes, SourceError
from backsoon.store.base import ReadCalendar
from backsoon.store.sqlite import SqliteStore
from tests.properties.interleavings import Lives
from tests.properties.test_overrides import _silent, lives

__all__ = ["_silent", "lives"]

ENOUGH = 800
"""Lives within which each defect must show."""

Patch = pytest.MonkeyPatch
Given = Any


def decided_before_it_is_stored(patch: Patch) -> None:
    async def stored(self: Service, storing: Given, person: Given, cause: Given) -> None:
        await self._settle([person.id], cause)
        await storing()

    patch.setattr(Service, "_stored", stored)


def acknowledged_before_it_is_stored(patch: Patch) -> None:
    later: set[asyncio.Task[None]] = set()
    stored = Service._stored

    async def promised(self: Service, storing: Given, person: Given, cause: Given) -> None:
        later.add(asyncio.ensure_future(stored(self, storing, person, cause)))

    patch.setattr(Service, "_stored", promised)


def stored_in_two_steps(patch: Patch) -> None:
    save = SqliteStore.save_override

    async def in_two(self: SqliteStore, person: int, override: Override) -> None:
        await self.remove_override(person, override.start)
        await save(self, person, override)

    patch.setattr(SqliteStore, "save_override", in_two)


def back_to_the_end_of_one_meeting_only(patch: Patch) -> None:
    def end(self: Timeline, at: datetime) -> datetime | None:
        winner = self._winner(at)
        return None if winner is None else winner.span.end

    patch.setattr(Timeline, "block_end", end)


def a_new_request_is_taken_for_the_old_one(patch: Patch) -> None:
    def repeated(present: Override | None, wanted: Override, _explicit: bool, at: datetime) -> bool:
        return present is not None and present.covers(at) and present.reason == wanted.reason

    patch.setattr(serving, "repeated", repeated)


def a_stronger_meeting_beats_the_hand(patch: Patch) -> None:
    at_ = Timeline.at

    def at(self: Timeline, at: datetime, *, warned: bool = True) -> Given:
        winner = self._winner(at)
        if winner is None or winner.reason != "holiday" or self.override is None or self.override.reason is None:
            return at_(self, at, warned=warned)
        return at_(Timeline(self.referrals, self.rules, None, self.working), at, warned=warned)

    patch.setattr(Timeline, "at", at)


def what_is_staged_fires_whatever_was_set_since(patch: Patch) -> None:
    def drop(self: Stage, people: Iterable[int]) -> None:
        self._late.difference_update(people)

    patch.setattr(Stage, "drop", drop)


def an_end_is_not_noticed_after_a_sleep(patch: Patch) -> None:
    fire = Stage.fire

    def forgetful(self: Stage) -> list[int]:
        fire(self)
        return []

    patch.setattr(Stage, "fire", forgetful)


def what_a_switchboard_holds_is_not_looked_at(patch: Patch) -> None:
    async def compare(self: Publisher, _session: Given) -> None:
        self.health.connected = True

    patch.setattr(Publisher, "_compare", compare)


def an_error_is_taken_for_an_empty_calendar(patch: Patch) -> None:
    believed = Sync._read_believed

    async def read(self: Sync, of: ReadCalendar, person: Person) -> Given:
        try:
            return await believed(self, of, person)
        except SourceError:
            nothing = Changes(complete=True)
            return nothing, self._found(nothing, (), of.calendar, person)

    patch.setattr(Sync, "_read_believed", read)


def an_extension_that_is_given_up_keeps_its_lamp(patch: Patch) -> None:
    async def release(self: Settler, extensions: Given) -> None:
        return None

    patch.setattr(Settler, "release", release)


def whoever_was_stored_before_a_death_is_not_decided_about(patch: Patch) -> None:
    async def differences(self: Publisher) -> None:
        self.settled = True

    patch.setattr(Publisher, "_settle_differences", differences)


@pytest.mark.parametrize(
    "defect",
    [
        decided_before_it_is_stored,
        acknowledged_before_it_is_stored,
        stored_in_two_steps,
        back_to_the_end_of_one_meeting_only,
        a_new_request_is_taken_for_the_old_one,
        a_stronger_meeting_beats_the_hand,
        what_is_staged_fires_whatever_was_set_since,
        an_end_is_not_noticed_after_a_sleep,
        what_a_switchboard_holds_is_not_looked_at,
        an_error_is_taken_for_an_empty_calendar,
        an_extension_that_is_given_up_keeps_its_lamp,
        whoever_was_stored_before_a_death_is_not_decided_about,
    ],
)
def test_a_defect_is_found(defect: Callable[[Patch], None], lives: Lives, monkeypatch: Patch) -> None:
    defect(monkeypatch)
    assert lives.first_wrong(range(ENOUGH)) is not None
