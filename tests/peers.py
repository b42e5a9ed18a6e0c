"""The programs that tests run against: which are here, and what a test does where one is not.

``require_peer("caldav")`` gives the peer's folder. Where the peer cannot be had it is a visible skip with
its reason; in CI (``CI=true``) it is a failure, so that nothing goes untested unseen.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tools.peers import Absent, find_peer


def in_ci() -> bool:
    """Whether this run is CI's."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@cache
def _look_up(name: str) -> Path | Absent:
    return find_peer(name)


def require_peer(name: str) -> Path:
    """The folder of a peer that is set up; skips the test (in CI: fails it) where there is none."""
    found = _look_up(name)
    if isinstance(found, Path):
        return found
    not_here(f"{name}: {found.reason}")


def not_here(reason: str) -> NoReturn:
    """Skip visibly, or fail in CI. Never returns."""
    if in_ci():
        pytest.fail(f"needed in CI, and missing: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", name="require_peer")
def _require_peer() -> Callable[[str], Path]:
    """:func:`require_peer` as a fixture."""
    return require_peer
