"""Habits of vendors, each with a sample of its own (made up) in tests/data/ics."""

from __future__ import annotations

from pathlib import Path

from backsoon.domain.model import CalendarEntry, Days, Response, ShowAs
from backsoon.sources.ical import Reading
from tests.unit.ical.helpers import YEAR, read, spans, starts

FOLDER = Path(__file__).parents[2] / "data" / "ics"
OWNER = frozenset({"anna@example.org"})


def sample(name: str) -> Reading:
    reading = read((FOLDER / name).read_bytes(), YEAR, owner=OWNER)
    assert reading.rejected == ()
    return reading


def by_uid(reading: Reading) -> dict[str, CalendarEntry]:
    return {entry.uid: entry for entry in reading.entries}


def test_exchange_publishes_windows_names_and_marks_all_day_entries() -> None:
    reading = sample("exchange_published.ics")
    assert starts(reading.entries) == ["11-06 08:00", "11-13 12:00", "11-16", "11-20 08:00", "11-27 08:00"]
    (holiday,) = [entry for entry in reading.entries if isinstance(entry.when, Days)]
    assert (holiday.show_as, holiday.recurrence_id) == (ShowAs.OUT_OF_OFFICE, "")
    (moved,) = [entry for entry in reading.entries if entry.recurrence_id == "20261113T080000Z"]
    assert (moved.subject, moved.show_as) == ("m: Friday round, later", ShowAs.TENTATIVE)


def test_exchange_writes_what_it_shows_in_place_of_a_zones_name() -> None:
    reading = sample("exchange_display_zone.ics")
    assert starts(reading.entries) == ["11-02 08:00", "11-03 08:00", "11-04 08:00", "11-05 09:00"]
    assert reading.warnings == ("unknown time zone 'tzone://Microsoft/Custom': read in Europe/Stockholm",)


def test_google_folds_the_owner_and_ends_a_series_at_a_date() -> None:
    reading = sample("google_feed.ics")
    entries = by_uid(reading)
    assert entries["one@google.com"].response is Response.DECLINED
    assert entries["days@google.com"].show_as is ShowAs.FREE
    series = [entry for entry in reading.entries if entry.uid.startswith("until")]
    assert (len(series), starts(series)[-1]) == (13, "12-28 14:00")


def test_icloud_names_people_by_principal_and_the_alarm_has_a_summary() -> None:
    (entry,) = sample("icloud_principal.ics").entries
    assert (entry.uid[:8], entry.subject, entry.response) == ("0A6B8F7C", "m: Invited", Response.TENTATIVE)


def test_lotus_lists_periods_in_a_zone_of_its_own() -> None:
    assert spans(sample("lotus_periods.ics").entries) == ["11-02 14:00/11-02 15:00", "11-03 14:00/11-03 16:00"]


def test_mozilla_folds_after_the_name_behind_a_byte_order_mark() -> None:
    (entry,) = sample("mozilla_folds.ics").entries
    assert (entry.subject, spans((entry,))) == ("m: Möte", ["11-02 08:00/11-02 09:00"])


def test_evolution_puts_its_own_path_in_front_of_a_zone() -> None:
    (entry,) = sample("evolution_nested_name.ics").entries
    assert (entry.private, spans((entry,))) == (True, ["11-02 08:00/11-02 09:00"])


def test_thunderbird_moves_this_and_future() -> None:
    assert spans(sample("thunderbird_future.ics").entries) == [
        "11-02 08:00/11-02 09:00", "11-04 09:00/11-04 09:30", "11-05 09:00/11-05 09:30",
    ]  # fmt: skip


def test_some_fold_inside_a_character() -> None:
    assert [entry.subject for entry in sample("fold_in_character.ics").entries] == ["m: Möte"]
