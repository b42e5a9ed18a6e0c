"""The expander against `dateutil.rrule`, and against itself without the jump."""

# ruff: noqa: DTZ001, DTZ901 (what clocks show has no zone)
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backsoon.sources.ical.expand import Budget, Stretch, check_possible, never_matches, occurrences
from backsoon.sources.ical.faults import BadRule, OverBudget
from backsoon.sources.ical.rule import Freq, parse_rule

START = datetime(2024, 1, 31, 9, 30)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def expand(rule: str, start: datetime, low: datetime, high: datetime, steps: int = 1_000_000) -> list[datetime]:
    return list(occurrences(parse_rule(rule.encode()), start, Stretch(low, high), Budget(steps)))


def numbers(low: int, high: int, most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(st.integers(low, high), min_size=1, max_size=most, unique=True).map(
        lambda found: ",".join(map(str, found))
    )


def signed(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high) | st.integers(-high, -low)
    return st.lists(number, min_size=1, max_size=3, unique=True).map(lambda found: ",".join(map(str, found)))


@st.composite
def by_day(draw: st.DrawFn, freq: Freq) -> str:
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True))
    # All with an ordinal or none: dateutil reads a mixture as "both at once", the RFC as "either".
    # Past a month's five weeks dateutil fails.
    if freq in (Freq.MONTHLY, Freq.YEARLY) and draw(st.booleans()):
        return ",".join(f"{draw(st.sampled_from((1, 2, 4, -1, -2, -4)))}{day}" for day in days)
    return ",".join(days)


@st.composite
def rules(draw: st.DrawFn, rare_clocks: bool = True) -> str:
    """A rule that both sides take to mean the same; each restriction has its reason beside it.

    `rare_clocks`: also rules by the clock that only some days let pass, over which dateutil walks second by second.
    """
    freq = draw(st.sampled_from(Freq))
    parts = [f"FREQ={freq.name}"]

    def maybe(name: str, values: st.SearchStrategy[str]) -> bool:
        if draw(st.integers(0, 3)) == 0:
            parts.append(f"{name}={draw(values)}")
            return True
        return False

    maybe("INTERVAL", st.integers(1, 40).map(str))
    chooses = maybe("BYDAY", by_day(freq))
    if freq <= Freq.DAILY or rare_clocks:
        maybe("BYMONTH", numbers(1, 12))
        chooses |= maybe("BYMONTHDAY", signed(1, 31))
        maybe("BYYEARDAY", signed(1, 366))
    ordinals = any(part.startswith("BYDAY=") and not part[6].isalpha() for part in parts)
    # Without a day dateutil takes the whole week, the RFC the weekday of DTSTART.
    if chooses and freq is Freq.YEARLY and not ordinals:
        maybe("BYWEEKNO", signed(1, 53))
    maybe("BYHOUR", numbers(0, 23))
    maybe("BYMINUTE", numbers(0, 59))
    maybe("BYSECOND", numbers(0, 59))
    # Of a first week that DTSTART cuts, dateutil counts what is left, the RFC all of it.
    if len(parts) > 2 and freq is not Freq.WEEKLY:
        maybe("BYSETPOS", signed(1, 4))
    maybe("WKST", st.sampled_from(WEEKDAYS))
    return ";".join(parts)


STARTS = st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(microsecond=0))


def theirs(rule: str, start: datetime, low: datetime, high: datetime) -> list[datetime]:
    try:
        found = takewhile(lambda wall: wall < high, rrulestr(f"{rule};UNTIL={high:%Y%m%dT%H%M%S}", dtstart=start))
        return [wall for wall in found if wall >= low]
    except ValueError:  # how dateutil says of a rule by the clock that it never matches
        return []


def goes_on(rule: str, start: datetime, high: datetime) -> bool:
    """Whether it matches again soon after `high`: dateutil looks at UNTIL only when it has found something."""
    try:
        far = min(high + timedelta(days=12_000), datetime(9000, 1, 1))
        return bool(next(iter(expand_lazily(rule, start, high, far)), None))
    except OverBudget:
        return False


def expand_lazily(rule: str, start: datetime, low: datetime, high: datetime) -> Iterator[datetime]:
    return occurrences(parse_rule(rule.encode()), start, Stretch(low, high), Budget(5_000))


@given(rules(rare_clocks=False), STARTS, st.integers(0, 3000), st.integers(1, 500))
@example("FREQ=YEARLY;BYDAY=53MO", datetime(2024, 1, 1), 0, 500)
@example("FREQ=YEARLY;BYDAY=-53SU", datetime(2023, 1, 1), 0, 500)
@example("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA;WKST=SU", datetime(2004, 1, 1), 0, 500)
@example("FREQ=YEARLY;BYYEARDAY=-1;BYWEEKNO=1", datetime(2000, 10, 1), 0, 800)
@example("FREQ=YEARLY;BYYEARDAY=-1;BYMONTHDAY=-1;BYWEEKNO=1", datetime(2000, 10, 1), 0, 92)
@example("FREQ=MONTHLY;BYMONTHDAY=-31", datetime(2024, 2, 1), 0, 500)
@example("FREQ=HOURLY;INTERVAL=7;BYHOUR=3", datetime(2024, 2, 1, 5), 0, 500)
@example("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=3", datetime(2024, 2, 1, 5), 0, 500)
def test_finds_what_dateutil_finds(rule: str, start: datetime, after: int, days: int) -> None:
    # dateutil walks from DTSTART: what is frequent is compared over a shorter way.
    shrink = {Freq.HOURLY: 10, Freq.MINUTELY: 600, Freq.SECONDLY: 30_000}.get(parse_rule(rule.encode()).freq, 1)
    low = (start + timedelta(days=after) / shrink).replace(microsecond=0)
    high = (low + timedelta(days=days) / shrink).replace(microsecond=0)
    assume(goes_on(rule, start, high))
    assert expand(rule, start, low, high) == theirs(rule, start, low, high)


@given(
    st.sets(st.integers(1, 12), max_size=3),
    st.sets(st.integers(-31, 31).filter(bool), max_size=3),
    st.sets(st.integers(0, 6), max_size=3),
    st.sets(st.integers(-366, 366).filter(bool), max_size=3),
    st.sampled_from(
        ("DAILY", "HOURLY;BYHOUR=9", "MINUTELY;BYHOUR=9;BYMINUTE=30", "SECONDLY;BYHOUR=9;BYMINUTE=30;BYSECOND=0")
    ),
)
def test_every_limit_on_days_against_the_plainest_evaluation(
    months: set[int], month_days: set[int], week_days: set[int], year_days: set[int], freq: str
) -> None:
    parts: dict[str, set[int] | set[str]] = {
        "BYMONTH": months,
        "BYMONTHDAY": month_days,
        "BYDAY": {WEEKDAYS[day] for day in week_days},
        "BYYEARDAY": year_days,
    }
    rule = f"FREQ={freq}" + "".join(
        f";{name}={','.join(str(value) for value in values)}" for name, values in parts.items() if values
    )
    start, days = datetime(2023, 12, 1, 9, 30), 800
    expected = []
    for wall in (start + timedelta(days=number) for number in range(days)):
        next_month = (wall.replace(day=28) + timedelta(days=4)).replace(day=1)
        next_year = wall.replace(year=wall.year + 1, month=1, day=1)
        if (
            (not months or wall.month in months)
            and (not month_days or {wall.day, -(next_month - wall).days} & month_days)
            and (not week_days or wall.weekday() in week_days)
            and (not year_days or {wall.timetuple().tm_yday, -(next_year - wall).days} & year_days)
        ):
            expected.append(wall)
    assert expand(rule, start, start, start + timedelta(days=days)) == expected


@given(rules(), STARTS, st.integers(1, 60), st.integers(0, 60))
def test_the_jump_into_the_window_leaves_nothing_out(rule: str, start: datetime, after: int, days: int) -> None:
    if parse_rule(rule.encode()).freq > Freq.HOURLY:
        rule = rule.replace("SECONDLY", "HOURLY").replace("MINUTELY", "HOURLY")
    low, high = start + timedelta(days=after), start + timedelta(days=after + days)
    whole = expand(rule, start, start, high)
    assert expand(rule, start, low, high) == [wall for wall in whole if wall >= low]


@given(rules(), STARTS, st.integers(1, 40), st.integers(0, 400))
def test_count_is_the_same_with_and_without_arithmetic(rule: str, start: datetime, count: int, after: int) -> None:
    high = start + timedelta(days=800)
    if parse_rule(rule.encode()).freq > Freq.DAILY:
        high, after = start + timedelta(days=5), after // 100
    low = start + timedelta(days=after)
    counted = f"{rule};COUNT={count}"
    endless = expand(rule, start, start, high)
    kept = endless[: count if endless[:1] == [start] else count - 1]
    assert expand(counted, start, low, high) == [wall for wall in kept if wall >= low]


@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=HOURLY", "FREQ=DAILY;INTERVAL=3"])
def test_count_by_arithmetic_costs_no_walk(rule: str) -> None:
    start, late = datetime(1970, 1, 5, 9), datetime(2026, 1, 1)
    budget = Budget(200)
    stretch = Stretch(late, late + timedelta(days=3))
    found = list(occurrences(parse_rule(f"{rule};COUNT=100000".encode()), start, stretch, budget))
    assert found == [wall for wall in found if late <= wall < late + timedelta(days=3)]


@pytest.mark.parametrize("freq", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY"])
def test_a_rule_since_1970_costs_what_one_since_yesterday_costs(freq: str) -> None:
    spent = []
    low = datetime(2026, 11, 1)
    for start in (datetime(1970, 1, 1, 9), datetime(2026, 10, 30, 9)):
        budget = Budget(100_000)
        list(occurrences(parse_rule(f"FREQ={freq}".encode()), start, Stretch(low, low + timedelta(days=60)), budget))
        spent.append(budget.spent)
    assert abs(spent[0] - spent[1]) <= 10


def test_until_is_inclusive() -> None:
    rule = parse_rule(b"FREQ=DAILY")
    stretch = Stretch(START, START + timedelta(days=9), START + timedelta(days=2))
    assert len(list(occurrences(rule, START, stretch, Budget(100)))) == 3


def test_either_where_weekdays_with_and_without_ordinal_are_mixed() -> None:
    found = expand("FREQ=MONTHLY;BYDAY=1MO,FR", datetime(2026, 11, 1, 9), datetime(2026, 11, 1), datetime(2026, 12, 1))
    assert [wall.day for wall in found] == [2, 6, 13, 20, 27]


def test_the_weekday_of_a_week_number_is_that_of_the_start() -> None:
    found = expand("FREQ=YEARLY;BYWEEKNO=20", datetime(2026, 5, 12, 9), datetime(2026, 1, 1), datetime(2029, 1, 1))
    assert [f"{wall:%Y-%m-%d %a}" for wall in found] == ["2026-05-12 Tue", "2027-05-18 Tue", "2028-05-16 Tue"]


def test_a_set_position_counts_in_the_whole_first_week() -> None:
    found = expand(
        "FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=1", datetime(2026, 11, 4, 9), datetime(2026, 11, 1), datetime(2026, 11, 20)
    )
    assert [wall.day for wall in found] == [9, 16]


@pytest.mark.parametrize("freq", Freq)
def test_at_the_ends_of_time_nothing_breaks(freq: Freq) -> None:
    rule = parse_rule(f"FREQ={freq.name}".encode())
    last = datetime.max.replace(microsecond=0)
    for start in (datetime(1, 1, 1), datetime(9999, 12, 30)):
        low = max(start, last - timedelta(days=2))
        found = occurrences(rule, start, Stretch(low, datetime.max), Budget(1_000_000))
        assert next(found, start) >= start


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=" + ",".join(map(str, range(60))) + ";BYSECOND=0,1,2,3,4,5,6,7",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=1,2,3,4,5,6,7,8,9,10;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=1,2,3,4,5,6,7,8",
    ],
)
def test_what_costs_more_than_its_budget_is_given_up(rule: str) -> None:
    with pytest.raises(OverBudget):
        expand(rule, datetime(1970, 1, 1), datetime(2026, 1, 1), datetime(2034, 1, 1), steps=2_000)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31",
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=-30",
    ],
)
def test_days_that_no_month_has_are_found_without_looking(rule: str) -> None:
    with pytest.raises(BadRule, match="never matches"):
        check_possible(parse_rule(rule.encode()))


@pytest.mark.parametrize(
    ("rule", "never"),
    [
        ("FREQ=YEARLY;BYYEARDAY=366", False),
        ("FREQ=YEARLY;INTERVAL=2;BYYEARDAY=366", True),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", True),
        ("FREQ=MONTHLY;BYMONTHDAY=31", False),
        ("FREQ=MONTHLY", False),
        ("FREQ=YEARLY;BYDAY=-53SU", False),
    ],
)
def test_tells_rules_that_never_match(rule: str, never: bool) -> None:
    assert never_matches(parse_rule(rule.encode()), datetime(2025, 1, 1, 9), Budget(50_000)) is never
