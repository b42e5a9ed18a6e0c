"""The switchboards that the contract suite runs over, each with what a test may do to it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from backsoon.switchboards.base import Switchboard


@dataclass
class Board:
    """A switchboard, and how to break its session and what it says where nobody is there."""

    switchboard: Switchboard
    cut: Callable[[], Awaitable[None]]
    """Break the session that is open; the switchboard comes back with what it holds."""
    absent: Switchboard
    """The same kind of switchboard where nobody answers."""
    dial: Callable[[str, str, str], None]
    """Dial on an extension's telephone: the code ("": available again) and what stands behind it."""
