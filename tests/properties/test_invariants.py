"""The invariants of the core, each a property. Claims lie close together: they overlap, nest and touch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.byhand import take_back
from backsoon.domain.defaults import REASONS
from backsoon.domain.entries import Ignored, Owner, outcome
from backsoon.domain.hours import OFFICE, WorkingTime
from backsoon.domain.keyword import Untagged, read_subject
from backsoon.domain.model import (
    LATEST,
    CalendarEntry,
    CalendarReferral,
    EntryKey,
    EntryType,
    Layer,
    Override,
    Phone,
    Rules,
    Span,
    Timed,
    known_end,
)
from backsoon.domain.timeline import Timeline
from tests.properties import strategies

STOCKHOLM = ZoneInfo("Europe/Stockholm")
T0 = datetime(2026, 10, 23, 12, tzinfo=UTC)  # a Friday; clocks change on the Sunday
KEYWORDS = {"m": "meeting"}
RULES = Rules(KEYWORDS, REASONS)
OWNER = Owner(1, STOCKHOLM, KEYWORDS)
WORKING = WorkingTime(OFFICE, STOCKHOLM)
STEP = timedelta(seconds=30)
TICK = timedelta(microseconds=1)


def at_step(number: int) -> datetime:
    return T0 + number * STEP


instants = st.integers(-20, 640).map(at_step)
lengths = st.one_of(st.integers(1, 40), st.integers(1, 600))


@st.composite
def claims(draw: st.DrawFn, phone: Phone | None = None) -> CalendarReferral:
    """A calendar referral within five hours; few uids, so that some are copies of each other."""
    start = draw(st.integers(0, 600))
    end = at_step(start + draw(lengths)) if draw(st.integers(0, 19)) else LATEST
    return CalendarReferral(
        key=EntryKey(draw(st.integers(1, 3)), draw(st.sampled_from("abcdefgh")), draw(st.sampled_from(["", "1"]))),
        span=Span(at_step(start), end),
        reason=draw(st.sampled_from(["meeting", "lunch", "holiday", "course", "taken out of the settings"])),
        phone=phone or draw(st.sampled_from([Phone.CLOSED, Phone.CLOSED, Phone.OPEN])),
        note=draw(st.sampled_from(["", "x", "y"])),
        resource=draw(st.sampled_from(["", "r"])),
    )


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    start = draw(st.integers(-10, 600))
    end = draw(st.none() | lengths)
    return Override(
        at_step(start),
        None if end is None else at_step(start + end),
        draw(st.sampled_from([None, "sick", "lunch"])),
    )


many_claims = st.lists(claims(), max_size=10)
maybe_override = st.none() | overrides()


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    gap, warn = draw(st.sampled_from([0, 5, 20])), draw(st.sampled_from([0, 10, 60]))
    rules = replace(RULES, chain_gap=timedelta(minutes=gap), warn_before=timedelta(minutes=warn))
    return Timeline(draw(many_claims), rules, draw(maybe_override), WORKING)


def united(timeline: Timeline) -> list[CalendarReferral]:
    """The claims that count, in the plainest way: no other copy of the same entry is stronger."""

    def strength(r: CalendarReferral) -> tuple[object, ...]:
        reason = REASONS.get(r.reason)
        tail = (r.resource, r.span.end, r.divert_to, r.note, r.reason)
        return r.phone is Phone.CLOSED, reason.priority if reason else 0, r.span.start, -r.key.calendar, tail

    groups: dict[tuple[str, str], list[CalendarReferral]] = {}
    for r in timeline.referrals:
        groups.setdefault((r.key.uid, r.key.recurrence_id), []).append(r)
    return [max(copies, key=strength) for copies in groups.values()]


def closed_over(timeline: Timeline, at: datetime) -> list[CalendarReferral]:
    return [r for r in united(timeline) if r.phone is Phone.CLOSED and r.span.covers(at)]


def ends_of(timeline: Timeline) -> list[datetime]:
    """Every start and end of a claim, and the instants just before them."""
    found = {e for r in timeline.referrals for e in (r.span.start, min(r.span.end, LATEST - TICK))}
    if timeline.override is not None:
        found.add(timeline.override.start)
        found.add(timeline.override.end or timeline.override.start)
    return sorted({e + by for e in found for by in (-TICK, timedelta())})


@given(timelines(), instants)
def test_a_person_is_referred_exactly_when_a_claim_of_the_winning_layer_covers(t: Timeline, at: datetime) -> None:
    for instant in [at, *ends_of(t)]:
        now, by_hand = t.at(instant), t.override
        if by_hand is not None and by_hand.covers(instant):
            assert (now.layer, now.reason, now.until) == (Layer.OVERRIDE, by_hand.reason, by_hand.end)
        elif running := closed_over(t, instant):
            assert now.layer is Layer.CALENDAR
            assert (now.key, now.reason, now.until) in [(r.key, r.reason, known_end(r.span.end)) for r in running]
            assert now.until is not None or now.back_at is None
        else:
            assert (now.layer, now.referred, now.until, now.back_at) == (Layer.NONE, False, None, None)


@given(timelines(), instants)
def test_the_winner_is_the_highest_priority_then_the_latest_start(t: Timeline, at: datetime) -> None:
    now = t.at(at)
    won = next((r for r in closed_over(t, at) if r.key == now.key), None)
    if won is None:
        return
    for other in closed_over(t, at):
        ranks = [(REASONS[r.reason].priority if r.reason in REASONS else 0, r.span.start) for r in (won, other)]
        assert ranks[0] >= ranks[1]


@given(timelines(), instants, st.data())
def test_next_change_is_the_first_instant_that_differs(t: Timeline, at: datetime, data: st.DataObject) -> None:
    now, change = t.at(at), t.next_change(at)
    if change is None:
        change = at_step(2000)
    else:
        assert change > at
        assert t.at(change) != now
        assert t.at(change - TICK) == now
    between = data.draw(st.integers(0, int((change - at) / TICK) - 1)) if change > at else 0
    assert t.at(at + between * TICK) == now
    assert all(t.at(e) == now for e in ends_of(t) if at <= e < change)


@given(st.lists(claims(Phone.CLOSED), min_size=1, max_size=10))
def test_nothing_is_early(referrals: list[CalendarReferral]) -> None:
    first = min(r.span.start for r in united(Timeline(referrals, RULES)))
    assert not Timeline(referrals, RULES).at(first - TICK).referred
    assert Timeline(referrals, RULES).at(first).referred


@given(st.lists(claims(), min_size=1, max_size=10))
def test_nothing_lingers(referrals: list[CalendarReferral]) -> None:
    t = Timeline(referrals, RULES)
    last = max(r.span.end for r in united(t))
    now = t.at(last)
    if last == LATEST:
        assert now.referred or now.informing, "until further notice is for ever"
        return
    assert (now.referred, now.informing, now.upcoming) == (False, (), None)
    running = t.at(last - TICK)
    assert running.referred or running.informing


@given(overrides())
def test_an_override_is_neither_early_nor_lingers(override: Override) -> None:
    t = Timeline([], RULES, override)
    assert t.at(override.start - TICK).layer is Layer.NONE
    assert t.at(override.start).layer is Layer.OVERRIDE
    if override.end is None:
        assert t.at(at_step(10**6)).layer is Layer.OVERRIDE
    else:
        assert t.at(override.end - TICK).layer is Layer.OVERRIDE
        assert t.at(override.end).layer is Layer.NONE


@given(st.lists(claims(Phone.CLOSED), min_size=1, max_size=10), instants)
def test_no_available_where_the_union_of_the_claims_covers(referrals: list[CalendarReferral], at: datetime) -> None:
    one_each = [replace(r, key=EntryKey(1, str(i))) for i, r in enumerate(referrals)]
    t = Timeline(one_each, RULES)
    for instant in [at, *ends_of(t)]:
        assert t.at(instant).referred == any(r.span.covers(instant) for r in one_each)


@given(st.lists(claims(Phone.CLOSED), min_size=1, max_size=10), instants)
def test_back_at_is_past_every_claim_and_in_working_hours(referrals: list[CalendarReferral], at: datetime) -> None:
    t = Timeline(referrals, RULES, None, WORKING)
    now = t.at(at)
    if now.until is None or now.back_at is None:
        assert now.back_at is None
        assert not now.referred or any(r.span.end == LATEST for r in united(t))
        return
    assert now.back_at >= now.until
    assert not closed_over(t, now.back_at)
    soon = (r for r in united(t) if now.back_at < r.span.start)
    assert all(r.span.start - now.back_at >= RULES.chain_gap for r in soon)
    assert WORKING.next_start(now.back_at) == now.back_at


@given(overrides(), many_claims, many_claims, instants)
def test_an_override_is_never_shortened_by_a_calendar(
    override: Override, before: list[CalendarReferral], after: list[CalendarReferral], at: datetime
) -> None:
    told, then = (Timeline(claims_, RULES, override, WORKING).at(at) for claims_ in (before, after))
    if override.covers(at):
        assert (told.layer, told.reason, told.until) == (then.layer, then.reason, then.until)
        assert then.until == override.end


@given(st.lists(claims(Phone.CLOSED), min_size=1, max_size=10), instants)
def test_available_by_hand_lasts_to_the_end_of_the_block(referrals: list[CalendarReferral], at: datetime) -> None:
    override = take_back(at, Timeline(referrals, RULES))
    t = Timeline(referrals, RULES, override)
    if override is None:
        assert not closed_over(t, at)
        return
    assert not t.at(at).referred
    if override.end is None:
        assert any(r.span.end == LATEST for r in united(t))
        assert t.next_change(at_step(2000)) is None
        return
    assert not t.at(override.end - TICK).referred
    assert not closed_over(t, override.end)
    assert t.next_change(override.end - TICK) == override.end
    assert all(t.at(r.span.start).referred for r in referrals if r.span.start >= override.end and r in united(t))


untagged_subjects = st.text(max_size=40).filter(lambda s: isinstance(read_subject(s, KEYWORDS), Untagged))


@given(st.lists(strategies.entries(T0.date()), max_size=6), strategies.entries(T0.date()), untagged_subjects, st.data())
def test_an_untagged_entry_in_keyword_mode_changes_nothing(
    entries: list[CalendarEntry], entry: CalendarEntry, subject: str, data: st.DataObject
) -> None:
    plain = EntryType.DEFAULT if entry.type is EntryType.AUTOMATIC_REPLY else entry.type  # that one is no entry
    more = [*entries, replace(entry, subject=subject, type=plain)]
    override, at = data.draw(maybe_override), data.draw(instants)
    without, with_it = (Timeline(referrals(all_), RULES, override, WORKING) for all_ in (entries, more))
    assert with_it.at(at) == without.at(at)
    assert list(with_it.stretches(T0)) == list(without.stretches(T0))


def referrals(entries: list[CalendarEntry]) -> list[CalendarReferral]:
    outcomes = [outcome(entry, OWNER, RULES) for entry in entries]
    return [o for o in outcomes if isinstance(o, CalendarReferral)]


@given(timelines(), instants, st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_result_depends_neither_on_order_nor_on_repetition(
    t: Timeline, at: datetime, random: Random, times: int
) -> None:
    again = [*t.referrals] * times
    random.shuffle(again)
    other = Timeline(again, t.rules, t.override, t.working)
    assert other.at(at) == t.at(at)
    assert list(other.stretches(T0)) == list(t.stretches(T0))


@given(timelines(), instants, st.none() | st.integers(1, 800))
def test_stretches_agree_with_at(t: Timeline, start: datetime, length: int | None) -> None:
    end = None if length is None else start + length * STEP
    found = list(t.stretches(start, end))
    assert found[0].start == start
    assert found[-1].end == end
    for one, other in pairwise(found):
        assert one.end == other.start
        assert one.availability != other.availability
    for stretch in found:
        assert stretch.availability == t.at(stretch.start)
        if stretch.end is not None:
            assert stretch.start < stretch.end
            assert stretch.availability == t.at(stretch.end - TICK)
            assert stretch.end == end or t.next_change(stretch.start) == stretch.end
        else:
            assert t.next_change(stretch.start) is None


@given(st.text(max_size=60))
def test_an_ignored_entry_says_nothing_of_its_subject(text: str) -> None:
    canary = "Zebra" + text.replace(":", "").replace(";", "")
    result = outcome(CalendarEntry("u", Timed(T0, T0 + STEP), canary), OWNER, RULES)
    assert isinstance(result, Ignored)
    assert "zebra" not in result.because.casefold()
