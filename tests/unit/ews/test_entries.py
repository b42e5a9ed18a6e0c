"""Items of Exchange as entries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from backsoon.domain.model import Days, Response, ShowAs, Timed
from backsoon.sources.base import SourceBroken, Window
from backsoon.sources.ews.busy import Event, read_events
from backsoon.sources.ews.entries import OUTLOOK, Read, read_items, series_uid
from backsoon.sources.ews.soap import TYPES
from backsoon.sources.ews.times import day, instant

OSLO = ZoneInfo("Europe/Oslo")
WINDOW = Window(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC))
USUAL = {"UID": "u", "Start": "2027-03-02T09:00:00Z", "End": "2027-03-02T10:00:00Z", "Subject": "m: x"}


def item(id: str = "i", key: str | None = "k", **fields: str | None) -> etree._Element:
    told = {name: value for name, value in {**USUAL, **fields}.items() if value is not None}
    inner = "".join(f"<t:{name}>{value}</t:{name}>" for name, value in told.items())
    return etree.fromstring(
        f'<t:CalendarItem xmlns:t="{TYPES}"><t:ItemId Id="{id}" ChangeKey="{key}"/>{inner}</t:CalendarItem>'
    )


def read(*items: etree._Element, zone: ZoneInfo = OSLO) -> Read:
    return read_items(items, WINDOW, zone)


def test_what_is_not_said_is_what_the_table_takes_it_for() -> None:
    (entry,) = read(item()).entries
    assert entry.when == Timed(datetime(2027, 3, 2, 9, tzinfo=UTC), datetime(2027, 3, 2, 10, tzinfo=UTC))
    assert (entry.uid, entry.resource, entry.recurrence_id, entry.subject) == ("u", "u", "", "m: x")
    assert (entry.show_as, entry.response) == (ShowAs.BUSY, Response.ORGANIZER)
    assert (entry.private, entry.cancelled) == (False, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-02T09:00:00+02:00", "2027-03-02T07:00:00+00:00"),
        ("2027-03-02T09:00:00.0000000Z", "2027-03-02T09:00:00+00:00"),
        ("0001-01-01T00:00:00Z", "1900-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9000-01-01T00:00:00+00:00"),
        ("2027-03-02T09:00:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: str | None) -> None:
    found = instant(text)
    assert (found.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("start", "end", "zone", "days"),
    [
        ("2027-03-01T23:00:00Z", "2027-03-02T23:00:00Z", "Europe/Oslo", ("2027-03-02", "2027-03-03")),
        ("2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z", "Europe/Oslo", ("2027-03-28", "2027-03-29")),
        ("2027-03-02T05:00:00Z", "2027-03-03T05:00:00Z", "America/New_York", ("2027-03-02", "2027-03-03")),
        ("2027-03-01T11:00:00Z", "2027-03-03T11:00:00Z", "Pacific/Auckland", ("2027-03-02", "2027-03-04")),
        # made elsewhere: the day whose midnight is nearest
        ("2027-03-02T00:00:00Z", "2027-03-03T00:00:00Z", "Europe/Oslo", ("2027-03-02", "2027-03-03")),
        ("2027-03-02T05:00:00Z", "2027-03-03T05:00:00Z", "Europe/Oslo", ("2027-03-02", "2027-03-03")),
        ("2027-03-01T23:00:00Z", "2027-03-01T23:00:00Z", "Europe/Oslo", ("2027-03-02", "2027-03-03")),
    ],
)
def test_all_day_entries_are_days_of_their_owner(start: str, end: str, zone: str, days: tuple[str, str]) -> None:
    (entry,) = read(item(Start=start, End=end, IsAllDayEvent="true"), zone=ZoneInfo(zone)).entries
    assert entry.when == Days(*(date.fromisoformat(d) for d in days))


def test_nearest_day_of_every_hour() -> None:
    found = [day(datetime(2027, 3, 2, hour, tzinfo=UTC), ZoneInfo("UTC")).day for hour in range(24)]
    assert found == [2] * 13 + [3] * 11


def test_series() -> None:
    read_ = read(
        item("1", CalendarItemType="Occurrence", RecurrenceId="2027-03-02T09:00:00Z"),
        item("2", CalendarItemType="Exception", RecurrenceId="2027-03-03T09:00:00Z", Start="2027-03-03T08:00:00Z"),
        item("3", CalendarItemType="Exception", OriginalStart="2027-03-04T09:00:00Z"),
        item("4", CalendarItemType="Occurrence", Start="2027-03-05T09:00:00Z", End="2027-03-05T10:00:00Z"),
    )
    assert [e.recurrence_id for e in read_.entries] == [
        "20270302T090000Z",
        "20270303T090000Z",
        "20270304T090000Z",
        "20270305T090000Z",
    ]


def test_a_series_that_is_not_expanded_is_no_answer() -> None:
    with pytest.raises(SourceBroken, match="does not expand"):
        read(item(CalendarItemType="RecurringMaster"))


def test_an_item_in_two_parts_of_a_window_counts_once() -> None:
    assert len(read(item(), item()).entries) == 1


def test_copies_with_one_uid_are_entries_of_their_own() -> None:
    found = read(item("1"), item("2", Start="2027-03-02T08:00:00Z")).entries
    assert [(e.uid, e.resource) for e in found] == [("u", "u"), ("u#2", "u#2")]


def test_an_item_without_uid_has_one_that_lasts() -> None:
    first, second = (read(item("1", UID=None)).entries[0].uid for _ in range(2))
    assert first == second
    assert "1" != first != read(item("2", UID=None)).entries[0].uid
    assert len(read(item(UID="x" * 5_000)).entries[0].uid) < 100


@pytest.mark.parametrize("wrong", [{"Start": None}, {"End": "never"}, {"Start": "2027-03-02T09:00:00"}])
def test_a_broken_item_is_left_out_and_named_by_nothing_but_its_uid(wrong: dict[str, str | None]) -> None:
    found = read(item("1", **wrong), item("2", UID="good"))
    assert [e.uid for e in found.entries] == ["good"]
    assert [(r.uid, r.because) for r in found.rejected] == [("u", "Start or End is missing or is no time")]


def test_unknown_words_are_no_errors() -> None:
    (entry,) = read(item(LegacyFreeBusyStatus="Napping", MyResponseType="Perhaps", Sensitivity="Odd")).entries
    assert (entry.show_as, entry.response, entry.private) == (ShowAs.BUSY, Response.ORGANIZER, False)


def test_the_digest_changes_with_whatever_changes_and_with_nothing_else() -> None:
    base = read(item("1"), item("2", UID="v")).digest
    assert read(item("2", UID="v"), item("1")).digest == base
    others = [
        read(item("1")).digest,
        read(item("1", "k2"), item("2", UID="v")).digest,
        read(item("1", Subject="m: y"), item("2", UID="v")).digest,
        read(item("1", MyResponseType="Decline"), item("2", UID="v")).digest,
    ]
    assert len({base, *others}) == 5


def test_free_and_busy_times_are_known_by_their_span() -> None:
    span = Timed(datetime(2027, 3, 2, 9, tzinfo=UTC), datetime(2027, 3, 2, 10, tzinfo=UTC))
    twice, details = read_events([Event(span, ShowAs.BUSY, None), Event(span, ShowAs.FREE, None)], WINDOW)
    assert [e.uid for e in twice.entries] == [
        "busy-20270302T090000Z-20270302T100000Z",
        "busy-20270302T090000Z-20270302T100000Z#2",
    ]
    assert not details
    assert twice.digest
    titled, details = read_events([Event(span, ShowAs.BUSY, "m: x"), Event(span, ShowAs.BUSY, None, True)], WINDOW)
    assert details
    assert titled.digest == ""  # nothing that a title could be found out from is kept


def test_outlooks_uids_lose_the_day_of_an_exception() -> None:
    rest = "1AF45EF9C7EDDB01000000000000000010000000F73231FC2ADB164D941E037E14477E38"
    series, exception = f"{OUTLOOK}00000000{rest}", f"{OUTLOOK}07EB0302{rest}"
    found = read(item("1", UID=series), item("2", UID=exception, CalendarItemType="Exception", Start=USUAL["Start"]))
    assert [e.uid for e in found.entries] == [series, series]
    assert series_uid("a-uid-of-somebody-elses") == "a-uid-of-somebody-elses"


def test_a_subject_is_in_no_repr() -> None:
    at = datetime(2027, 3, 1, tzinfo=UTC)
    assert "CANARY" not in repr(Event(Timed(at, at), ShowAs.BUSY, "ZQ-CANARY"))
