"""The recipe of Asterisk and SIPp: what it asks of the machine, and what it says where it cannot."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.peers import PeerError, asterisk


class Machine:
    """Stands for the programs of the machine; `failing` are those that fail, by a word of their command."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.ran: list[str] = []
        self.mirrors = "http://mirror.example/debian/\nhttp://mirror.example/debian-security/\n"

    def run(self, command: Sequence[str]) -> str:
        self.ran.append(" ".join(command))
        if any(word in self.ran[-1] for word in self.failing):
            raise PeerError(f"{command[0]} failed")
        if command[0] == "debootstrap":
            for inner in ("usr/sbin", "etc/dpkg/dpkg.cfg.d"):
                (Path(command[3]) / inner).mkdir(parents=True)
        return self.mirrors if "indextargets" in command else ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(asterisk, "_run", made.run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return made


def suites(machine: Machine) -> list[str]:
    """The suites that were tried, each with its mirror."""
    return [" ".join(line.split()[2:3] + line.split()[4:]) for line in machine.ran if line.startswith("debootstrap")]


def test_the_mirror_is_the_machine_s_own(machine: Machine, tmp_path: Path) -> None:
    asterisk.install(tmp_path, lambda _: None)
    assert suites(machine) == ["sid http://mirror.example/debian/"]


def test_without_a_mirror_debootstrap_chooses(machine: Machine, tmp_path: Path) -> None:
    machine.mirrors = ""
    asterisk.install(tmp_path, lambda _: None)
    assert suites(machine) == ["sid"]


def test_no_daemon_is_started_in_the_chroot(machine: Machine, tmp_path: Path) -> None:
    asterisk.install(tmp_path, lambda _: None)
    assert os.access(tmp_path / "usr/sbin/policy-rc.d", os.X_OK)
    assert "exit 101" in (tmp_path / "usr/sbin/policy-rc.d").read_text()


def test_an_older_suite_where_the_newest_fails(machine: Machine, tmp_path: Path) -> None:
    machine.failing = ("sid ",)
    said: list[str] = []
    asterisk.install(tmp_path, said.append)
    assert [one.split()[0] for one in suites(machine)] == ["sid", "bullseye"]
    assert any("sid failed" in line for line in said)


def test_neither_works(machine: Machine, tmp_path: Path) -> None:
    machine.failing = ("apt-get -qq install --yes --no-install-recommends asterisk",)
    with pytest.raises(PeerError, match=r"sid: .*; bullseye: "):
        asterisk.install(tmp_path, lambda _: None)


def test_without_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PeerError, match="root"):
        asterisk.install(tmp_path, lambda _: None)


def test_debootstrap_is_brought_where_it_is_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "debootstrap" else name)
    asterisk.install(tmp_path, lambda _: None)
    assert machine.ran[0].endswith("install --yes --no-install-recommends debootstrap")


def test_another_system(monkeypatch: pytest.MonkeyPatch, machine: Machine, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(PeerError, match="no apt-get"):
        asterisk.install(tmp_path, lambda _: None)
    assert machine.ran == []


def test_the_probe_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "asterisk is missing" in (asterisk.probe(tmp_path) or "")
    for program in asterisk.PROGRAMS:
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).touch()
    assert asterisk.probe(tmp_path) is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in (asterisk.probe(tmp_path) or "")


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(PeerError, match="ended with 3: no such luck"):
        asterisk._run(["sh", "-c", "echo no such luck >&2; exit 3"])
    with pytest.raises(PeerError, match="no-such-program"):
        asterisk._run(["no-such-program"])
