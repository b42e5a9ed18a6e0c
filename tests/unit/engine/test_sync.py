"""Reading calendars: an error is never an empty calendar, and no calendar harms another."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.domain.model import Because, CalendarEntry, Timed
from backsoon.sources.base import (
    CalendarSource,
    Changes,
    Rejected,
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceUnavailable,
    Window,
)
from tests.unit.engine.world import NINE, World, at, entry, world


async def health(w: World, person: object) -> object:
    (read,) = await w.store.calendars(person=person.id)  # type: ignore[attr-defined]
    return read.health


@pytest.mark.parametrize(
    "error",
    [SourceDenied("the server refuses the account"), SourceBroken("a page, no calendar"), SourceUnavailable("503")],
)
async def test_an_error_removes_nothing_and_is_named(tmp_path: Path, error: SourceError) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: Budget", at(10), at(11)))
        await w.read(anna)
        before = await health(w, anna)
        calendar.fail(error)
        await w.read(anna)
        after = await health(w, anna)
        assert len(await w.service.referrals(anna)) == 1
        assert after.problem == str(error)  # type: ignore[attr-defined]
        assert after.remedy == error.remedy  # type: ignore[attr-defined]
        assert after.confirmed_at == before.confirmed_at  # type: ignore[attr-defined]
        assert after.sync_token == before.sync_token  # type: ignore[attr-defined]
        assert after.failures == 1  # type: ignore[attr-defined]
        calendar.fail(None)
        await w.read(anna)
        assert (await health(w, anna)).problem == ""  # type: ignore[attr-defined]


async def test_a_defect_of_ours_quotes_no_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Defective:
        async def changes(self, window: Window, sync_token: str | None) -> Changes:
            raise ValueError("ZQ-CANARY in the subject")

        async def close(self) -> None:
            pass

    async with world(tmp_path) as w:
        anna = await w.person()
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = Defective()  # type: ignore[assignment]
        await w.read(anna)
        assert "internal error (ValueError)" in (await health(w, anna)).problem  # type: ignore[attr-defined]
    assert "ZQ-CANARY" not in caplog.text
    assert b"ZQ-CANARY" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


async def test_no_untagged_text_is_stored(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "ZQ-CANARY secret", at(10), at(11)))
        calendar.put("b", entry("b", "m: shown // ZQ-CANARY hidden", at(12), at(13)))
        calendar.put("c", entry("c", "m: ZQ-CANARY private", at(12), at(13), private=True))
        calendar.put("d", entry("d", "ZQ-CANARY m: ZQ-CANARY", at(9), at(11)))
        calendar.put("e", entry("e", "m: ZQ-CANARY", at(9), at(11), cancelled=True))
        calendar.put("f", entry("f", "ZQ-CANARY", at(9), at(11), cancelled=True))
        async with w.running():
            await w.read(anna)
            await w.publisher.drained()
        assert len(await w.service.referrals(anna)) == 2
        passed = (await w.store.grounds(anna.id, at(10))).passed
        assert {(p.key.uid, p.because, p.keyword) for p in passed} == {
            ("d", Because.NOT_FIRST, "m"),
            ("e", Because.CANCELLED, "m"),
        }
        assert "ZQ-CANARY" not in str(w.switchboard.shown)
    assert b"ZQ-CANARY" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())


async def test_most_of_a_calendar_lost_at_once_is_read_again_before_it_is_believed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        for hour in (10, 12, 14):
            calendar.put(f"e{hour}", entry(f"e{hour}", "m: x", at(hour), at(hour + 1)))
        await w.read(anna)
        reads = calendar.reads
        flaky = Flaky(calendar)
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = flaky  # type: ignore[assignment]
        await w.read(anna)
        assert calendar.reads == reads + 1
        assert flaky.empty_answers == 1
        assert len(await w.service.referrals(anna)) == 3
        w.calendars[read.calendar.id] = calendar
        for hour in (10, 12, 14):
            calendar.remove(f"e{hour}")
        await w.read(anna)
        assert calendar.reads == reads + 3
        assert await w.service.referrals(anna) == ()


class Flaky:
    """Answers once with an empty calendar, then with what is there."""

    def __init__(self, calendar: CalendarSource) -> None:
        self._calendar = calendar
        self.empty_answers = 0

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        if not self.empty_answers:
            self.empty_answers += 1
            return Changes(complete=True)
        return await self._calendar.changes(window, sync_token)

    async def close(self) -> None:
        pass


async def test_an_item_that_cannot_be_fetched_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    class Partly:
        async def changes(self, window: Window, sync_token: str | None) -> Changes:
            entries = (entry("b", "m: x", at(12), at(13), resource="b"),)
            return Changes(entries, complete=True, rejected=(Rejected("a", "", "403", unread=True),))

        async def close(self) -> None:
            pass

    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: x", at(10), at(11)))
        calendar.put("b", entry("b", "m: x", at(12), at(13)))
        calendar.put("c", entry("c", "m: x", at(14), at(15)))
        await w.read(anna)
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = Partly()  # type: ignore[assignment]
        await w.read(anna)
        assert {r.resource for r in await w.service.referrals(anna)} == {"a", "b"}
        assert (await health(w, anna)).rejected == (("a", "403"),)  # type: ignore[attr-defined]


async def test_a_calendar_that_hangs_delays_no_other(tmp_path: Path) -> None:
    class Hanging:
        async def changes(self, window: Window, sync_token: str | None) -> Changes:
            await asyncio.Event().wait()
            raise AssertionError

        async def close(self) -> None:
            pass

    async with world(tmp_path) as w:
        anna, bo = await w.person(), await w.person("1002", "Bo Ek")
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = Hanging()  # type: ignore[assignment]
        (await w.calendar_of(bo)).put("b", entry("b", "m: x", at(9), at(11)))
        async with w.running(sync=True):
            await w.shows("1002", "meeting")


async def test_a_reading_asked_for_while_one_goes_on_follows_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        slow = Slow(calendar)
        (read,) = await w.store.calendars(person=anna.id)
        w.calendars[read.calendar.id] = slow  # type: ignore[assignment]
        async with w.running(sync=True):
            await slow.begun.wait()
            calendar.put("a", entry("a", "m: booked meanwhile", at(8), at(11)))
            await w.service.read_now()
            w.sync.wake()
            slow.go.set()
            await w.shows("1001", "meeting")


class Slow:
    """Answers with what was there when it was asked, once it may."""

    def __init__(self, calendar: CalendarSource) -> None:
        self._calendar = calendar
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        changes = await self._calendar.changes(window, sync_token)
        self.begun.set()
        await self.go.wait()
        return changes

    async def close(self) -> None:
        pass


async def test_people_hear_of_removals_too(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "m: x", at(8), at(11)))
        calendar.put("b", entry("b", "m: x", at(13), at(14)))
        async with w.running():
            await w.read(anna)
            await w.shows("1001", "meeting")
            calendar.remove("a")
            await w.read(anna)
            await w.shows("1001", "")


async def test_a_new_entry_of_a_whole_series_is_taken_over(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        days = [NINE + timedelta(days=7 * n) for n in range(4)]
        series = [
            CalendarEntry("s", Timed(d, d + timedelta(hours=1)), "m: Weekly", recurrence_id=f"{d:%Y%m%dT%H%M%SZ}")
            for d in days
        ]
        calendar.put("s", *series)
        await w.read(anna)
        assert [r.span.start for r in sorted(await w.service.referrals(anna), key=lambda r: r.span)] == days


async def test_what_was_passed_over_is_replaced_with_its_resource_only(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await w.person()
        calendar = await w.calendar_of(anna)
        calendar.put("a", entry("a", "x m: x", at(9), at(11)))
        calendar.put("b", entry("b", "x l: x", at(9), at(11)))

        async def passed() -> set[str]:
            return {p.key.uid for p in (await w.store.grounds(anna.id, w.clock.now() + timedelta(minutes=30))).passed}

        await w.read(anna)
        assert await passed() == {"a", "b"}
        calendar.put("a", entry("a", "m: x", at(9), at(11)))
        await w.read(anna)
        assert await passed() == {"b"}
        assert len(await w.service.referrals(anna)) == 1
        calendar.fail(SourceUnavailable("no answer"))
        await w.read(anna)
        assert await passed() == {"b"}, "an error removes nothing"
        calendar.fail(None)
        calendar.remove("b")
        calendar.lose_token()
        await w.read(anna)
        assert await passed() == set()
