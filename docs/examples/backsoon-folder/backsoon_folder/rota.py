"""Calendars that are one CSV file: email,uid,recurrence,start,end,subject; times as in ISO 8601, with a zone."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from backsoon.domain.model import CalendarEntry, Days, ShowAs, Timed
from backsoon.domain.organisation import Connection
from backsoon.sources.base import Changes, Rejected, SourceBroken, SourceMissing, SourceTooLarge, Window
from backsoon.sources.plugin import BadSetting, SourceSurroundings

COLUMNS = ["email", "uid", "recurrence", "start", "end", "subject"]
LARGEST = 16 * 2**20


class CsvKind:
    """What the entry point names."""

    def read(self, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        for unknown in given.keys() - {"file"}:
            raise BadSetting(unknown, "is not a setting", "take it out; there is only file")
        if not isinstance(given.get("file"), str):
            raise BadSetting("file", "is missing", "write the path of the CSV file")
        return {"file": str(folder / str(given["file"]))}

    def make(self, connection: Connection, address: str, surroundings: SourceSurroundings) -> CsvSource:
        return CsvSource(Path(str(connection.settings["file"])), surroundings.owner, ZoneInfo(surroundings.zone))


class CsvSource:
    def __init__(self, path: Path, owner: frozenset[str], zone: ZoneInfo) -> None:
        self._path, self._owner, self._zone = path, owner, zone

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        text = await asyncio.to_thread(self._text)
        rows = csv.DictReader(io.StringIO(text, newline=""))
        if rows.fieldnames != COLUMNS or not text.endswith("\n"):  # a page of errors, or half a file: not an empty one
            raise SourceBroken(f"{self._path}: no whole file with the columns {','.join(COLUMNS)}")
        entries: list[CalendarEntry] = []
        rejected: list[Rejected] = []
        for row in rows:
            if row["email"].lower() not in self._owner:
                continue
            try:
                entry = self._entry(row)
            except (ValueError, TypeError, AttributeError):
                rejected.append(Rejected(row["uid"], row["uid"], "its times cannot be read"))
                continue
            start, end = self._span(entry)
            if start < window.end and end > window.start:
                entries.append(entry)
        return Changes(tuple(entries), complete=True, rejected=tuple(rejected))  # no token: always everything

    async def close(self) -> None:
        pass

    def _text(self) -> str:
        try:
            with self._path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise SourceMissing(f"{self._path}: {error.strerror}") from None
        if len(data) > LARGEST:
            raise SourceTooLarge(f"{self._path}: larger than {LARGEST} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise SourceBroken(f"{self._path}: no UTF-8") from None

    def _entry(self, row: Mapping[str, str]) -> CalendarEntry:
        start, end = row["start"], row["end"]
        when: Days | Timed
        if len(start) == len("2027-03-01"):
            when = Days(date.fromisoformat(start), date.fromisoformat(end))
        else:
            when = Timed(datetime.fromisoformat(start).astimezone(UTC), datetime.fromisoformat(end).astimezone(UTC))
        return CalendarEntry(
            row["uid"], when, row["subject"], recurrence_id=row["recurrence"], resource=row["uid"], show_as=ShowAs.BUSY
        )

    def _span(self, entry: CalendarEntry) -> tuple[datetime, datetime]:
        if isinstance(entry.when, Timed):
            return entry.when.start, entry.when.end
        first, end = (datetime.combine(day, time(), self._zone) for day in (entry.when.first, entry.when.end))
        return first, end
