"""Backsoon for the bench `console`: people whose meetings begin and end in bursts, and an account that may look."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.domain.access import Role
from backsoon.domain.organisation import Person
from backsoon.store.base import Account, Session
from backsoon.store.sqlite import SqliteStore
from backsoon.wiring import Backsoon, run_blocking
from bench.common import (
    ACME,
    StampingBoard,
    extension,
    fill_store,
    opened,
    progress,
    rss_mib,
    running,
    token,
    told,
    utc_now,
)

LISTENERS = 199
CHANGES = 10_000
"""In each burst."""
STEPS = 100
"""Instants of a burst's second at which something changes."""
SPREAD = 37
"""Has no divisor in common with `STEPS`."""
EVERY = 6
"""Seconds from one burst to the next."""
FIRST = ("Anna", "Bo", "Carl", "Disa", "Erik", "Frida", "Gustav", "Hanna", "Ivar", "Johanna", "Karin", "Lars", "Åsa")
LAST = ("Berg", "Dahl", "Ek", "Falk", "Gran", "Holm", "Ivarsson", "Jonsson", "Kling", "Lind", "Mo", "Nyman", "Öst")
DEPARTMENTS = ("Finance", "Sales", "Support", "Workshop", "Management", "Depot", "Legal")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people, and how many bursts of changes, the first `lead` seconds after the start at the earliest."""

    people: int
    bursts: int
    lead: float

    @property
    def busy(self) -> int:
        """Whose meetings they are: those first by name. Where they are fewer than changes, each changes twice."""
        return min(self.people, CHANGES)

    @property
    def twice(self) -> bool:
        """Whether a meeting begins and ends within one burst."""
        return self.busy * 2 <= CHANGES

    def spans(self, number: int, first: datetime) -> list[tuple[datetime, datetime]]:
        """The meetings of somebody by number."""
        if number >= self.busy:
            return []
        length = timedelta(seconds=0.5 if self.twice else EVERY)
        share = 0.5 if self.twice else 1.0
        within = timedelta(seconds=number * SPREAD % STEPS / STEPS * share)  # whoever is in sight: all over the second
        gap = EVERY if self.twice else 2 * EVERY
        count = self.bursts if self.twice else (self.bursts + 1) // 2
        starts = [first + timedelta(seconds=n * gap) + within for n in range(count)]
        return [(start, start + length) for start in starts]


def person(number: int) -> Person:
    """Somebody: the numbers are in the order of names."""
    name = f"{FIRST[number // 37 % len(FIRST)]} {LAST[number % len(LAST)]}"
    where = DEPARTMENTS[number % len(DEPARTMENTS)]
    return Person(ACME.id, extension(number), f"A{number:06d} {name}", f"p{number}@acme.example", department=where)


def keep_house(pipe: Any, place: Path, plan: Plan) -> None:
    """Run it; tells through the pipe what to ask, and ends when told."""
    run_blocking(lambda: _kept(pipe, place, plan))


async def _kept(pipe: Any, place: Path, plan: Plan) -> None:
    async with opened(place, full=True) as store:
        progress(f"storing {plan.people} people")
        first = await _filled(store, plan)
        async with running(place, store, StampingBoard(), network=True) as backsoon:
            await told(backsoon)
            pipe.send(await _about(backsoon, store, plan, first))
            await asyncio.to_thread(pipe.recv)
            pipe.send({"cpu_s": round(time.process_time(), 1), "rss_mib": rss_mib()})


async def _filled(store: SqliteStore, plan: Plan) -> datetime:
    """Fill the store; the instant of the first change."""
    made_for = utc_now().replace(microsecond=0)
    await fill_store(store, plan.people, lambda number: plan.spans(number, made_for), person)
    first = utc_now().replace(microsecond=0) + timedelta(seconds=plan.lead + plan.people // 1000)
    shift = int((first - made_for).total_seconds()) * 1_000_000
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("update referral set start_at = start_at + ?1, end_at = end_at + ?1", (shift,))
    return first


async def _about(backsoon: Backsoon, store: SqliteStore, plan: Plan, first: datetime) -> dict[str, object]:
    changes = {
        extension(number): [[start.timestamp(), end.timestamp()] for start, end in plan.spans(number, first)]
        for number in range(min(plan.busy, 100))
    }
    return {
        "address": str(backsoon.config.api.listen),
        "cookie": await _signed_in(store),
        "token": await token(backsoon, Role.ATTENDANT),
        "changes": changes,
        "people": [each.id for each in await store.page_people(ACME.id, limit=2000)],
        "last_at": first.timestamp() + plan.bursts * EVERY,
        "first_at": first.timestamp(),
        "first_at_in": (first - utc_now()).total_seconds(),
        "rss_mib": rss_mib(),
    }


async def _signed_in(store: SqliteStore) -> str:
    """The cookie of an attendant."""
    now, text = utc_now(), secrets.token_urlsafe(32)
    account = await store.save_account(Account(ACME.id, "Bench", frozenset({Role.ATTENDANT}), now, user="bench"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    await store.save_session(Session(account.id, digest, now, now, now + timedelta(days=1)))
    return text
