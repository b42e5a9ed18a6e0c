"""A meeting as Graph tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.simulators.graph.protocol import Refused, stamp, timed
from tests.simulators.model import Mailbox, Meeting, Occurrence, Stored, instant

IMMUTABLE, CHANGING = "AAkA", "AAMk"
ALWAYS: Final = ("@odata.etag", "id", "@odata.type")
SENT: Final = ("id", "seriesMasterId", "type", "start", "end", "@odata.type", "@odata.etag")
"""All that a delta tells of an occurrence that is as its series is; the rest is its master's (graph-docs #7632)."""
ON_REQUEST: Final = ("cancelledOccurrences", "exceptionOccurrences", "originalStart")
KNOWN_NAMES: Final = """
id type start end isCancelled subject showAs sensitivity responseStatus isAllDay isOrganizer categories iCalUId
seriesMasterId originalStart body bodyPreview attendees organizer location locations recurrence webLink changeKey
createdDateTime lastModifiedDateTime originalStartTimeZone originalEndTimeZone reminderMinutesBeforeStart isReminderOn
hasAttachments importance responseRequested onlineMeetingUrl isOnlineMeeting onlineMeetingProvider
allowNewTimeProposals isDraft hideAttendees onlineMeeting cancelledOccurrences transactionId
"""
KNOWN: Final = frozenset(KNOWN_NAMES.lower().split())
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Teller:
    """Tells one mailbox's meetings, in a time zone, with one kind of ids."""

    def __init__(self, mailbox: Mailbox, zone: str, immutable: bool, epoch: datetime) -> None:
        self.mailbox = mailbox
        self.zone = zone
        self.prefix = IMMUTABLE if immutable else CHANGING
        self.epoch = epoch

    def id(self, stored_id: str) -> str:
        """The id of a meeting, from the model's."""
        return self.prefix + stored_id

    def occurrence(self, stored: Stored, occurrence: Occurrence) -> dict[str, Any]:
        """A meeting outside a series, or one occurrence of it, whole."""
        told = self._meeting(stored, occurrence.meeting)
        told |= self._span(occurrence.meeting, occurrence.start, occurrence.end)
        told["type"] = "singleInstance"
        if occurrence.original is not None:
            told |= self._of_series(stored, occurrence)
        return told

    def master(self, stored: Stored) -> dict[str, Any]:
        """A series: as its first occurrence, with the rule."""
        meeting = stored.meeting
        start, end = (instant(at, meeting.zone, self.mailbox.zone) for at in (meeting.start, meeting.end))
        told = self._meeting(stored, meeting) | self._span(meeting, start, end)
        gone = [day for day, instead in meeting.exceptions.items() if instead is None]
        return told | {
            "type": "seriesMaster",
            "recurrence": _recurrence(meeting),
            "cancelledOccurrences": [f"OID.{self.id(stored.id)}.{_day(each)}" for each in gone],
        }

    def sent(self, stored: Stored, occurrence: Occurrence) -> dict[str, Any]:
        """An occurrence as a delta tells it: shortened unless it is an exception."""
        told = self.occurrence(stored, occurrence)
        if told["type"] != "occurrence":
            return {key: value for key, value in told.items() if key not in ON_REQUEST}
        return {key: told[key] for key in SENT}

    def _of_series(self, stored: Stored, occurrence: Occurrence) -> dict[str, Any]:
        original = occurrence.original
        assert original is not None
        start = instant(original, stored.meeting.zone, self.mailbox.zone)
        return {
            "id": f"{self.id(stored.id)}.{'EX' if occurrence.exception else 'OC'}.{_day(original)}",
            "type": "exception" if occurrence.exception else "occurrence",
            "seriesMasterId": self.id(stored.id),
            "iCalUId": f"{stored.meeting.uid}{_day(original).replace('-', '')}",  # differs for each, as documented
            "originalStart": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _span(self, meeting: Meeting, start: datetime, end: datetime) -> dict[str, Any]:
        if not meeting.all_day:
            return {"start": timed(start, self.zone), "end": timed(end, self.zone), "isAllDay": False}
        first, last = (each.astimezone(ZoneInfo(self.mailbox.zone)).date() for each in (start, end))
        return {"start": self._midnight(first), "end": self._midnight(last), "isAllDay": True}

    def _midnight(self, day: date) -> dict[str, str]:
        """All-day meetings are told as midnights whatever the zone is."""
        return {"dateTime": datetime.combine(day, time()).isoformat() + ".0000000", "timeZone": self.zone}

    def _meeting(self, stored: Stored, meeting: Meeting) -> dict[str, Any]:
        key = f"v{stored.version}"
        mine = meeting.response == "organizer"
        owner = self.mailbox.address if mine else "organiser@example.test"
        return {
            "@odata.type": "#microsoft.graph.event",
            "@odata.etag": f'W/"{key}"',
            "id": self.id(stored.id),
            "createdDateTime": stamp(self.epoch + timedelta(seconds=stored.created)),
            "lastModifiedDateTime": stamp(self.epoch + timedelta(seconds=stored.version)),
            "changeKey": key,
            "categories": list(meeting.categories),
            "transactionId": None,
            "originalStartTimeZone": meeting.zone,
            "originalEndTimeZone": meeting.zone,
            "iCalUId": meeting.uid,
            "reminderMinutesBeforeStart": 15,
            "isReminderOn": True,
            "hasAttachments": False,
            "subject": meeting.subject,
            "bodyPreview": meeting.body[:255],
            "importance": "normal",
            "sensitivity": meeting.sensitivity,
            "isCancelled": meeting.cancelled,
            "isOrganizer": mine,
            "responseRequested": True,
            "seriesMasterId": None,
            "showAs": meeting.show_as,
            "webLink": "https://outlook.office365.com/owa/?itemid=" + stored.id,
            "onlineMeetingUrl": None,
            "isOnlineMeeting": False,
            "onlineMeetingProvider": "unknown",
            "allowNewTimeProposals": True,
            "isDraft": False,
            "hideAttendees": False,
            "recurrence": None,
            "onlineMeeting": None,
            "responseStatus": {"response": meeting.response, "time": "0001-01-01T00:00:00Z"},
            "body": {"contentType": "html", "content": meeting.body},
            "location": _location(meeting),
            "locations": [_location(meeting)] if meeting.location else [],
            "attendees": [_attendee(each) for each in meeting.attendees],
            "organizer": {"emailAddress": {"name": owner, "address": owner}},
        }


def selected(told: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """What `$select` leaves; all but what comes on request only where nothing is selected."""
    if unknown := names - KNOWN:
        raise Refused(400, "RequestBroker--ParseUri", f"no such property: {sorted(unknown)[0]}")
    if not names:
        return {key: value for key, value in told.items() if key not in ON_REQUEST}
    return {key: value for key, value in told.items() if key in ALWAYS or key.lower() in names}


def in_order(found: Iterator[tuple[Stored, Occurrence]]) -> list[tuple[Stored, Occurrence]]:
    """As calendarView has them: by start."""
    return sorted(found, key=lambda each: (each[1].start, each[0].id, str(each[1].original)))


def _day(at: datetime | date) -> str:
    return (at.date() if isinstance(at, datetime) else at).isoformat()


def _location(meeting: Meeting) -> dict[str, Any]:
    return {"displayName": meeting.location, "locationType": "default", "uniqueIdType": "private"}


def _attendee(address: str) -> dict[str, Any]:
    return {
        "type": "required",
        "status": {"response": "none", "time": "0001-01-01T00:00:00Z"},
        "emailAddress": {"name": address, "address": address},
    }


def _recurrence(meeting: Meeting) -> dict[str, Any]:
    assert meeting.repeats is not None
    weekly = meeting.repeats.every == "week"
    pattern = {
        "type": "weekly" if weekly else "daily",
        "interval": meeting.repeats.interval,
        "month": 0,
        "dayOfMonth": 0,
        "daysOfWeek": [DAYS[meeting.start.weekday()]] if weekly else [],
        "firstDayOfWeek": "sunday",
        "index": "first",
    }
    numbered = {
        "type": "numbered",
        "startDate": _day(meeting.start),
        "endDate": "0001-01-01",
        "recurrenceTimeZone": meeting.zone,
        "numberOfOccurrences": meeting.repeats.count,
    }
    return {"pattern": pattern, "range": numbered}


EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
