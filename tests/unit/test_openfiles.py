"""The limit of open files, in processes of their own: it cannot be taken back."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from backsoon.openfiles import ENOUGH, WANTED

_HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
PROGRAM = """
import resource, sys
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from backsoon.openfiles import allow_many
print(allow_many(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def allowed(soft: int, hard: int) -> tuple[list[int], str]:
    """What is said, and what holds then; and what is warned of."""
    if _HARD != resource.RLIM_INFINITY and hard > _HARD:
        pytest.skip(f"this account may have no more than {_HARD} files open")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)], capture_output=True, text=True, check=True, timeout=60
    )
    return [int(word) for word in done.stdout.split()], done.stderr


def test_as_many_as_the_account_may_have() -> None:
    said, warned = allowed(1024, 8192)
    assert said == [8192, 8192, 8192]
    assert not warned


def test_no_more_than_are_wanted() -> None:
    assert allowed(1024, 2 * WANTED)[0] == [WANTED, WANTED, 2 * WANTED]


def test_more_than_that_stays() -> None:
    assert allowed(WANTED + 1, WANTED + 1)[0] == [WANTED + 1] * 3


def test_too_few_are_told_with_a_remedy() -> None:
    said, warned = allowed(256, ENOUGH - 1)
    assert said == [ENOUGH - 1] * 3
    assert f"no more than {ENOUGH - 1} files may be open" in warned
    assert "LimitNOFILE=" in warned
