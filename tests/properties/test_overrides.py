"""Referrals by hand in ten thousand random lives, in which Backsoon dies at any call of its store: none is lost.

In each, people are referred by hand, again, until an instant, and taken back, by several at once; what was set expires;
meetings are booked, moved, shortened, deleted; calendars are read whole, lose their tokens, cannot be read; the
switchboard is cut off, hangs, comes back; settings are taken over and extensions change. Whenever nothing is under way,
and at the end once everything can be reached, what is stored, decided, lit and written ahead is compared with what the
rules alone say (`referred.py`).

To live one again: `BACKSOON_LIFE=NUMBER pytest tests/properties/test_overrides.py`.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.properties.interleavings import Lives
from tests.properties.steps import Back, Book, Die, Edge, Refer, Step, Wait

PARTS = 8
"""So that several processes share the work."""
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there


WENT_WRONG: tuple[tuple[int, tuple[Step, ...]], ...] = (
    (  # the second of two transitions in one second came after all that was staged, the clock having been stepped
        270345082644,
        (
            Back(turns=0, who=0),
            Book(turns=3, who=0, uid="b", offset=1, minutes=60, tag="h:"),
            Die(calls=0, afterwards=False),
            Book(turns=3, who=0, uid="c", offset=60, minutes=180, tag="m:"),
            Refer(turns=0, who=0, reason="back_at", minutes=1),
            Wait(turns=0, seconds=1, walked=False),
        ),
    ),
    (  # what was staged by an older decision was told after a newer one, while that was being stored
        964052342322,
        (
            Wait(turns=0, seconds=59, walked=True),
            Book(turns=0, who=0, uid="c", offset=1, minutes=30, tag="m:"),
            Refer(turns=8, who=0, reason="back_at", instant=True),
            Edge(turns=0, before=False, walked=False),
        ),
    ),
)
"""Lives that went wrong once, shortened."""


@pytest.fixture
def lives() -> Iterator[Lives]:
    """Where lives are lived: in memory, where the system has such a folder."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None) as folder:
        yield Lives(Path(folder))


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Switchboards that are cut and calendars that are down are what these lives are about."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_referral_by_hand_is_ever_lost_and_nothing_else_shows(part: int, interleavings: int, lives: Lives) -> None:
    if one := os.environ.get("BACKSOON_LIFE"):
        return lives.live([int(one)] if part == 0 else [])
    first = random.SystemRandom().randrange(2**40)
    count = -(-interleavings // PARTS)
    print(f"lives {first} to {first + count - 1}")
    lives.live(range(first, first + count))
    assert lives.deaths > count // 4, "too few died for this to say anything"


@pytest.mark.parametrize(("seed", "life"), WENT_WRONG)
def test_what_went_wrong_once_does_not_any_more(seed: int, life: Sequence[Step], lives: Lives) -> None:
    assert lives.goes_wrong(life, seed) is None
