"""Random histories: whatever happens to a person's calendars and by hand, the core and the oracle agree.

The core is fed as the engine feeds it: each read of a calendar brings the entries of the resource that was touched, and
`after_read` keeps the rest. The oracle evaluates all entries from the start, each time. They are compared at the
instant of each step, in the minutes before, at and after every edge that comes before the next step (after the last
step: every edge there is), and at random minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings

from backsoon.domain.byhand import refer, take_back
from backsoon.domain.changes import after_read
from backsoon.domain.entries import Owner, outcome
from backsoon.domain.hours import WorkingTime
from backsoon.domain.keyword import keyword_table
from backsoon.domain.model import Availability, CalendarEntry, CalendarReferral, Override, Timed
from backsoon.domain.timeline import Timeline
from tests.oracle import FOREVER, Answer, ByHand, Claim, Oracle, instant, minute
from tests.properties import strategies
from tests.properties.strategies import Copy, Edit, Follow, History, Put, Refer, Remove, Step, moved

Place = tuple[int, str, str]


@dataclass
class Core:
    """The code under test, in the engine's place."""

    history: History
    working: WorkingTime
    stored: dict[int, list[CalendarReferral]] = field(default_factory=lambda: {1: [], 2: []})
    override: Override | None = None

    def read(self, calendar: int, resource: str, entries: Iterable[CalendarEntry]) -> None:
        """A calendar reports one resource: all its entries, none where it was deleted."""
        h = self.history
        owner = Owner(calendar, ZoneInfo(h.hours.zone), keyword_table(h.rules.keywords, h.own_keywords))
        outcomes = [outcome(e, owner, h.rules) for e in entries]
        read = [o for o in outcomes if isinstance(o, CalendarReferral)]
        self.stored[calendar] = after_read(self.stored[calendar], read, frozenset({resource}), complete=False)

    def timeline(self) -> Timeline:
        return Timeline([*self.stored[1], *self.stored[2]], self.history.rules, self.override, self.working)


@dataclass
class Life:
    """A history as it unfolds, in the core and in the oracle."""

    history: History
    now: int
    core: Core
    oracle: Oracle
    entries: dict[Place, CalendarEntry] = field(default_factory=dict)
    override: ByHand | None = None

    @classmethod
    def of(cls, history: History) -> Life:
        hours = history.hours
        working = WorkingTime(hours.week, ZoneInfo(hours.zone), hours.holidays)
        oracle = Oracle(hours, history.rules, history.own_keywords)
        return cls(history, minute(history.start), Core(history, working), oracle)

    def claims(self) -> list[Claim]:
        return self.oracle.claims({c: [e for p, e in self.entries.items() if p[0] == c] for c in (1, 2)})

    def take(self, step: Step) -> None:
        """One step, in both."""
        match step:
            case Put(calendar, entry):
                self._put(calendar, entry)
            case Remove(which) if self.entries:
                place = self._place(which)
                del self.entries[place]
                self._read(place)
            case Edit(which, fields, later) if self.entries:
                place = self._place(which)
                entry = replace(self.entries[place], **fields)  # type: ignore[arg-type]
                self._put(place[0], moved(entry, later) if later else entry)
            case Copy(which, fields) if self.entries:
                place = self._place(which)
                self._put(3 - place[0], replace(self.entries[place], **fields))  # type: ignore[arg-type]
            case Follow(which, gap, minutes, subject) if self.entries:
                self._follow(self.entries[self._place(which)], gap, minutes, subject)
            case Refer():
                self._refer(step)
            case _:
                self._back()

    def _place(self, which: int) -> Place:
        return sorted(self.entries)[which % len(self.entries)]

    def _put(self, calendar: int, entry: CalendarEntry) -> None:
        place = (calendar, entry.uid, entry.recurrence_id)
        self.entries[place] = replace(entry, resource=f"{entry.uid}.ics")
        self._read(place)

    def _follow(self, other: CalendarEntry, gap: int, minutes: int, subject: str) -> None:
        if self.oracle.end_of(other) >= FOREVER:
            return  # nothing comes after what goes on until further notice
        start = instant(self.oracle.end_of(other) + gap)
        when = Timed(start, start + timedelta(minutes=minutes))
        self._put(1, CalendarEntry(f"{other.uid}+", when, subject))

    def _read(self, place: Place) -> None:
        same = [e for p, e in self.entries.items() if p[:2] == place[:2]]
        self.core.read(place[0], f"{place[1]}.ics", same)

    def _refer(self, step: Refer) -> None:
        reason = self.history.rules.reasons[step.reason]
        end = None if step.minutes is None else self.now + step.minutes
        until = None if end is None else instant(end)
        self.override = self.oracle.refer(self.now, reason, end, step.note)
        self.core.override = refer(instant(self.now), reason, self.core.working, until=until, note=step.note)

    def _back(self) -> None:
        self.override = self.oracle.back(self.now, self.claims())
        self.core.override = take_back(instant(self.now), self.core.timeline())


def as_answer(a: Availability) -> Answer:
    """The core's decision in the oracle's words."""
    up, key = a.upcoming, a.key
    return Answer(
        layer=a.layer.value,
        reason=a.reason,
        until=_minute(a.until),
        back_at=_minute(a.back_at),
        note=a.note,
        divert_to=a.divert_to,
        key=None if key is None else (key.calendar, key.uid, key.recurrence_id),
        informing=tuple((i.reason, _minute(i.until), i.note) for i in a.informing),
        upcoming=None if up is None else (minute(up.start), _minute(up.end), up.reason, up.note),
    )


def _minute(at: datetime | None) -> int | None:
    return None if at is None else minute(at)


def edges(life: Life, claims: list[Claim]) -> set[int]:
    """The minutes in which something may change."""
    warn = int(life.history.rules.warn_before / timedelta(minutes=1))
    found = {e for c in claims for e in (c.start - warn, c.start, c.end)}
    if life.override is not None:
        found |= {life.override.start, life.override.end or life.override.start}
    return {e + by for e in found for by in (-1, 0, 1)}


def compare(life: Life, wanted: Iterable[int]) -> None:
    """The core and the oracle give the same answers in all these minutes."""
    claims, timeline = life.claims(), life.core.timeline()
    for number in sorted(set(wanted)):
        told = as_answer(timeline.at(instant(number)))
        true = life.oracle.at(number, claims, life.override)
        assert told == true, f"at {instant(number):%Y-%m-%d %H:%M}Z the core and the oracle differ"


def compare_next_change(life: Life, ahead: int) -> None:
    """`next_change` names the minute in which the oracle, asked minute by minute, first answers something else."""
    claims, timeline = life.claims(), life.core.timeline()
    now = life.oracle.at(life.now, claims, life.override)
    later = range(life.now + 1, life.now + ahead + 1)
    differs = (number for number in later if life.oracle.at(number, claims, life.override) != now)
    true = next(differs, None)
    told = timeline.next_change(instant(life.now))
    if told is None or minute(told) > life.now + ahead:
        assert true is None
    else:
        assert minute(told) == true


def live(history: History) -> None:
    """A whole history."""
    life = Life.of(history)
    pauses = [pause for pause, _ in history.steps[1:]]
    for (_, step), pause in zip(history.steps, [*pauses, None], strict=True):
        life.take(step)
        coming = edges(life, life.claims())
        if pause is not None:
            coming = {e for e in coming if life.now <= e < life.now + pause}
        start = minute(history.start)
        compare(life, coming | {life.now} | {start + probe for probe in history.probes})
        life.now += pause or 0
    compare_next_change(life, 90)


def test_random_histories_agree_with_the_oracle(histories: int) -> None:
    """Entries added, moved, cancelled, retagged; overrides set and taken back; clocks changed; both modes."""

    @settings(
        max_examples=histories,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    @given(strategies.histories())
    def check(history: History) -> None:
        live(history)

    check()
