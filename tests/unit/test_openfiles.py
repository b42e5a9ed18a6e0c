"""The limit of open files, in processes of their own: it cannot be taken back."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from backsoon.openfiles import ENOUGH, WANTED

HARD = 8192
PROGRAM = """
import resource, sys
from backsoon import openfiles
soft, hard, openfiles.WANTED = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(openfiles.allow_many(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def allowed(soft: int, hard: int, wanted: int = WANTED) -> tuple[list[int], str]:
    """What is said, and what holds then; and what is warned of."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and hard > most:
        pytest.skip(f"this account may have no more than {most} files open")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard), str(wanted)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [int(word) for word in done.stdout.split()], done.stderr


def test_as_many_as_the_account_may_have() -> None:
    said, warned = allowed(1024, HARD)
    assert said == [HARD] * 3
    assert not warned


def test_no_more_than_are_wanted() -> None:
    assert allowed(1024, HARD, wanted=6000)[0] == [6000, 6000, HARD]


def test_more_than_that_stays() -> None:
    assert allowed(7000, HARD, wanted=6000)[0] == [7000, 7000, HARD]


def test_too_few_are_told_with_a_remedy() -> None:
    said, warned = allowed(256, ENOUGH - 1)
    assert said == [ENOUGH - 1] * 3
    assert f"no more than {ENOUGH - 1} files may be open" in warned
    assert "LimitNOFILE=" in warned
