"""Lives by their number, lived by the thousand; and the shortest life that goes wrong as one did."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from backsoon.domain.organisation import Calendar, Connection, Person, SwitchboardSettings
from backsoon.store.sqlite import SqliteStore
from tests.properties.lives import Life, settings
from tests.properties.referred import Rules
from tests.properties.steps import (
    QUIET,
    Again,
    Apply,
    Back,
    Board,
    Book,
    Die,
    Edge,
    Edit,
    Follow,
    Move,
    Read,
    Refer,
    Step,
    Trouble,
    Vanish,
    Wait,
)

PEOPLE = ("Anna", "Bo")
UIDS = ("a", "b", "c")
KINDS: tuple[tuple[int, Callable[[random.Random], Step]], ...] = (
    (10, lambda r: Refer(_who(r), *_reason(r))),
    (3, lambda r: Again(_who(r))),
    (6, lambda r: Back(_who(r))),
    (7, lambda r: Book(_who(r), r.choice(UIDS), r.choice((-30, -5, 0, 0, 1, 4, 10, 60)), *_length(r))),
    (4, lambda r: Follow(_who(r), *_two(r), r.choice((0, 3, 4, 5, 19, 30, -2)), *_length(r))),
    (4, lambda r: Edit(_who(r), r.choice(UIDS), r.choice((0, 0, -5, 3, 15)), r.choice((0, -30, -5, 5, 30)))),
    (2, lambda r: Vanish(_who(r), r.choice(UIDS))),
    (2, lambda r: Read(_who(r), r.choice(("token", "whole", "lost", "gone")))),
    (1, lambda r: Trouble(_who(r), r.random() < 0.7)),
    (4, lambda r: Board(r.choice(("cut", "cut", "down", "up", "up", "pause", "resume", "resume")))),
    (1, lambda r: Apply(r.choice((0, 5, 20)), r.choice((60, 45)))),
    (1, lambda r: Move(_who(r))),
    (3, lambda r: Wait(r.choice((1, 20, 59, 61, 600, 3600)), r.random() < 0.3)),
    (6, lambda r: Edge(r.random() < 0.25, r.random() < 0.5)),
    (9, lambda r: Die(r.choice((0, 0, 1, 1, 2, 3, 4, 6, 9, 15, 30)), r.random() < 0.5)),
)
"""How often each kind of step is taken, and one of them."""
_WEIGHTS = [weight for weight, _ in KINDS]


def _who(chance: random.Random) -> int:
    return chance.randrange(len(PEOPLE))


def _two(chance: random.Random) -> tuple[str, str]:
    one, other = chance.sample(UIDS, 2)
    return one, other


def _reason(chance: random.Random) -> tuple[str, int | None, bool]:
    reason = chance.choice(("lunch", "lunch", "back_at", "sick", "gone_for_the_day", "meeting"))
    return reason, chance.choice((None, None, 1, 5, 45, 300)), chance.random() < 0.5


def _length(chance: random.Random) -> tuple[int, str]:
    return chance.choice((5, 10, 30, 60, 180)), chance.choice(("m:", "m:", "l:", "h:", "s:", "m;", "h;"))


def steps(seed: int) -> list[Step]:
    """The life of that number."""
    chance = random.Random(seed)
    kinds = chance.choices(KINDS, _WEIGHTS, k=chance.randint(3, 12))
    turns = (QUIET, QUIET, QUIET, 0, 0, 1, 3, 8)
    return [replace(make(chance), turns=chance.choice(turns)) for _, make in kinds]


class Lives:
    """Where lives are lived: a file to begin each with, in a folder that had better be in memory."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "life.db"
        self._first = folder / "first.db"
        self._people = asyncio.run(_made(self._first))
        self.deaths = 0

    def live(self, numbers: Sequence[int]) -> None:
        """All these lives. One that goes wrong is told, with the shortest that does so too."""
        with asyncio.Runner() as runner:
            for number in numbers:
                try:
                    runner.run(self._live(steps(number), number))
                except Exception as error:
                    short = self.shortest(steps(number), number)
                    why = self.goes_wrong(short, number)
                    raise AssertionError(
                        f"life {number} goes wrong: {error}\nas does, shorter:\n{told(short)}\n{why!r}"
                    ) from error

    def first_wrong(self, numbers: Sequence[int]) -> int | None:
        """The first of these lives that goes wrong."""
        return next((number for number in numbers if self.goes_wrong(steps(number), number)), None)

    def goes_wrong(self, life: Sequence[Step], seed: int) -> Exception | None:
        """How that life goes wrong."""
        try:
            asyncio.run(self._live(life, seed))
        except Exception as error:
            return error
        return None

    async def _live(self, life: Sequence[Step], seed: int) -> None:
        for old in self._file.parent.glob("life.db*"):
            old.unlink()
        shutil.copyfile(self._first, self._file)
        made = Life(self._file, self._people, seed)
        await made.live(life)
        self.deaths += made.deaths

    def shortest(self, life: list[Step], seed: int, most: int = 300) -> list[Step]:
        """What is left of it when nothing more can be left out."""
        size = max(1, len(life) // 2)
        tried = 0
        while size and tried < most:
            for shorter in _without(life, size):
                tried += 1
                if self.goes_wrong(shorter, seed):
                    life = shorter
                    break
            else:
                size //= 2
        return life


def _without(life: list[Step], size: int) -> Iterator[list[Step]]:
    for start in reversed(range(0, len(life), size)):
        yield life[:start] + life[start + size :]


def told(life: Sequence[Step]) -> str:
    """A life, to be lived again."""
    return "\n".join(f"    {step}," for step in life)


async def _made(path: Path) -> list[tuple[Person, int]]:
    """A file with the people and their calendars; whom that is, and the calendars' ids."""
    store = await SqliteStore.open(path)
    await store.save_organisation(settings(Rules()))
    await store.save_connections("acme", [Connection("acme", "memory", "memory")])
    await store.save_switchboards("acme", [SwitchboardSettings("acme", "pbx", "memory")])
    people = await store.save_people([Person("acme", f"100{n}", name) for n, name in enumerate(PEOPLE)])
    calendars = await store.save_calendars([Calendar(p.id, "acme", "memory", p.extension) for p in people])
    await store.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("pragma journal_mode = delete")
    return [(person, calendar.id) for person, calendar in zip(people, calendars, strict=True)]
