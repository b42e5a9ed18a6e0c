"""`python -m backsoon.lookup`: the process that only answers look-ups of calls (see `api.lookup_process`).

It reads the store by itself, and of Backsoon it hears what has changed. It ends when Backsoon does, whatever that one
ended by: the pipe between them is closed then.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any, cast

import msgspec
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from backsoon.api.gate import TokenGate
from backsoon.api.lookup import Calls, LookupApp
from backsoon.api.lookup_http import LookupProtocol
from backsoon.api.lookup_process import Heard, News, Task, line
from backsoon.domain.organisation import Person
from backsoon.engine.directory import Directory
from backsoon.engine.lookup import Lookup
from backsoon.engine.meters import LOOKUP_SECONDS, Histogram
from backsoon.engine.tokens import Tokens
from backsoon.promptly import is_real_time, run_promptly
from backsoon.store.base import Store, StoreError
from backsoon.store.sqlite.readonly import ReadOnlyStore
from backsoon.wiring import SystemClock, public_holidays, run_blocking

log = logging.getLogger(__name__)

MOST = 120_000
"""How many answers are kept: some 60 MiB at most."""
LONGEST = 1 << 24
"""Bytes of one message."""


class Answering:
    """The parts of the process."""

    def __init__(self, store: Store) -> None:
        clock = SystemClock()
        self.clock = clock
        self.directory = Directory(store, public_holidays)
        self.lookup = Lookup(store, self.directory, clock, most=MOST)
        self.seconds = Histogram(LOOKUP_SECONDS)
        calls = Calls(self.lookup, self.directory, self.seconds)
        self.app = LookupApp(calls, TokenGate(Tokens(store, clock), clock))

    async def refresh(self) -> None:
        """Take the settings over. Raises `StoreError`."""
        self.lookup.forget()
        await self.directory.refresh()
        self.lookup.forget()  # what was made while they were read
        everywhere = [Person(organisation, "", "") for organisation in self.directory.organisations]
        await self.directory.prepare(everywhere, self.clock.now())

    async def hear(self, news: News) -> Heard | None:
        """Act by news; the answer to a mark."""
        if news.touched:
            self.lookup.touched(news.touched)
        if news.settings:
            await self._refreshed()
        if not news.mark:
            return None
        if not is_real_time():  # it may have run away meanwhile
            run_promptly()
        return Heard(news.mark, list(self.seconds.counts), self.seconds.sum)

    async def _refreshed(self) -> None:
        """Take the settings over, as soon as the store can be read."""
        while True:
            try:
                return await self.refresh()
            except StoreError as error:
                log.error("the settings could not be read, trying again: %s", error)
                await asyncio.sleep(0.5)


async def serve() -> None:
    """Answer, until the other end of the pipe is closed."""
    reader = asyncio.StreamReader(limit=LONGEST)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    task = msgspec.json.decode(await reader.readline(), type=Task)
    answering = Answering(ReadOnlyStore(Path(task.store)))
    await answering.refresh()
    around: Any = ProxyHeadersMiddleware(cast(Any, answering.app), ["127.0.0.1", "::1"]) if task.behind_proxy else None
    with socket.socket(fileno=task.socket) as listening:
        server = await loop.create_server(
            lambda: LookupProtocol(answering.app, around), sock=listening, ssl=_tls(task), backlog=1024
        )
        _settle_memory()
        async with server:
            await _hear_for_ever(answering, reader)
            os._exit(0)  # nobody may be answered by what is not told any more, nor waited for


def _tls(task: Task) -> ssl.SSLContext | None:
    if task.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(task.certificate, task.key)
    return context


async def _hear_for_ever(answering: Answering, reader: asyncio.StreamReader) -> None:
    """Take what has changed, until the pipe is closed."""
    while said := await reader.readline():
        heard = await answering.hear(msgspec.json.decode(said, type=News))
        if heard is not None:
            sys.stdout.buffer.write(line(heard))
            sys.stdout.buffer.flush()


def _settle_memory() -> None:
    """A collection of garbage among 100,000 answers would be a call that waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)


if __name__ == "__main__":
    run_promptly()
    with contextlib.suppress(KeyboardInterrupt):
        run_blocking(serve)
