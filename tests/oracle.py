"""The oracle: the plainest possible evaluation of a person's history, minute by minute.

It was written from the rules alone, without the code that it judges, and shares nothing with it but the shapes of the
input. Its idea is another one, too: time is a long row of minutes, and each question is answered by asking minutes one
after the other ("is this a working minute?", "is anybody there in this minute?"). Nothing here is clever or fast.
All instants must be whole minutes; a minute is its number since 1970 in UTC.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import (
    CalendarEntry,
    EntryType,
    Lifetime,
    Mode,
    Phone,
    Reason,
    Response,
    Rules,
    ShowAs,
    Timed,
)

MARKS = {":": True, "：": True, ";": False, "；": False}
"""The marks, and whether each closes the phone."""

PREFIXES = {"re", "fw", "fwd", "sv", "vb", "aw", "wg", "vs"}

INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}

FOREVER = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp()) // 60
"""An end in this minute is none: until further notice."""

DAYS_AHEAD = 60
"""How far the oracle looks for a working minute; histories are made so that there is one."""


def minute(at: datetime) -> int:
    """The number of the minute that the instant begins."""
    seconds = int(at.timestamp())
    assert seconds % 60 == 0, f"the oracle knows whole minutes only: {at}"
    return seconds // 60


def instant(number: int) -> datetime:
    """The instant at which the minute begins, in UTC."""
    return datetime.fromtimestamp(number * 60, UTC)


Coming = tuple[int, int | None, str, str]
"""Start, end, reason and note of what is coming."""
Key = tuple[int, str, str]
"""Calendar, uid and recurrence-id."""


def _told(end: int) -> int | None:
    return None if end >= FOREVER else end


@dataclass(frozen=True)
class Claim:
    """What one entry asks for."""

    start: int
    end: int
    reason: str
    closed: bool
    note: str
    divert_to: str
    key: Key

    def covers(self, number: int) -> bool:
        return self.start <= number and (number < self.end or self.end >= FOREVER)


@dataclass(frozen=True)
class ByHand:
    """What somebody set by hand; no reason for "available", no end for "until taken back"."""

    start: int
    end: int | None
    reason: str | None
    note: str = ""

    def covers(self, number: int) -> bool:
        return number >= self.start and (self.end is None or number < self.end)


@dataclass(frozen=True)
class Answer:
    """What is true in one minute."""

    layer: str = "none"
    reason: str | None = None
    until: int | None = None
    back_at: int | None = None
    note: str = ""
    divert_to: str = ""
    key: Key | None = None
    informing: tuple[tuple[str, int | None, str], ...] = ()
    upcoming: Coming | None = None


@dataclass(eq=False)
class Hours:
    """When somebody works: zone, week, and the public holidays of their country. It remembers what it was asked."""

    zone: str
    week: WorkingHours
    holidays: frozenset[date] = frozenset()
    _days: dict[date, int] = field(default_factory=dict, repr=False)
    _minutes: dict[int, bool] = field(default_factory=dict, repr=False)
    _shifts: dict[date, list[tuple[int, int]]] = field(default_factory=dict, repr=False)

    def wall(self, number: int) -> datetime:
        """What a clock on the wall shows in this minute."""
        return datetime.fromtimestamp(number * 60, ZoneInfo(self.zone)).replace(tzinfo=None)

    def shown(self, wall: datetime) -> int:
        """The minute in which the clock on the wall first shows this; one that it leaps over comes as much later."""
        away = wall.replace(tzinfo=ZoneInfo(self.zone)).utcoffset() or timedelta()
        number = minute(wall.replace(tzinfo=UTC) - away) - 180  # well before it, whatever clocks do that night
        while self.wall(number + 1) < wall:
            number += 1
        leapt = self.wall(number + 1) > wall
        return number + (int((wall - self.wall(number)).total_seconds()) // 60 if leapt else 1)

    def first_of(self, day: date) -> int:
        """The first minute in which the calendar on the wall shows this day (or a later one, where it is left out)."""
        if day not in self._days:
            number = minute(datetime.combine(day, time(), UTC)) - 16 * 60
            while self.wall(number).date() < day:
                number += 1
            self._days[day] = number
        return self._days[day]

    def working(self, number: int) -> bool:
        """Whether this is a working minute."""
        if not any(self.week.week):
            return True
        if number not in self._minutes:
            today = self.wall(number).date()
            near = (today + timedelta(days=offset) for offset in (-1, 0, 1))
            self._minutes[number] = any(start <= number < end for day in near for start, end in self._shifts_of(day))
        return self._minutes[number]

    def _shifts_of(self, day: date) -> list[tuple[int, int]]:
        if day not in self._shifts:
            midnight = datetime.combine(day, time())
            stretches = () if day in self.holidays else self.week.week[day.weekday()]
            self._shifts[day] = [
                (self.shown(midnight + timedelta(minutes=start)), self.shown(midnight + timedelta(minutes=end)))
                for start, end in stretches
            ]
        return self._shifts[day]


def read(subject: str, keywords: Mapping[str, str]) -> tuple[str, bool, str, str] | None:
    """Reason, whether the phone is closed, number and note of a tagged subject; None for an untagged one."""
    rest = subject
    while True:
        word = ""
        while rest and rest[0] not in MARKS:
            word, rest = word + rest[0], rest[1:]
        word = unicodedata.normalize("NFKC", word.strip()).casefold()
        if not rest:
            return None
        closed, rest = MARKS[rest[0]], rest[1:]
        if word in keywords:
            return (keywords[word], closed, *_number_and_note(rest))
        if word not in PREFIXES:
            return None


def _number_and_note(rest: str) -> tuple[str, str]:
    number = ""
    rest = rest.split("//")[0].lstrip()
    if rest.startswith(">"):
        rest = rest[1:]
        while rest and not rest[0].isspace():
            number, rest = number + rest[0], rest[1:]
    note = "".join(c for c in rest if unicodedata.category(c) not in INVISIBLE)
    return number, note.strip()[:200]


@dataclass
class Oracle:
    """One person: what they have set, and what their organisation has. It remembers how long its walks were."""

    hours: Hours
    rules: Rules
    own_keywords: Mapping[str, str] = field(default_factory=dict)
    _walks: dict[tuple[int, tuple[Claim, ...]], int | None] = field(default_factory=dict, repr=False)

    # -- entries ----------------------------------------------------------------------------------------------------

    def claims(self, calendars: Mapping[int, Iterable[CalendarEntry]]) -> list[Claim]:
        """What all entries of all calendars ask for; the same (uid, recurrence-id) counts once."""
        every = [c for number, entries in calendars.items() for e in entries if (c := self._claim(number, e))]
        once: dict[tuple[str, str], Claim] = {}
        for claim in sorted(every, key=self._strength_of_copy):
            once[claim.key[1:]] = claim
        return list(once.values())

    def _claim(self, calendar: int, entry: CalendarEntry) -> Claim | None:
        if entry.cancelled or entry.response is Response.DECLINED:
            return None
        start, end = self._bounds(entry)
        if end <= start:
            return None
        if entry.type is EntryType.AUTOMATIC_REPLY:
            return self._reply(calendar, entry)
        tag = read(entry.subject, {**self.rules.keywords, **self.own_keywords})
        if tag is None:
            tag = self._untagged(entry)
        if tag is None:
            return None
        reason, closed, number, note = tag
        note = "" if entry.private else note
        return Claim(start, end, reason, closed, note, number, (calendar, entry.uid, entry.recurrence_id))

    def _reply(self, calendar: int, entry: CalendarEntry) -> Claim | None:
        """Whoever has their letters answered is out of office, where the organisation says so."""
        if not self.rules.automatic_replies:
            return None
        start, end = self._bounds(entry)
        return Claim(start, end, "out_of_office", True, "", "", (calendar, entry.uid, entry.recurrence_id))

    def _bounds(self, entry: CalendarEntry) -> tuple[int, int]:
        if isinstance(entry.when, Timed):
            return minute(entry.when.start), minute(entry.when.end)
        return self.hours.first_of(entry.when.first), self.hours.first_of(entry.when.end)

    def end_of(self, entry: CalendarEntry) -> int:
        """The minute at which the entry is over."""
        return self._bounds(entry)[1]

    def _untagged(self, entry: CalendarEntry) -> tuple[str, bool, str, str] | None:
        if self.rules.mode is Mode.KEYWORDS:
            return None
        if entry.type is EntryType.WORKING_LOCATION:
            return None
        if entry.show_as in (ShowAs.FREE, ShowAs.WORKING_ELSEWHERE):
            return None
        unsettled = entry.show_as is ShowAs.TENTATIVE or entry.response in (Response.TENTATIVE, Response.NEEDS_ACTION)
        if unsettled and not self.rules.count_tentative:
            return None
        if entry.show_as is ShowAs.OUT_OF_OFFICE or entry.type is EntryType.OUT_OF_OFFICE:
            return "out_of_office", True, "", ""
        return "busy", self.rules.busy_phone is Phone.CLOSED, "", ""

    def _strength(self, claim: Claim) -> tuple[int, int, Key]:
        """The winner has the most of it: priority, then the latest start, then the key."""
        return self.rules.reasons[claim.reason].priority, claim.start, claim.key

    def _strength_of_copy(self, claim: Claim) -> tuple[bool, int, int, int]:
        """Of copies that differ a closed one counts, then the one that would win, then that of the first calendar."""
        return claim.closed, self.rules.reasons[claim.reason].priority, claim.start, -claim.key[0]

    # -- by hand ----------------------------------------------------------------------------------------------------

    def refer(self, now: int, reason: Reason, end: int | None, note: str) -> ByHand:
        """A referral by hand, with the end that somebody gave or the reason's own."""
        if end is None and reason.lifetime is Lifetime.MINUTES:
            end = now + reason.minutes
        elif end is None and reason.lifetime is Lifetime.NEXT_WORKING_MORNING:
            end = self._next_working_morning(now)
        return ByHand(now, end, reason.code, note)

    def _next_working_morning(self, now: int) -> int:
        tomorrow = self.hours.wall(now).date() + timedelta(days=1)
        if not any(self.hours.week.week):
            return self.hours.shown(datetime.combine(tomorrow, time(8)))
        number = now
        while self.hours.wall(number).date() < tomorrow or not self.hours.working(number):
            number += 1
            assert number < now + DAYS_AHEAD * 1440
        return number

    def back(self, now: int, claims: list[Claim]) -> ByHand | None:
        """Whoever says "I am back" while a meeting runs is available until the block that runs has ended."""
        running = [c for c in claims if c.closed and c.covers(now)]
        if not running:
            return None
        end = self._end_of_block(now, claims)
        return ByHand(now, None if end >= FOREVER else end, None)

    # -- one minute -------------------------------------------------------------------------------------------------

    def at(self, now: int, claims: list[Claim], override: ByHand | None) -> Answer:
        """What is true in this minute. Manual always wins; then the strongest closed claim; otherwise available."""
        if override is not None and override.covers(now):
            if override.reason is None:
                return self._available(now, claims, "override", override.end)
            end = override.end
            return Answer(
                "override",
                override.reason,
                end,
                self._back_at(end, claims),
                override.note,
                upcoming=self._upcoming(now, end, claims),
            )
        running = [c for c in claims if c.closed and c.covers(now)]
        if not running:
            return self._available(now, claims, "none", None)
        won = max(running, key=self._strength)
        back, coming = self._back_at(won.end, claims), self._upcoming(now, won.end, claims)
        return Answer("calendar", won.reason, _told(won.end), back, won.note, won.divert_to, won.key, upcoming=coming)

    def _available(self, now: int, claims: list[Claim], layer: str, until: int | None) -> Answer:
        informing, coming = self._informing(now, claims), self._upcoming(now, now, claims)
        return Answer(layer, until=until, informing=informing, upcoming=coming)

    def _informing(self, now: int, claims: list[Claim]) -> tuple[tuple[str, int | None, str], ...]:
        shown = sorted((c for c in claims if not c.closed and c.covers(now)), key=self._strength, reverse=True)
        return tuple((c.reason, _told(c.end), c.note) for c in shown)

    def _upcoming(self, now: int, free_from: int | None, claims: list[Claim]) -> Coming | None:
        if free_from is None:
            return None
        warn = int(self.rules.warn_before.total_seconds() // 60)
        for number in range(now + 1, now + warn + 1):
            starting = [c for c in claims if c.closed and c.start == number]
            if starting:
                first = max(starting, key=self._strength)
                return (first.start, _told(first.end), first.reason, first.note) if free_from <= number else None
        return None

    def _for_ever(self, number: int, claims: list[Claim]) -> bool:
        """Whether nobody knows when that will end which has taken the minute."""
        return self._taken(number, [c for c in claims if c.end >= FOREVER])

    def _taken(self, number: int, claims: list[Claim]) -> bool:
        """Whether a closed claim covers the minute or begins so soon after it that it does not pay to come back."""
        gap = int(self.rules.chain_gap.total_seconds() // 60)
        return any(c.closed and c.start - max(gap - 1, 0) <= number < c.end for c in claims)

    def _end_of_block(self, number: int, claims: list[Claim]) -> int:
        while self._taken(number, claims):
            if self._for_ever(number, claims):
                return FOREVER
            number += 1
        return number

    def _back_at(self, until: int | None, claims: list[Claim]) -> int | None:
        if until is None or until >= FOREVER:
            return None
        asked = (until, tuple(claims))  # each of the minutes before an end asks for the same walk from it
        if asked not in self._walks:
            self._walks[asked] = self._walk(until, claims)
        return self._walks[asked]

    def _walk(self, until: int, claims: list[Claim]) -> int | None:
        number = until
        while not self.hours.working(number) or self._taken(number, claims):
            if self._for_ever(number, claims):
                return None
            number += 1
            assert number < until + DAYS_AHEAD * 1440
        return number
