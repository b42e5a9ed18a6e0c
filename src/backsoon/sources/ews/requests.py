"""The bodies of the requests that are made. Each is valid against the schemas of every version that may be declared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from backsoon.sources.base import Window
from backsoon.sources.ews.soap import text_of

PAGE: Final = 1_000
"""The most items of a calendar view; one that has as many may have more."""
SYNC_PAGE: Final = 512
AVAILABILITY_AT_ONCE: Final = 100
STREAM_MINUTES: Final = 30
PULL_MINUTES: Final = 60

_FIELDS: Final = (
    "item:Subject",
    "item:Sensitivity",
    "calendar:UID",
    "calendar:RecurrenceId",
    "calendar:OriginalStart",
    "calendar:Start",
    "calendar:End",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
)
_SHAPE: Final = (
    "<t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
    + "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in _FIELDS)
    + "</t:AdditionalProperties>"
)
_EVENTS: Final = "".join(
    f"<t:EventType>{name}</t:EventType>"
    for name in ("CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "CopiedEvent")
)


def stamp(at: datetime) -> str:
    """An instant as `2027-03-01T09:00:00Z`."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def calendar_folder(mailbox: str = "") -> str:
    """The default calendar: of a mailbox, or ("") of whoever asks or is acted for."""
    if not mailbox:
        return '<t:DistinguishedFolderId Id="calendar"/>'
    address = text_of(mailbox)
    return (
        '<t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>'
        f"{address}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>"
    )


def find_items(window: Window, mailbox: str = "") -> str:
    """What is in the calendar in the window, series expanded (`FindItem` with a `CalendarView`)."""
    return (
        f'<m:FindItem Traversal="Shallow"><m:ItemShape>{_SHAPE}</m:ItemShape>'
        f'<m:CalendarView MaxEntriesReturned="{PAGE}" StartDate="{stamp(window.start)}" EndDate="{stamp(window.end)}"/>'
        f"<m:ParentFolderIds>{calendar_folder(mailbox)}</m:ParentFolderIds></m:FindItem>"
    )


def sync_items(state: str, mailbox: str = "") -> str:
    """What has changed in the calendar since the state; "" begins with everything. Ids only."""
    since = f"<m:SyncState>{text_of(state)}</m:SyncState>" if state else ""
    return (
        "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
        f"<m:SyncFolderId>{calendar_folder(mailbox)}</m:SyncFolderId>{since}"
        f"<m:MaxChangesReturned>{SYNC_PAGE}</m:MaxChangesReturned></m:SyncFolderItems>"
    )


def availability(addresses: Sequence[str], window: Window, *, details: bool) -> str:
    """When mailboxes are busy; with `details` also the subjects that each is shared with. Times are in UTC."""
    never = "<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder>"
    boxes = "".join(
        f"<t:MailboxData><t:Email><t:Address>{text_of(a)}</t:Address></t:Email>"
        "<t:AttendeeType>Required</t:AttendeeType></t:MailboxData>"
        for a in addresses
    )
    return (
        "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias>"
        f"<t:StandardTime>{never}<t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime>"
        f"<t:DaylightTime>{never}<t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>"
        f"<m:MailboxDataArray>{boxes}</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow>"
        f"<t:StartTime>{window.start:%Y-%m-%dT%H:%M:%S}</t:StartTime>"
        f"<t:EndTime>{window.end:%Y-%m-%dT%H:%M:%S}</t:EndTime></t:TimeWindow>"
        f"<t:RequestedView>{'Detailed' if details else 'FreeBusy'}</t:RequestedView></t:FreeBusyViewOptions>"
        "</m:GetUserAvailabilityRequest>"
    )


def automatic_reply(mailbox: str) -> str:
    """Whether the mailbox answers by itself."""
    return (
        "<m:GetUserOofSettingsRequest><t:Mailbox>"
        f"<t:Address>{text_of(mailbox)}</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>"
    )


def subscribe_streaming(mailbox: str = "") -> str:
    """Be told of changes in a calendar on a connection of ours (Exchange 2010 SP1 and later)."""
    return (
        f"<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>{calendar_folder(mailbox)}</t:FolderIds>"
        f"<t:EventTypes>{_EVENTS}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
    )


def subscribe_pull(mailbox: str = "") -> str:
    """Keep changes in a calendar for us until we ask."""
    return (
        f"<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>{calendar_folder(mailbox)}</t:FolderIds>"
        f"<t:EventTypes>{_EVENTS}</t:EventTypes><t:Timeout>{PULL_MINUTES}</t:Timeout>"
        "</m:PullSubscriptionRequest></m:Subscribe>"
    )


def unsubscribe(subscription: str) -> str:
    """No more of it."""
    return f"<m:Unsubscribe><m:SubscriptionId>{text_of(subscription)}</m:SubscriptionId></m:Unsubscribe>"


def streaming_events(subscriptions: Iterable[str]) -> str:
    """Listen."""
    ids = "".join(f"<t:SubscriptionId>{text_of(s)}</t:SubscriptionId>" for s in subscriptions)
    return (
        f"<m:GetStreamingEvents><m:SubscriptionIds>{ids}</m:SubscriptionIds>"
        f"<m:ConnectionTimeout>{STREAM_MINUTES}</m:ConnectionTimeout></m:GetStreamingEvents>"
    )


def pull_events(subscription: str, watermark: str) -> str:
    """What has happened since the watermark."""
    return (
        f"<m:GetEvents><m:SubscriptionId>{text_of(subscription)}</m:SubscriptionId>"
        f"<m:Watermark>{text_of(watermark)}</m:Watermark></m:GetEvents>"
    )
