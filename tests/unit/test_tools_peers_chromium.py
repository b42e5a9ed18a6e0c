"""Chromium is the machine's own or one of Debian's, asks nobody for anything, and has no sandbox only as root."""

import os
from pathlib import Path

import pytest

from tools.peers.chromium import LINK, PROGRAM, environment, flags, probe, program
from tools.peers.recipe import PeerError


def unpacked(folder: Path, script: str = "echo Chromium 1") -> Path:
    """A folder with a program as unpacking leaves one."""
    there = folder / PROGRAM
    there.parent.mkdir(parents=True)
    there.write_text(f"#!/bin/sh\n{script}\n")
    there.chmod(0o755)
    (folder / "usr/lib/x86_64-linux-gnu").mkdir()
    return there


def test_one_that_was_unpacked_gets_the_libraries_that_came_with_it(tmp_path: Path) -> None:
    there = unpacked(tmp_path)
    assert program(tmp_path) == there
    given = environment(tmp_path, {"HOME": "/home/anna"})
    assert given["HOME"] == "/home/anna"
    assert str(tmp_path / "usr/lib/x86_64-linux-gnu") in given["LD_LIBRARY_PATH"].split(":")
    assert given["FONTCONFIG_FILE"] == str(tmp_path / "fonts.conf")


def test_the_machines_own_keeps_its_libraries(tmp_path: Path) -> None:
    (tmp_path / LINK).symlink_to("/bin/true")
    assert program(tmp_path) == tmp_path / LINK
    assert "LD_LIBRARY_PATH" not in environment(tmp_path, {})


def test_one_that_is_gone_or_does_not_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="missing"):
        program(tmp_path)
    (tmp_path / LINK).symlink_to(tmp_path / "removed since")
    assert "missing" in (probe(tmp_path) or "")
    unpacked(tmp_path, "echo no such library >&2; exit 127")
    assert probe(tmp_path) == "Chromium does not start: no such library"


def test_one_that_starts_is_whole(tmp_path: Path) -> None:
    unpacked(tmp_path)
    assert probe(tmp_path) is None


def test_it_asks_nobody_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--disable-background-networking" in flags()
    assert any("NOTFOUND" in flag for flag in flags())
    for user, refused in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert ("--no-sandbox" in flags()) is refused
