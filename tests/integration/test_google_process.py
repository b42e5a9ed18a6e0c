"""The simulated Google as a process of its own, steered from outside, read by an account made from settings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from backsoon.accounts import Accounts
from backsoon.domain.organisation import Connection
from backsoon.sources.base import SourceBusy, Window
from backsoon.sources.google import GoogleAccount

FIRST = datetime(2027, 3, 1, tzinfo=UTC)
WINDOW = Window(FIRST - timedelta(days=1), FIRST + timedelta(days=400))
ADDRESS = "user3@example.com"


class Outside:
    """Whoever steers the process."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self.origin = origin
        self.session = session

    async def get(self, what: str) -> str:
        async with self.session.get(f"{self.origin}/_sim/{what}") as answer:
            assert answer.status == 200
            return await answer.text()

    async def post(self, what: str, **told: object) -> None:
        async with self.session.post(f"{self.origin}/_sim/{what}", json=told) as answer:
            assert answer.status == 204, await answer.text()


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.simulators.google", "--mailboxes", "5", "--entries", "4",
        "--first", f"{FIRST:%Y-%m-%d}", "--limits", cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = int(await asyncio.wait_for(process.stdout.readline(), 60))
    try:
        async with aiohttp.ClientSession() as session:
            yield Outside(f"http://127.0.0.1:{port}", session)
    finally:
        process.terminate()
        await process.wait()


async def test_read_and_steered(outside: Outside, tmp_path: Path) -> None:
    file = tmp_path / "google.json"
    file.write_text(await outside.get("credentials"))
    settings = {"credentials": str(file), "url": f"{outside.origin}/calendar/v3", "access": "shared", "at_once": 20}
    accounts = Accounts(lambda: FIRST)
    account = accounts.of(Connection("acme", "google", "google", settings))
    assert isinstance(account, GoogleAccount)
    source = account.source(ADDRESS, zone="UTC", owner=frozenset({ADDRESS}))
    first = await source.changes(WINDOW, None)
    assert sorted(each.subject for each in first.entries) == ["Untagged", "Untagged", "m: Budget", "m: Budget"]

    await outside.post(
        "put", address=ADDRESS, uid="new", start="2027-03-02T09:00", end="2027-03-02T10:00", subject="l:"
    )
    await outside.post("remove", address=ADDRESS, uid="3-1")
    second = await source.changes(WINDOW, first.sync_token)
    assert [each.subject for each in second.entries] == ["l:"]
    assert (second.complete, len(second.touched)) == (False, 2)

    await outside.post("forget", address=ADDRESS)
    assert (await source.changes(WINDOW, second.sync_token)).complete
    await outside.post("share", address=ADDRESS, access="freeBusyReader")
    assert (await source.changes(WINDOW, None)).warnings
    await outside.post("fault", kind="throttle", seconds=60)
    with pytest.raises(SourceBusy):
        await source.changes(WINDOW, None)
    assert '"events.list": 6' in await outside.get("counts")
    await accounts.close()
