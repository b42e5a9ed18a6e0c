"""Has the system let this process run at once when it wakes: for answers of microseconds that somebody waits for.

A machine that is busy lets a process that wakes wait for a tick of its clock, 4 ms on most; a call to come through
should not. Where the system allows it (root, CAP_SYS_NICE, or systemd's `LimitRTPRIO=1`), the process runs in the
weakest real-time class; else with short slices, and before others as far as that is allowed. A process that should be
so must sleep most of the time: one that has not slept for `RUNAWAY` runs as any other again.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from contextlib import suppress

RUNAWAY = 0.5
"""Seconds of processor time without sleeping after which a process is not real-time any more."""
SLICE = 100_000
"""Nanoseconds, the least that Linux takes."""
NICE = -5
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


def run_promptly() -> None:
    """Ask for it; it may be asked for again. Nothing happens where it is not known, or not allowed."""
    if platform.system() != "Linux":
        return
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (int(RUNAWAY * 1_000_000), resource.RLIM_INFINITY))
        signal.signal(signal.SIGXCPU, lambda *_: _as_any_other())
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (OSError, ValueError):
        _before_others()


def is_real_time() -> bool:
    """Whether the process is in that class now."""
    return platform.system() == "Linux" and os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR


def _as_any_other() -> None:
    """What the kernel's SIGXCPU asks for (setrlimit(2), RLIMIT_RTTIME)."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _before_others() -> None:
    """Short slices (sched_setattr(2), for everybody since Linux 6.12) and a better place (nice(2))."""
    with suppress(OSError):
        os.nice(NICE - os.getpriority(os.PRIO_PROCESS, 0))
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        with suppress(OSError, AttributeError):
            nice = os.getpriority(os.PRIO_PROCESS, 0)
            attributes = ctypes.create_string_buffer(struct.pack("=IIQiIQQQ", 48, 0, 0, nice, 0, SLICE, 0, 0), 48)
            ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 0)
