"""How somebody stood: from the record of decisions, never from what is known today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Stretch
from backsoon.engine.explaining import KEPT, TooLongAgo
from backsoon.store.base import Store

MOST = 2000
"""Changes that are read at once."""


async def recorded(store: Store, person: Person, start: datetime, end: datetime, now: datetime) -> list[Stretch]:
    """The decisions on record that held from `start` to `end`, which is after it and not to come.

    Of more than `MOST` changes those that come first: the last stretch then ends before `end`. Raises `TooLongAgo` for
    what is not kept any more, `StoreError`.
    """
    if start < now - KEPT:
        raise TooLongAgo(start)
    changes = await store.history(person.id, start, end, MOST + 1)
    held = [c for c in changes if c.at <= start]
    later = [c for c in changes if c.at > start]
    first = held[-1].availability if held else AVAILABLE
    edges = [(start, first), *((c.at, c.availability) for c in later)]
    ends = [*(c.at for c in later), end]
    if len(later) > MOST:
        edges.pop()
    found = [Stretch(begun, until, said) for (begun, said), until in zip(edges, ends, strict=False) if begun < until]
    return _one_by_one(found)


def joined(past: Sequence[Stretch], coming: Sequence[Stretch]) -> list[Stretch]:
    """Both, one after the other; what goes on is one stretch."""
    return _one_by_one([*past, *coming])


def _one_by_one(stretches: Sequence[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for each in stretches:
        if found and found[-1].availability == each.availability:
            found[-1] = Stretch(found[-1].start, each.end, each.availability)
        else:
            found.append(each)
    return found
