"""What was dialled, taken over by the whole engine: at once, after hours, once, and never over what was said later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backsoon.domain.defaults import REASONS
from backsoon.domain.model import Argument, Override
from backsoon.domain.organisation import Person
from backsoon.engine.byphone import Outcome
from backsoon.store.base import Store, StoreUnavailable
from backsoon.switchboards.base import HandReferral, Session, SwitchboardError
from tests.unit.engine.world import NINE, World, acme, at, entry, world

MINUTE = timedelta(minutes=1)


class Plain:
    """A session of a switchboard that keeps nothing that was dialled."""

    def __init__(self, whole: Session) -> None:
        self.at_once = whole.at_once
        self.read_back = whole.read_back
        self.show = whole.show
        self.lost = whole.lost


async def override_of(made: World, person: Person) -> Override | None:
    claims = await made.store.claims([person.id], at(0))
    return claims[person.id].override


async def dialled(made: World, person: Person, code: str, argument: str, when: datetime) -> Outcome:
    """Have it taken over as if the switchboard kept it."""
    return await made.by_phone.take("acme", HandReferral(person.extension, when, code, argument))


class TestAtWork:
    async def test_what_is_dialled_is_shown_at_once_and_taken_out(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)  # else the start may be what brings it about
                made.switchboard.dial("1001", NINE, "1", "1430")
                await made.shows("1001", "meeting")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) == Override(NINE, at(14, 30), "meeting", by="1001", through="phone")
            (change,) = await made.store.history(anna.id, at(0), at(23))
            assert (change.by, change.through) == ("1001", "phone")

    async def test_available_again(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                made.switchboard.dial("1001", NINE, "9")
                await made.shows("1001", "not_available")
                await made.move_to(at(10))
                made.switchboard.dial("1001", at(10))
                await made.shows("1001", "")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) is None

    async def test_available_again_in_a_meeting_is_to_its_end(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            (await made.calendar_of(anna)).put("m", entry("m", "m: Budget", at(9), at(11)))
            await made.read(anna)
            async with made.running():
                await made.shows("1001", "meeting")
                now = made.clock.now()
                made.switchboard.dial("1001", now)
                await made.shows("1001", "")
            assert await override_of(made, anna) == Override(now, at(11), None, by="1001", through="phone")

    async def test_two_in_quick_succession_end_as_the_second_said(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                made.switchboard.dial("1001", NINE - timedelta(milliseconds=900), "1")
                made.switchboard.dial("1001", NINE, "0")
                await made.shows("1001", "back_at")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) == Override(NINE, at(9, 30), "back_at", by="1001", through="phone")

    async def test_a_hint_that_never_came_is_made_up_for_within_a_minute(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                made.switchboard.dial("1001", NINE, "1", told=False)
                await made.move_to(NINE + timedelta(seconds=61))
                await made.shows("1001", "meeting")

    async def test_whoever_is_switched_off_or_gone_refers_nobody(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            await made.person(active=False)
            async with made.running():
                made.switchboard.dial("1001", NINE, "1")
                made.switchboard.dial("1999", NINE, "1")
                await made.until(lambda: not made.switchboard.hands)
            assert made.switchboard.held == {}


class TestAfterHours:
    """Backsoon was stopped when it was dialled."""

    async def test_starts_when_it_was_dialled(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            made.switchboard.dial("1001", at(6), "3", "1200")
            async with made.running():
                await made.shows("1001", "not_available")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) == Override(at(6), at(12), "not_available", by="1001", through="phone")

    async def test_what_is_over_refers_nobody(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            made.switchboard.dial("1001", at(6), "0")
            async with made.running():
                await made.until(lambda: not made.switchboard.hands)
                assert made.lamp("1001") == ""
            assert await override_of(made, anna) is None

    async def test_what_is_over_ended_what_was_before_it(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            await made.store.save_override(anna.id, Override(at(5), None, "sick", by="cli", through="cli"))
            assert await dialled(made, anna, "0", "", at(6)) is Outcome.OVER
            assert await override_of(made, anna) is None

    async def test_an_extension_that_passed_on_inherits_nothing(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with world(tmp_path) as made:
            await made.store.save_people([Person("acme", "1001", "Bo Ek")], at=at(7))
            made.switchboard.dial("1001", at(6), "9")
            async with made.running():
                await made.until(lambda: not made.switchboard.hands)
                assert made.lamp("1001") == ""
        assert "nobody has the extension" in caplog.text

    async def test_a_time_that_is_none_is_dropped_with_a_line(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                made.switchboard.dial("1001", NINE, "1", "2561")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) is None
        assert "there is no such time" in caplog.text
        assert "2561" not in caplog.text

    async def test_a_switchboard_whose_clock_is_ahead(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                made.switchboard.dial("1001", at(12), "9")
                await made.shows("1001", "not_available")
                await made.until(lambda: "ahead" in caplog.text)
            assert await override_of(made, anna) == Override(NINE, None, "sick", by="1001", through="phone")


class TestTheLastWord:
    async def test_what_was_said_later_stands(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            later = Override(at(9, 30), None, "lunch", by="anna", through="cli")
            await made.store.save_override(anna.id, later)
            assert await dialled(made, anna, "9", "", NINE) is Outcome.OVERTAKEN
            assert await dialled(made, anna, "", "", NINE) is Outcome.OVERTAKEN
            assert await override_of(made, anna) == later

    async def test_what_was_taken_back_later_is_not_set_again(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            assert await dialled(made, anna, "9", "", NINE) is Outcome.REFERRED
            await made.store.remove_override(anna.id, at(9, 30), by="anna", through="cli")
            assert await dialled(made, anna, "9", "", NINE) is Outcome.OVERTAKEN
            assert await override_of(made, anna) is None

    async def test_what_was_said_before_is_replaced(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            await made.store.save_override(anna.id, Override(at(8), None, "lunch"))
            assert await dialled(made, anna, "9", "", NINE) is Outcome.REFERRED

    async def test_the_same_twice_is_once(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            assert await dialled(made, anna, "9", "", NINE) is Outcome.REFERRED
            assert await dialled(made, anna, "9", "", NINE) is Outcome.AGAIN
            assert len(await made.store.overrides_since(anna.id, at(0))) == 1

    async def test_available_twice_is_once(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            await made.store.save_override(anna.id, Override(at(8), None, "lunch"))
            for _ in range(2):
                assert await dialled(made, anna, "", "", NINE) is Outcome.AVAILABLE
            await made.store.save_override(anna.id, Override(at(9, 30), None, "lunch"))
            assert await dialled(made, anna, "", "", NINE) is Outcome.OVERTAKEN
            assert await override_of(made, anna) == Override(at(9, 30), None, "lunch")

    async def test_whoever_sets_something_else_meanwhile_is_waited_for(self, tmp_path: Path) -> None:
        async with world(tmp_path, at(10)) as made:
            anna = await made.person()
            async with asyncio.TaskGroup() as tasks:
                console = tasks.create_task(made.service.refer(anna, "lunch", by="bo", through="console"))
                phone = tasks.create_task(dialled(made, anna, "9", "", NINE))
            assert phone.result() in (Outcome.OVERTAKEN, Outcome.REFERRED)
            assert await override_of(made, anna) == console.result()


class TestCaughtUp:
    async def test_waits_until_the_switchboard_was_told(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            await made.person("1002", "Bo Ek")
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                await made.publisher.drained()
                await made.publisher.caught_up(["1001"])  # nothing is wanted
                made.switchboard.pause()
                await made.service.refer(anna, "lunch")
                waiting = asyncio.ensure_future(made.publisher.caught_up(["1001"]))
                other = asyncio.ensure_future(made.publisher.caught_up(["1002"]))
                await made.until(other.done)
                assert not waiting.done()
                made.switchboard.resume()
                await asyncio.wait_for(waiting, 5)
                assert made.lamp("1001") == "lunch"


class TestWhatFails:
    async def test_it_is_kept_until_the_switchboard_was_told(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                await made.publisher.drained()
                made.switchboard.refuse["1001"] = ""  # counts as told: nobody waits for ever
                made.switchboard.dial("1001", NINE, "9")
                await made.until(lambda: not made.switchboard.hands)
            assert await override_of(made, anna) is not None

    async def test_a_session_that_ends_before_it_is_told_leaves_it_for_the_next(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                await made.publisher.drained()
                made.switchboard.pause()
                made.switchboard.dial("1001", NINE, "9", told=False)
                made.switchboard.cut()
                await made.until(lambda: not made.publisher.health.connected)
                assert made.switchboard.hands
                made.switchboard.resume()
                await made.move_to(NINE + 2 * MINUTE)
                await made.shows("1001", "not_available")
                await made.until(lambda: not made.switchboard.hands)
            assert len(await made.store.overrides_since(anna.id, at(0))) == 1

    async def test_a_code_that_the_settings_do_not_have_yet_waits_for_them(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                made.switchboard.dial("1001", NINE, "44", "1430")
                await made.until(lambda: made.publisher.health.waiting == {"1001"})
                await made.move_to(NINE + 3 * MINUTE)
                assert made.switchboard.hands
                assert await override_of(made, anna) is None
                meeting = replace(REASONS["meeting"], digit="44", argument=Argument.TIME)
                rules = replace(acme().rules, reasons={**REASONS, "meeting": meeting})
                await made.store.save_organisation(replace(acme(), rules=rules))
                await made.directory.refresh()
                await made.move_to(NINE + 5 * MINUTE)
                await made.shows("1001", "meeting")
                await made.until(lambda: not made.switchboard.hands and not made.publisher.health.waiting)
            assert await override_of(made, anna) == Override(NINE, at(14, 30), "meeting", by="1001", through="phone")
        assert caplog.text.count("dialled codes wait") == 1

    async def test_what_is_said_later_counts_before_a_code_that_is_not_known(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                made.switchboard.dial("1001", NINE, "44", "1430")
                await made.until(lambda: made.publisher.health.waiting == {"1001"})
                await made.move_to(NINE + timedelta(seconds=1))
                await made.service.refer(anna, "lunch")
                await made.move_to(NINE + 2 * MINUTE)
                await made.until(lambda: not made.switchboard.hands and not made.publisher.health.waiting)
                await made.shows("1001", "lunch")

    async def test_a_store_that_fails_is_tried_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with world(tmp_path) as made:
            await made.person()
            with monkeypatch.context() as broken:
                broken.setattr(made.store, "save_override", _unavailable)
                async with made.running():
                    made.switchboard.dial("1001", NINE, "9")
                    await made.until(lambda: "could not be stored" in caplog.text)
                    assert made.switchboard.hands
                    broken.undo()
                    await made.move_to(NINE + timedelta(seconds=5))
                    await made.shows("1001", "not_available")

    async def test_a_defect_with_one_keeps_nobody_else_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with world(tmp_path) as made:
            await made.person()
            await made.person("1002", "Bo Ek")
            take = made.by_phone.take

            async def defective(organisation: str, each: HandReferral) -> Outcome:
                if each.extension == "1001":
                    raise ValueError("private text")
                return await take(organisation, each)

            monkeypatch.setattr(made.by_phone, "take", defective)
            made.switchboard.dial("1001", NINE, "9")
            made.switchboard.dial("1002", NINE, "9")
            async with made.running():
                await made.shows("1002", "not_available")
                await made.until(lambda: list(made.switchboard.hands) == ["1001"])
                assert made.publisher.health.connected
        assert "could not be taken over" in caplog.text
        assert "private text" not in caplog.text

    async def test_a_switchboard_at_which_nobody_can_dial_is_none_the_worse(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with world(tmp_path) as made:
            anna = await made.person()
            session = made.switchboard.session

            @asynccontextmanager
            async def without_hands() -> AsyncIterator[Session]:
                async with session() as whole:
                    yield Plain(whole)

            monkeypatch.setattr(made.switchboard, "session", without_hands)
            made.switchboard.dial("1001", NINE, "9")
            async with made.running():
                await made.service.refer(anna, "lunch")
                await made.shows("1001", "lunch")
                assert made.publisher.health.connected
            assert made.switchboard.hands

    async def test_a_switchboard_that_is_lost_while_reading_ends_the_session(self, tmp_path: Path) -> None:
        async with world(tmp_path) as made:
            await made.person()
            async with made.running():
                await made.until(lambda: made.publisher.settled)
                made.switchboard.fail(SwitchboardError("gone"))
                await made.until(lambda: made.publisher.health.problem == "gone")
                made.switchboard.fail(None)
                made.switchboard.dial("1001", NINE, "9")
                await made.move_to(NINE + 2 * MINUTE)
                await made.shows("1001", "not_available")


async def test_a_person_s_own_zone_counts(tmp_path: Path) -> None:
    async with world(tmp_path, organisation=acme()) as made:
        anna = await made.person(zone="Europe/Stockholm")
        assert await dialled(made, anna, "1", "1100", NINE) is Outcome.REFERRED
        override = await override_of(made, anna)
        assert override is not None
        assert override.end == at(10)


async def test_everybody_dials_while_backsoon_is_stopped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with world(tmp_path) as made:
        people: Sequence[Person] = await made.store.save_people(
            [Person("acme", str(2000 + n), f"Person {n}") for n in range(200)]
        )
        for person in people:
            made.switchboard.dial(person.extension, NINE, "1")
        async with made.running():
            await made.until(lambda: not made.switchboard.hands, seconds=30)
            await made.until(lambda: all(made.lamp(p.extension) == "meeting" for p in people))
    assert not caplog.records


async def _unavailable(*_: object, **__: object) -> None:
    raise StoreUnavailable("the disk is full")


def test_the_engine_needs_no_more_of_the_store_than_the_contract_has() -> None:
    for name in ("by_extension", "held_since", "overrides_since", "save_override", "remove_override"):
        assert hasattr(Store, name)
