"""Real calendars and the occurrences on which independent expanders agree; the folder is named by BACKSOON_DATA."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backsoon.domain.model import CalendarEntry, Days
from backsoon.sources.base import Window
from tests.unit.ical.helpers import YEAR, read

FOLDER = Path(os.environ.get("BACKSOON_DATA", "")) / "ics"
WHY = "BACKSOON_DATA names no folder with ics/golden.json"
pytestmark = pytest.mark.skipif(not (FOLDER / "golden.json").is_file(), reason=WHY)
GOLDEN = json.loads((FOLDER / "golden.json").read_bytes()) if (FOLDER / "golden.json").is_file() else {"files": {}}
WINDOWS = [(name, window) for name, file in GOLDEN["files"].items() for window in file["windows"]]
MALFORMED = sorted((FOLDER / "malformed").glob("*.ics")) if GOLDEN["files"] else []


def stated(entry: CalendarEntry) -> tuple[str, str, str, bool]:
    when = entry.when
    uid = "" if entry.uid.startswith("without-uid-") else entry.uid
    if isinstance(when, Days):
        return uid, when.first.isoformat(), when.end.isoformat(), entry.cancelled
    return uid, f"{when.start:%Y-%m-%dT%H:%M:%SZ}", f"{when.end:%Y-%m-%dT%H:%M:%SZ}", entry.cancelled


@pytest.mark.parametrize(("name", "window"), WINDOWS, ids=[f"{name}-{window['from'][:10]}" for name, window in WINDOWS])
def test_the_occurrences_on_which_others_agree(name: str, window: dict[str, Any]) -> None:
    bounds = [datetime.fromisoformat(window[key]).astimezone(UTC) for key in ("from", "to")]
    data = (FOLDER / "golden" / name).read_bytes()
    reading = read(data, Window(*bounds), zone=GOLDEN["meta"]["default_zone"])
    expected = [(o["uid"], o["start"], o["end"], o["status"] == "CANCELLED") for o in window["occurrences"]]
    assert sorted(map(stated, reading.entries)) == sorted(expected)
    assert reading.rejected == ()


@pytest.mark.parametrize("path", MALFORMED, ids=[path.name for path in MALFORMED])
def test_of_a_malformed_file_the_whole_items_are_taken(path: Path) -> None:
    ever = Window(datetime(1990, 1, 1, tzinfo=UTC), YEAR.end)
    reading = read(path.read_bytes(), ever)
    starts = path.read_bytes().count(b"BEGIN:VEVENT")
    taken = {entry.uid for entry in reading.entries} | {rejected.uid for rejected in reading.rejected}
    assert len(taken) == starts
