"""Reading one mailbox: what it costs, what is read anew when, and what each fault becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.model import LATEST, EntryType, Timed
from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceUnavailable,
    Window,
)
from backsoon.sources.graph import client
from backsoon.sources.graph.entries import REPLY
from tests.simulators.model import AutomaticReply, Mailbox, Repeats
from tests.unit.graph.tenant import ANNA, BERIT, NOW, WINDOW, Tenant, meeting, tenant

DAY = timedelta(days=1)


@pytest.fixture
async def made() -> AsyncIterator[Tenant]:
    async with tenant() as made:
        yield made


def moved(by: timedelta) -> Window:
    """The window that is asked for later on."""
    return Window(WINDOW.start + by, WINDOW.end + by)


# -- what it costs ---------------------------------------------------------------------------------------------------


async def test_a_first_read_is_one_request_and_so_is_an_unchanged_one(made: Tenant) -> None:
    made.anna.put(meeting())
    made.anna.put(meeting("series", repeats=Repeats("day", 1, 30)))
    await made.read()
    assert (made.sim.count["http"], made.sim.count["token"]) == (2, 1)
    assert not (await made.read()).touched
    assert made.sim.count["http"] == 3
    made.anna.put(meeting("two", 13))
    assert len((await made.read()).touched) == 1
    assert made.sim.count["http"] == 4


async def test_a_single_entry_that_goes_costs_no_second_request(made: Tenant) -> None:
    made.anna.put(meeting("series", repeats=Repeats()))
    made.anna.put(meeting())
    await made.read()
    before = made.sim.count["http"]
    made.anna.remove("one")
    changes = await made.read()
    assert (changes.complete, len(changes.touched), changes.entries) == (False, 1, ())
    assert made.sim.count["http"] == before + 1


async def test_a_series_that_changes_is_read_whole(made: Tenant) -> None:
    series = meeting("series", repeats=Repeats("day", 1, 5))
    made.anna.put(series)
    await made.read()
    days = [series.start + n * DAY for n in range(5)]
    made.anna.put(replace(series, exceptions={days[1]: None, days[2]: replace(series, subject="l: Soup")}))
    changes = await made.read()
    assert not changes.complete
    assert [e.subject for e in sorted(changes.entries, key=lambda e: e.recurrence_id)] == [
        "m: Budget",
        "l: Soup",
        "m: Budget",
        "m: Budget",
    ]
    assert {e.resource for e in changes.entries} == changes.touched


async def test_what_is_removed_and_was_not_known_makes_the_calendar_be_read_by_what_is_selected(made: Tenant) -> None:
    """It may have been an occurrence of a series, which is stored under the series."""
    made.anna.put(meeting("series", repeats=Repeats("day", 1, 3)))
    await made.read()
    made.anna.put(meeting("brief"))
    made.anna.remove("brief")
    changes = await made.read()
    assert changes.complete
    assert {(e.uid, e.recurrence_id) for e in changes.entries} == {
        ("series", f"2027030{day}T080000Z") for day in (2, 3, 4)
    }
    assert made.sim.count["calendarView"] == 1


async def test_without_a_series_nothing_is_read_anew_for_what_was_not_known(made: Tenant) -> None:
    await made.read()
    made.anna.put(meeting("brief"))
    made.anna.remove("brief")
    changes = await made.read()
    assert not changes.complete
    assert made.sim.count["calendarView"] == 0


# -- windows and tokens ----------------------------------------------------------------------------------------------


async def test_a_long_window_that_moves_day_by_day_is_not_read_anew_for_a_month(made: Tenant) -> None:
    later = WINDOW.end.replace(tzinfo=None) + 20 * DAY
    made.anna.put(meeting("later", start=later, end=later + timedelta(hours=1)))
    assert [e.uid for e in (await made.read()).entries] == ["later"]
    for days in range(1, 30):
        assert not (await made.read(window=moved(days * DAY))).complete
    assert made.sim.count["calendarView"] == 0
    again = await made.read(window=moved(32 * DAY))
    assert again.complete
    assert [e.uid for e in again.entries] == ["later"]


async def test_a_clock_that_was_set_back_reads_anew(made: Tenant) -> None:
    await made.read()
    assert (await made.read(window=moved(-2 * DAY))).complete


async def test_a_token_of_another_mailbox_or_zone_is_not_used(made: Tenant) -> None:
    await made.read()
    assert (await made.read(BERIT)).complete
    token = made.token
    source = made.account.source(BERIT, zone="America/New_York", owner=frozenset())
    assert (await source.changes(WINDOW, token)).complete


@pytest.mark.parametrize(
    ("code", "status"), [("SyncStateNotFound", 410), ("resyncRequired", 410), ("syncStateNotFound", 404), ("Gone", 410)]
)
async def test_a_token_that_is_not_known_any_more_is_answered_with_everything(
    made: Tenant, code: str, status: int
) -> None:
    made.anna.put(meeting())
    made.anna.put(meeting("two", 11))
    await made.read()
    made.anna.remove("one")
    made.sim.faults.add("vendor", match="/calendarView/delta", code=code, status=status)
    changes = await made.read()
    assert changes.complete
    assert [e.uid for e in changes.entries] == ["two"]


async def test_a_first_page_that_is_not_known_is_an_error_and_no_endless_loop(made: Tenant) -> None:
    made.sim.faults.add("expire", times=None, match="calendarView")
    with pytest.raises(SourceUnavailable):
        await made.read()


# -- automatic replies -----------------------------------------------------------------------------------------------


async def test_an_automatic_reply_is_told_when_it_changes_and_only_then(made: Tenant) -> None:
    start = NOW + timedelta(hours=5)
    await made.read()
    made.anna.reply = AutomaticReply("scheduled", start, start + DAY)
    changes = await made.read()
    (entry,) = changes.entries
    assert (entry.type, entry.uid, entry.resource) == (EntryType.AUTOMATIC_REPLY, f"automatic-reply:{ANNA}", REPLY)
    assert (entry.when, entry.subject, changes.touched) == (Timed(start, start + DAY), "", frozenset({REPLY}))
    assert not (await made.read()).touched
    made.anna.reply = AutomaticReply("Disabled")
    changes = await made.read()
    assert (changes.entries, changes.touched) == ((), frozenset({REPLY}))


async def test_one_that_is_always_on_has_no_end_and_keeps_its_start(made: Tenant) -> None:
    made.anna.reply = AutomaticReply("alwaysEnabled")
    (first,) = (await made.read()).entries
    assert first.when == Timed(WINDOW.start, LATEST)
    assert not (await made.read(window=moved(DAY))).touched
    made.sim.expire_delta_tokens()
    (again,) = (await made.read(window=moved(2 * DAY))).entries
    assert again.when == first.when


async def test_one_that_is_over_is_none(made: Tenant) -> None:
    made.anna.reply = AutomaticReply("scheduled", WINDOW.start - 3 * DAY, WINDOW.start - DAY)
    assert not (await made.read()).entries


async def test_its_texts_are_not_asked_for(made: Tenant) -> None:
    made.anna.reply = AutomaticReply("alwaysEnabled")
    changes = await made.read()
    (query,) = [query for name, query in made.sim.asked if name == "automaticReplies"]
    assert query["$select"] == "status,scheduledStartDateTime,scheduledEndDateTime"
    assert "CANARY" not in repr(changes)


async def test_where_the_right_is_missing_it_is_not_asked_for_again_for_hours(made: Tenant) -> None:
    made.sim.registration.roles = ("Calendars.Read",)
    made.anna.put(meeting())
    for _ in range(3):
        await made.read()
    assert made.sim.count["automaticReplies"] == 1
    made.sim.registration.roles = ("Calendars.Read", "MailboxSettings.Read")
    made.sim.expire_tokens()
    made.now += timedelta(hours=6)
    made.anna.reply = AutomaticReply("alwaysEnabled")
    assert REPLY in (await made.read()).touched


async def test_a_reply_that_cannot_be_read_now_stands_as_it_was(made: Tenant) -> None:
    made.anna.reply = AutomaticReply("alwaysEnabled")
    await made.read()
    made.sim.faults.add("unavailable", match="automaticReplies")
    made.anna.put(meeting())
    changes = await made.read()
    assert REPLY not in changes.touched
    assert [e.uid for e in changes.entries] == ["one"]


async def test_they_can_be_left_alone() -> None:
    async with tenant(automatic_replies=False) as made:
        made.anna.reply = AutomaticReply("alwaysEnabled")
        assert not (await made.read()).entries
        assert made.sim.count["automaticReplies"] == 0


# -- faults ----------------------------------------------------------------------------------------------------------


async def test_who_is_asked_to_wait_asks_nothing_more_until_then(made: Tenant) -> None:
    await made.read()
    made.sim.faults.add("throttle", match="calendarView", seconds=30)
    with pytest.raises(SourceBusy) as caught:
        await made.read()
    assert caught.value.retry_after == 30
    asked = made.sim.count["http"]
    with pytest.raises(SourceBusy) as caught:
        await made.read(BERIT)
    assert 25 < (caught.value.retry_after or 0) <= 30
    assert made.sim.count["http"] == asked
    assert made.account.at_once == 64


@pytest.mark.parametrize(
    ("kind", "told", "error", "words"),
    [
        ("unavailable", {}, SourceUnavailable, "503"),
        ("deny", {}, SourceDenied, "403 ErrorAccessDenied"),
        ("missing", {}, SourceMissing, "404"),
        ("html", {}, SourceBroken, ""),
        ("redirect", {}, SourceBroken, "redirect"),
        ("half", {}, SourceUnavailable, "ended early"),
        ("vendor", {"code": "ErrorInternalServerError", "status": 500}, SourceUnavailable, "ErrorInternalServerError"),
        ("vendor", {"code": "m: <secret>", "status": 400}, SourceBroken, "(400)"),
    ],
)
async def test_each_fault_has_its_error(
    made: Tenant, kind: str, told: dict[str, object], error: type[SourceError], words: str
) -> None:
    await made.read()
    made.sim.faults.add(kind, times=None, match=ANNA, **told)
    with pytest.raises(error) as caught:
        await made.read()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.remedy
    made.sim.faults.clear()
    assert not (await made.read()).touched


async def test_a_server_that_hangs_is_left(made: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    await made.read()
    monkeypatch.setattr(client, "DEADLINE", 0.2)
    made.sim.faults.add("hang")
    with pytest.raises(SourceUnavailable):
        await made.read()


async def test_a_mailbox_on_premises_is_named_as_one(made: Tenant) -> None:
    made.sim.on_premises.add(ANNA)
    with pytest.raises(SourceMissing) as caught:
        await made.read()
    assert "MailboxNotEnabledForRESTAPI" in str(caught.value)
    assert "ews" in caught.value.remedy


async def test_a_token_that_ended_early_is_replaced_at_once(made: Tenant) -> None:
    await made.read()
    made.sim.expire_tokens()
    assert not (await made.read()).touched
    assert made.sim.count["token"] == 2


async def test_nobody_is_troubled_by_anothers_trouble(made: Tenant) -> None:
    made.sim.world[BERIT].access = "none"
    with pytest.raises(SourceDenied):
        await made.read(BERIT)
    made.anna.put(meeting())
    assert len(await made.entries(ANNA)) == 1


async def test_links_to_elsewhere_are_not_followed(made: Tenant) -> None:
    made.sim.links = "https://elsewhere.example.com/v1.0"
    with pytest.raises(SourceBroken) as caught:
        await made.read()
    assert "another server" in str(caught.value)


async def test_links_to_the_cloud_itself_are_asked_for_where_it_is_reached(made: Tenant) -> None:
    made.sim.links = "https://graph.microsoft.com/v1.0"
    made.sim.behaviour.largest_page = 2
    for hour in range(9, 14):
        made.anna.put(meeting(str(hour), hour))
    assert len((await made.read()).entries) == 5
    assert not (await made.read()).touched


async def test_subjects_of_any_kind_come_through_and_never_show(made: Tenant) -> None:
    nasty = ["m: a\r\nb", "m: \U0001f600", "m: " + "x" * 5000, '"}],"error":{}', "m: \u202eabc\u0000"]
    for number, subject in enumerate(nasty):
        made.anna.put(meeting(str(number), 9 + number, subject=subject))
    changes = await made.read()
    assert len(changes.entries) == len(nasty)
    assert max(len(e.subject) for e in changes.entries) == 2000
    assert "abc" not in repr(changes)


async def test_a_thousand_untagged_entries_leave_no_trace(made: Tenant) -> None:
    for number in range(1000):
        made.anna.put(
            meeting(f"u{number}", subject=f"ZQ-CANARY-{number}", body=f"ZQ-CANARY-{number}", location="ZQ-CANARY")
        )
    changes = await made.read()
    assert len(changes.entries) == 1000
    assert "CANARY" not in repr(changes)
    assert "CANARY" not in (changes.sync_token or "")
    made.sim.faults.add("vendor", times=None, match=ANNA, code="ZQ-CANARY hm", status=418)
    with pytest.raises(SourceError) as caught:
        await made.read()
    assert "CANARY" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


async def test_a_mailbox_with_a_long_history_is_read_to_the_end(made: Tenant) -> None:
    start = datetime(2027, 3, 1, tzinfo=UTC).replace(tzinfo=None)
    for number in range(700):
        at = start + timedelta(hours=number)
        made.anna.put(meeting(f"m{number}", start=at, end=at + timedelta(minutes=30)))
    made.anna.put(meeting("year", start=start, end=start + timedelta(minutes=5), repeats=Repeats("day", 1, 600)))
    changes = await made.read()
    assert len(changes.entries) == 700 + 430  # a month more than was asked for
    assert len(changes.sync_token or "") < 6_000


async def test_an_owner_in_another_part_of_the_world_has_whole_days() -> None:
    async with tenant([]) as made:
        made.sim.world.add(Mailbox(ANNA, "Pacific/Auckland"))
        made.anna.put(meeting("day", start=NOW.date(), end=NOW.date() + DAY, zone="Pacific/Auckland"))
        source = made.account.source(ANNA, zone="Pacific/Auckland", owner=frozenset())
        (entry,) = (await source.changes(WINDOW, None)).entries
        assert entry.when == type(entry.when)(NOW.date(), NOW.date() + DAY)  # type: ignore[arg-type]
