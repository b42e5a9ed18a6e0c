"""What every switchboard keeps at which people can refer themselves: see `HandSession`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.switchboards.base import HandSession, SwitchboardError
from tests.contract.switchboards.boards import Board


@asynccontextmanager
async def session_of(board: Board) -> AsyncIterator[HandSession]:
    async with board.switchboard.session() as session:
        if not isinstance(session, HandSession):
            pytest.skip("nothing can be dialled at it")
        yield session


async def dial(board: Board, extension: str, code: str, argument: str = "") -> None:
    await asyncio.to_thread(board.dial, extension, code, argument)


async def said(session: HandSession) -> dict[str, tuple[str, str]]:
    return {entry.extension: (entry.code, entry.argument) for entry in await session.by_hand()}


async def test_nothing_at_first(board: Board) -> None:
    async with session_of(board) as session:
        assert await session.by_hand() == ()


async def test_what_was_dialled_before_the_session(board: Board) -> None:
    await dial(board, "1001", "1", "2359")
    await dial(board, "1002", "")
    async with session_of(board) as session:
        assert await said(session) == {"1001": ("1", "2359"), "1002": ("", "")}
        for entry in await session.by_hand():
            assert timedelta(0) <= datetime.now(UTC) - entry.at < timedelta(minutes=1)


async def test_it_is_kept_until_it_is_done(board: Board) -> None:
    await dial(board, "1001", "1")
    async with session_of(board) as session:
        (first,) = await session.by_hand()
    async with session_of(board) as session:
        assert await session.by_hand() == (first,)
        await session.done([first])
        assert await session.by_hand() == ()
        await session.done([first])


async def test_the_last_thing_counts_and_stays(board: Board) -> None:
    await dial(board, "1001", "1")
    async with session_of(board) as session:
        (first,) = await session.by_hand()
        await dial(board, "1001", "9")
        (second,) = await session.by_hand()
        assert second.at > first.at
        await session.done([first])
        assert await session.by_hand() == (second,)


async def test_whoever_waits_is_told(board: Board) -> None:
    async with session_of(board) as session:
        await session.by_hand()
        waiting = asyncio.ensure_future(session.dialled())
        await asyncio.sleep(0)
        assert not waiting.done()
        await dial(board, "1001", "1")
        await asyncio.wait_for(waiting, 10)
        assert await said(session) == {"1001": ("1", "")}


async def test_nothing_works_after_a_cut(board: Board) -> None:
    await dial(board, "1001", "1")
    async with board.switchboard.session() as session:
        assert isinstance(session, HandSession)
        taken = await session.by_hand()
        await board.cut()
        await asyncio.wait_for(session.lost(), 10)
        with pytest.raises(SwitchboardError):
            await session.by_hand()
        with pytest.raises(SwitchboardError):
            await session.done(taken)
    async with session_of(board) as another:
        assert await said(another) == {"1001": ("1", "")}


async def test_it_is_nothing_that_we_show(board: Board) -> None:
    await dial(board, "1001", "1")
    async with board.switchboard.session() as session:
        assert await session.read_back() == {}
