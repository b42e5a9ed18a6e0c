"""Is everything that the settings name there, and may we use it? What `backsoon check` writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from backsoon.commands import output
from backsoon.config import Config

if TYPE_CHECKING:
    from backsoon.trials.checking import Asked, Means
    from backsoon.trials.trying import Tried


async def check_all(config: Config, asked: Asked, *, quiet: bool) -> list[Tried]:
    """Try everything, and tell each result as it comes unless it shall be quiet."""
    from backsoon.factories import Sources
    from backsoon.trials.checking import Means
    from backsoon.wiring import SystemClock, open_store, public_holidays

    found: list[Tried] = []
    async with AsyncExitStack() as stack:
        store = await open_store(config)
        stack.push_async_callback(store.close)
        sources = Sources(store, SystemClock().now)
        stack.push_async_callback(sources.close)
        async for one in _all(config, asked, Means(store, sources, SystemClock().now, public_holidays)):
            found.append(one)
            if not quiet:
                output.tell(output.plain(str(one)))
    return found


async def _all(config: Config, asked: Asked, means: Means) -> AsyncIterator[Tried]:
    from backsoon.commands.remote import answers
    from backsoon.trials import checking
    from backsoon.trials.signingin import try_issuer

    for one in checking.try_settings(config, means):
        yield one
    for organisation in config.organisations:
        of = checking.whose_it_is(config, organisation.organisation.id)
        for tries in await asyncio.gather(*checking.try_switchboards(organisation, means.now, whose=of)):
            for one in tries:
                yield one
        for directory in organisation.directories:
            yield await checking.try_directory(config, directory)
    async for one in checking.try_calendars(config, asked, means):
        yield one
    for issuer in config.sign_in.issuers:
        yield await try_issuer(config, issuer, means.now())
    if told := await checking.try_notifications(config, running=answers(config.socket)):
        yield told
