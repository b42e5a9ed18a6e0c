"""How a session ends while publications are under way: their tags are heard and kept, or they were published twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec
import pytest

from backsoon.switchboards.base import MemoryKeep, OrdersRefused, Rendered, SwitchboardDenied, SwitchboardError
from backsoon.switchboards.sip_presence import SipPresenceSession, again, driver
from backsoon.switchboards.sip_presence.pace import Pace, PaceSettings
from backsoon.switchboards.sip_presence.settings import Beat
from backsoon.switchboards.sip_presence.under_way import UnderWay
from backsoon.wire.sip import Request
from backsoon.wire.sip_transaction import SipTimes
from tests.unit.sip.server import Answer, answer, serving
from tests.unit.sip.test_presence_driver import SHOWN, Presence, board_at, orders

OTHER = Rendered('["","lunch","Lunch","en","c"]')
PATIENT = SipTimes(t1=0.2, t2=0.02, connect=2)
"""Says it again every 20 ms, and gives up after 13 s."""


class Slow:
    """Takes each request at once; of `users` only the copies that come once it is `open` are answered."""

    def __init__(self, presence: Presence, *users: str) -> None:
        self.presence = presence
        self.users = users
        self.open = False

    def __call__(self, request: Request) -> Iterable[Answer]:
        said = self.presence(request)
        slow = request.uri.removeprefix("sip:").startswith(self.users)
        return said if self.open or not slow else []

    def opened(self) -> None:
        self.open = True


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "GRACE", 20.0)


def tags(keep: MemoryKeep) -> dict[str, str]:
    """What is kept, by user."""
    rows = {key: msgspec.json.decode(row) for key, row in keep.values.items()}
    return {row[1].removeprefix("sip:").partition("@")[0]: row[2] for row in rows.values()}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def stopped(session: SipPresenceSession, showing: asyncio.Task[None]) -> None:
    """As where Backsoon is stopped."""
    showing.cancel()


async def told_again(session: SipPresenceSession, showing: asyncio.Task[None]) -> None:
    """It is time to tell again what was refused."""
    with pytest.raises(OrdersRefused):
        await session.show(orders("1009"))
    assert "again" in str(await asyncio.wait_for(session.lost(), 10))


async def forgotten(session: SipPresenceSession, showing: asyncio.Task[None]) -> None:
    """The server does not know ours any more."""
    session._wake.set()
    assert "forgotten" in str(await asyncio.wait_for(session.lost(), 10))


@pytest.mark.parametrize("how", [stopped, told_again, forgotten])
async def test_what_is_under_way_is_heard(how: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "LATER", (0.05, 0.05))
    presence, keep = Presence({"1009": lambda request: answer(request, 403)}), MemoryKeep()
    server = Slow(presence, "1001", "1002")
    async with serving(server) as (_, address):
        async with board_at(address, keep, times=PATIENT).session() as session:
            await session.show(orders("1003"))
            if how is forgotten:
                del presence.held["backsoon"]
            showing = asyncio.create_task(session.show(orders("1001", "1002")))
            await until(lambda: {"1001", "1002"} <= presence.held.keys())
            await how(session, showing)  # type: ignore[misc]  # each is a coroutine function
            asyncio.get_running_loop().call_later(0.05, server.opened)
        with suppress(SwitchboardError, asyncio.CancelledError):
            await showing
        kept = tags(keep)
        assert {"1001": kept["1001"], "1002": kept["1002"]} == {u: presence.held[u] for u in ("1001", "1002")}
        async with board_at(address, keep).session() as session:
            await session.show(orders("1001", after=OTHER))
    assert [tag for tag, _, _ in presence.of("1001")] == ["", kept["1001"]]


async def test_the_first_error_leaves_the_others_to_be_heard() -> None:
    presence, keep = Presence({"1002": lambda request: answer(request, 401)}), MemoryKeep()
    server = Slow(presence, "1001")
    async with serving(server) as (_, address):
        async with board_at(address, keep, times=PATIENT).session() as session:
            with pytest.raises(SwitchboardDenied):
                await session.show(orders("1001", "1002", "1003"))
            asyncio.get_running_loop().call_later(0.05, server.opened)
        assert tags(keep)["1001"] == presence.held["1001"]


async def test_our_own_publication_is_heard_too() -> None:
    """Else the next session would take it that the server has forgotten everything."""
    presence, keep = Presence(), MemoryKeep()
    server = Slow(presence, "backsoon")
    server.open = True
    async with serving(server) as (_, address):
        async with board_at(address, keep, times=PATIENT, beat=Beat(0.01, 20)).session() as session:
            await session.show(orders("1001"))
            server.open = False
            before = presence.held["backsoon"]
            await until(lambda: presence.held["backsoon"] != before)
            asyncio.get_running_loop().call_later(0.05, server.opened)
        assert tags(keep)["backsoon"] == presence.held["backsoon"]
        async with board_at(address, keep, times=PATIENT).session() as session:
            assert await session.read_back() == {"1001": SHOWN}


async def test_a_server_that_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than a little."""
    monkeypatch.setattr(driver, "GRACE", 0.05)
    presence = Presence()
    server = Slow(presence, "1001")
    async with asyncio.timeout(20), serving(server) as (_, address):
        async with board_at(address, times=SipTimes()).session() as session:
            showing = asyncio.create_task(session.show(orders("1001")))
            await until(lambda: "1001" in presence.held)
            showing.cancel()
        before = asyncio.current_task()
        with suppress(asyncio.CancelledError):
            await showing
        assert asyncio.all_tasks() == {before}


async def test_nothing_is_begun_after_the_end() -> None:
    presence = Presence()
    async with serving(presence) as (_, address), board_at(address).session() as session:
        session._over(SwitchboardError("it is over"))
        for work in (session.show(orders("1001")), session._change("1001", SHOWN), session._prolong("1001")):
            with pytest.raises(SwitchboardError, match="it is over"):
                await work
    assert presence.of("1001") == []


async def test_who_is_not_answered_in_time_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by then; the answer counts whenever it comes, and what is ordered next comes after it."""
    monkeypatch.setattr(driver, "IN_TIME", 0.05)
    presence = Presence()
    server = Slow(presence, "1001")
    async with serving(server) as (_, address), board_at(address, times=SipTimes()).session() as session:
        with pytest.raises(OrdersRefused, match="1001: the server has not answered yet"):
            await session.show(orders("1001"))
        server.open = True
        monkeypatch.setattr(driver, "IN_TIME", 20.0)
        await session.show(orders("1001", after=OTHER))
        assert await session.read_back() == {"1001": OTHER}
    assert [tag for tag, _, _ in presence.of("1001")] == ["", "tag2"]


class TestUnderWay:
    """Tasks that outlive whoever waits for them, but not the session."""

    async def test_one_at_a_time_in_their_order(self) -> None:
        under_way, seen = UnderWay(Pace(PaceSettings()), 50), list[int]()

        async def one(number: int) -> None:
            async with under_way.alone("1001"):
                seen.append(number)
                await asyncio.sleep(0)
                seen.append(number)

        await under_way.each(range(20), one)
        assert seen == [number for number in range(20) for _ in range(2)]
        assert not under_way._changing

    async def test_no_more_than_the_window(self) -> None:
        under_way, now, most = UnderWay(Pace(PaceSettings(limit=1e9)), 3), [0], [0]

        async def one(_: int) -> None:
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0)
            now[0] -= 1

        assert await under_way.each(range(50), one) == []
        assert most == [3]

    async def test_the_first_error_keeps_the_rest_from_beginning(self) -> None:
        under_way, begun = UnderWay(Pace(PaceSettings(limit=1e9)), 2), list[int]()

        async def one(number: int) -> None:
            begun.append(number)
            await asyncio.sleep(0)
            if number == 3:
                raise ValueError(number)

        with pytest.raises(ValueError, match="3"):
            await under_way.each(range(50), one)
        await under_way.finish(10)
        assert len(begun) < 10
