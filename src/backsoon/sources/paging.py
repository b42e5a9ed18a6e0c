"""What sources that read a listing page by page have alike: a bound to its pages, and to the time that all take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backsoon.sources.base import SourceBroken, SourceTooLarge, SourceUnavailable


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Whatever is read in here, all its pages together, takes no longer. Raises `SourceUnavailable`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise SourceUnavailable(f"the calendar could not be read within {seconds:g} s") from None


class Pages:
    """The pages of one listing, of which each names the next one: by a token or by a link."""

    def __init__(self, most: int) -> None:
        """`most` pages follow the first."""
        self._most = most
        self._seen: set[str] = set()

    def following(self, name: str) -> str:
        """The name of the next page, which is about to be asked for.

        Raises `SourceBroken` where that page was read before, `SourceTooLarge` where there are too many.
        """
        if name in self._seen:
            raise SourceBroken("the pages of the listing do not end: one names a page that was read before")
        if len(self._seen) >= self._most:
            raise SourceTooLarge(f"the pages of the listing do not end: there are more than {self._most}")
        self._seen.add(name)
        return name
