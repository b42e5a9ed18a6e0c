"""The Google source when things go wrong: each fault has its error in our words, and none is an empty answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import ShowAs, Timed
from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
    Window,
)
from backsoon.sources.google import GoogleAccount, GoogleSettings, source
from backsoon.sources.google.busy import LONGEST
from backsoon.sources.google.errors import (
    ApiDisabled,
    NoCalendarUser,
    NotGoogles,
    NotShared,
    PolicyForbids,
    ScopeMissing,
)
from tests.simulators.google import Limits
from tests.simulators.model import Repeats
from tests.unit.google.world import ANNA, MONDAY, WINDOW, ZONE, Office, meeting, office

CANARY = "canary-7f3a"


@pytest.fixture
async def at_work() -> AsyncIterator[Office]:
    async with office() as made:
        made.put(meeting(subject=CANARY))
        yield made


def _kept(office: Office) -> list[str]:
    return [path for _, path, _ in office.simulator.requests]


FAULTS: list[tuple[str, dict[str, Any], type[SourceError]]] = [
    ("throttle", {}, SourceBusy),
    ("throttle", {"status": 429, "reason": "rateLimitExceeded"}, SourceBusy),
    ("throttle", {"reason": "quotaExceeded"}, SourceBusy),
    ("throttle", {"reason": "dailyLimitExceeded"}, SourceBusy),
    ("unavailable", {}, SourceUnavailable),
    ("deny", {}, SourceDenied),
    ("sign_in", {}, SourceDenied),
    ("missing", {}, NotShared),
    ("half", {}, SourceBroken),
    ("html", {}, NotGoogles),
    ("redirect", {}, NotGoogles),
    ("hang", {}, SourceUnavailable),
    ("vendor", {"status": 403, "code": "accessNotConfigured"}, ApiDisabled),
    ("vendor", {"status": 403, "code": "insufficientPermissions"}, ScopeMissing),
    ("vendor", {"status": 403, "code": "notACalendarUser"}, NoCalendarUser),
    ("vendor", {"status": 403, "code": "domainPolicy"}, PolicyForbids),
    ("vendor", {"status": 400, "code": "badRequest"}, SourceBroken),
    ("vendor", {"status": 418, "code": "teapot"}, NotGoogles),
]


@pytest.mark.parametrize(("kind", "told", "expected"), FAULTS, ids=lambda value: str(value)[:40])
async def test_each_fault_has_its_error(
    at_work: Office, kind: str, told: dict[str, Any], expected: type[SourceError]
) -> None:
    at_work.simulator.faults.add(kind, times=None, **told)
    with pytest.raises(expected) as caught:
        await at_work.read()
    assert CANARY not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert caught.value.remedy
    assert ("proxy" in caught.value.remedy) is (expected is NotGoogles)
    if "code" in told:
        assert told["code"] in caught.value.detail


async def test_after_the_fault_it_goes_on(at_work: Office) -> None:
    first = await at_work.read()
    for kind in ("unavailable", "half", "html"):
        at_work.simulator.faults.add(kind)
        with pytest.raises(SourceError):
            await at_work.read(first.sync_token)
    at_work.put(meeting("two"))
    assert [each.uid for each in (await at_work.read(first.sync_token)).entries] == ["two"]


class TestThrottled:
    @pytest.mark.parametrize(("status", "reason"), [(403, "userRateLimitExceeded"), (503, "backendError")])
    async def test_nothing_is_asked_while_google_asks_to_wait(self, at_work: Office, status: int, reason: str) -> None:
        at_work.simulator.faults.add("throttle", seconds=600, status=status, reason=reason)
        with pytest.raises(SourceBusy) as caught:
            await at_work.read()
        assert caught.value.retry_after == 600
        before = len(at_work.simulator.requests)
        for address in (ANNA, "bo@example.com"):
            with pytest.raises(SourceBusy) as caught:
                await at_work.read(address=address)
            assert 590 < (caught.value.retry_after or 0) <= 600
        assert len(at_work.simulator.requests) == before

    async def test_without_a_number_it_backs_off_exponentially(self, at_work: Office) -> None:
        api = at_work.account._api
        waits = []
        for _ in range(8):
            at_work.simulator.faults.add("throttle")
            api.throttle._closed_until = float("-inf")  # time passes
            with pytest.raises(SourceBusy) as caught:
                await at_work.read()
            waits.append(caught.value.retry_after or 0)
        for number, wait in enumerate(waits):
            assert min(2**number, 64) <= wait <= min(2**number, 64) + 1

    async def test_fewer_at_once_and_then_more_again(self, at_work: Office) -> None:
        before = at_work.account.at_once
        at_work.simulator.faults.add("throttle", seconds=0)
        with pytest.raises(SourceBusy):
            await at_work.read()
        assert at_work.account.at_once == before // 2
        at_work.account._api.throttle._closed_until = float("-inf")
        for _ in range(15):
            await at_work.read()
        assert at_work.account.at_once > before // 2

    async def test_googles_limits_are_kept(self) -> None:
        """More reads than a user may make in the window: the throttle spreads them, the simulator refuses none."""
        async with office(limits=Limits(per_user=60, window=1.0), requests_per_minute=3_000) as at_work:
            await asyncio.gather(*(at_work.read() for _ in range(90)))
            assert at_work.simulator.count["events.list"] == 90
            assert at_work.simulator.quota.refused == 0


class TestTokens:
    async def test_410_is_a_full_read_that_names_what_is_there(self, at_work: Office) -> None:
        at_work.put(meeting("two"))
        first = await at_work.read()
        for reason in ("fullSyncRequired", "updatedMinTooLongAgo"):
            at_work.simulator.faults.add("expire", reason=reason)
            again = await at_work.read(first.sync_token)
            assert again.complete
            assert {each.uid for each in again.entries} == {"one", "two"}

    async def test_410_on_a_later_page(self, at_work: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        first = await at_work.read()
        at_work.put(meeting("many", repeats=Repeats(count=9)))
        at_work.simulator.listing.most_per_page = 4
        original = at_work.simulator.listing.answer

        def then_gone(*asked: Any) -> Any:
            monkeypatch.undo()
            at_work.simulator.faults.add("expire")
            return original(*asked)

        monkeypatch.setattr(at_work.simulator.listing, "answer", then_gone)
        changes = await at_work.read(first.sync_token)
        assert at_work.simulator.faults.happened == ["expire"]
        assert changes.complete
        assert len(changes.entries) == 10

    async def test_other_rights_mean_reading_everything_again(self, at_work: Office) -> None:
        first = await at_work.read()
        at_work.simulator.share(ANNA, "freeBusyReader")
        second = await at_work.read(first.sync_token)
        assert second.complete
        assert second.warnings == (source.WITHOUT_DETAILS,)
        assert [each.subject for each in second.entries] == [""]
        at_work.simulator.share(ANNA, "reader")
        third = await at_work.read(second.sync_token)
        assert third.complete
        assert [each.subject for each in third.entries] == [CANARY]
        assert third.warnings == ()

    async def test_what_a_token_brings_from_beyond_the_window_is_dropped(self, at_work: Office) -> None:
        """A series that is touched comes whole, years ahead."""
        first = await at_work.read()
        at_work.put(meeting("endless", repeats=Repeats(every="week", count=500)))
        changes = await at_work.read(first.sync_token)
        assert not changes.complete
        assert len(changes.touched) == 500
        last = WINDOW.end + timedelta(days=30)
        assert len(changes.entries) == (last.replace(tzinfo=None) - MONDAY) // timedelta(weeks=1) + 1

    async def test_a_token_that_brings_too_much_gives_way_to_a_full_read(
        self, at_work: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(source, "MOST_CHANGED", 100)
        first = await at_work.read()
        at_work.put(meeting("endless", repeats=Repeats(every="week", count=500)))
        at_work.simulator.listing.most_per_page = 60
        changes = await at_work.read(first.sync_token)
        assert changes.complete
        assert len(changes.entries) < 30

    async def test_a_window_that_moves_costs_one_request_a_day(self, at_work: Office) -> None:
        token = (await at_work.read()).sync_token
        reader = at_work.source()
        completes = 0
        for day in range(1, 32):
            moved = Window(WINDOW.start + timedelta(days=day), WINDOW.end + timedelta(days=day))
            changes = await reader.changes(moved, token)
            token, completes = changes.sync_token, completes + changes.complete
        assert completes == 1
        assert at_work.simulator.count["events.list"] == 32
        assert at_work.account.counts == {"events.list": 32, "token": 1}

    async def test_a_token_is_small(self, at_work: Office) -> None:
        assert len((await at_work.read()).sync_token or "") < 250


class TestPages:
    async def test_all_pages_are_read(self, at_work: Office) -> None:
        for number in range(25):
            at_work.put(meeting(f"n{number}"))
        at_work.simulator.listing.most_per_page = 7
        changes = await at_work.read()
        assert len(changes.entries) == 26
        assert changes.sync_token is not None
        assert at_work.simulator.count["events.list"] == 4

    async def test_a_change_between_two_pages_is_not_lost(
        self, at_work: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(9):
            at_work.put(meeting(f"n{number}"))
        at_work.simulator.listing.most_per_page = 5
        original = at_work.simulator.listing.answer

        def changing(*asked: Any) -> Any:
            told = original(*asked)
            monkeypatch.undo()
            at_work.put(meeting("n0", "m: Later"))
            return told

        monkeypatch.setattr(at_work.simulator.listing, "answer", changing)
        first = await at_work.read()
        second = await at_work.read(first.sync_token)
        assert "m: Later" in {each.subject for each in second.entries}

    async def test_pages_without_an_end(self, at_work: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        def endless(*_: Any) -> Any:
            return {"kind": "calendar#events", "items": [], "nextPageToken": "again"}

        monkeypatch.setattr(at_work.simulator.listing, "answer", endless)
        with pytest.raises(SourceBroken, match="do not end"):
            await at_work.read()

    async def test_more_than_anybody_books(self, at_work: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "MOST_ITEMS", 20)
        at_work.simulator.listing.most_per_page = 10
        at_work.put(meeting("many", repeats=Repeats(count=40)))
        with pytest.raises(SourceTooLarge):
            await at_work.read()


class TestItems:
    """Every byte from a calendar is hostile: a broken item is left out, the others are read."""

    @pytest.mark.parametrize(
        "broken",
        [
            {"start": {"dateTime": "yesterday"}},
            {"start": {}},
            {"start": None, "end": None},
            {"start": {"dateTime": "0001-01-01T00:00:00+14:00"}},
            {"end": {"dateTime": "9999-12-31T23:59:59-12:00"}},
            {"summary": 7},
            {"summary": ["m: Budget"]},
            {"attendees": "everybody"},
            {"originalStartTime": {"dateTime": "x"}, "recurringEventId": "y"},
            {"id": ""},
            {"id": "x" * 5_000},
            {"id": "a\r\nAction: Originate"},
            {"id": None},
        ],
        ids=str,
    )
    async def test_a_broken_item(
        self, at_work: Office, broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at_work.put(meeting("two"))
        self._spoil(at_work, broken, monkeypatch)
        changes = await at_work.read()
        assert [each.uid for each in changes.entries] == ["two"]
        (rejected,) = changes.rejected
        assert CANARY not in repr(rejected)
        assert rejected.resource.isprintable()

    @pytest.mark.parametrize(
        "odd",
        [
            {"summary": "m: \ud800"},
            {"summary": "m: \x00\u202e" + "x" * 100_000},
            {"iCalUID": "u\r\nid"},
            {"iCalUID": ""},
            {"status": "dunno", "transparency": "dunno", "visibility": "dunno", "eventType": "dunno"},
            {"start": {"dateTime": "2027-03-01T09:00:00", "timeZone": "Moon/Crater"}},
            {"start": {"dateTime": "2027-03-01T09:00:00", "timeZone": "../../etc/passwd"}},
            {"attendees": []},
            {"organizer": None},
        ],
        ids=lambda odd: ascii(odd)[:50],
    )
    async def test_an_odd_item(self, at_work: Office, odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        at_work.put(meeting("two"))
        self._spoil(at_work, odd, monkeypatch)
        changes = await at_work.read()
        assert len(changes.entries) + len(changes.rejected) == 2
        for each in changes.entries:
            assert each.uid.isprintable()
            assert len(each.subject) <= 1_024
            assert each.show_as is ShowAs.BUSY

    def _spoil(self, at_work: Office, what: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """The first item's fields are these."""
        original = at_work.simulator.listing.answer

        def spoiled(*asked: Any) -> Any:
            told = original(*asked)
            told["items"][0] |= what
            return told

        monkeypatch.setattr(at_work.simulator.listing, "answer", spoiled)


class TestWithoutDetails:
    async def test_times_alone_count_by_their_show_as(self) -> None:
        async with office(role="freeBusyReader") as at_work:
            at_work.put(meeting())
            at_work.put(replace(meeting("free"), show_as="free"))
            changes = await at_work.read()
            assert changes.warnings == ("shared without details, keywords cannot be read",)
            found = {(each.subject, each.show_as) for each in changes.entries}
            assert found == {("", ShowAs.BUSY), ("", ShowAs.FREE)}
            again = await at_work.read(changes.sync_token)
            assert (again.complete, again.warnings) == (False, changes.warnings)

    async def test_where_events_may_not_be_listed_free_busy_is_asked(self, at_work: Office) -> None:
        at_work.put(meeting("two", start=MONDAY + timedelta(hours=9, minutes=30)))
        at_work.simulator.faults.add("deny", times=None, match="events.list")
        changes = await at_work.read()
        assert (changes.complete, changes.sync_token) == (True, None)
        assert changes.warnings == (source.WITHOUT_DETAILS,)
        (entry,) = changes.entries
        assert (entry.subject, entry.show_as) == ("", ShowAs.BUSY)

    async def test_free_busy_of_a_year_is_asked_for_in_parts(self, at_work: Office) -> None:
        """Google answers 400 `timeRangeTooLong` from about 90 days on."""
        hour = timedelta(hours=1)
        edge = WINDOW.start + LONGEST
        at_work.put(meeting("now"))
        local = edge.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
        at_work.put(meeting("across", start=local - hour, end=local + hour))
        at_work.put(meeting("late", start=MONDAY + timedelta(days=390)))
        at_work.simulator.faults.add("deny", times=None, match="events.list")
        year = Window(WINDOW.start, WINDOW.start + timedelta(days=400))
        changes = await at_work.source(ANNA).changes(year, None)
        assert len(changes.entries) == len({each.resource for each in changes.entries}) == 3
        assert Timed(edge - hour, edge + hour) in {each.when for each in changes.entries}

    async def test_a_throttled_fallback_is_busy(self, at_work: Office) -> None:
        at_work.simulator.faults.add("deny", times=None, match="events.list")
        at_work.simulator.faults.add("throttle", times=None, match="freebusy")
        with pytest.raises(SourceBusy):
            await at_work.read()

    async def test_nothing_is_shared(self, at_work: Office) -> None:
        at_work.simulator.share(ANNA, "none")
        with pytest.raises(NotShared) as caught:
            await at_work.read()
        assert "share the calendar" in caught.value.remedy
        with pytest.raises(NotShared):
            await at_work.read(address="nobody@example.com")

    async def test_a_reader_does_not_see_private_entries_titles(self) -> None:
        """Google hides them from a reader; whoever may write sees them."""
        async with office(role="reader") as at_work:
            entry = await at_work.one(replace(meeting(subject=CANARY), sensitivity="private"))
            assert (entry.subject, entry.private, entry.show_as) == ("", True, ShowAs.BUSY)


async def test_addresses_are_quoted(at_work: Office) -> None:
    odd = "a/b c?d#e%f@example.com"
    with pytest.raises(SourceMissing):
        await at_work.read(address=odd)
    assert f"/calendar/v3/calendars/{odd}/events" in _kept(at_work)
    for none in ("", "a\nb@example.com", "x" * 400):
        with pytest.raises(SourceMissing):
            at_work.source(none)
    with pytest.raises(SourceBroken):
        at_work.source(ANNA, zone="Moon/Crater")


async def test_an_unreachable_google() -> None:
    async with office() as at_work:
        settings = GoogleSettings(at_work.simulator.service_account(), url="http://127.0.0.1:9/calendar/v3")
        account = GoogleAccount(settings, at_work.http)
        with pytest.raises(SourceUnavailable):
            await account.source(ANNA, zone="UTC", owner=frozenset()).changes(WINDOW, None)


async def test_untagged_text_is_in_no_representation(at_work: Office) -> None:
    changes = await at_work.read()
    assert CANARY not in repr(changes)
    assert CANARY not in (changes.sync_token or "")


def test_every_error_says_what_to_do() -> None:
    from backsoon.sources.google import credentials, errors, signin, webhooks

    found = [
        each
        for module in (errors, credentials, signin, webhooks)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BacksoonError) and each.__module__ == module.__name__
    ]
    assert len(found) > 12
    assert all("remedy" in vars(each) for each in found)
