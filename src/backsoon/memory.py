"""How a process that runs for months keeps its memory small, and its collector out of the way."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

M_MMAP_THRESHOLD = -3
"""What `mallopt(3)` of glibc calls so."""


def give_back() -> None:
    """Have what takes more than this go back to the system when it is freed: glibc else keeps what it gave once."""
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 256 * 1024)


def settle() -> None:
    """What is in memory now stays: the collector need not look at it again, nor often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
