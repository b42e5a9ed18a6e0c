"""Reading a mailbox: what it costs, what is split, what is known of a calendar that is not shared in full."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.model import LATEST, EntryType, ShowAs, Timed
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
from tests.simulators.ews import Limits
from tests.simulators.model import AutomaticReply, Repeats
from tests.unit.ews.server import ANNA, BERIT, WINDOW, ZONE, Office, meeting, office

HOUR = timedelta(hours=1)
DENIED = "shared without details, keywords cannot be read"


# -- what it costs -----------------------------------------------------------------------------------------------------


async def test_the_first_answer_is_one_request_for_the_calendar() -> None:
    async with office() as made:
        made.anna.put(meeting("a"))
        await made.read()
        assert dict(made.sim.count) == {"FindItem": 1, "GetUserOofSettings": 1}


async def test_a_calendar_that_is_read_often_is_followed() -> None:
    async with office() as made:
        made.anna.put(meeting("a"))
        for _ in range(5):
            made.now += timedelta(minutes=5)
            await made.read()
        assert made.sim.count["FindItem"] == 3  # the last of them when the folder begins to be followed
        assert made.sim.count["SyncFolderItems"] == 3
        made.anna.put(meeting("b", 11))
        assert len((await made.read()).entries) == 2


async def test_a_calendar_that_is_read_seldom_is_one_request() -> None:
    async with office(automatic_replies=False) as made:
        made.anna.put(meeting("a"))
        for _ in range(4):
            made.now += timedelta(hours=36)
            await made.read()
        assert dict(made.sim.count) == {"FindItem": 4}


async def test_a_folder_that_is_too_large_is_not_followed() -> None:
    async with office(automatic_replies=False) as made:
        for number in range(2_100):
            made.anna.put(meeting(f"old-{number}", start=datetime(2020, 1, 1), end=datetime(2020, 1, 2)))  # noqa: DTZ001
        for _ in range(5):
            await made.read()
        assert made.sim.count["SyncFolderItems"] == 4
        assert made.sim.count["FindItem"] == 5


async def test_what_changes_while_it_is_read_is_read_again() -> None:
    async with office(automatic_replies=False) as made:
        for _ in range(4):
            await made.read()
        made.anna.put(meeting("a"))
        assert len((await made.read()).entries) == 1
        changes = await made.read()
        assert (changes.complete, changes.touched) == (False, frozenset())


async def test_a_lost_state_of_the_server_is_a_whole_read() -> None:
    async with office(automatic_replies=False) as made:
        for _ in range(4):
            await made.read()
        made.anna.put(meeting("a"))
        made.sim.faults.add("expire")
        assert (await made.read()).complete
        assert "expire" in made.sim.faults.happened


# -- windows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2007_SP1", "2016"])
async def test_a_window_with_a_thousand_items_is_split(version: str) -> None:
    async with office(version, sim={"limits": Limits()}, automatic_replies=False) as made:
        start = datetime(2027, 3, 1)  # noqa: DTZ001
        for number in range(2_500):
            at = start + timedelta(minutes=30 * number)
            made.anna.put(meeting(f"m{number}", start=at, end=at + timedelta(minutes=90)))
        entries = (await made.read()).entries
        assert len(entries) == len({e.uid for e in entries}) == 2_500
        assert made.sim.count["FindItem"] < 12


async def test_a_thousand_items_at_once_are_too_many() -> None:
    async with office(sim={"limits": Limits()}) as made:
        for number in range(1_001):
            made.anna.put(meeting(f"m{number}"))
        with pytest.raises(SourceTooLarge):
            await made.read()
        assert made.sim.count["FindItem"] < 60


async def test_a_calendar_view_of_four_years_is_asked_for_in_parts() -> None:
    async with office(automatic_replies=False) as made:
        made.anna.put(meeting("a"))
        wide = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))
        assert len((await made.read(window=wide)).entries) == 1


# -- versions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "speaks"),
    [
        ("2007_SP1", "Exchange2007_SP1"),
        ("2010", "Exchange2010"),
        ("2010_SP1", "Exchange2010_SP1"),
        ("2013", "Exchange2013"),
        ("2016", "Exchange2013_SP1"),
    ],
)
async def test_the_version_is_found_once(version: str, speaks: str) -> None:
    async with office(version, automatic_replies=False) as made:
        await made.read()
        asked = made.sim.count["FindItem"]
        assert asked <= 6
        await made.read(BERIT)
        assert made.sim.count["FindItem"] == asked + 1
        assert made.account._client.version == speaks


async def test_a_version_that_is_set_is_not_departed_from() -> None:
    async with office("2010", speaks="2013") as made:
        with pytest.raises(SourceError) as caught:
            await made.read()
        assert "ErrorInvalidServerVersion" in str(caught.value)
        assert "version" in caught.value.remedy
        assert dict(made.sim.versions) == {"Exchange2013": 1}


# -- automatic replies -------------------------------------------------------------------------------------------------


async def test_an_automatic_reply_without_an_end() -> None:
    async with office() as made:
        made.anna.reply = AutomaticReply("alwaysEnabled")
        (entry,) = (await made.read()).entries
        assert (entry.uid, entry.resource) == (f"automatic-reply:{ANNA}", "automatic-reply")
        assert entry.when == Timed(WINDOW.start, LATEST)
        assert (entry.type, entry.show_as) == (EntryType.AUTOMATIC_REPLY, ShowAs.OUT_OF_OFFICE)
        made.now += timedelta(days=1)
        rolled = Window(WINDOW.start + timedelta(days=1), WINDOW.end + timedelta(days=1))
        (later,) = (await made.read(window=rolled)).entries
        assert later.when == entry.when  # it did not begin anew


async def test_an_automatic_reply_with_a_span_comes_and_goes_by_itself() -> None:
    async with office() as made:
        made.anna.put(meeting("a"))
        await made.read()
        span = datetime(2027, 3, 5, tzinfo=UTC), datetime(2027, 3, 8, tzinfo=UTC)
        made.anna.reply = AutomaticReply("scheduled", *span)
        assert (await made.read()).touched == frozenset()  # read a moment ago
        made.now += timedelta(minutes=16)
        changes = await made.read()
        assert changes.touched == {"automatic-reply"}
        assert [e.when for e in changes.entries] == [Timed(*span)]
        made.anna.put(meeting("b", 12))
        changes = await made.read()
        assert (changes.complete, len(changes.entries)) == (True, 3)
        made.anna.reply = AutomaticReply()
        made.now += timedelta(minutes=16)
        changes = await made.read()
        assert changes.touched == {"automatic-reply"}
        assert changes.entries == ()


async def test_an_automatic_reply_that_cannot_be_read_stands_and_is_said() -> None:
    async with office() as made:
        made.anna.reply = AutomaticReply("alwaysEnabled")
        made.anna.put(meeting("a"))
        await made.read()
        made.sim.faults.add("deny", times=None, match="GetUserOofSettings")
        made.anna.put(meeting("b", 12))
        made.now += HOUR
        changes = await made.read()
        assert {e.uid for e in changes.entries} == {"a", "b", f"automatic-reply:{ANNA}"}
        assert changes.warnings == ("the automatic reply could not be read (ErrorAccessDenied)",)


async def test_the_text_of_an_automatic_reply_goes_nowhere() -> None:
    async with office() as made:
        made.anna.reply = AutomaticReply("alwaysEnabled")
        assert "canary" not in repr(await made.read())


# -- shared without details --------------------------------------------------------------------------------------------


async def limited(made: Office) -> None:
    made.anna.access = "freeBusyReader"
    made.anna.put(meeting("a", subject="m: secret"))
    made.anna.put(meeting("b", 11, show_as="oof"))
    made.anna.put(meeting("c", 13, repeats=Repeats("week", 1, 3)))


async def test_free_and_busy_times_are_read_where_nothing_more_may_be() -> None:
    async with office(access="delegate") as made:
        await limited(made)
        changes = await made.read()
        assert DENIED in changes.warnings
        assert [e.subject for e in changes.entries] == [""] * 5
        assert {e.show_as for e in changes.entries} == {ShowAs.BUSY, ShowAs.OUT_OF_OFFICE}
        asked = made.sim.count["FindItem"]
        changes = await made.read()
        assert (changes.complete, changes.touched) == (False, frozenset())
        assert made.sim.count["FindItem"] == asked


async def test_what_is_shared_in_full_later_is_read_in_full() -> None:
    async with office(access="delegate") as made:
        await limited(made)
        await made.read()
        made.anna.access = "reader"
        made.now += timedelta(minutes=61)
        changes = await made.read()
        assert [e.subject for e in changes.entries if e.uid == "a"] == ["m: secret"]
        assert DENIED not in changes.warnings


async def test_what_was_read_in_full_is_not_given_up_at_the_first_refusal() -> None:
    async with office(access="delegate") as made:
        made.anna.put(meeting("a"))
        await made.read()
        made.anna.access = "freeBusyReader"
        made.now += HOUR
        with pytest.raises(SourceDenied):
            await made.read()
        made.now += timedelta(days=1)
        changes = await made.read()
        assert (changes.complete, DENIED in changes.warnings) == (True, True)


async def test_a_calendar_of_which_nothing_may_be_read_is_an_error() -> None:
    async with office(access="delegate") as made:
        made.anna.access = "none"
        with pytest.raises(SourceDenied) as caught:
            await made.read()
        assert "Reviewer" in caught.value.remedy


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told", "error", "words"),
    [
        ("sign_in", {}, SourceDenied, "401"),
        ("deny", {}, SourceDenied, "ErrorAccessDenied"),
        ("missing", {}, SourceMissing, "ErrorNonExistentMailbox"),
        ("unavailable", {}, SourceUnavailable, "503"),
        ("html", {}, SourceBroken, "no well-formed XML|DOCTYPE|none of Exchange"),
        ("html", {"status": 403}, SourceDenied, "EWS"),
        ("html", {"status": 404}, SourceMissing, "no EWS"),
        ("redirect", {}, SourceBroken, "leads elsewhere"),
        ("half", {}, SourceBroken, "ended early"),
        ("hang", {}, SourceUnavailable, "no whole answer"),
        ("vendor", {"code": "ErrorMailboxMoveInProgress"}, SourceUnavailable, "being moved"),
        ("vendor", {"code": "ErrorImpersonateUserDenied", "status": 500}, SourceDenied, "ErrorImpersonateUserDenied"),
        ("vendor", {"code": "ErrorPasswordExpired", "status": 500}, SourceDenied, "expired"),
        ("vendor", {"code": "ErrorSomethingNew"}, SourceUnavailable, "ErrorSomethingNew"),
        ("vendor", {"code": "ErrorExceededConnectionCount"}, SourceBusy, "wait"),
        ("vendor", {"code": "ErrorTooManyObjectsOpened"}, SourceBusy, "wait"),
        ("vendor", {"code": "ErrorExceededSubscriptionCount"}, SourceDenied, "no more subscriptions"),
    ],
)
async def test_each_failure_has_its_words(
    fault: str, told: dict[str, object], error: type[SourceError], words: str
) -> None:
    async with office(deadline=0.5) as made:
        made.anna.put(meeting("a", subject="m: ZQ-CANARY"))
        made.sim.faults.add(fault, times=None, match="FindItem", **told)
        with pytest.raises(error, match=words) as caught:
            await made.read()
        assert caught.value.remedy
        assert "CANARY" not in f"{caught.value} {caught.value.remedy}"


async def test_the_pause_that_is_asked_for_is_kept() -> None:
    async with office() as made:
        made.sim.faults.add("throttle", seconds=120)
        with pytest.raises(SourceBusy) as caught:
            await made.read()
        assert caught.value.retry_after == 120
        asked = sum(made.sim.count.values())
        with pytest.raises(SourceBusy) as caught:
            await made.read(BERIT)
        assert 100 < (caught.value.retry_after or 0) <= 120
        assert sum(made.sim.count.values()) == asked
        assert made.account.at_once == 18  # half as many requests together, and half as many reads more


@pytest.mark.parametrize("raw", [False, True])
async def test_characters_that_xml_forbids_are_replaced_in_their_subject_only(raw: bool) -> None:
    async with office(sim={"raw": raw}) as made:
        made.anna.put(meeting("a", subject="m: \x0bBudget\x1f"))
        made.anna.put(meeting("b", 11, subject="m: fine"))
        found = {e.uid: e.subject for e in (await made.read()).entries}
        assert found == {"a": "m: \ufffdBudget\ufffd", "b": "m: fine"}


async def test_no_mailbox_no_request() -> None:
    async with office() as made:
        for address in ("", "a\nb@example.com", "x" * 400):
            with pytest.raises(SourceMissing):
                made.account.source(address, zone=ZONE, owner=frozenset())
        with pytest.raises(SourceBroken):
            made.account.source(ANNA, zone="No/Where", owner=frozenset())


# -- many at once ------------------------------------------------------------------------------------------------------


async def test_a_hundred_mailboxes_are_one_request() -> None:
    async with office() as made:
        made.anna.put(meeting("a", 10))
        made.anna.put(meeting("free", 12, show_as="free"))
        made.sim.world[BERIT].access = "none"
        window = Window(datetime(2027, 3, 2, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC))
        addresses = [ANNA, BERIT, *(f"nobody-{n}@example.com" for n in range(98))]
        found = await made.account.busy(addresses, window)
        assert sum(made.sim.count.values()) == 1
        assert list(found) == addresses
        times = found[ANNA]
        assert isinstance(times, tuple)
        assert [(t.start, t.end) for t in times] == [
            (datetime(2027, 3, 2, 9, tzinfo=UTC), datetime(2027, 3, 2, 10, tzinfo=UTC))
        ]
        assert isinstance(found[BERIT], SourceDenied)
        assert isinstance(found[addresses[5]], SourceMissing)
        assert await made.account.busy([], window) == {}


async def test_an_exchange_of_meetings_leaves_no_trace_in_the_token() -> None:
    async with office() as made:
        made.anna.put(meeting("ZQ-CANARY", subject="ZQ-CANARY"))
        await made.read()
        await made.read()
        assert made.token is not None
        assert "CANARY" not in made.token


async def test_a_changed_subject_alone_is_a_change() -> None:
    async with office() as made:
        made.anna.put(meeting("a"))
        await made.read()
        made.anna.put(replace(meeting("a"), subject="l: x"))
        assert [e.subject for e in (await made.read()).entries] == ["l: x"]


async def test_a_calendar_that_is_suddenly_empty_is_asked_for_again() -> None:
    async with office(automatic_replies=False) as made:
        made.anna.put(meeting("a"))
        await made.read()
        made.sim.faults.add("empty", match="FindItem")
        changes = await made.read()
        assert (changes.complete, changes.touched) == (False, frozenset())
        made.anna.remove("a")
        changes = await made.read()
        assert (changes.complete, changes.entries) == (True, ())
