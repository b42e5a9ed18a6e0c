"""A process killed in the middle of saving: nothing acknowledged is lost, token and referrals always agree."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backsoon.store.base import Store
from tests.contract.store.crash_writer import numbered
from tests.contract.store.factories import Factory
from tests.contract.store.values import after, furnish

KILLS = 6
Acknowledged = dict[tuple[str, int], int]


@asynccontextmanager
async def opened(factory: Factory, folder: Path) -> AsyncIterator[Store]:
    store = await factory(folder)
    yield store
    await store.close()


async def save_until_killed(kind: str, folder: Path, first: int, lines: int) -> Acknowledged:
    """What was acknowledged last, of each person and calendar."""
    arguments = ("-m", "tests.contract.store.crash_writer", kind, str(folder), str(first))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += (await process.stdout.read()).splitlines(keepends=True)
    assert await process.wait() < 0, "it ended before it was killed"
    whole = [line.decode().split() for line in said if line.endswith(b"\n")]
    return {(what, int(which)): int(number) for what, which, number in whole}


async def overrides_agree(store: Store, acknowledged: Acknowledged, person: int) -> int:
    """Each is there, replaced by the next or taken back; none that was taken back is in force."""
    known = await store.overrides_since(person, after(-9))
    numbers = [int(each.override.note) for each in known]
    assert numbers == sorted(set(numbers))
    greatest = max(numbers, default=-1)
    assert greatest >= acknowledged.get(("override", person), -1)
    for each, following in zip(known, [*known[1:], None], strict=True):
        end = None if following is None else following.override.start
        assert each.replaced_at in (end, after(int(each.replaced_by)) if each.replaced_by.isdigit() else None)
    override = (await store.claims([person], after(-9)))[person].override
    if override is not None:
        assert override == known[-1].override
        assert int(override.note) > acknowledged.get(("back", person), -1)
    return greatest


async def tokens_agree(store: Store, acknowledged: Acknowledged, person: int) -> int:
    """Those that were acknowledged are there, those revoked are not."""
    numbers = {int(each.digest.split("-")[1]) for each in await store.tokens() if each.person == person}
    last, revoked = acknowledged.get(("token", person), -1), acknowledged.get(("revoked", person), -1)
    assert last in numbers or last % 3 == 0 or last == -1, "every third was perhaps revoked, which it could not say"
    assert revoked not in numbers
    return max(numbers, default=-1)


async def agrees(store: Store, acknowledged: Acknowledged) -> int:
    """Check the store against what was acknowledged; the greatest number in it."""
    people = [each.id for each in await store.page_people()]
    greatest = 0
    for person in people:
        greatest = max(greatest, await overrides_agree(store, acknowledged, person))
        greatest = max(greatest, await tokens_agree(store, acknowledged, person))
    for each in await store.calendars():
        token, calendar = int(each.health.sync_token or -1), each.calendar.id
        assert token >= acknowledged.get(("read", calendar), -1)
        stored_referrals = await store.referrals_of(calendar)
        if token >= 0:
            assert sorted(one.key.uid for one in stored_referrals) == numbered(calendar, token)
            assert {one.note for one in stored_referrals} == {str(token)}
        greatest = max(greatest, token)
    for person, state in (await store.states(people)).items():
        newest = (await store.history(person, after(-9), after(10**7), limit=10**6))[-1]
        assert state.availability == newest.availability
    return greatest


async def test_killed_at_any_moment(factory: Factory, kind: str, tmp_path: Path) -> None:
    async with opened(factory, tmp_path) as store:
        await furnish(store)
    first, seed = 1, random.randrange(10**9)
    dice = random.Random(seed)
    for _ in range(KILLS):
        acknowledged = await save_until_killed(kind, tmp_path, first, dice.randrange(1, 400))
        async with opened(factory, tmp_path) as store:
            first = await agrees(store, acknowledged) + 1
    assert first > KILLS, f"seed {seed}"
