"""What would be shown wrong, or not at all, for longer than the trouble that it came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    MemoryKeep,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.sip_presence import SipPresenceSwitchboard, again, publishing
from backsoon.switchboards.sip_presence.ledger import Held, Ledger
from backsoon.switchboards.sip_presence.pace import PaceSettings
from backsoon.switchboards.sip_presence.settings import Beat
from backsoon.wire.sip import Request, parse
from tests.unit.sip.server import answer, serving
from tests.unit.sip.test_presence_driver import NINE, SHOWN, Presence, board_at, orders

OTHER = Rendered('["","lunch","Lunch","en","c"]')


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(again, "SOON", (0.05, 0.05))
    monkeypatch.setattr(again, "LATER", (0.05, 0.05))


async def test_what_was_refused_for_a_while_is_told_again() -> None:
    """Others are taken meanwhile: nobody else would ever tell it again."""
    presence = Presence({"1001": lambda request: answer(request, 503)})
    async with serving(presence) as (_, address), board_at(address).session() as session:
        with pytest.raises(OrdersRefused):
            await session.show(orders("1001", "1002"))
        async with asyncio.timeout(5):
            assert "again" in str(await session.lost())


@pytest.mark.parametrize("status", [403, 404, 408, 429, 480, 489, 491, 604])
async def test_whatever_was_refused_is_told_again(status: int) -> None:
    """Also what was not published before: at the end of a referral nobody else would ever tell it again."""
    presence = Presence({"1001": lambda request: answer(request, status)})
    async with serving(presence) as (_, address), board_at(address).session() as session:
        with pytest.raises(OrdersRefused, match=str(status)):
            await session.show(orders("1001"))
        async with asyncio.timeout(5):
            assert "again" in str(await session.lost())


async def test_how_often_somebody_was_refused_is_known_in_the_next_session() -> None:
    presence = Presence({"1001": lambda request: answer(request, 404)})
    async with serving(presence) as (_, address):
        board = board_at(address)
        for times in (1, 2):
            async with board.session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show(orders("1001"))
            assert board._again._times == {"1001": times}
        presence.odd.clear()
        async with board.session() as session:
            await session.show(orders("1001"))
        assert board._again._times == {}


@pytest.mark.parametrize("status", [403, 404, 405, 408, 480, 489, 501, 604])
async def test_an_answer_that_shows_no_server_is_no_sign_of_life(status: int) -> None:
    presence, keep = Presence(), MemoryKeep()
    kind = SwitchboardDenied if status == 403 else SwitchboardError
    async with serving(presence) as (_, address):
        async with board_at(address, keep, beat=Beat(0.01, 5)).session() as session:
            presence.odd["backsoon"] = lambda request: answer(request, status)
            lost = await asyncio.wait_for(session.lost(), 10)
            assert (type(lost), str(status) in str(lost)) == (kind, True)
        with pytest.raises(kind, match=str(status)):
            await board_at(address, keep).session().__aenter__()


@pytest.mark.parametrize("status", [423, 429, 491, 500, 503])
async def test_a_server_that_only_cannot_just_now_is_alive(status: int) -> None:
    presence = Presence()
    async with serving(presence) as (_, address), board_at(address, beat=Beat(0.01, 5)).session() as session:
        presence.odd["backsoon"] = lambda request: answer(request, status)
        while len(presence.of("backsoon")) < 4:
            await asyncio.sleep(0.005)
        await session.show(orders("1001"))


@pytest.mark.parametrize("after", [OTHER, NOTHING])
@pytest.mark.parametrize("status", [403, 503])
async def test_what_could_not_be_changed_is_not_prolonged(after: Rendered, status: int) -> None:
    refusing = [False]

    def refuses(request: Request) -> bytes | None:
        return answer(request, status) if refusing[0] else answer(request, 200, "SIP-ETag: t", "Expires: 1")

    presence = Presence({"1001": refuses})
    async with serving(presence) as (_, address), board_at(address).session() as session:
        await session.show(orders("1001"))
        refusing[0] = True
        with pytest.raises(OrdersRefused):
            await session.show([*orders("1001", after=after), *orders("1002")])
        assert list(session._ledger.take_due()) == []
        assert "1001" not in await session.read_back()
        async with asyncio.timeout(5):
            await session.lost()


async def test_one_that_is_not_prolonged_is_published_anew_soon() -> None:
    presence = Presence()
    async with serving(presence) as (_, address), board_at(address).session() as session:
        await session.show(orders("1001"))
        presence.odd["1001"] = lambda request: answer(request, 403)
        await session._prolong("1001")
        async with asyncio.timeout(5):
            assert "again" in str(await session.lost())


@pytest.mark.parametrize("user", ["1001", "backsoon"])
async def test_a_publication_that_is_kept_for_no_time_is_none(user: str) -> None:
    say: Callable[[Request], bytes | None] = lambda request: answer(request, 200, "SIP-ETag: x", "Expires: 0")  # noqa: E731
    async with serving(Presence({user: say})) as (_, address):
        board = board_at(address)
        if user == "backsoon":
            with pytest.raises(SwitchboardError, match="for no time"):
                await board.session().__aenter__()
            return
        async with board.session() as session:
            with pytest.raises(OrdersRefused, match="for no time"):
                await session.show(orders("1001", "1002"))


async def test_a_withdrawal_that_the_server_finds_too_short_is_none() -> None:
    presence = Presence()
    async with serving(presence) as (_, address), board_at(address).session() as session:
        await session.show(orders("1001"))
        presence.odd["1001"] = lambda request: answer(request, 423, "Min-Expires: 600")
        with pytest.raises(OrdersRefused):
            await session.show(orders("1001", after=NOTHING))


async def test_what_was_published_by_another_version_keeps_no_session_from_beginning() -> None:
    keep, presence = MemoryKeep(), Presence()
    async with serving(presence) as (_, address):
        async with board_at(address, keep).session() as session:
            await session.show(orders("1001"))
        row = msgspec.json.decode(keep.values["1001"])
        keep.values["1001"] = msgspec.json.encode([*row[:5], '{"new":1}', ""]).decode()
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {}
            assert presence.held.keys() == {"backsoon"}


async def test_that_the_server_forgot_is_known_until_all_is_published_anew() -> None:
    """Session after session may end before that; ours alone is known to the server from the first of them on."""
    keep, presence = MemoryKeep(), Presence()
    async with serving(presence) as (_, address):
        async with board_at(address, keep).session() as session:
            await session.show(orders("1001", "1002", "1003"))
        tag = presence.held["1003"]
        presence.held.clear()
        async with board_at(address, keep).session() as session:
            await session.show(orders("1001"))
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {"1001": SHOWN}
            await session.show(orders("1002"))
        presence.held["1003"] = tag  # it had been published just after the server forgot
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {"1001": SHOWN, "1002": SHOWN}
            await session.show(orders("1003"))
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {"1001": SHOWN, "1002": SHOWN, "1003": SHOWN}
    assert [tag for tag, _, _ in presence.of("1003")] == ["", tag]


async def test_what_a_version_without_generations_kept_is_known() -> None:
    keep, presence = MemoryKeep(), Presence()
    async with serving(presence) as (_, address):
        async with board_at(address, keep).session() as session:
            await session.show(orders("1001", "1002"))
        for key, text in keep.values.items():
            keep.values[key] = msgspec.json.encode(msgspec.json.decode(text)[:7]).decode()
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {"1001": SHOWN, "1002": SHOWN}
        presence.held.clear()
        async with board_at(address, keep).session() as session:
            assert await session.read_back() == {}


def leave_alone(request: Request) -> bytes:
    return answer(request, 503, "Retry-After: 120")


async def test_a_server_that_asks_to_be_left_alone_is_left_alone() -> None:
    """It is not waited for until the order takes too long: who opens the next session is told for how long."""
    presence, keep = Presence(), MemoryKeep()
    async with serving(presence) as (_, address):
        async with board_at(address, keep).session() as session:
            presence.odd = {"1001": leave_alone, "backsoon": leave_alone}
            with pytest.raises(SwitchboardError, match="takes nothing now") as why:
                await session.show(orders("1001"))
            assert why.value.retry_after == 120
        with pytest.raises(SwitchboardError, match="takes nothing now") as why:
            await board_at(address, keep).session().__aenter__()
        assert why.value.retry_after == 120


async def test_a_heart_beat_tells_that_the_server_asks_to_be_left_alone() -> None:
    presence = Presence()
    async with serving(presence) as (_, address), board_at(address, beat=Beat(0.01, 5)).session() as session:
        presence.odd["backsoon"] = leave_alone
        lost = await asyncio.wait_for(session.lost(), 10)
        assert lost.retry_after == 120
        with pytest.raises(SwitchboardError) as why:
            await session.show(orders("1001"))
        assert why.value.retry_after == 120


async def test_one_of_whom_the_server_wants_to_hear_later_harms_no_other() -> None:
    presence = Presence({"1001": leave_alone})
    pace = PaceSettings(longest=0.01)
    async with serving(presence) as (_, address), board_at(address, pace=pace).session() as session:
        with pytest.raises(OrdersRefused):
            await session.show(orders("1001"))
        await session.show(orders("1002"))
        assert await session.read_back() == {"1002": SHOWN}
    assert len(presence.of("1001")) == 1


def meeting(board: SipPresenceSwitchboard, end: datetime) -> Rendered:
    plan = (PlannedReferral(NINE, end, None, "meeting"),)
    return board.render(Presentation("1001", Lamp("meeting", "In a meeting"), plan))


@pytest.mark.parametrize("after", [Rendered('["","","","","o"]'), NOTHING])
@pytest.mark.parametrize("forgotten", [False, True])
async def test_the_end_of_a_referral_changes_the_publication_that_ends_with_it(
    after: Rendered, forgotten: bool
) -> None:
    """The server began to count a little later than we: published beside it the older one would be seen."""
    clock, presence, end = [NINE], Presence(), NINE + timedelta(minutes=20)
    async with serving(presence) as (_, address):
        board = board_at(address, now=lambda: clock[0])
        async with board.session() as session:
            await session.show(orders("1001", after=meeting(board, end)))
            tag = presence.held["1001"]
            clock[0] = end + timedelta(milliseconds=3)
            assert await session.read_back() == {}
            if forgotten:  # as it may as well
                del presence.held["1001"]
            await session.show(orders("1001", after=after))
            assert not session._wake.is_set(), "it is no sign that all is forgotten"
        tags = [tag for tag, _, _ in presence.of("1001")]
        assert tags == (["", tag, ""] if forgotten and after != NOTHING else ["", tag])
        assert ("1001" in presence.held) == (after != NOTHING)


@pytest.mark.parametrize("until", [0, 1000])
def test_all_are_due_where_the_clock_is_set_back(until: int) -> None:
    """The server counts on: what it was told to keep for an hour ends in an hour."""
    clock, start = [NINE], int(NINE.timestamp())
    ledger = Ledger(MemoryKeep(), lambda: clock[0])
    ledger.put("1001", Held("sip:1001@example.com", "tag", start + 1000, until and start + until, SHOWN))
    assert list(ledger.take_due()) == []
    clock[0] -= timedelta(hours=1)
    assert list(ledger.take_due()) == ["1001"]
    assert list(ledger.take_due()) == []


def test_folded_lines_are_joined_as_before() -> None:
    found = parse(b"SIP/2.0 200 OK\r\nSubject: a \t\r\n \t b  \r\n\tc  \r\nTo: x\r\n\r\n")
    assert getattr(found, "headers").fields == (("subject", "a b c"), ("to", "x"))  # noqa: B009
