"""Random lives: calendars, what people do to them and by hand, on the days on which clocks change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from backsoon.domain.defaults import REASONS
from backsoon.domain.hours import OFFICE, WorkingHours
from backsoon.domain.model import (
    LATEST,
    CalendarEntry,
    Days,
    EntryType,
    Mode,
    Phone,
    Response,
    Rules,
    ShowAs,
    Timed,
)
from tests.oracle import Hours

CHANGES_OF_CLOCKS = (
    ("Europe/Stockholm", date(2026, 3, 29)),
    ("Europe/Stockholm", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour back
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),  # the day begins at one o'clock
    ("Africa/Cairo", date(2026, 10, 30)),
    ("America/Santiago", date(2026, 9, 6)),  # the day begins at one o'clock
    ("America/Havana", date(2026, 11, 1)),  # midnight comes twice
    ("Asia/Kathmandu", date(2026, 6, 15)),  # never, and a quarter off
)

NIGHTS = WorkingHours((((0, 150), (1290, 1440)),) * 5 + ((), ((1290, 1440),)))
SPLIT = WorkingHours((((465, 720), (777, 1005)),) * 4 + (((480, 960),), ((600, 840),), ()))
WEEKS = (OFFICE, WorkingHours(), NIGHTS, SPLIT)

KEYWORDS = {"m": "meeting", "l": "lunch", "h": "holiday", "s": "sick"}
OWN_KEYWORDS: dict[str, str] = {"m": "course", "gym": "leave"}


@dataclass(frozen=True, repr=False)
class Put:
    """An entry is written: added, or another one in place of the one it was."""

    calendar: int
    entry: CalendarEntry

    def __repr__(self) -> str:
        return f"Put({self.calendar}, {self.entry.subject!r}, {self.entry})"  # an entry does not show its subject


@dataclass(frozen=True)
class Remove:
    """An entry is deleted. Which one: the one at this place among those that there are."""

    which: int


@dataclass(frozen=True)
class Edit:
    """An entry is moved, cancelled, retagged, made private ...: these fields of it change."""

    which: int
    fields: dict[str, object]
    later: int = 0
    """It moves by so many minutes (an all-day entry by a day)."""


@dataclass(frozen=True)
class Copy:
    """An entry turns up in the person's other calendar as well, some fields changed."""

    which: int
    fields: dict[str, object]


@dataclass(frozen=True)
class Refer:
    """Somebody sets a referral by hand; without minutes it lasts as long as its reason does."""

    reason: str
    minutes: int | None
    note: str


@dataclass(frozen=True)
class Back:
    """Somebody says "I am available"."""


@dataclass(frozen=True)
class Follow:
    """An entry is booked so many minutes after the end of another one, or before it: chained, touching, overlapping."""

    which: int
    gap: int
    minutes: int
    subject: str


Step = Put | Remove | Edit | Copy | Follow | Refer | Back


@dataclass(frozen=True, repr=False)
class History:
    """A person, and what happened: each step so many minutes after the one before."""

    hours: Hours
    rules: Rules
    own_keywords: dict[str, str]
    start: datetime
    steps: list[tuple[int, Step]]
    probes: list[int] = field(default_factory=list)
    """Further minutes after the start at which to look."""

    def __repr__(self) -> str:
        kept = ("mode", "busy_phone", "count_tentative", "automatic_replies", "chain_gap", "warn_before")
        lines = [
            f"History in {self.hours.zone} from {self.start:%a %Y-%m-%d %H:%M}Z, own keywords {self.own_keywords}",
            "  rules: " + ", ".join(f"{name}={getattr(self.rules, name)!s}" for name in kept),
            f"  hours: {self.hours.week.week}, holidays: {sorted(map(str, self.hours.holidays))}",
            *(f"  after {pause} min: {step}" for pause, step in self.steps),
            f"  looked at after {self.probes} min",
        ]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:
        printer.text(repr(self))  # or Hypothesis would write out each field, with all that `Hours` remembers


def moved(entry: CalendarEntry, minutes: int) -> CalendarEntry:
    """The same entry at another time."""
    if isinstance(entry.when, Timed):
        by = timedelta(minutes=minutes)
        end = LATEST if entry.when.end == LATEST else entry.when.end + by
        return replace(entry, when=Timed(entry.when.start + by, end))
    day = timedelta(days=1 if minutes > 0 else -1)
    return replace(entry, when=Days(entry.when.first + day, entry.when.end + day))


@st.composite
def subjects(draw: st.DrawFn) -> str:
    """Subjects of all kinds, most of them tagged."""
    prefix = draw(st.sampled_from(["", "", "", "Re: ", "SV: Fwd: ", " "]))
    keyword = draw(st.sampled_from(["m", "M", "h", "l", "s", "gym", "\uff4d", "x", "", "Budget m"]))
    mark = draw(st.sampled_from([":", ":", ":", ";", "：", "；", " : ", ""]))
    number = draw(st.sampled_from(["", "", "", ">1234 ", ">+46812345 "]))
    note = draw(st.sampled_from(["", "Budget", " Room 4 // with the boss", "//", "Åre: snö; is", "\u202etegduB\x07"]))
    return prefix + keyword + mark + number + note


show_as = st.sampled_from([ShowAs.BUSY, ShowAs.BUSY, *ShowAs])
responses = st.sampled_from([Response.ORGANIZER, Response.ACCEPTED, *Response])
types = st.sampled_from([EntryType.DEFAULT, EntryType.DEFAULT, *EntryType])
odd = st.sampled_from([0, 0, 0, 0, 1, -1, 4, 5, 6])


@st.composite
def whens(draw: st.DrawFn, day: date) -> Timed | Days:
    """Within the five days around a day: minutes, hours, days; now and then nothing at all, or back to front."""
    offset = draw(st.sampled_from([0, 0, 0, 1, 1, -1, 2, 3]))
    if draw(st.integers(0, 4)) == 0:
        first = day + timedelta(days=offset)
        return Days(first, first + timedelta(days=draw(st.integers(-1, 3))))
    quarter = draw(st.integers(0, 95) | st.integers(28, 40))
    start = datetime.combine(day, time(), UTC) + timedelta(days=offset, minutes=15 * quarter + draw(odd))
    if draw(st.integers(0, 29)) == 0:
        return Timed(start, LATEST)  # until further notice
    length = draw(st.sampled_from([30, 60, 60, 90, 15, 5, 1, 0, -30, 480, 1440, 2 * 1440]))
    return Timed(start, start + timedelta(minutes=length + draw(odd)))


fields: dict[str, Callable[[], st.SearchStrategy[object]]] = {
    "subject": subjects,
    "show_as": lambda: show_as,
    "response": lambda: responses,
    "cancelled": st.booleans,
    "private": st.booleans,
    "type": lambda: types,
}
changed_fields = st.sampled_from(sorted(fields)).flatmap(lambda name: st.fixed_dictionaries({name: fields[name]()}))


@st.composite
def entries(draw: st.DrawFn, day: date) -> CalendarEntry:
    """Entries of few names, so that series and copies come about."""
    return CalendarEntry(
        uid=draw(st.sampled_from(["a", "b", "c", "d", "e", "f"])),
        when=draw(whens(day)),
        subject=draw(subjects()),
        recurrence_id=draw(st.sampled_from(["", "", "20260101T090000Z", "20260108T090000Z"])),
        show_as=draw(show_as),
        response=draw(responses),
        cancelled=draw(st.integers(0, 9)) == 0,
        private=draw(st.integers(0, 4)) == 0,
        type=draw(types),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """The settings that an organisation may choose."""
    return Rules(
        keywords=KEYWORDS,
        reasons=REASONS,
        mode=draw(st.sampled_from(Mode)),
        busy_phone=draw(st.sampled_from(Phone)),
        count_tentative=draw(st.booleans()),
        automatic_replies=draw(st.integers(0, 3)) > 0,
        chain_gap=timedelta(minutes=draw(st.sampled_from([5, 5, 0, 20]))),
        warn_before=timedelta(minutes=draw(st.sampled_from([60, 60, 15, 0]))),
    )


def _holidays(day: date) -> tuple[frozenset[date], ...]:
    return frozenset(), frozenset({day, day + timedelta(days=1)}), frozenset({day + timedelta(days=3)})


# Made once: each remembers the minutes it was asked for, and they serve all histories.
PLACES = tuple(
    (Hours(zone, week, holidays), day)
    for zone, day in CHANGES_OF_CLOCKS
    for week in WEEKS
    for holidays in _holidays(day)
)


@st.composite
def steps(draw: st.DrawFn, day: date) -> Step:
    """One thing that happens; entries are added more often than anything else."""
    which = st.integers(0, 9)
    kind = draw(st.integers(0, 12))
    if kind < 5:
        return Put(draw(st.integers(1, 2)), draw(entries(day)))
    if kind == 5:
        return Remove(draw(which))
    if kind == 6:
        return Edit(draw(which), {}, draw(st.sampled_from([15, -15, 61, -1440, 3])))
    if kind == 7:
        return Edit(draw(which), draw(changed_fields))
    if kind == 8:
        return Copy(draw(which), draw(st.one_of(st.just({}), changed_fields)))
    if kind == 9:
        gap = draw(st.sampled_from([0, 1, 4, 5, 6, 19, 20, 21, -10]))
        return Follow(draw(which), gap, draw(st.sampled_from([1, 30, 60])), draw(subjects()))
    if kind == 10:
        return Back()
    reason = draw(st.sampled_from(["lunch", "back_at", "gone_for_the_day", "sick", "meeting"]))
    return Refer(reason, draw(st.sampled_from([None, None, 1, 45, 600, 3000])), draw(st.sampled_from(["", "Note"])))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A person and up to a dozen steps within some four days around a change of clocks."""
    hours, day = draw(st.sampled_from(PLACES))
    pauses = st.sampled_from([0, 0, 1, 10, 30, 60, 61, 240, 600])
    return History(
        hours=hours,
        rules=draw(rules()),
        own_keywords=draw(st.sampled_from([{}, OWN_KEYWORDS])),
        start=datetime.combine(day, time(), UTC) + timedelta(hours=draw(st.integers(-24, 24))),
        steps=draw(st.lists(st.tuples(pauses, steps(day)), min_size=1, max_size=12)),
        probes=draw(st.lists(st.integers(0, 5 * 1440), min_size=4, max_size=4)),
    )
