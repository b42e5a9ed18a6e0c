"""Has the system let this process run soon when it wakes, a little at a time: for answers that somebody waits for."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from contextlib import suppress

SLICE = 100_000
"""Nanoseconds, the least that Linux takes."""
NICE = -5
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


def run_promptly() -> None:
    """Ask for short slices of processor time (sched_setattr(2), for all since Linux 6.12), and to go before others
    (nice(2), where that is allowed).

    Whoever runs for long, as the main process does in a wave, then yields at once to who wakes. Nothing happens where
    it is not known, or not allowed.
    """
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    number = _SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return
    with suppress(OSError, AttributeError):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = ctypes.create_string_buffer(struct.pack("=IIQiIQQQ", 48, 0, 0, nice, 0, SLICE, 0, 0), 48)
        ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 0)
