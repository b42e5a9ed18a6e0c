"""Several orders under way at a time: how many, and what is in the store when one fails or we die in between."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.comparing import compared
from backsoon.engine.leaving import warn_of_leaving
from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import SourceBusy, SourceError, SourceUnavailable
from backsoon.store.base import BEGINNING, Subscription
from backsoon.testing import FakeClock
from tests.simulators.account import MemoryAccount, MemoryAccounts, MemoryWebhooks
from tests.unit.engine.pushed import PLACE, PUBLIC, Pushed, pushed
from tests.unit.engine.world import NINE, at

T = TypeVar("T")
BOTH = pytest.mark.parametrize("renewable", [True, False], ids=["prolonged", "replaced"])
EACH = 4
"""So many in a group."""


class Slow(MemoryWebhooks):
    """A vendor that takes its time: it carries out at once what it answers when it is let. `fails` maps an operation
    to what becomes of its nth call, counted from 0."""

    def __init__(self, account: MemoryAccount, renewable: bool) -> None:
        super().__init__(account, renewable, EACH)
        self.quick = False
        self.under_way = 0
        self.most: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.fails: dict[tuple[str, int], SourceError] = {}
        self._answers = asyncio.Semaphore(0)

    async def order(self, wanted: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        return await self._slow("order", lambda: super(Slow, self).order(wanted))

    async def renew(self, ordered: Sequence[Ordered]) -> Sequence[Ordered | SourceError]:
        return await self._slow("renew", lambda: super(Slow, self).renew(ordered))

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        await self._slow("cancel", lambda: super(Slow, self).cancel(ordered))

    async def _slow(self, operation: str, carry_out: Callable[[], Awaitable[T]]) -> T:
        number = self.begun[operation]
        self.begun[operation] += 1
        self.under_way += 1
        self.most[operation] = max(self.most[operation], self.under_way)
        try:
            error = self.fails.pop((operation, number), None)
            answer = None if error else await carry_out()
            if not self.quick:
                await self._answers.acquire()
            if error:
                raise error
            return answer  # type: ignore[return-value]
        finally:
            self.under_way -= 1

    def let(self, count: int) -> None:
        """So many are answered, those that began first."""
        for _ in range(count):
            self._answers.release()


@asynccontextmanager
async def slow(
    folder: Path, renewable: bool = True, *, account: MemoryAccount | None = None, clock: FakeClock | None = None
) -> AsyncIterator[tuple[Pushed, Slow]]:
    clock = clock or FakeClock(NINE)
    made = account or MemoryAccount(clock, renewable=renewable, together=EACH)
    if account is None:
        made.hooks = Slow(made, renewable)
    assert isinstance(made.hooks, Slow)
    async with pushed(folder, clock=clock, account=made) as p:
        yield p, made.hooks


def told(p: Pushed) -> int:
    telling = p.pushing.telling(*PLACE)
    assert telling is not None
    return telling.told


async def live(p: Pushed) -> set[str]:
    """Ids of what the store relies upon."""
    return {row.id for row in await p.rows() if not row.replaced and row.expires_at > p.clock.now()}


# -- how many --------------------------------------------------------------------------------------------------------


@BOTH
async def test_several_orders_are_under_way_once_one_has_worked(tmp_path: Path, renewable: bool) -> None:
    async with slow(tmp_path, renewable) as (p, hooks):
        await p.people(60)
        await p.start(sync=False, sweep=False)
        assert hooks.under_way == 1, "nobody knows yet whether it works at all"
        hooks.let(1)
        await p.settle()
        several = 5 if renewable else 2
        assert hooks.under_way == several
        assert p.pushing.expects(hooks.path)
        assert (len(await live(p)), told(p)) == (EACH, EACH)
        hooks.let(1)
        await p.settle()
        assert hooks.under_way == several, "another one began"
        hooks.quick = True
        hooks.let(9)
        await p.settle()
        assert (hooks.under_way, told(p)) == (0, 60)
        assert not p.pushing.expects(hooks.path)
        assert hooks.most == {"order": several}
        assert await live(p) == set(hooks.held)


async def test_several_are_prolonged_and_cancelled_at_a_time(tmp_path: Path) -> None:
    async with slow(tmp_path) as (p, hooks):
        await p.people(40)
        hooks.quick = True
        await p.start(sync=False, sweep=False)
        rows = await p.rows()
        await p.store.save_subscriptions([replace(row, renew_at=p.clock.now()) for row in rows])
        hooks.quick = False
        await p.pass_by(minutes=5)
        assert hooks.under_way == 1
        hooks.let(1)
        await p.settle()
        assert hooks.under_way == hooks.most["renew"] == 5
        hooks.let(9)
        await p.settle()
        ends = {row.expires_at for row in await p.rows()}
        assert ends == {p.clock.now() + hooks.life}
        p.public = ""
        p.pushing.changed()
        await p.settle()
        assert hooks.under_way == hooks.most["cancel"] == 5
        hooks.let(10)
        await p.settle()
        assert (hooks.held, await p.rows()) == ({}, [])


@pytest.mark.parametrize("together", [False, True])
async def test_where_nothing_works_one_at_a_time_is_tried(tmp_path: Path, together: bool) -> None:
    """All fail together, or each by itself."""
    async with slow(tmp_path) as (p, hooks):
        await p.people(60)
        hooks.quick = True
        if together:
            p.account.fail["order"] = SourceUnavailable("500")
        else:
            hooks.refused.update({r.calendar.id: SourceUnavailable("500") for r in await p.store.calendars_at(*PLACE)})
        await p.start(sync=False, sweep=False)
        assert (hooks.most["order"], hooks.begun["order"]) == (1, 1 if together else 5)


# -- one fails -------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("error", [SourceBusy("429", retry_after=60), SourceUnavailable("500")], ids=["busy", "gone"])
async def test_one_group_fails_and_what_the_others_got_is_kept(
    tmp_path: Path, renewable: bool, error: SourceError
) -> None:
    async with slow(tmp_path, renewable) as (p, hooks):
        await p.people(60)
        await p.start(sync=False, sweep=False)
        hooks.fails["order", 1] = error
        hooks.let(1)
        await p.settle()
        others = hooks.under_way - 1
        hooks.let(1)
        await p.settle()
        assert hooks.under_way == others, "no further one is begun"
        hooks.let(others)
        await p.settle()
        got = EACH * (1 + others)
        assert (told(p), hooks.begun["order"]) == (got, 2 + others)
        assert await live(p) == set(hooks.held)
        unsure = [row for row in await p.rows() if row.expires_at == BEGINNING]
        assert len(unsure) == (0 if renewable or isinstance(error, SourceBusy) else EACH)
        assert not p.pushing.expects(hooks.path)
        hooks.quick = True
        await p.pass_by(minutes=30)
        assert told(p) == 60
        assert len(hooks.lasting()) == 60


async def test_one_group_is_not_prolonged_and_the_others_are(tmp_path: Path) -> None:
    async with slow(tmp_path) as (p, hooks):
        await p.people(40)
        hooks.quick = True
        await p.start(sync=False, sweep=False)
        await p.store.save_subscriptions([replace(row, renew_at=p.clock.now()) for row in await p.rows()])
        hooks.fails["renew", 1] = SourceBusy("429", retry_after=60)
        before = {row.id: row.expires_at for row in await p.rows()}
        hooks.quick = False
        hooks.let(6)
        await p.pass_by(minutes=5)
        prolonged = [row.id for row in await p.rows() if row.expires_at > before[row.id]]
        assert len(prolonged) == 5 * EACH
        assert all([c.ordered.expires_at > before[id] for id, c in hooks.held.items() if id in prolonged])
        hooks.quick = True
        await p.pass_by(minutes=30)
        assert all([row.expires_at > before[row.id] for row in await p.rows()])


async def test_one_group_is_not_cancelled_and_the_others_are_forgotten(tmp_path: Path) -> None:
    async with slow(tmp_path) as (p, hooks):
        await p.people(40)
        hooks.quick = True
        await p.start(sync=False, sweep=False)
        hooks.fails["cancel", 1] = SourceUnavailable("500")
        p.public = ""
        hooks.quick = False
        hooks.let(5)
        p.pushing.changed()
        await p.settle()
        left = {row.id for row in await p.rows()}
        assert left == set(hooks.held)
        assert len(left) == 40 - 4 * EACH
        hooks.quick = True
        await p.pass_by(hours=1)
        assert (hooks.held, await p.rows()) == ({}, [])


# -- we die in between -----------------------------------------------------------------------------------------------


@BOTH
async def test_whoever_dies_with_several_under_way_loses_none(tmp_path: Path, renewable: bool) -> None:
    async with slow(tmp_path, renewable) as (p, hooks):
        await p.people(60)
        await p.start(sync=False, sweep=False)
        hooks.let(1)
        await p.settle()
        assert hooks.under_way == (5 if renewable else 2)
        await p.stop()
        assert not p.pushing.expects(hooks.path)
        rows = await p.rows()
        sure = {row.id for row in rows if row.expires_at > p.clock.now()}
        assert len(sure) == EACH
        assert len(hooks.held) == EACH * (6 if renewable else 3), "the vendor made them"
        if not renewable:  # it does not say what it made: we must know
            assert {row.id for row in rows} == set(hooks.held)
        account = p.account
    hooks.quick = True
    async with slow(tmp_path, account=account, clock=p.clock) as (p, hooks):
        await p.start(sync=False, sweep=False)
        await p.pass_by(minutes=5)
        assert told(p) == 60
        if renewable:
            assert len(hooks.lasting()) == 60, "those were found again"


# -- another mailbox -------------------------------------------------------------------------------------------------


@dataclass
class Pattern(MemoryAccounts):
    """People's mailboxes follow a pattern."""

    domain: str = "example.com"
    broken: bool = False

    def mailbox_of(self, calendar: Calendar, person: Person) -> str:
        if self.broken:
            raise SourceError("no mailbox")
        return f"{person.extension}@{self.domain}"


def patterned(p: Pushed) -> Pattern:
    """Its accounts, by a pattern."""
    accounts = Pattern(p.accounts.made, p.accounts.settings)
    p.accounts = p.pushing._accounts = accounts
    return accounts


@BOTH
@pytest.mark.parametrize("said", [True, False], ids=["settings", "unsaid"])
async def test_another_pattern_of_mailboxes_is_ordered_for_anew(tmp_path: Path, renewable: bool, said: bool) -> None:
    """At once where it is in the connection's settings, else within the hour; and the old ones are cancelled in the
    name in which they were ordered."""
    async with slow(tmp_path, renewable) as (p, hooks):
        hooks.quick = True
        accounts = patterned(p)
        await p.people(10)
        await p.start(sync=False, sweep=False)
        assert {row.address for row in await p.rows()} == {f"{1000 + n}@example.com" for n in range(10)}
        cancelled: list[Ordered] = []
        cancel = hooks.cancel

        async def noted(ordered: Sequence[Ordered]) -> None:
            cancelled.extend(ordered)
            await cancel(ordered)

        hooks.cancel = noted  # type: ignore[method-assign]
        accounts.domain = "new.example.com"
        if said:
            accounts.settings[PLACE] = Connection(*PLACE, "memory", {"mailbox": "{extension}@new.example.com"})
        p.pushing.changed()
        await p.pass_by(minutes=2 if said else 66)
        lasting = {c.ordered.address for c in hooks.lasting()}
        assert lasting == {f"{1000 + n}@new.example.com" for n in range(10)}
        assert {row.address for row in await p.rows()} == lasting
        assert {o.address for o in cancelled} == {f"{1000 + n}@example.com" for n in range(10)}
        assert told(p) == 10


async def test_where_mailboxes_cannot_be_told_nothing_is_ordered_anew(tmp_path: Path) -> None:
    async with slow(tmp_path, renewable=False) as (p, hooks):
        hooks.quick = True
        accounts = patterned(p)
        await p.people(3)
        await p.start(sync=False, sweep=False)
        accounts.broken = True
        await p.pass_by(hours=3)
        assert (hooks.begun, told(p)) == ({"order": 1}, 3)


@pytest.mark.parametrize(
    ("stored", "listed", "moved"),
    [
        ("old@example.com", None, True),
        ("new@example.com", None, False),
        ("", None, False),
        ("old@example.com", "", True),
        ("old@example.com", "new@example.com", False),
        ("new@example.com", "old@example.com", True),
    ],
)
def test_the_vendor_knows_best_which_mailbox_it_tells_of(stored: str, listed: str | None, moved: bool) -> None:
    row = Subscription(*PLACE, 1, "x", at(20), at(15), url=PUBLIC, address=stored)
    at_vendor = None if listed is None else [Ordered("x", at(20), address=listed, url=PUBLIC)]
    found = compared([row], at_vendor, {1: "new@example.com"}, PUBLIC, at(9))
    assert (found.drop, found.kept) == (([row], []) if moved else ([], [row]))


# -- a connection that goes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "words"), [([], "is taken out"), (["other"], "becomes one of another kind")])
async def test_what_a_connection_leaves_behind_is_said_once_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, now: list[str], words: str
) -> None:
    async with slow(tmp_path) as (p, hooks):
        hooks.quick = True
        await p.people(6)
        await p.start(sync=False, sweep=False)
        wanted = [Connection(*PLACE, kind) for kind in now]
        caplog.set_level(logging.WARNING)
        for expected in (6, 0):
            assert await warn_of_leaving(p.store, "acme", wanted) == expected
            await p.store.save_connections("acme", wanted)
        p.accounts.settings.clear()
        p.accounts.made.clear()
        p.pushing.changed()
        await p.pass_by(hours=2)
        said = [r.getMessage() for r in caplog.records]
        assert said == [f"connection cloud {words}: 6 notifications end by themselves at memory"]
        assert (await p.rows(), p.pushing.telling(*PLACE), p.alive) == ([], None, True)


async def test_a_connection_that_stays_leaves_nothing_behind(tmp_path: Path) -> None:
    async with slow(tmp_path) as (p, hooks):
        hooks.quick = True
        await p.people(6)
        await p.start(sync=False, sweep=False)
        same: list[Any] = [Connection(*PLACE, "memory", {"push": False})]
        assert await warn_of_leaving(p.store, "acme", same) == 0
        await p.store.save_connections("acme", same)
        assert len(await p.rows()) == 6
        p.accounts.settings[PLACE] = same[0]
        p.pushing.changed()
        await p.pass_by(minutes=5)
        assert (hooks.held, await p.rows()) == ({}, []), "it is switched off, and known still: all are cancelled"
