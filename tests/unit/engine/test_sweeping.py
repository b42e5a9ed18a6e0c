"""Looking at who is busy when: first of all at everybody, later on as a check on what is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import ShowAs
from backsoon.domain.organisation import Person
from backsoon.engine.fingerprints import DAYS, Fingerprints
from backsoon.engine.pace import SELDOM
from backsoon.engine.sweeping import at_work
from backsoon.sources.account import BusyTime
from backsoon.sources.base import SourceBusy, SourceDenied, SourceUnavailable, Window
from backsoon.store.base import Lane
from tests.unit.engine.pushed import PLACE, Pushed, pushed
from tests.unit.engine.world import NINE, acme, at, entry

MIDNIGHT = NINE.replace(hour=0)
TIMES = st.builds(
    lambda start, length, show_as: BusyTime(
        MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=start + length), show_as
    ),
    st.integers(0, DAYS * 1440 - 1),
    st.integers(1, 600),
    st.sampled_from([ShowAs.BUSY, ShowAs.TENTATIVE, ShowAs.OUT_OF_OFFICE]),
)


def prints(day: datetime, *busy: list[BusyTime]) -> Fingerprints:
    made = Fingerprints(day)
    for number, times in enumerate(busy, start=1):
        made.add(number, times)
    return made


@given(st.lists(st.lists(TIMES, max_size=5), min_size=1, max_size=8))
def test_the_same_times_in_any_order_are_no_change(busy: list[list[BusyTime]]) -> None:
    before = prints(MIDNIGHT, *busy)
    later = prints(MIDNIGHT, *[list(reversed(times)) for times in busy])
    assert not [n for n in range(1, len(busy) + 2) if before.differs(n, later)]


@given(st.lists(TIMES, min_size=1, max_size=5, unique=True), st.data())
def test_one_time_more_or_less_is_a_change(times: list[BusyTime], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(times))
    left = [t for t in times if t != gone]
    assert prints(MIDNIGHT, [], times).differs(2, prints(MIDNIGHT, [], left))
    assert prints(MIDNIGHT, [], left).differs(2, prints(MIDNIGHT, [], times))


def test_the_next_day_is_compared_with_what_was_tomorrow() -> None:
    tomorrow = BusyTime(at(10) + timedelta(days=1), at(11) + timedelta(days=1))
    before = prints(MIDNIGHT, [BusyTime(at(9), at(10)), tomorrow])
    next_day = MIDNIGHT + timedelta(days=1)
    assert not before.differs(1, prints(next_day, [tomorrow]))
    assert before.differs(1, prints(next_day, []))
    assert not before.differs(1, prints(next_day + timedelta(days=2), []))


@given(st.integers(1, DAYS))
def test_what_is_days_ahead_is_compared_the_next_day_but_for_the_last_which_was_not_seen(day: int) -> None:
    later = BusyTime(at(10) + day * timedelta(days=1), at(11) + day * timedelta(days=1))
    next_day = prints(MIDNIGHT + timedelta(days=1), [later])
    assert prints(MIDNIGHT, []).differs(1, next_day) is (day < DAYS)
    assert not prints(MIDNIGHT, [later]).differs(1, next_day)


def test_as_many_days_are_looked_at_as_may_pass_between_two_reads() -> None:
    """Of what is booked for later than that a reading is due before it begins."""
    assert timedelta(days=DAYS - 1) >= timedelta(seconds=SELDOM.longest)


def test_a_mailbox_takes_sixteen_bytes() -> None:
    made = Fingerprints(MIDNIGHT)
    for number in range(10_000):
        made.add(number + 1, [BusyTime(at(9), at(10))])
    size = sys.getsizeof(made._calendars) + sys.getsizeof(made._prints)
    assert size <= 16 * 10_000 * 1.2


@pytest.mark.parametrize(
    ("hours", "when", "there"),
    [
        (None, at(10), True),
        (None, at(23), False),
        (None, at(10) + timedelta(days=5), False),
        (WorkingHours((((480, 1020),),) * 5 + ((),) * 2), at(7, 59), False),
        (WorkingHours((((480, 1020),),) * 5 + ((),) * 2), at(8), True),
        (WorkingHours((((480, 1020),),) * 5 + ((),) * 2), at(17), False),
    ],
)
def test_it_is_looked_at_working_hours_only(hours: WorkingHours | None, when: datetime, there: bool) -> None:
    organisation = acme() if hours is None else replace(acme(), hours=hours)
    assert at_work(organisation, when) is there


# -- at work ---------------------------------------------------------------------------------------------------------


async def test_whoever_is_busy_soon_is_read_first(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(300)
        for person in people[200:210]:
            p.account.box(person.email).busy = (BusyTime(at(9, 10), at(10)),)
        await p.start(sync=False)
        due = await p.store.calendars_due(p.clock.now(), 10)
        assert {read.calendar.person for read in due} == {person.id for person in people[200:210]}
        assert p.account.requests["busy"] == 3


async def test_what_nobody_told_of_is_found_within_a_quarter_of_an_hour(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(50)
        await p.start()
        await p.pass_by(minutes=40)
        p.account.drop = 1.0
        anna = people[7]
        p.account.box(anna.email).busy = (BusyTime(at(15), at(16)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", at(15), at(16)))
        p.reads.clear()
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 1
        await p.pass_by(minutes=10)
        assert p.pushing.telling(*PLACE).lost_until is not None  # type: ignore[union-attr]


async def test_what_is_lost_of_a_day_later_in_the_week_is_found_as_soon(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        (anna, *_) = await p.people(5)
        await p.start()
        await p.pass_by(minutes=40)
        p.account.drop = 1.0
        friday = at(9) + timedelta(days=4)
        p.account.box(anna.email).busy = (BusyTime(friday, friday + timedelta(hours=1)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", friday, friday + timedelta(hours=1)))
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 1


async def test_what_changes_after_a_reading_that_nobody_asked_for_is_found_too(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        (anna, *_) = await p.people(5)
        await p.start()
        await p.pass_by(minutes=41)
        (read,) = await p.store.calendars(person=anna.id)
        await p.store.hint([read.calendar.id], Lane.RECONCILE, p.clock.now())
        p.sync.hinted([read.calendar.id])
        await p.pass_by(minutes=1)
        p.account.drop = 1.0
        p.account.box(anna.email).busy = (BusyTime(at(15), at(16)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", at(15), at(16)))
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 1


async def test_what_is_lost_on_a_sunday_is_found_before_monday_begins(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        (anna, *_) = await p.people(5)
        await p.start()
        await p.pass_until(at(9) + timedelta(days=6))
        (read,) = await p.store.calendars(person=anna.id)
        await p.store.hint([read.calendar.id], Lane.CHANGED, p.clock.now())
        p.sync.hinted([read.calendar.id])
        await p.pass_by(hours=1)
        p.account.drop = 1.0
        monday = at(9) + timedelta(days=7)
        p.account.box(anna.email).busy = (BusyTime(monday, monday + timedelta(hours=1)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", monday, monday + timedelta(hours=1)))
        await p.pass_until(monday - timedelta(hours=1))
        assert len(await p.world.service.referrals(anna)) == 1


async def test_what_was_told_is_not_read_again(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(50)
        await p.start()
        await p.pass_by(minutes=40)
        anna = people[7]
        p.account.box(anna.email).busy = (BusyTime(at(15), at(16)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", at(15), at(16)))
        p.reads.clear()
        await p.account.change(anna.email)
        await p.pass_by(minutes=40)
        assert p.reads == {anna.email: 1}


async def test_nobody_is_looked_at_where_everybody_is_read_often_anyway(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        p.public = ""
        await p.people(10)
        await p.start(sync=False)
        before = p.account.requests["busy"]
        await p.pass_by(hours=3)
        assert p.account.requests["busy"] == before == 1


@pytest.mark.parametrize("error", [SourceUnavailable("503"), SourceDenied("403")])
async def test_where_it_cannot_be_said_nothing_is_read_for_it(tmp_path: Path, error: SourceDenied) -> None:
    async with pushed(tmp_path) as p:
        await p.people(10)
        await p.start()
        await p.pass_by(minutes=40)
        p.account.fail["busy"] = error
        p.reads.clear()
        await p.pass_by(hours=1)
        p.account.fail.clear()
        await p.pass_by(hours=1)
        assert sum(p.reads.values()) == 0


# -- some, or all, cannot be looked at -------------------------------------------------------------------------------


async def seldom_read(p: Pushed, count: int) -> list[Person]:
    """People at a vendor like Google, whose calendars are read seldom because they are looked at."""
    assert p.account.hooks is not None
    p.account.hooks.life, p.account.hooks.of_everything = timedelta(days=7), True
    return await p.people(count)


async def test_where_the_consent_turns_out_not_to_cover_it_everybody_is_read_within_36_hours(tmp_path: Path) -> None:
    async with pushed(tmp_path, renewable=False) as p:
        await seldom_read(p, 30)
        await p.start(sweep=False)
        await p.pass_by(minutes=16)  # all are read by now, and shall not be for days

        async def refused(addresses: Sequence[str], window: Window) -> Any:
            p.account.busy_at_once = 0
            raise SourceDenied("403: the consent does not cover this")

        p.account.busy = refused  # type: ignore[method-assign]
        p._tasks.append(asyncio.create_task(p.sweeping.run()))
        await p.settle()
        await p.pass_by(minutes=20)
        p.reads.clear()
        await p.pass_by(hours=36)
        assert len(p.reads) == 30


async def test_where_nobody_can_be_looked_at_for_a_day_everybody_is_read_within_36_hours(tmp_path: Path) -> None:
    async with pushed(tmp_path, renewable=False) as p:
        await seldom_read(p, 30)
        await p.start()
        await p.pass_by(hours=2)
        p.account.fail["busy"] = SourceUnavailable("500")
        await p.pass_by(hours=28)
        p.reads.clear()
        await p.pass_by(hours=36)
        assert len(p.reads) == 30


async def test_a_mailbox_that_cannot_be_looked_at_is_read_within_36_hours(tmp_path: Path) -> None:
    async with pushed(tmp_path, renewable=False) as p:
        people = await seldom_read(p, 30)
        some_fail(p, {people[7].email, people[29].email})
        p.account.busy_at_once = 1
        await p.start()
        await p.pass_by(hours=2)
        p.reads.clear()
        await p.pass_by(hours=37)
        assert p.reads.keys() == {people[7].email, people[29].email}


def some_fail(p: Pushed, emails: Collection[str]) -> None:
    """Whoever asks for one of these is answered nothing at all."""
    really = p.account.busy

    async def busy(addresses: Sequence[str], window: Window) -> Any:
        if set(addresses) & set(emails):
            raise SourceUnavailable("the answer cannot be read")
        return await really(addresses, window)

    p.account.busy = busy  # type: ignore[method-assign]


async def test_a_mailbox_that_spoils_its_question_does_not_keep_others_from_being_looked_at(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        p.account.busy_at_once = 10
        people = await p.people(50)
        some_fail(p, {people[3].email})
        p.account.box(people[47].email).busy = (BusyTime(at(9, 5), at(9, 30)),)
        await p.start(sync=False)
        due = await p.store.calendars_due(p.clock.now(), 1)
        assert [read.calendar.person for read in due] == [people[47].id]
        await p.stop()
        await p.start()
        await p.pass_by(minutes=40)
        p.account.drop = 1.0
        anna = people[40]
        p.account.box(anna.email).busy = (BusyTime(at(15), at(16)),)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", at(15), at(16)))
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 1


async def test_what_is_found_before_the_vendor_asks_to_wait_is_read_once(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        p.account.busy_at_once = 10
        people = await p.people(50)
        await p.start()
        await p.pass_by(minutes=40)
        really = p.account.busy

        async def busy(addresses: Sequence[str], window: Window) -> Any:
            if people[30].email in addresses:
                raise SourceBusy("429", retry_after=5.0)
            return await really(addresses, window)

        p.account.busy = busy  # type: ignore[method-assign]
        p.account.drop = 1.0
        anna = people[7]
        p.account.box(anna.email).busy = (BusyTime(at(15), at(16)),)
        p.reads.clear()
        await p.pass_by(hours=3)
        assert p.reads == {anna.email: 1}


def test_who_cannot_be_looked_at_when_the_day_begins_is_compared_with_the_day_before() -> None:
    tomorrow = BusyTime(at(10) + timedelta(days=1), at(11) + timedelta(days=1))
    kept = Fingerprints(MIDNIGHT + timedelta(days=1))
    kept.keep(1, prints(MIDNIGHT, [tomorrow]))
    assert kept.differs(1, prints(MIDNIGHT + timedelta(days=1), []))


# -- what is told is lost in part ------------------------------------------------------------------------------------


async def booked(p: Pushed, number: int, hour: int, minute: int = 0) -> None:
    """Somebody books half an hour; the vendor tells of it, or not."""
    box, email = p.account.box(f"p{number}@example.com"), f"p{number}@example.com"
    start = at(hour, minute)
    name = f"{hour}.{minute}"
    box.source.put(name, entry(name, f"m: {name}", start, start + timedelta(minutes=30)))
    box.busy = (*box.busy, BusyTime(start, start + timedelta(minutes=30)))
    await p.account.change(email)


@pytest.mark.parametrize("drop", [0.2, 1.0])
async def test_whatever_is_lost_everything_is_right_within_sixteen_minutes(tmp_path: Path, drop: float) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(60)
        await p.start()
        await p.pass_by(minutes=40)
        p.account.drop = drop
        for step in range(24):
            for number in range(step % 6, 60, 12):
                await booked(p, number, 16 + step % 4, step)
            await p.pass_by(minutes=5)
        await p.pass_by(minutes=16)
        for person in people:
            box = p.account.box(person.email)
            assert len(await p.world.service.referrals(person)) == len(box.busy), person.email


async def test_what_is_lost_after_something_that_was_told_is_found_as_soon(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        (anna, *_) = await p.people(5)
        await p.start()
        await p.pass_by(minutes=40)
        await booked(p, 0, 15)
        await p.settle()
        await p.pass_by(minutes=1)
        assert len(await p.world.service.referrals(anna)) == 1
        p.account.drop = 1.0
        await booked(p, 0, 17)
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 2


async def test_many_that_are_told_of_together_are_looked_at_together(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(50)
        await p.start()
        await p.pass_by(minutes=40)
        before = p.account.requests["busy"]
        p.reads.clear()
        for number in range(50):
            await booked(p, number, 15)
        await p.settle()
        await p.pass_by(minutes=1)
        assert p.account.requests["busy"] == before + -(-50 // p.account.busy_at_once)
        await p.pass_by(minutes=40)
        assert set(p.reads.values()) == {1}


async def test_who_cannot_be_looked_at_after_it_was_told_of_is_read_once_more(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        (anna, *_) = await p.people(5)
        await p.start()
        await p.pass_by(minutes=40)
        p.account.fail["busy"] = SourceUnavailable("503")
        await booked(p, 0, 15)
        await p.settle()
        await p.pass_by(minutes=1)
        p.account.fail.clear()
        p.account.drop = 1.0
        await booked(p, 0, 17)
        await p.pass_by(minutes=16)
        assert len(await p.world.service.referrals(anna)) == 2


def test_a_later_look_at_one_mailbox_takes_the_place_of_the_one_before() -> None:
    nine, ten = BusyTime(at(9), at(10)), BusyTime(at(10), at(11))
    made = Fingerprints(MIDNIGHT)
    for calendar in (2, 4):
        made.add(calendar, [nine])
    for calendar in (1, 2, 3, 5):
        made.put(calendar, [ten])
    for calendar, expected in {1: ten, 2: ten, 3: ten, 4: nine, 5: ten}.items():
        now = Fingerprints(MIDNIGHT)
        now.add(calendar, [expected])
        assert not made.differs(calendar, now)
