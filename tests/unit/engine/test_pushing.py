"""Being told of changes: what is ordered converges upon what is wanted, whatever happens to us or to the vendor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.engine.comparing import compared
from backsoon.engine.hearing import Event, Notice, Verdict
from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import SourceBusy, SourceDenied, SourceUnavailable
from backsoon.store.base import StoreUnavailable, Subscription
from backsoon.store.sqlite import SqliteStore
from backsoon.testing import FakeClock
from tests.simulators.account import Crash, MemoryAccount
from tests.unit.engine.pushed import PLACE, PUBLIC, Pushed, pushed
from tests.unit.engine.world import NINE, acme, at, entry

BOTH = pytest.mark.parametrize("renewable", [True, False], ids=["prolonged", "replaced"])


async def settled(p: Pushed, people: int) -> None:
    """Everybody has exactly one, in the store and at the vendor, and is told of by it."""
    hooks = p.account.hooks
    assert hooks is not None
    await p.pass_by(minutes=2)  # what was replaced just now lasts a little
    rows = await p.rows()
    live = {row.id: row for row in rows if not row.replaced and row.expires_at > p.clock.now()}
    assert sorted(hooks.held.keys() & live.keys()) == sorted(live)
    assert len({row.calendar for row in live.values()}) == len(live) == people
    assert set(live) <= {c.ordered.id for c in hooks.lasting()} <= {row.id for row in rows}, "orphans"
    telling = p.pushing.telling(*PLACE)
    assert telling is not None
    assert telling.told == people


@BOTH
async def test_everybody_is_told_of_and_read_seldom(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        await p.people(50)
        await p.start()
        await p.pass_by(hours=1)
        await settled(p, 50)
        assert p.account.requests["order"] == 3
        p.reads.clear()
        await p.pass_by(hours=24)
        assert sum(p.reads.values()) <= 50


@BOTH
async def test_what_ends_is_prolonged_in_time_for_weeks(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        await p.people(10)
        await p.start(sync=False, sweep=False)
        for _ in range(28):
            await p.pass_by(hours=12)
            assert p.pushing.telling(*PLACE).told == 10  # type: ignore[union-attr]
        await settled(p, 10)


@BOTH
async def test_who_comes_is_told_of_and_who_goes_is_not(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        people = await p.people(5)
        await p.start(sync=False)
        await p.pass_by(minutes=6)
        await p.store.remove_people([people[0].id])
        await p.store.save_people([replace(people[1], active=False)])
        await p.store.save_people([])
        await p.pass_by(hours=2)
        await settled(p, 3)
        await p.store.save_people([people[1]])
        await p.pass_by(minutes=6)
        await settled(p, 4)


@BOTH
async def test_renewals_that_fail_for_thirty_hours_heal(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        await p.people(40)
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=40)
        before = p.account.requests.total()
        for operation in ("renew", "order"):
            p.account.fail[operation] = SourceUnavailable("500")
        await p.pass_by(hours=30)
        assert p.pushing.telling(*PLACE).because == "500"  # type: ignore[union-attr]
        assert p.account.requests.total() - before < 30 * 10
        p.account.fail.clear()
        await p.pass_by(hours=1)
        await settled(p, 40)
        assert p.pushing.telling(*PLACE).because == ""  # type: ignore[union-attr]


async def test_channels_that_vanish_without_a_word_are_ordered_anew(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(200)
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=3)
        assert p.account.hooks is not None
        assert p.account.hooks.vanish(0.05)
        await p.pass_by(hours=1, minutes=5)
        await settled(p, 200)


@BOTH
@pytest.mark.parametrize("operation", ["order", "renew", "cancel"])
@pytest.mark.parametrize("after", [0, 1])
async def test_whoever_dies_between_two_steps_leaves_nothing_behind(
    tmp_path: Path, renewable: bool, operation: str, after: int
) -> None:
    """What was ordered by a process that did not live to hear of it is found again, or cancelled, or ends."""
    clock = FakeClock(NINE)
    account = MemoryAccount(clock, renewable=renewable, together=4)
    assert account.hooks is not None
    account.hooks.life = timedelta(hours=20)
    account.crash[operation] = after
    async with pushed(tmp_path, clock=clock, account=account) as p:
        people = await p.people(12)
        await p.start(sync=False, sweep=False)
        for _ in range(20):
            if not p.alive:
                break
            await p.pass_by(hours=1)
            if operation == "cancel":
                await p.store.remove_people([people.pop().id])
        died = await p.stop()
    if operation == "renew" and not renewable:
        assert not died
        return
    assert any(isinstance(e, Crash | BaseExceptionGroup) for e in died), died
    async with pushed(tmp_path, clock=clock, account=account) as p:
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=24)
        await settled(p, len(people))


async def test_one_mailbox_that_is_refused_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with pushed(tmp_path, together=1) as p:
        await p.people(30)
        assert p.account.hooks is not None
        calendars = [r.calendar.id for r in await p.store.calendars_at(*PLACE)]
        p.account.hooks.refused[calendars[3]] = SourceDenied("403 ErrorAccessDenied")
        await p.start(sync=False, sweep=False)
        await p.pass_by(minutes=6)
        assert p.pushing.telling(*PLACE).told == 29  # type: ignore[union-attr]
        before = p.account.requests["order"]
        await p.pass_by(hours=24)
        assert p.account.requests["order"] - before < 20
        p.account.hooks.refused.clear()
        await p.pass_by(hours=8)
        await settled(p, 30)


async def test_where_everybody_is_refused_few_are_tried(tmp_path: Path) -> None:
    async with pushed(tmp_path, together=1) as p:
        await p.people(300)
        p.account.fail["order"] = SourceDenied("403 accessNotConfigured")
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=1)
        assert p.account.requests["order"] < 20
        telling = p.pushing.telling(*PLACE)
        assert telling is not None
        assert (telling.told, telling.because) == (0, "403 accessNotConfigured")
        assert telling.remedy


async def test_a_vendor_that_asks_to_wait_is_left_alone(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(30)
        p.account.fail["order"] = SourceBusy("429", retry_after=600)
        await p.start(sync=False, sweep=False)
        asked = p.account.requests.total()
        await p.pass_by(seconds=590)
        assert p.account.requests.total() == asked
        p.account.fail.clear()
        await p.pass_by(minutes=10)
        await settled(p, 30)


async def test_whoever_is_throttled_is_not_put_off_for_hours(tmp_path: Path) -> None:
    async with pushed(tmp_path, together=4) as p:
        await p.people(8)
        assert p.account.hooks is not None
        for read in (await p.store.calendars_at(*PLACE))[:2]:
            p.account.hooks.refused[read.calendar.id] = SourceBusy("429", retry_after=5)
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=3)
        p.account.hooks.refused.clear()
        await p.pass_by(minutes=20)
        await settled(p, 8)


@BOTH
async def test_another_public_address_is_ordered_for_anew_and_none_cancels_all(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        await p.people(7)
        await p.start(sync=False, sweep=False)
        await p.pass_by(minutes=6)
        p.public = "https://other.example.com"
        p.pushing.changed()
        await p.pass_by(hours=1)
        await settled(p, 7)
        assert p.account.hooks is not None
        assert all(c.ordered.url.startswith(p.public) for c in p.account.hooks.lasting())
        p.public = ""
        p.pushing.changed()
        await p.pass_by(minutes=6)
        assert p.account.hooks.held == {}
        assert p.pushing.telling(*PLACE).because == "no public address"  # type: ignore[union-attr]


async def test_what_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        assert p.account.hooks is not None
        theirs = Wanted(0, "x@example.com", "theirs", "https://elsewhere.example.com/hooks/memory", "s")
        await p.account.hooks.order([theirs])
        await p.people(2)
        await p.start(sync=False, sweep=False)
        await p.pass_by(hours=3)
        assert len(p.account.hooks.lasting()) == 3


# -- what is told ----------------------------------------------------------------------------------------------------


@BOTH
async def test_a_change_is_read_at_once(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable) as p:
        people = await p.people(3)
        await p.start()
        await p.pass_by(minutes=30)
        p.account.box(people[1].email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
        p.reads.clear()
        await p.account.change(people[1].email)
        await p.settle()
        assert p.reads == {people[1].email: 1}
        assert len(await p.world.service.referrals(people[1])) == 1
        assert p.verdicts == {Verdict.GOOD: 1}


async def test_copies_cost_at_most_one_more_reading(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(40)
        await p.start()
        await p.pass_by(minutes=30)
        p.account.copies = 8
        p.reads.clear()
        for person in people:
            p.account.box(person.email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
            await p.account.change(person.email)
        await p.pass_by(minutes=6)
        assert sum(p.reads.values()) <= 1.2 * len(people)
        assert all([len(await p.world.service.referrals(person)) == 1 for person in people])


async def test_where_what_is_told_is_lost_everybody_is_read_often_for_an_hour(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(20)
        box = p.account.box(people[0].email).source
        box.put("a", entry("a", "m: Budget", at(12), at(13)))
        await p.start(sweep=False)
        await p.pass_until(at(10))
        p.account.drop = 1.0
        box.put("a", entry("a", "m: Budget", at(12), at(14)))  # nobody tells; the look before 12:00 finds it
        for person in people[1:]:
            p.account.box(person.email).source.put("b", entry("b", "m: Other", at(16), at(17)))
        await p.pass_until(at(12))
        assert len(await p.world.service.referrals(people[0])) == 1
        await p.pass_until(at(12, 5))
        telling = p.pushing.telling(*PLACE)
        assert telling is not None
        assert telling.lost_until is not None
        await p.pass_until(at(12, 21))
        for person in people:
            assert len(await p.world.service.referrals(person)) == 1, person.email
        p.account.drop = 0.0
        await p.pass_until(at(14, 30))
        assert p.pushing.telling(*PLACE).lost_until is None  # type: ignore[union-attr]
        p.reads.clear()
        await p.pass_until(at(15, 30))
        assert sum(p.reads.values()) <= 20


@pytest.mark.parametrize("late", [30, 200])
async def test_a_notification_that_is_only_late_is_not_lost(tmp_path: Path, late: int) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(5)
        box = p.account.box(people[0].email).source
        box.put("a", entry("a", "m: Budget", at(12), at(13)))
        await p.start(sweep=False)
        await p.pass_until(at(11, 55))
        box.put("a", entry("a", "m: Budget", at(12), at(14)))
        await p.pass_by(seconds=late)
        await p.account.change(people[0].email)
        await p.pass_by(minutes=30)
        assert p.pushing.telling(*PLACE).lost_until is None  # type: ignore[union-attr]


async def test_what_happened_while_nobody_listened_is_found_and_proves_nothing(tmp_path: Path) -> None:
    clock = FakeClock(NINE)
    account = MemoryAccount(clock)
    async with pushed(tmp_path, clock=clock, account=account) as p:
        people = await p.people(20)
        await p.start()
        await p.pass_by(hours=1)
    for person in people:
        account.box(person.email).source.put("b", entry("b", "m: Other", at(16), at(17)))
    clock.step_to(at(11))
    async with pushed(tmp_path, clock=clock, account=account) as p:
        await p.start()
        await p.pass_by(minutes=21)
        for person in people:
            assert len(await p.world.service.referrals(person)) == 1
        assert p.pushing.telling(*PLACE).lost_until is None  # type: ignore[union-attr]


class Broken:
    """A store of which some calls fail."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.failing = frozenset[str]()

    def __getattr__(self, name: str) -> Any:
        return self._fail if name in self.failing else getattr(self.store, name)

    async def _fail(self, *_args: object, **_more: object) -> None:
        raise StoreUnavailable("disk full")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("from_the_start", [True, False])
async def test_where_the_store_fails_nobody_dies_of_it(tmp_path: Path, stream: bool, from_the_start: bool) -> None:
    async with pushed(tmp_path, stream=stream) as p:
        await p.people(3)
        broken = Broken(p.watched._store)
        p.watched._store = broken  # type: ignore[assignment]
        if not from_the_start:
            await p.start(sync=stream, sweep=False)  # a stream is for who was read
        broken.failing = frozenset({"calendars_at", "hint", "page_subscriptions"})
        if from_the_start:
            await p.start(sync=stream, sweep=False)
        p.public = "https://other.example.com"
        p.pushing.changed()
        await p.pass_by(minutes=3)
        assert p.alive
        broken.failing = frozenset()
        await p.pass_by(minutes=10)
        assert p.pushing.telling(*PLACE).told == 3  # type: ignore[union-attr]


async def test_other_keywords_prove_no_loss(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        people = await p.people(5)
        for person in people:
            p.account.box(person.email).source.put("a", entry("a", "zz: Budget", at(14), at(15)))
        await p.start(sweep=False)
        await p.pass_by(minutes=30)
        rules = acme().rules
        keywords = dict(rules.keywords) | {"zz": rules.keywords["m"]}
        await p.store.save_organisation(replace(acme(), rules=replace(rules, keywords=keywords)))
        await p.world.directory.refresh()
        p.pushing.changed()
        await p.store.read_soon(whole=True)
        p.sync.wake(whole=True)
        await p.pass_by(minutes=10)
        assert len(await p.world.service.referrals(people[0])) == 1
        assert p.pushing.telling(*PLACE).lost_until is None  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [True, False])
async def test_whoever_has_another_mailbox_is_told_of_there(tmp_path: Path, stream: bool) -> None:
    async with pushed(tmp_path, stream=stream) as p:
        people = await p.people(2)
        await p.start(sweep=False)
        await p.pass_by(minutes=30)
        anna = replace(people[0], email="new@example.com")
        await p.store.save_people([anna])
        p.pushing.changed()
        await p.pass_by(minutes=10)
        p.account.box(anna.email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
        await p.account.change(anna.email)
        await p.settle()
        assert len(await p.world.service.referrals(anna)) == 1


@pytest.mark.parametrize("address", ["new@example.com", "old@example.com", ""])
def test_what_the_vendor_tells_of_another_mailbox_is_dropped(address: str) -> None:
    row = Subscription(*PLACE, 1, "x", at(20), at(15), url=PUBLIC)
    listed = [Ordered("x", at(20), address=address, url=PUBLIC)]
    found = compared([row], listed, {1: "new@example.com"}, PUBLIC, at(9))
    assert (found.drop == [row]) is (address == "old@example.com")
    assert (found.kept == [row]) is (address != "old@example.com")


# -- streams ---------------------------------------------------------------------------------------------------------


async def test_a_stream_tells_and_a_broken_one_is_made_good_for(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(10)
        stream = p.account.streaming
        assert stream is not None
        await p.start()
        await p.pass_by(minutes=30)
        assert stream.wanted == {person.email for person in people}
        p.account.box(people[1].email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
        await p.account.change(people[1].email)
        await p.settle()
        assert len(await p.world.service.referrals(people[1])) == 1
        stream.cut()
        await p.settle()
        assert p.pushing.telling(*PLACE).told == 0  # type: ignore[union-attr]
        p.account.box(people[2].email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
        await p.pass_by(minutes=18)
        assert len(await p.world.service.referrals(people[2])) == 1
        stream.mend()
        await p.pass_by(minutes=1)
        assert p.pushing.telling(*PLACE).told == 10  # type: ignore[union-attr]


async def test_a_stream_follows_who_comes_and_goes(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(3)
        stream = p.account.streaming
        assert stream is not None
        await p.start()
        await p.store.remove_people([people[0].id])
        await p.pass_by(minutes=6)
        assert stream.wanted == {person.email for person in people[1:]}
        assert p.pushing.telling(*PLACE).told == 2  # type: ignore[union-attr]


# -- what it costs ---------------------------------------------------------------------------------------------------


@BOTH
async def test_at_rest_a_mailbox_costs_at_most_two_requests_a_day(tmp_path: Path, renewable: bool) -> None:
    async with pushed(tmp_path, renewable=renewable, together=20 if renewable else 1) as p:
        assert p.account.hooks is not None
        p.account.hooks.life = timedelta(days=3 if renewable else 7)
        await p.people(200)
        await p.start()
        await p.pass_by(hours=2)
        p.account.requests.clear()
        await p.pass_by(days=3)
        assert p.account.requests.total() / 200 / 3 <= 2, p.account.requests
        await settled(p, 200)


async def test_what_begins_to_tell_while_its_order_is_answered_stays(tmp_path: Path) -> None:
    """Google says so at once; what was known of it then is less than the answer says."""
    async with pushed(tmp_path, renewable=False) as p:
        await p.people(1)
        await p.start(sync=False, sweep=False)
        (row,) = await p.rows()
        begun = Notice(row.id, "", Event.BEGAN, row.resource, row.expires_at)
        p.pushing.learnt(replace(row, resource=""), begun)
        await p.pass_by(minutes=6)
        assert [each.id for each in await p.rows()] == [row.id]
        work = p.pushing._heeding(PLACE)
        assert work is not None
        await p.store.save_subscriptions([replace(row, resource="")])
        with work.not_of([row.id]):
            await work.learnt(replace(row, resource=""), begun)
            assert not any(each.replaced for each in await p.rows())
        assert p.account.requests["cancel"] == 0


async def test_where_everything_is_told_and_looked_at_a_mailbox_is_read_when_its_channel_is_renewed(
    tmp_path: Path,
) -> None:
    """Google, in everybody's own name: whoever renews is signed in for the mailbox, and a token costs a request too."""
    async with pushed(tmp_path, renewable=False, together=1) as p:
        assert p.account.hooks is not None
        p.account.hooks.life, p.account.hooks.of_everything = timedelta(days=7), True
        p.account.busy_at_once = 50
        await p.people(100)
        await p.start()
        await p.pass_by(hours=2)
        p.account.requests.clear()
        await p.pass_by(days=3, hours=20)
        assert p.account.requests["read"] == 0
        await p.pass_by(hours=24)  # 2/3 of seven days, less up to 15 percent
        assert p.account.requests["read"] == p.account.requests["order"] == 100
        tokens = p.account.requests["read"]
        assert (p.account.requests.total() + tokens) / 100 / (116 / 24) <= 2, p.account.requests


@pytest.mark.parametrize(("of_everything", "busy_at_once"), [(False, 50), (True, 0)])
async def test_where_something_is_not_told_or_not_looked_at_it_is_read_within_36_hours(
    tmp_path: Path, of_everything: bool, busy_at_once: int
) -> None:
    async with pushed(tmp_path, renewable=False, together=1) as p:
        assert p.account.hooks is not None
        p.account.hooks.life, p.account.hooks.of_everything = timedelta(days=7), of_everything
        p.account.busy_at_once = busy_at_once
        await p.people(30)
        await p.start()
        await p.pass_by(hours=2)
        p.reads.clear()
        await p.pass_by(hours=36)
        assert len(p.reads) == 30


async def test_what_we_did_not_live_to_hear_of_is_taken_over_when_it_tells_of_itself(tmp_path: Path) -> None:
    """Google says with each notification what it calls a channel: enough to rely on it, and to cancel it."""
    clock = FakeClock(NINE)
    account = MemoryAccount(clock, renewable=False)
    account.crash["order"] = 0
    async with pushed(tmp_path, clock=clock, account=account) as p:
        await p.people(3)
        await p.start(sync=False, sweep=False)
        await p.stop()
    assert account.hooks is not None
    orphans = account.hooks.lasting()
    assert len(orphans) == 3
    async with pushed(tmp_path, clock=clock, account=account) as p:
        account.fail["order"] = SourceUnavailable("500")
        await p.start(sync=False, sweep=False)
        first = orphans[0]
        ends = first.ordered.expires_at
        await p.pushing.hearing.take(
            [Notice(first.ordered.id, first.secret, Event.BEGAN, first.ordered.resource, ends)]
        )
        await p.settle()
        assert p.pushing.telling(*PLACE).told == 1  # type: ignore[union-attr]
        account.fail.clear()
        await p.pass_by(hours=1)
        for late in orphans[1:]:  # others have taken their place: they are cancelled
            await p.pushing.hearing.take(
                [Notice(late.ordered.id, late.secret, Event.CHANGED, late.ordered.resource, ends)]
            )
        await p.pass_by(minutes=6)
        await settled(p, 3)
        assert first.ordered.id in account.hooks.held


async def test_what_is_read_seldom_is_not_old_while_its_changes_are_told(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(30)
        await p.start()
        await p.pass_by(hours=5)
        ages = [p.clock.now() - r.health.confirmed_at for r in await p.store.calendars() if r.health.confirmed_at]
        assert len(ages) == 30
        assert max(ages) <= timedelta(minutes=20)
        for operation in ("renew", "order", "list", "read"):
            p.account.fail[operation] = SourceDenied("401")
        await p.pass_by(hours=5)
        ages = [p.clock.now() - r.health.confirmed_at for r in await p.store.calendars() if r.health.confirmed_at]
        assert min(ages) >= timedelta(hours=3), "what the vendor refuses is not known to be so"


async def test_whose_changes_are_told_no_more_is_read_even_if_the_store_failed_just_then(tmp_path: Path) -> None:
    async with pushed(tmp_path, renewable=False) as p:
        assert p.account.hooks is not None
        p.account.hooks.life = timedelta(hours=10)
        await p.people(10)
        await p.start()
        await p.pass_by(hours=1)
        p.account.fail["order"] = SourceUnavailable("500")
        really, tried = p.store.hint, 0

        async def hint(*told: Any) -> None:
            nonlocal tried
            tried += 1
            if tried == 1:
                raise StoreUnavailable("disk I/O error")
            await really(*told)

        p.watched.hint = hint  # type: ignore[attr-defined]
        p.reads.clear()
        await p.pass_by(hours=9, minutes=30)
        assert tried > 1
        assert p.pushing.telling(*PLACE).told == 0  # type: ignore[union-attr]
        assert len(p.reads) == 10


async def test_what_the_vendor_says_of_one_that_was_given_up_meanwhile_does_not_bring_it_back(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(1)
        await p.start(sync=False, sweep=False)
        await p.pass_by(minutes=1)
        work, (row,) = p.pushing._heeding(PLACE), await p.rows()
        assert work is not None
        later = replace(row, expires_at=row.expires_at + timedelta(days=1), replaced=True)
        await p.store.save_subscriptions([later])
        await work.renew_now(row)
        (known,) = await p.rows()
        assert (known.expires_at, known.replaced) == (later.expires_at, True)
        await p.store.remove_subscriptions([row.id])
        await work.renew_now(row)
        assert await p.rows() == []


async def test_the_end_of_one_that_was_replaced_leaves_the_other_one(tmp_path: Path) -> None:
    async with pushed(tmp_path) as p:
        await p.people(1)
        await p.start(sync=False, sweep=False)
        await p.pass_by(minutes=1)
        work, (row,) = p.pushing._heeding(PLACE), await p.rows()
        assert work is not None
        await p.store.save_subscriptions([replace(row, id="old", replaced=True)])
        await work.gone(replace(row, id="old"))
        assert [each.id for each in await p.rows()] == [row.id]
        assert p.pushing.telling(*PLACE).told == 1  # type: ignore[union-attr]


async def test_a_defect_in_what_is_done_beside_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with pushed(tmp_path) as p:
        await p.people(1)
        await p.start(sync=False, sweep=False)

        async def defect() -> None:
            raise KeyError("a private title")

        p.pushing._do(defect())
        await p.settle()
        assert p.alive
        assert "KeyError" in caplog.text
        assert "private" not in caplog.text
