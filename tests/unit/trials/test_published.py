"""Whether notifications arrive at the public address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from backsoon.trials.published import try_public
from tools.ports import free_port

LISTEN = "127.0.0.1:8623"


@asynccontextmanager
async def answering(status: int, seen: list[bytes]) -> AsyncIterator[str]:
    """A server whose /hooks/graph answers so."""

    async def hooks(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/hooks/graph", hooks)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "level", "text"),
    [(202, "ok", "leads to Backsoon"), (404, "error", "answers 404"), (302, "error", "answers 302")],
)
async def test_what_the_address_answers(status: int, level: str, text: str) -> None:
    seen: list[bytes] = []
    async with answering(status, seen) as public:
        found = await try_public(public, LISTEN, running=True)
    assert (found.level, text in found.text) == (level, True)
    assert seen == [b'{"value":[]}']
    if level == "error":
        assert LISTEN in found.remedy
        assert f"{public}/hooks/graph" in found.remedy


async def test_an_address_that_nobody_answers_at_may_be_reached_from_outside() -> None:
    found = await try_public(f"http://127.0.0.1:{free_port()}", LISTEN, running=True)
    assert found.level == "warning"
    assert "from outside must answer 202" in found.remedy


async def test_where_nothing_runs_nothing_is_tried() -> None:
    found = await try_public("https://backsoon.example.com", LISTEN, running=False)
    assert (found.level, found.text) == ("ok", "https://backsoon.example.com was not tried, for no Backsoon runs")
