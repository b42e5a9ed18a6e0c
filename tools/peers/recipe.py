"""What a peer's recipe is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
"""Shows one line of progress."""


class PeerError(Exception):
    """A peer cannot be set up here. The text is the reason, shown as the skip of its tests."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A peer that is not here, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one peer is set up.

    ``install(dir, say)`` fills the empty folder ``dir`` and raises :class:`PeerError` with a reason where it
    cannot (no root, no network, another system). ``probe(dir)`` tells in well under a second why what is in
    ``dir`` does not work, or ``None`` where it does. A new ``version`` sets the peer up again.
    """

    name: str
    version: str
    about: str
    install: Callable[[Path, Say], None]
    probe: Callable[[Path], str | None]
