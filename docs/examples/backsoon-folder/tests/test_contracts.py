"""The contracts that Backsoon ships, over both parts of this plug-in."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from backsoon.domain.model import Days
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.plugin import SourceSurroundings
from backsoon.testing.sources import EVER, Event, Harness, SourceContract
from backsoon.testing.switchboards import Board, SwitchboardContract

from backsoon_folder.board import FolderSwitchboard
from backsoon_folder.rota import COLUMNS, CsvKind, CsvSource


class TestFolder(SwitchboardContract):
    @pytest.fixture
    def board(self, tmp_path: Path) -> Board:
        async def cut() -> None:
            (tmp_path / "owner").write_text("somebody else")

        return Board(FolderSwitchboard(tmp_path), cut, FolderSwitchboard(tmp_path / "nowhere"))


class CsvHarness(Harness):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: dict[str, Event] = {}
        self.write()

    def source(self) -> CsvSource:
        anna = Person("acme", "1001", "Anna", "anna@example.com")
        around = SourceSurroundings(anna, "Europe/Oslo", frozenset({anna.email}), lambda: EVER.start, str)
        return CsvKind().make(Connection("acme", "rota", "csv", {"file": str(self.path)}), "", around)

    async def put(self, *events: Event) -> None:
        self.events |= {event.uid: event for event in events}
        self.write()

    async def remove(self, uid: str) -> None:
        del self.events[uid]
        self.write()

    async def break_it(self) -> Sequence[object]:
        return ["gone", "empty", "a page", "cut", "not UTF-8"]

    async def broken(self, how: object | None) -> None:
        self.write()
        whole = self.path.read_bytes()
        if how == "gone":
            self.path.unlink()
        elif how is not None:
            spoilt = {"empty": b"", "a page": b"<html>m: Budget\n", "cut": whole[:-4], "not UTF-8": whole + b"\xff\n"}
            self.path.write_bytes(spoilt[str(how)])

    def write(self) -> None:
        with self.path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(COLUMNS)
            rows.writerow(["bo@example.com", "not-annas", "", "2027-03-01", "2027-03-09", "h: Somebody else's"])
            for event in self.events.values():
                for entry in event.entries("", EVER):
                    when = entry.when
                    span = (when.first, when.end) if isinstance(when, Days) else (when.start, when.end)
                    times = [at.isoformat() for at in span]
                    rows.writerow(["anna@example.com", entry.uid, entry.recurrence_id, *times, entry.subject])


class TestCsv(SourceContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return CsvHarness(tmp_path / "rota.csv")
