"""Previews: each occurrence with what becomes of it; keyword tables of their own."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backsoon.commands.keywordfile import read_keyword_file
from backsoon.commands.preview import _when
from backsoon.config import ConfigError
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.entries import Owner
from backsoon.domain.model import LATEST, CalendarEntry, Days, EntryType, Mode, Rules, ShowAs, Timed
from backsoon.sources.base import Changes, Rejected
from backsoon.trials.previewing import Preview, summary

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
KEYS = [
    "uid",
    "recurrence_id",
    "start",
    "end",
    "all_day",
    "show_as",
    "outcome",
    "reason",
    "phone",
    "divert_to",
    "note",
    "because",
]


def entry(subject: str, uid: str = "1", **more: object) -> CalendarEntry:
    when = Timed(START, START + timedelta(hours=1))
    return replace(CalendarEntry(uid, when, subject), **more)  # type: ignore[arg-type]


def preview(*entries: CalendarEntry, mode: Mode = Mode.KEYWORDS, subjects: bool = False) -> Preview:
    rules = Rules(KEYWORDS, REASONS, mode)
    found = Preview(Owner(0, ZoneInfo("Europe/Oslo"), KEYWORDS), rules, subjects)
    found.add(Changes(entries=entries, complete=True))
    return found


def test_a_tagged_entry() -> None:
    (row,) = preview(entry("m:>1234 Budget // salaries", recurrence_id="20261124T090000Z")).rows
    assert list(row) == KEYS
    assert row == {
        "uid": "1",
        "recurrence_id": "20261124T090000Z",
        "start": "2026-11-24T09:00:00Z",
        "end": "2026-11-24T10:00:00Z",
        "all_day": False,
        "show_as": "busy",
        "outcome": "referral",
        "reason": "meeting",
        "phone": "closed",
        "divert_to": "1234",
        "note": "Budget",
        "because": "keyword `m`",
    }


@pytest.mark.parametrize(
    ("subject", "because"),
    [
        ("Budget m: x", "keyword `m` is not first"),
        ("m Budget", "keyword `m` has no mark (: or ;)"),
        ("Budget", "no keyword"),
        ("", "no keyword"),
    ],
)
def test_an_untagged_entry_says_why_and_nothing_of_its_subject(subject: str, because: str) -> None:
    (row,) = preview(entry(subject)).rows
    assert (row["outcome"], row["because"]) == ("ignored", because)
    assert (row["reason"], row["phone"], row["note"], row["divert_to"]) == (None, None, None, None)
    assert "Budget" not in str(row)


def test_other_outcomes() -> None:
    backwards = Timed(START, START - timedelta(hours=1))
    outcomes = {
        "declined or cancelled": entry("m: x", cancelled=True),
        "no length": entry("m: x", when=Timed(START, START)),
        "backwards": entry("m: x", when=backwards),
        "inform": entry("m;> x"),
    }
    rows = {name: preview(one).rows[0] for name, one in outcomes.items()}
    assert (rows["declined or cancelled"]["outcome"], rows["declined or cancelled"]["because"]) == (
        "ignored",
        "cancelled",
    )
    assert (rows["no length"]["outcome"], rows["no length"]["because"]) == ("ignored", "has no length")
    assert (rows["backwards"]["outcome"], rows["backwards"]["because"]) == ("rejected", "ends before it starts")
    assert rows["inform"]["phone"] == "open"
    assert rows["inform"]["because"].startswith("keyword `m`; what follows `>`")


def test_an_automatic_reply() -> None:
    reply = entry("", when=Timed(START, LATEST), type=EntryType.AUTOMATIC_REPLY, show_as=ShowAs.OUT_OF_OFFICE)
    (row,) = preview(reply).rows
    assert (row["outcome"], row["reason"], row["because"]) == ("referral", "out_of_office", "automatic reply")
    assert _when(row, ZoneInfo("Europe/Oslo")) == "Tue 2026-11-24 10:00 until further notice"


def test_all_busy_mode() -> None:
    rows = preview(
        entry("Secret", "1"),
        entry("Secret", "2", show_as=ShowAs.OUT_OF_OFFICE),
        entry("Secret", "3", show_as=ShowAs.FREE),
        mode=Mode.ALL_BUSY,
    ).rows
    assert [(r["outcome"], r["reason"], r["because"]) for r in rows] == [
        ("referral", "busy", "shown as busy"),
        ("referral", "out_of_office", "shown as out of office"),
        ("ignored", None, "shown as free"),
    ]
    assert "Secret" not in str(rows)


def test_all_day_entries_cover_the_owners_days() -> None:
    (row,) = preview(entry("h: x", when=Days(date(2026, 10, 25), date(2026, 10, 26)))).rows
    assert (row["start"], row["end"], row["all_day"]) == ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", True)


def test_subjects_are_shown_where_asked_for_and_never_what_is_hidden() -> None:
    rows = preview(
        entry("Budget // salaries", "1"), entry("m: x", "2", private=True), entry("Lunch?", "3"), subjects=True
    ).rows
    assert [r["subject"] for r in rows] == ["Budget", None, "Lunch?"]
    assert list(rows[0]) == [*KEYS, "subject"]


def test_rejected_items_come_last_and_everything_else_by_start() -> None:
    found = preview(entry("m: x", "b"), entry("m: x", "a", when=Timed(START + timedelta(1), START + timedelta(2))))
    found.add(
        Changes(rejected=(Rejected("r", "bomb", "RRULE is too costly"),), warnings=("zone unknown",), complete=True)
    )
    assert [r["uid"] for r in found.rows] == ["b", "a", "bomb"]
    last = found.rows[-1]
    assert list(last) == KEYS
    assert (last["outcome"], last["because"], last["start"], last["end"]) == (
        "rejected",
        "RRULE is too costly",
        None,
        None,
    )
    assert found.warnings == ["zone unknown"]
    text = summary(found, START, START + timedelta(60), "Europe/Oslo")
    assert "3 occurrences" in text
    assert "2 refer, 0 ignored, 1 rejected" in text


@pytest.mark.parametrize(
    "text",
    [
        'm = "meeting"\nX = "dentist"\n',
        '[keywords]\nm = "meeting"\nx = "dentist"\n',
        '{"m": "meeting", "x": "dentist"}',
        '\ufeff{"keywords": {"m": "meeting", "x": "dentist"}}',
    ],
)
def test_keyword_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keywords"
    path.write_text(text)
    assert read_keyword_file(path) == {"m": "meeting", "x": "dentist"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('re = "meeting"\n"two words" = "meeting"\nm = 3\nM = "meeting"\nx = "No Code"\n', 5),
        ("{", 1),
        ("m = ", 1),
        ("keywords = 3", 1),
        ("{" * 100_000, 1),
    ],
)
def test_keyword_files_with_faults(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "keywords"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_keyword_file(path)
    assert len(caught.value.problems) == count
    assert all(p.file == str(path) and p.remedy for p in caught.value.problems)
