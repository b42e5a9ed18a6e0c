"""Reads that are under way together ask in common batches, and none of them suffers for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from backsoon.sources.base import SourceBusy, SourceError, SourceMissing, SourceUnavailable
from backsoon.sources.graph import client
from backsoon.sources.graph.joining import FROM, Joining
from tests.unit.graph.tenant import WINDOW as WHEN
from tests.unit.graph.tenant import ZONE, Tenant, meeting, tenant

MOST = 6


class Sent:
    """What was sent, alone and together; answers once it is let go."""

    def __init__(self) -> None:
        self.alone: list[list[int]] = []
        self.together: list[list[int]] = []
        self.fails: dict[int, Exception] = {}
        self.go = asyncio.Event()
        self.joining = Joining(self._alone, self._together, MOST)

    async def _alone(self, parts: Sequence[int]) -> list[str]:
        self.alone.append(list(parts))
        return await self._answers(parts)

    async def _together(self, parts: Sequence[int]) -> list[str]:
        self.together.append(list(parts))
        return await self._answers(parts)

    async def _answers(self, parts: Sequence[int]) -> list[str]:
        await self.go.wait()
        for part in parts:
            if part in self.fails:
                raise self.fails[part]
        return [f"a{part}" for part in parts]

    def ask(self, *parts: int) -> asyncio.Task[list[str]]:
        return asyncio.create_task(self.joining.ask(parts))


async def test_few_wait_for_nobody() -> None:
    sent = Sent()
    asked = [sent.ask(n, n + 100) for n in range(FROM)]
    await asyncio.sleep(0)
    assert sent.alone == [[n, n + 100] for n in range(FROM)]
    sent.go.set()
    assert await asyncio.gather(*asked) == [[f"a{n}", f"a{n + 100}"] for n in range(FROM)]
    assert not sent.together


async def test_many_go_together_and_each_gets_its_own_answers() -> None:
    sent = Sent()
    asked = [sent.ask(n, n + 1000) for n in range(50)] + [sent.ask(*range(2000, 2005)), sent.ask(*range(3000, 3006))]
    await asyncio.sleep(0.1)  # the last of them wait for others in vain, and go
    sent.go.set()
    answers = await asyncio.gather(*asked)
    assert answers[:50] == [[f"a{n}", f"a{n + 1000}"] for n in range(50)]
    assert answers[50:] == [[f"a{n}" for n in range(2000, 2005)], [f"a{n}" for n in range(3000, 3006)]]
    assert len(sent.alone) == FROM + 1, "what fills a batch by itself is one"
    assert [len(parts) for parts in sent.together] == [6] * 15 + [2, 5]
    assert sorted(part for parts in sent.together for part in parts if part < 1000) == list(range(FROM, 50))


async def test_where_a_batch_fails_each_asks_alone() -> None:
    sent = Sent()
    sent.fails[FROM + 4] = SourceUnavailable("no answer within 10 s")
    asked = [sent.ask(n) for n in range(FROM + MOST)]
    await asyncio.sleep(0.01)
    assert sent.together == [list(range(FROM, FROM + MOST))]
    sent.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, SourceError)] == [FROM + 4]
    assert [answer for n, answer in enumerate(answers) if n != FROM + 4] == [
        [f"a{n}"] for n in range(FROM + MOST) if n != FROM + 4
    ]
    assert sent.alone[FROM:] == [[n] for n in range(FROM, FROM + MOST)]


async def test_where_the_vendor_asks_to_wait_nobody_asks_again() -> None:
    sent = Sent()
    sent.fails[FROM + 4] = SourceBusy("asked to wait", retry_after=60)
    asked = [sent.ask(n) for n in range(FROM + MOST)]
    await asyncio.sleep(0.01)
    assert sent.together == [list(range(FROM, FROM + MOST))]
    sent.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, SourceBusy) for answer in answers] == [False] * FROM + [True] * MOST
    assert len(sent.alone) == FROM


async def test_who_is_cancelled_leaves_the_batch_to_the_others() -> None:
    sent = Sent()
    asked = [sent.ask(n) for n in range(FROM + MOST)]
    await asyncio.sleep(0.01)
    asked[FROM].cancel()
    asked[-1].cancel()
    await asyncio.sleep(0)
    sent.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [n for n, a in enumerate(answers) if isinstance(a, asyncio.CancelledError)] == [FROM, FROM + MOST - 1]
    assert answers[FROM + 1] == [f"a{FROM + 1}"]
    later = sent.ask(99)
    assert await later == ["a99"]
    assert sent.alone[-1] == [99], "nobody is counted who has gone"


# -- against the simulator -------------------------------------------------------------------------------------------

PEOPLE = [f"p{n}@example.com" for n in range(60)]


async def _read(made: Tenant, tokens: dict[str, str | None]) -> dict[str, object]:
    """Read them all at the same time; what each brought, by its address."""

    async def one(address: str) -> object:
        try:
            source = made.account.source(address, zone=ZONE, owner=frozenset({address}))
            changes = await source.changes(WHEN, tokens.get(address))
        except SourceError as error:
            return error
        tokens[address] = changes.sync_token
        return [entry.subject for entry in changes.entries]

    return dict(zip(PEOPLE, await asyncio.gather(*map(one, PEOPLE)), strict=True))


async def test_what_changed_in_many_mailboxes_is_read_by_few_requests() -> None:
    async with tenant(PEOPLE) as made:
        tokens: dict[str, str | None] = {}
        await _read(made, tokens)
        assert made.sim.count["batch"] == 60, "first reads are large: each goes by itself"
        for number, address in enumerate(PEOPLE):
            made.sim.world[address].put(meeting(subject=f"m: {number}"))
        assert await _read(made, tokens) == {address: [f"m: {n}"] for n, address in enumerate(PEOPLE)}
        assert made.sim.count["batch"] - 60 <= FROM + 6


async def test_one_mailbox_that_fails_among_others_fails_alone() -> None:
    async with tenant(PEOPLE) as made:
        tokens: dict[str, str | None] = {}
        await _read(made, tokens)
        made.sim.faults.add("missing", times=None, match="p40@")
        found = await _read(made, tokens)
        assert isinstance(found.pop("p40@example.com"), SourceMissing)
        assert all(brought == [] for brought in found.values())


async def test_one_mailbox_that_hangs_holds_up_the_others_for_as_long_as_a_batch_may_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with tenant(PEOPLE) as made:
        tokens: dict[str, str | None] = {}
        await _read(made, tokens)
        monkeypatch.setattr(client, "JOINED", 0.3)
        made.sim.faults.add("hang", times=None, match="p40@")

        async def one(address: str) -> None:
            source = made.account.source(address, zone=ZONE, owner=frozenset({address}))
            await source.changes(WHEN, tokens[address])

        reading = {asyncio.create_task(one(address), name=address) for address in PEOPLE}
        read, left = await asyncio.wait(reading, timeout=5)
        assert [task.get_name() for task in left] == ["p40@example.com"]
        assert [task.exception() for task in read] == [None] * 59
        left.pop().cancel()
