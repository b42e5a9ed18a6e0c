"""A mailbox as Google shows it: occurrences with ids, the number of the change that brought each, what a role sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulators.model import Mailbox, Meeting, Occurrence, Stored, instant, occurrences

SEES_PRIVATE = ("writer", "owner")
SEES_DETAILS = ("reader", "writerWithoutPrivateAccess", *SEES_PRIVATE)


@dataclass(frozen=True)
class Record:
    """One event with an id of its own. `gone`: it was deleted, or its series has it no more."""

    id: str
    stored: Stored
    occurrence: Occurrence
    version: int
    gone: bool = False

    @property
    def cancelled(self) -> bool:
        """Whether Google calls it so."""
        return self.gone or self.occurrence.meeting.cancelled


class Calendar:
    """The records of a mailbox, kept up to date by its changes."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.generation = 0
        """Sync tokens of another one are too old."""
        self.records: dict[str, Record] = {}
        for stored in mailbox.items.values():
            self._take(stored)

    def changed(self, id: str) -> None:
        """The mailbox's thing with this id was written or deleted: all that came of it counts as changed."""
        version = self.mailbox.version
        before = {name: each for name, each in self.records.items() if each.stored.id == id}
        stored = self.mailbox.items.get(id)
        now = self._take(stored) if stored is not None else set()
        for name in before.keys() - now:
            self.records[name] = replace(before[name], version=version, gone=True)

    def _take(self, stored: Stored) -> set[str]:
        names = set()
        for occurrence in occurrences(stored.meeting, self.mailbox.zone):
            name = _name(stored, occurrence, self.mailbox.zone)
            self.records[name] = Record(name, stored, occurrence, stored.version)
            names.add(name)
        return names

    def since(self, version: int) -> list[Record]:
        """What has changed after a change, wherever in time it lies."""
        return [each for each in self.records.values() if each.version > version]

    def within(self, start: datetime, end: datetime, *, deleted: bool) -> list[Record]:
        """What overlaps a span: it ends after `start` and begins before `end`."""
        return [
            each
            for each in self.records.values()
            if each.occurrence.end > start and each.occurrence.start < end and (deleted or not each.cancelled)
        ]

    def masters(self) -> Iterator[tuple[Stored, Meeting]]:
        """Without expansion: things as they were written."""
        for stored in self.mailbox.items.values():
            yield stored, stored.meeting

    def busy(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """When the mailbox is busy, overlapping stretches united."""
        spans = sorted(
            (max(each.occurrence.start, start), min(each.occurrence.end, end))
            for each in self.within(start, end, deleted=False)
            if _transparency(each.occurrence.meeting) == "opaque" and each.occurrence.meeting.response != "declined"
        )
        united: list[tuple[datetime, datetime]] = []
        for begins, ends in spans:
            if united and begins <= united[-1][1]:
                united[-1] = (united[-1][0], max(united[-1][1], ends))
            else:
                united.append((begins, ends))
        return united


def _name(stored: Stored, occurrence: Occurrence, zone: str) -> str:
    original = occurrence.original
    if original is None:
        return stored.id
    if not isinstance(original, datetime):
        return f"{stored.id}_{original:%Y%m%d}"
    return f"{stored.id}_{instant(original, stored.meeting.zone, zone):%Y%m%dT%H%M%SZ}"


def event(record: Record, mailbox: Mailbox, role: str, most_attendees: int | None) -> dict[str, Any]:
    """An event as the API gives it to a role."""
    meeting = record.occurrence.meeting
    told: dict[str, Any] = {"kind": "calendar#event", "etag": f'"{record.version}"', "id": record.id}
    told |= _series(record, mailbox)
    if record.gone:
        return told | {"status": "cancelled"}
    told |= {
        "status": "cancelled" if meeting.cancelled else "tentative" if meeting.show_as == "tentative" else "confirmed",
        "iCalUID": meeting.uid,
        "start": _when(meeting.start, meeting.zone, mailbox.zone),
        "end": _when(meeting.end, meeting.zone, mailbox.zone),
        "eventType": _type(meeting),
        "updated": _stamp(record.version),
        "created": _stamp(record.stored.created),
    }
    if _transparency(meeting) != "opaque":
        told["transparency"] = "transparent"
    hidden = meeting.sensitivity in ("private", "confidential") and role not in SEES_PRIVATE
    if role not in SEES_DETAILS or hidden:
        return told | {"visibility": "private"}
    if meeting.sensitivity in ("private", "confidential"):
        told["visibility"] = meeting.sensitivity
    return told | _details(meeting, mailbox, most_attendees)


def _series(record: Record, mailbox: Mailbox) -> dict[str, Any]:
    original = record.occurrence.original
    if original is None:
        return {}
    zone = record.stored.meeting.zone
    return {"recurringEventId": record.stored.id, "originalStartTime": _when(original, zone, mailbox.zone)}


def _details(meeting: Meeting, mailbox: Mailbox, most: int | None) -> dict[str, Any]:
    mine = meeting.response in ("organizer", "none")
    organizer: dict[str, Any] = {"email": mailbox.address, "self": True} if mine else {"email": "boss@example.com"}
    told: dict[str, Any] = {"summary": meeting.subject, "organizer": organizer, "sequence": 0}
    if meeting.body:
        told["description"] = meeting.body
    if meeting.location:
        told["location"] = meeting.location
    if mine and not meeting.attendees:
        return told
    answers = {"tentativelyAccepted": "tentative", "notResponded": "needsAction"}
    me = {
        "email": mailbox.address,
        "self": True,
        "responseStatus": "accepted" if mine else answers.get(meeting.response, meeting.response),
    }
    attendees: list[dict[str, Any]] = [
        {"email": each, "responseStatus": "accepted"} for each in ("boss@example.com", *meeting.attendees)
    ]
    attendees.append(me)
    if most is not None and len(attendees) > most:
        return told | {"attendees": [me], "attendeesOmitted": True}
    return told | {"attendees": attendees}


def _type(meeting: Meeting) -> str:
    """Google knows no show-as: what Outlook calls so are types of events here."""
    if meeting.kind != "default":
        return meeting.kind
    return {"oof": "outOfOffice", "workingElsewhere": "workingLocation"}.get(meeting.show_as, "default")


def _transparency(meeting: Meeting) -> str:
    free = meeting.show_as in ("free", "workingElsewhere") or _type(meeting) in ("workingLocation", "birthday")
    return "transparent" if free else "opaque"


def _when(at: Any, zone: str, owner_zone: str) -> dict[str, str]:
    if not isinstance(at, datetime):
        return {"date": f"{at:%Y-%m-%d}"}
    local = instant(at, zone, owner_zone).astimezone(ZoneInfo(zone))
    return {"dateTime": local.isoformat(), "timeZone": zone}


def _stamp(version: int) -> str:
    """A time in the order of changes."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=version)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def master(stored: Stored, mailbox: Mailbox, role: str, most: int | None) -> dict[str, Any]:
    """A thing that is not expanded: with its rule."""
    meeting = stored.meeting
    start = instant(meeting.start, meeting.zone, mailbox.zone)
    whole = Occurrence(meeting, start, instant(meeting.end, meeting.zone, mailbox.zone), None)
    told = event(Record(stored.id, stored, whole, stored.version), mailbox, role, most)
    if meeting.repeats is not None:
        rule = "WEEKLY" if meeting.repeats.every == "week" else "DAILY"
        told["recurrence"] = [f"RRULE:FREQ={rule};INTERVAL={meeting.repeats.interval};COUNT={meeting.repeats.count}"]
    return told
