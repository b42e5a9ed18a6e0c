"""Calendar items as Exchange shows them: which properties there are, and how each is written."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Final

from tests.simulators.ews.soap import VERSIONS, Failed, Version, boolean, escape, instant, made_id
from tests.simulators.model import Mailbox, Meeting, Occurrence, Stored
from tests.simulators.model import instant as instant_of

_STAMP = datetime(2026, 1, 5, 8, tzinfo=UTC)
_2010, _2013 = VERSIONS["2010"].rank, VERSIONS["2013"].rank

SHOW_AS: Final = {"free": "Free", "tentative": "Tentative", "busy": "Busy", "oof": "OOF"}
WINDOWS_NAMES: Final = {
    "UTC": "UTC",
    "Europe/London": "GMT Standard Time",
    "Europe/Berlin": "W. Europe Standard Time",
    "Europe/Stockholm": "W. Europe Standard Time",
    "Europe/Oslo": "W. Europe Standard Time",
    "Europe/Helsinki": "FLE Standard Time",
    "America/New_York": "Eastern Standard Time",
}
"""What Exchange calls some zones."""
RESPONSES: Final = {
    "organizer": "Organizer",
    "accepted": "Accept",
    "tentativelyAccepted": "Tentative",
    "declined": "Decline",
    "notResponded": "NoResponseReceived",
    "none": "Unknown",
}


@dataclass(frozen=True)
class Shown:
    """One item to be shown; `series` where it is a series itself and not one time of it."""

    mailbox: Mailbox
    stored: Stored
    occurrence: Occurrence
    version: Version
    raw: bool = False
    hidden: bool = False
    """Shown to somebody who may not see what is private."""
    series: bool = False

    @property
    def meeting(self) -> Meeting:
        """What it is about."""
        return self.occurrence.meeting

    @property
    def id(self) -> str:
        """The item's id: a series' occurrences have ids of their own."""
        original = self.occurrence.original
        return item_id(self.mailbox, self.stored.id, "" if self.series or original is None else original.isoformat())


def item_id(mailbox: Mailbox, stored: str, original: str = "") -> str:
    """The id of an item; `stored` is the model's, `original` the occurrence's start in its series."""
    return made_id("I", mailbox.address, stored, original)


def change_key(stored: Stored) -> str:
    """What changes with every change."""
    return made_id("K", stored.id, str(stored.version))[:40]


def folder_id(mailbox: Mailbox, name: str = "calendar") -> str:
    """The id of a folder."""
    return made_id("F", mailbox.address, name)


def show_as(name: str, version: Version) -> str:
    """The legacy free/busy status; before 2013 nobody worked elsewhere."""
    return "WorkingElsewhere" if name not in SHOW_AS and version.rank >= _2013 else SHOW_AS.get(name, "Free")


# -- properties --------------------------------------------------------------------------------------------------------


def _stamp(shown: Shown) -> str:
    return instant(_STAMP + timedelta(seconds=shown.stored.version))


def _is_meeting(shown: Shown) -> bool:
    return bool(shown.meeting.attendees) or shown.meeting.response != "organizer"


def _private(shown: Shown) -> bool:
    return shown.hidden and shown.meeting.sensitivity == "private"


def _subject(shown: Shown) -> str:
    return "Private Appointment" if _private(shown) else escape(shown.meeting.subject, raw=shown.raw)


def _categories(shown: Shown) -> str:
    return "".join(f"<t:String>{escape(each)}</t:String>" for each in shown.meeting.categories)


def _recurrence_id(shown: Shown) -> str:
    original, meeting = shown.occurrence.original, shown.stored.meeting
    if original is None or shown.series:
        return ""
    return instant(instant_of(original, meeting.zone, shown.mailbox.zone))


def _item_type(shown: Shown) -> str:
    if shown.occurrence.original is None:
        return "Single"
    if shown.series:
        return "RecurringMaster"
    return "Exception" if shown.occurrence.exception else "Occurrence"


def _organizer(shown: Shown) -> str:
    own = shown.meeting.response == "organizer"
    address = shown.mailbox.address if own else "somebody.else@example.com"
    return _mailbox(address)


def _mailbox(address: str) -> str:
    name = escape(address.split("@")[0])
    return (
        f"<t:Mailbox><t:Name>{name}</t:Name><t:EmailAddress>{escape(address)}</t:EmailAddress>"
        "<t:RoutingType>SMTP</t:RoutingType></t:Mailbox>"
    )


def _attendees(shown: Shown) -> str:
    return "".join(f"<t:Attendee>{_mailbox(each)}</t:Attendee>" for each in shown.meeting.attendees)


def _duration(shown: Shown) -> str:
    seconds = int((shown.occurrence.end - shown.occurrence.start).total_seconds())
    return f"P{seconds // 86_400}D" if seconds and seconds % 86_400 == 0 else f"PT{seconds // 60}M"


def _state(shown: Shown) -> str:
    state = 0 if not _is_meeting(shown) else 1 if shown.meeting.response == "organizer" else 3
    return str(state + 4 if shown.meeting.cancelled else state)


def _recurrence(shown: Shown) -> str:
    repeats = shown.stored.meeting.repeats
    if repeats is None or not shown.series:
        return ""
    start = shown.stored.meeting.start
    day = start.strftime("%A")
    how = (
        f"<t:DailyRecurrence><t:Interval>{repeats.interval}</t:Interval></t:DailyRecurrence>"
        if repeats.every == "day"
        else f"<t:WeeklyRecurrence><t:Interval>{repeats.interval}</t:Interval>"
        f"<t:DaysOfWeek>{day}</t:DaysOfWeek></t:WeeklyRecurrence>"
    )
    first = f"{start:%Y-%m-%d}"
    return (
        f"{how}<t:NumberedRecurrence><t:StartDate>{first}</t:StartDate>"
        f"<t:NumberOfOccurrences>{repeats.count}</t:NumberOfOccurrences></t:NumberedRecurrence>"
    )


def _zone(shown: Shown) -> str:
    return WINDOWS_NAMES.get(shown.mailbox.zone if shown.meeting.all_day else shown.meeting.zone, "")


def _said(text: str, _: Shown) -> str:
    return text


def _true(value: bool) -> Callable[[Shown], str]:
    return partial(_said, boolean(value))


@dataclass(frozen=True)
class Property:
    """A property: how it is asked for, what is written (""), whether it is left out where there is nothing to write,
    since when it exists, and whether a list of items may hold it."""

    uri: str
    write: Callable[[Shown], str]
    optional: bool = False
    since: int = 0
    listed: bool = True

    @cached_property
    def name(self) -> str:
        """The element's."""
        return self.uri.split(":")[1]


PROPERTIES: Final = tuple(
    (
        Property("item:ItemClass", lambda s: "IPM.Appointment" + (".Occurrence" if _recurrence_id(s) else "")),
        Property("item:Subject", _subject),
        Property("item:Sensitivity", lambda s: s.meeting.sensitivity.capitalize()),
        Property("item:Body", lambda s: escape(s.meeting.body), listed=False),
        Property("item:DateTimeReceived", _stamp),
        Property("item:Size", lambda s: str(4000 + len(s.meeting.body))),
        Property("item:Categories", _categories, optional=True),
        Property("item:Importance", partial(_said, "Normal")),
        Property("item:IsSubmitted", _true(False)),
        Property("item:IsDraft", _true(False)),
        Property("item:IsFromMe", _true(False)),
        Property("item:IsResend", _true(False)),
        Property("item:IsUnmodified", _true(False)),
        Property("item:DateTimeSent", _stamp),
        Property("item:DateTimeCreated", _stamp),
        Property("item:ReminderDueBy", lambda s: instant(s.occurrence.start)),
        Property("item:ReminderIsSet", _true(False)),
        Property("item:ReminderMinutesBeforeStart", partial(_said, "15")),
        Property("item:DisplayCc", partial(_said, "")),
        Property("item:DisplayTo", lambda s: escape("; ".join(s.meeting.attendees))),
        Property("item:HasAttachments", _true(False)),
        Property("item:Culture", partial(_said, "en-US")),
        Property("item:LastModifiedName", partial(_said, "somebody")),
        Property("item:LastModifiedTime", _stamp),
        Property("item:IsAssociated", _true(False), since=_2010),
        Property("calendar:UID", lambda s: escape(s.stored.meeting.uid)),
        Property("calendar:RecurrenceId", _recurrence_id, optional=True),
        Property("calendar:DateTimeStamp", _stamp),
        Property("calendar:Start", lambda s: instant(s.occurrence.start)),
        Property("calendar:End", lambda s: instant(s.occurrence.end)),
        Property("calendar:OriginalStart", lambda s: _recurrence_id(s) if s.occurrence.exception else "", True),
        Property("calendar:IsAllDayEvent", lambda s: boolean(s.meeting.all_day)),
        Property("calendar:LegacyFreeBusyStatus", lambda s: show_as(s.meeting.show_as, s.version)),
        Property("calendar:Location", lambda s: "" if _private(s) else escape(s.meeting.location), True),
        Property("calendar:IsMeeting", lambda s: boolean(_is_meeting(s))),
        Property("calendar:IsCancelled", lambda s: boolean(s.meeting.cancelled)),
        Property("calendar:IsRecurring", lambda s: boolean(bool(_recurrence_id(s)))),
        Property("calendar:MeetingRequestWasSent", lambda s: boolean(_is_meeting(s))),
        Property("calendar:IsResponseRequested", _true(True)),
        Property("calendar:CalendarItemType", _item_type),
        Property("calendar:MyResponseType", lambda s: RESPONSES[s.meeting.response]),
        Property("calendar:Organizer", _organizer),
        Property("calendar:RequiredAttendees", _attendees, optional=True, listed=False),
        Property("calendar:Duration", _duration),
        Property("calendar:TimeZone", lambda s: escape(s.meeting.zone)),
        Property("calendar:AppointmentSequenceNumber", partial(_said, "0")),
        Property("calendar:AppointmentState", _state),
        Property("calendar:Recurrence", _recurrence, optional=True, listed=False),
        Property("calendar:StartTimeZone", _zone, optional=True, since=_2010, listed=True),
        Property("calendar:EndTimeZone", _zone, optional=True, since=_2010, listed=True),
        Property("calendar:AllowNewTimeProposal", _true(True)),
        Property("calendar:IsOnlineMeeting", _true(False)),
    )
)
"""In the order in which every version's schema wants them."""

BY_URI: Final = {each.uri: each for each in PROPERTIES}
DEFAULT: Final = frozenset(
    f"{kind}:{name}"
    for kind, names in (
        ("item", ("Subject", "HasAttachments")),
        (
            "calendar",
            ("Start", "End", "LegacyFreeBusyStatus", "Location", "CalendarItemType", "Organizer", "RequiredAttendees"),
        ),
    )
    for name in names
)
"""What the base shape `Default` has."""


def wanted(base: str, uris: Collection[str], version: Version, *, listed: bool) -> tuple[Property, ...]:
    """The properties to be written; raises `Failed` for one that a list cannot hold."""
    if listed and any(not BY_URI[uri].listed for uri in uris if uri in BY_URI):
        raise Failed("ErrorInvalidPropertyRequest", "A list cannot hold that property.")
    chosen = {*uris, *(BY_URI if base == "AllProperties" else DEFAULT if base == "Default" else ())}
    return tuple(
        each for each in PROPERTIES if each.uri in chosen and each.since <= version.rank and (each.listed or not listed)
    )


def written(shown: Shown, properties: Collection[Property], *, parent: bool = False) -> str:
    """A calendar item with these properties; the id is always there."""
    out = [f'<t:CalendarItem><t:ItemId Id="{shown.id}" ChangeKey="{change_key(shown.stored)}"/>']
    if parent:
        out.append(f'<t:ParentFolderId Id="{folder_id(shown.mailbox)}" ChangeKey="AQAAAA=="/>')
    for each in properties:
        value = each.write(shown)
        if value or not each.optional:
            out.append(_element(each.name, value))
    out.append("</t:CalendarItem>")
    return "".join(out)


def _element(name: str, value: str) -> str:
    if name.endswith("TimeZone") and name != "TimeZone":
        return f'<t:{name} Id="{value}" Name="{value}"/>'
    return f"<t:{name}{_KINDS.get(name, '')}>{value}</t:{name}>"


_KINDS: Final = {"Body": ' BodyType="Text"'}
