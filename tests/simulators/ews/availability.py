"""GetUserAvailability and GetUserOofSettings: who is busy when, and who is away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from tests.simulators.ews.exchange import NO_SUCH, Call
from tests.simulators.ews.items import item_id, show_as
from tests.simulators.ews.soap import (
    MESSAGES,
    TYPES,
    VERSIONS,
    Failed,
    Refused,
    boolean,
    element,
    elements,
    escape,
    instant,
    text,
    told_badly,
)
from tests.simulators.model import Mailbox, Occurrence, Stored

MOST_MAILBOXES: Final = 100
LONGEST: Final = timedelta(days=42)
REPLY: Final = "canary-of-an-automatic-reply"
"""The text of everybody's automatic reply, which nobody needs."""
_DIGITS: Final = {"Free": 0, "WorkingElsewhere": 4, "Tentative": 1, "Busy": 2, "OOF": 3}
_RANKS: Final = list(_DIGITS)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Change:
    """When a zone's clocks change: `bias` minutes more behind UTC from then on, at a time on the nth weekday."""

    bias: int
    month: int
    nth: int
    day: str
    time: timedelta

    def at(self, year: int) -> datetime:
        """That time, by the clocks of before."""
        first = datetime(year, self.month, 1, tzinfo=UTC)
        on = first + timedelta(days=(_DAYS.index(self.day) - first.weekday()) % 7 + 7 * (self.nth - 1))
        while on.month != self.month:
            on -= timedelta(days=7)
        return on + self.time


_NEVER: Final = Change(0, 0, 0, "Sunday", timedelta())


@dataclass(frozen=True)
class Zone:
    """A zone as a request writes it."""

    bias: int
    standard: Change
    daylight: Change

    def local(self, at: datetime) -> datetime:
        """The local time of an instant."""
        return at - timedelta(minutes=self._bias(at))

    def utc(self, local: datetime) -> datetime:
        """The instant of a local time."""
        guess = local + timedelta(minutes=self.bias + self.standard.bias)
        return local + timedelta(minutes=self._bias(guess))

    def _bias(self, at: datetime) -> int:
        standard, daylight = self.bias + self.standard.bias, self.bias + self.daylight.bias
        if standard == daylight or not self.standard.month:
            return standard
        begins = self.daylight.at(at.year) + timedelta(minutes=standard)
        ends = self.standard.at(at.year) + timedelta(minutes=daylight)
        summer = begins <= at < ends if begins < ends else not ends <= at < begins
        return daylight if summer else standard


def get_user_availability(call: Call) -> str:
    """GetUserAvailability; local times in the request's zone, without an offset, as the real one answers."""
    zone, options = _zone(call), element(call.what, "t:FreeBusyViewOptions")
    mailboxes = [text(each, "t:Email/t:Address") for each in elements(call.what, "m:MailboxDataArray/t:MailboxData")]
    if options is None or not mailboxes:
        raise Refused("ErrorInvalidFreeBusyViewType", "Whose times are wanted, and which?")
    if len(mailboxes) > MOST_MAILBOXES:
        raise Refused("ErrorIdentityArrayTooBig", "That is more than 100 mailboxes.")
    view = _View.read(options, zone)
    answers = "".join(_one(call, view, address) for address in mailboxes)
    return (
        f'<m:GetUserAvailabilityResponse xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><m:FreeBusyResponseArray>{answers}'
        "</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>"
    )


def _zone(call: Call) -> Zone:
    """The zone of the request; since 2010 it may be left out, for the header's (here UTC)."""
    zone = element(call.what, "t:TimeZone")
    if zone is None and call.version.rank >= VERSIONS["2010"].rank:
        return Zone(0, _NEVER, _NEVER)
    if zone is None:
        raise Refused("ErrorTimeZone", "The time zone is missing.")
    return Zone(int(text(zone, "t:Bias")), _change(zone, "t:StandardTime"), _change(zone, "t:DaylightTime"))


def _change(zone: etree._Element, path: str) -> Change:
    at = datetime.strptime(text(zone, f"{path}/t:Time", "00:00:00"), "%H:%M:%S").replace(tzinfo=UTC)
    return Change(
        int(text(zone, f"{path}/t:Bias", "0")),
        int(text(zone, f"{path}/t:Month", "0")),
        int(text(zone, f"{path}/t:DayOrder", "0")),
        text(zone, f"{path}/t:DayOfWeek", "Sunday"),
        timedelta(hours=at.hour, minutes=at.minute, seconds=at.second),
    )


@dataclass(frozen=True)
class _View:
    start: datetime
    end: datetime
    interval: timedelta
    kind: str
    zone: Zone

    @classmethod
    def read(cls, options: etree._Element, zone: Zone) -> _View:
        """The view that is asked for; raises `Refused`."""
        times = [datetime.fromisoformat(text(options, f"t:TimeWindow/{name}")) for name in ("t:StartTime", "t:EndTime")]
        start, end = (zone.utc(at.replace(tzinfo=UTC)) if at.tzinfo is None else at.astimezone(UTC) for at in times)
        if end <= start:
            raise Refused("ErrorInvalidTimeInterval", "The window ends before it starts.")
        if end - start > LONGEST:
            raise Refused("ErrorTimeIntervalTooBig", "The window is longer than 42 days.")
        interval = timedelta(minutes=int(text(options, "t:MergedFreeBusyIntervalInMinutes", "30")))
        return cls(start, end, interval, text(options, "t:RequestedView", "FreeBusy"), zone)


def _one(call: Call, view: _View, address: str) -> str:
    try:
        mailbox = _busy_mailbox(call, address)
    except Failed as failed:
        return (
            f'<m:FreeBusyResponse><m:ResponseMessage ResponseClass="Error">{told_badly(failed)}</m:ResponseMessage>'
            "<m:FreeBusyView><t:FreeBusyViewType>None</t:FreeBusyViewType></m:FreeBusyView></m:FreeBusyResponse>"
        )
    return (
        '<m:FreeBusyResponse><m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
        f"</m:ResponseMessage><m:FreeBusyView>{_view(call, view, mailbox)}</m:FreeBusyView></m:FreeBusyResponse>"
    )


def _busy_mailbox(call: Call, address: str) -> Mailbox:
    fault = call.exchange.faults.take(f"GetUserAvailability {address}", "deny", "missing", "vendor")
    if fault is not None:
        raise call.failed(fault, "ErrorNoFreeBusyAccess", "ErrorMailRecipientNotFound")
    mailbox = call.exchange.world.get(address)
    if mailbox is None:
        raise Failed("ErrorMailRecipientNotFound", NO_SUCH)
    if mailbox.access == "none":
        raise Failed("ErrorNoFreeBusyAccess", "Their free/busy times are not for you.")
    return mailbox


def _view(call: Call, view: _View, mailbox: Mailbox) -> str:
    details = mailbox.access == "reader" and view.kind.startswith("Detailed")
    kind = view.kind if details else view.kind.replace("Detailed", "FreeBusy")
    found = sorted(mailbox.occurrences(view.start, view.end), key=lambda each: each[1].start)
    out = [f"<t:FreeBusyViewType>{kind}</t:FreeBusyViewType>"]
    if "Merged" in kind:
        out.append(f"<t:MergedFreeBusy>{_merged(call, view, found)}</t:MergedFreeBusy>")
    if kind != "MergedOnly" and found:
        events = "".join(_event(call, view, mailbox, each, details) for each in found)
        out.append(f"<t:CalendarEventArray>{events}</t:CalendarEventArray>")
    return "".join(out) + _WORKING


_NO_CHANGE = "<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month>"
_WORKING = (
    f"<t:WorkingHours><t:TimeZone><t:Bias>0</t:Bias><t:StandardTime>{_NO_CHANGE}<t:DayOfWeek>Sunday</t:DayOfWeek>"
    f"</t:StandardTime><t:DaylightTime>{_NO_CHANGE}<t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>"
    f"<t:WorkingPeriodArray><t:WorkingPeriod><t:DayOfWeek>{' '.join(_DAYS[:5])}</t:DayOfWeek>"
    "<t:StartTimeInMinutes>480</t:StartTimeInMinutes><t:EndTimeInMinutes>1020</t:EndTimeInMinutes></t:WorkingPeriod>"
    "</t:WorkingPeriodArray></t:WorkingHours>"
)


def _merged(call: Call, view: _View, found: list[tuple[Stored, Occurrence]]) -> str:
    slots = ["Free"] * -(-(view.end - view.start) // view.interval)
    for _, each in found:
        name = show_as(each.meeting.show_as, call.version)
        first = max(0, (each.start - view.start) // view.interval)
        for slot in range(first, min(len(slots), -(-(each.end - view.start) // view.interval))):
            slots[slot] = max(slots[slot], name, key=_RANKS.index)
    return "".join(str(_DIGITS[slot]) for slot in slots)


def _event(call: Call, view: _View, mailbox: Mailbox, found: tuple[Stored, Occurrence], details: bool) -> str:
    stored, each = found
    times = [f"{view.zone.local(at):%Y-%m-%dT%H:%M:%S}" for at in (each.start, each.end)]
    more = _details(mailbox, stored, each) if details else ""
    return (
        f"<t:CalendarEvent><t:StartTime>{times[0]}</t:StartTime><t:EndTime>{times[1]}</t:EndTime>"
        f"<t:BusyType>{show_as(each.meeting.show_as, call.version)}</t:BusyType>{more}</t:CalendarEvent>"
    )


def _details(mailbox: Mailbox, stored: Stored, each: Occurrence) -> str:
    meeting = each.meeting
    private = meeting.sensitivity in {"private", "confidential"}
    told = "" if private else f"<t:Subject>{escape(meeting.subject)}</t:Subject><t:Location/>"
    return (
        f"<t:CalendarEventDetails><t:ID>{item_id(mailbox, stored.id).encode().hex().upper()[:160]}</t:ID>{told}"
        f"<t:IsMeeting>{boolean(bool(meeting.attendees))}</t:IsMeeting>"
        f"<t:IsRecurring>{boolean(each.original is not None)}</t:IsRecurring>"
        f"<t:IsException>{boolean(each.exception)}</t:IsException>"
        f"<t:IsReminderSet>false</t:IsReminderSet><t:IsPrivate>{boolean(private)}</t:IsPrivate>"
        "</t:CalendarEventDetails>"
    )


# -- automatic replies -------------------------------------------------------------------------------------------------


def get_user_oof_settings(call: Call) -> str:
    """GetUserOofSettings: the mailbox's owner only, or whoever acts for them; the texts come unasked."""
    address = text(call.what, "t:Mailbox/t:Address")
    failed = call.fault("deny", "missing", "vendor")
    mailbox = call.exchange.world.get(address)
    if mailbox is None:
        failed = failed or Failed("ErrorMailRecipientNotFound", NO_SUCH)
    elif not call.owns(mailbox):
        failed = failed or Failed("ErrorAccessDenied", "Only the mailbox's owner may know.")
    if failed is not None or mailbox is None:
        assert failed is not None
        raise Refused(failed.code, failed.text)
    return (
        f'<m:GetUserOofSettingsResponse xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">'
        '<m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage>'
        f"<t:OofSettings>{_reply(mailbox)}</t:OofSettings><m:AllowExternalOof>All</m:AllowExternalOof>"
        "</m:GetUserOofSettingsResponse>"
    )


def _reply(mailbox: Mailbox) -> str:
    reply = mailbox.reply
    start = reply.start or datetime(2026, 1, 5, 8, tzinfo=UTC)
    end = reply.end or start + timedelta(days=1)
    state = {"disabled": "Disabled", "alwaysEnabled": "Enabled", "scheduled": "Scheduled"}[reply.state]
    return (
        f"<t:OofState>{state}</t:OofState><t:ExternalAudience>All</t:ExternalAudience>"
        f"<t:Duration><t:StartTime>{instant(start)}</t:StartTime><t:EndTime>{instant(end)}</t:EndTime></t:Duration>"
        f"<t:InternalReply><t:Message>{REPLY}</t:Message></t:InternalReply>"
        f"<t:ExternalReply><t:Message>{REPLY}</t:Message></t:ExternalReply>"
    )
