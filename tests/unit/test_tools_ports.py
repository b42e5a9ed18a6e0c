"""Ports that servers of the tests are told to listen on."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import ports
from tools.ports import FIRST, LAST, free_port, free_ports, keep

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """Four ports alone, none of them kept by anybody; the first."""
    kept: deque[int] = deque()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ports, "_kept", kept)
    monkeypatch.setattr(ports, "KEPT", 2)
    first = free_ports(4)[0]
    monkeypatch.setattr(ports, "_following", itertools.count())
    monkeypatch.setattr(ports, "FIRST", first)
    monkeypatch.setattr(ports, "LAST", first + 3)
    forget(kept)
    yield first
    forget(kept)


def forget(kept: deque[int]) -> None:
    """Keep none of them any longer."""
    while kept:
        os.close(kept.pop())


def test_never_one_that_the_system_gives_away_by_itself() -> None:
    range_of_the_system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not range_of_the_system.exists():
        pytest.skip("this system does not say which ports it gives away by itself")
    if int(range_of_the_system.read_text().split()[0]) <= LAST:
        pytest.skip("this machine is set to give away the ports of the tests too")
    assert FIRST <= free_port() <= LAST


def test_one_that_was_told_is_not_told_again() -> None:
    told = [free_port() for _ in range(50)]
    assert len(set(told)) == 50


def test_another_process_is_told_others() -> None:
    code = "from tools.ports import free_ports; print(free_ports(20)); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = [int(port) for port in other.stdout.readline().strip("[]\n").split(",")]
        assert not keep(theirs[:1])
        other.communicate("\n")
    assert len(set(theirs)) == 20
    assert keep(theirs[:1]), "what a process kept ends with it"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_one_in_use_is_passed_over(few: int, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as user:
        user.bind(("127.0.0.1", few))
        assert free_port() == few + 1
    assert free_ports(2) == [few + 2, few + 3]


def test_adjacent_ones_leave_out_what_is_in_use_between_them(few: int) -> None:
    with socket.socket() as user:
        user.bind(("127.0.0.1", few + 1))
        assert free_ports(2) == [few + 2, few + 3]


def test_none_is_an_error(few: int) -> None:
    with socket.socket() as user:
        user.bind(("127.0.0.1", few + 1))
        with pytest.raises(OSError, match=f"no free port of 127.0.0.1 between {few} and {few + 3}"):
            free_ports(3)


def test_only_the_last_ones_are_kept(few: int) -> None:
    assert [free_port() for _ in range(6)] == [few, few + 1, few + 2, few + 3, few, few + 1]
