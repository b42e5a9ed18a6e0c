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
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.properties.interleavings import Lives

PARTS = 8
"""So that several processes share the work."""
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there


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
