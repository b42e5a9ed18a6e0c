"""What we have published, with the entity tags by which we may change it: in memory, and in the `Keep`.

Saved in groups right after the answers: whoever waits for `save` finds theirs saved with all that came meanwhile.

Each time the server is found to have forgotten everything a new generation begins. What is kept says of which it is: so
it is known, in any later session too, what was published anew since then, and what was not yet.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from backsoon.switchboards.base import EXTENSION, NOTHING, Keep, Rendered

OURS = "=alive"
"""The key of our own publication; no extension can be it."""
FORM = 1
LINGER = 10.0
"""Seconds in which the server may still hold what has ended by our clock: it began to count later than we."""
STEP = 5.0
"""Seconds by which the clock may go back without being taken for set back."""
REFRESH = (0.6, 0.85)
"""The part of its life after which a publication is prolonged: somewhere in between, so that not all are at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """One publication. `tag` "": nothing is published, and so it should be.

    `address` is of whom it is, `expires_at` when it ends (seconds since 1970), `until` when it should end for good
    (0: never). `doubtful`: whether the server still has it is not known.
    """

    address: str
    tag: str
    expires_at: int
    until: int
    shown: Rendered
    doubtful: bool = False


class Ledger:
    """All publications, by extension, and ours under `OURS`."""

    def __init__(self, keep: Keep, now: Callable[[], datetime]) -> None:
        self._keep = keep
        self._now = now
        self._held: dict[str, Held] = {}
        self._unsaved: dict[str, str | None] = {}
        self._due: list[tuple[float, str]] = []
        self._due_at: dict[str, float] = {}
        self._generation = 0
        self._seen = 0.0
        """What the clock said last."""
        self._saving = asyncio.Lock()
        self._noted = self._saved = 0
        """How many changes there were, and how many of them are durable."""

    async def load(self) -> None:
        """Read what is kept. What has ended meanwhile, or cannot be read, is forgotten.

        What was published before the server forgot, and not again since, is doubtful.
        """
        at = self._now().timestamp()
        rows = {key: _read(text) for key, text in (await self._keep.all()).items()}
        self._generation = max((row.generation for row in rows.values() if row is not None), default=0)
        for key, row in rows.items():
            known = key == OURS or EXTENSION.fullmatch(key) is not None
            if row is None or not known or (row.tag and row.expires_at + LINGER <= at):
                self._note(key, None)
            else:
                self._put(key, row.held(doubtful=key != OURS and row.generation < self._generation))

    def get(self, key: str) -> Held | None:
        """What is published under the key; None where it is nothing, or has ended."""
        held = self.last(key)
        return held if held is not None and self.lasts(held) else None

    def last(self, key: str) -> Held | None:
        """The same, and for a few seconds what has ended as well.

        The server may hold it yet: what is told just then must change it, and not be published beside it.
        """
        held = self._held.get(key)
        if held is not None and held.tag and held.expires_at + LINGER <= self._now().timestamp():
            self.drop(key)
            return None
        return held

    def lasts(self, held: Held) -> bool:
        """Whether it has not ended yet, so that the server must know its tag."""
        return not held.tag or self._now().timestamp() < held.expires_at

    def put(self, key: str, held: Held) -> None:
        """This is published now."""
        self._put(key, held)
        self._note(key, _text(held, self._generation))

    def drop(self, key: str) -> None:
        """Nothing is."""
        self._held.pop(key, None)
        self._due_at.pop(key, None)
        self._note(key, None)

    def doubt(self) -> None:
        """The server has forgotten: it may hold what was published since, and nothing else. A generation begins.

        The tags stay, for what it holds must be changed and not published beside itself.
        """
        self._generation += 1
        self._held = {key: replace(held, doubtful=key != OURS) for key, held in self._held.items()}

    def mistrust(self, key: str) -> None:
        """The server would not have it changed: it must not be prolonged as it is."""
        if (held := self._held.get(key)) is not None:
            self._held[key] = replace(held, doubtful=True)
            self._due_at.pop(key, None)

    def sure(self) -> dict[str, Rendered]:
        """What people's publications show, as far as that is known."""
        keys = [key for key in self._held if key != OURS]
        held = ((key, self.get(key)) for key in keys)
        return {key: one.shown for key, one in held if one and not one.doubtful and one.shown != NOTHING}

    def strays(self, address_of: Callable[[str, Rendered], str | None]) -> list[str]:
        """Whose address is another one now."""
        held = list(self._held.items())
        return [key for key, one in held if key != OURS and one.address != address_of(key, one.shown)]

    async def save(self) -> None:
        """Return when all that was put before is durable."""
        mine = self._noted
        async with self._saving:
            if self._saved >= mine:  # with another's; what has come since is for those who wait for that
                return
            noted, values = self._noted, self._unsaved
            self._unsaved = {}
            try:
                await self._keep.save(values)
            except BaseException:
                self._unsaved = values | self._unsaved
                raise
            self._saved = noted

    def _note(self, key: str, text: str | None) -> None:
        self._unsaved[key] = text
        self._noted += 1

    # -- prolonging -------------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When the next publication is to be prolonged (seconds since 1970)."""
        while self._due and self._due_at.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take_due(self) -> Iterator[str]:
        """The extensions whose publications are to be prolonged now; each is given once."""
        at = self._now().timestamp()
        if at < self._seen - STEP:
            self._all_due(at)
        self._seen = at
        while (due := self.next_due()) is not None and due <= at:
            _, key = heapq.heappop(self._due)
            del self._due_at[key]
            held = self.get(key)
            if held is not None and not held.doubtful:
                yield key

    def _all_due(self, at: float) -> None:
        """The clock was set back: the server's lives are over sooner than it would say."""
        self._due_at = {key: at for key, held in self._held.items() if held.tag and key != OURS and not held.doubtful}
        self._due = [(at, key) for key in self._due_at]

    def _put(self, key: str, held: Held) -> None:
        self._held[key] = held
        self._due_at.pop(key, None)
        if not held.tag or key == OURS or 0 < held.until <= held.expires_at:
            return
        at = self._now().timestamp()
        due = at + max(0.0, held.expires_at - at) * random.uniform(*REFRESH)
        self._due_at[key] = due
        heapq.heappush(self._due, (due, key))


class _Row(NamedTuple):
    form: int
    address: str
    tag: str
    expires_at: int
    until: int
    lamp: str
    plan: str
    generation: int = 0
    """Versions that knew no generations left it out."""

    def held(self, *, doubtful: bool) -> Held:
        """What it tells."""
        return Held(self.address, self.tag, self.expires_at, self.until, Rendered(self.lamp, self.plan), doubtful)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Row)


def _text(held: Held, generation: int) -> str:
    shown = held.shown
    row = _Row(FORM, held.address, held.tag, held.expires_at, held.until, shown.lamp, shown.plan, generation)
    return _ENCODER.encode(row).decode()


def _read(text: str) -> _Row | None:
    try:
        row = _DECODER.decode(text)
    except msgspec.MsgspecError:
        return None
    return row if row.form == FORM else None
