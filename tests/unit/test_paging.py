"""Listings that are read page by page: they end, and in time."""

from __future__ import annotations

import asyncio

import pytest

from backsoon.sources.base import SourceBroken, SourceTooLarge, SourceUnavailable
from backsoon.sources.paging import Pages, within


def test_each_page_leads_to_the_next() -> None:
    pages = Pages(3)
    assert [pages.following(name) for name in ("b", "c", "d")] == ["b", "c", "d"]


def test_a_page_that_was_read_is_not_read_again() -> None:
    pages = Pages(3)
    pages.following("b")
    pages.following("c")
    with pytest.raises(SourceBroken, match="do not end"):
        pages.following("b")


def test_pages_have_a_bound() -> None:
    pages = Pages(2)
    pages.following("b")
    pages.following("c")
    with pytest.raises(SourceTooLarge, match="more than 2"):
        pages.following("d")


async def test_what_takes_too_long_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match=r"within 0\.01 s"):
        async with within(0.01):
            await asyncio.Event().wait()


async def test_another_fault_stays_what_it_is() -> None:
    with pytest.raises(SourceBroken, match="told so"):
        async with within(60):
            raise SourceBroken("told so")


async def test_who_is_cancelled_is_not_unavailable() -> None:
    waiting = asyncio.Event()

    async def read() -> None:
        async with within(60):
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
