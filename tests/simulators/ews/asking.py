"""Requests to an Exchange server, word for word, by a client that understands nothing of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from lxml import etree

from tests.simulators.ews.server import EwsSimulator
from tests.simulators.ews.soap import CONTENT_TYPE, MESSAGES, SOAP, TYPES

CALENDAR: Final = '<t:DistinguishedFolderId Id="calendar"/>'
PROPERTIES: Final = (
    "item:Subject", "item:Sensitivity", "item:Categories", "calendar:UID", "calendar:RecurrenceId", "calendar:Start",
    "calendar:End", "calendar:IsAllDayEvent", "calendar:LegacyFreeBusyStatus", "calendar:IsCancelled",
    "calendar:CalendarItemType", "calendar:MyResponseType",
)  # fmt: skip
EVENTS: Final = ("CreatedEvent", "ModifiedEvent", "MovedEvent", "DeletedEvent")


def calendar_of(address: str) -> str:
    """A calendar by its owner's address, as a delegate asks for it."""
    mailbox = f"<t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox>"
    return f'<t:DistinguishedFolderId Id="calendar">{mailbox}</t:DistinguishedFolderId>'


def shape(properties: Iterable[str] = PROPERTIES, base: str = "IdOnly") -> str:
    """Which properties are wanted."""
    uris = "".join(f'<t:FieldURI FieldURI="{uri}"/>' for uri in properties)
    more = f"<t:AdditionalProperties>{uris}</t:AdditionalProperties>" if uris else ""
    return f"<m:ItemShape><t:BaseShape>{base}</t:BaseShape>{more}</m:ItemShape>"


def find(start: str, end: str, *, folder: str = CALENDAR, wanted: str = "", most: int = 0) -> str:
    """FindItem with a view of the calendar."""
    limit = f' MaxEntriesReturned="{most}"' if most else ""
    return (
        f'<m:FindItem Traversal="Shallow">{wanted or shape()}<m:CalendarView{limit} StartDate="{start}" '
        f'EndDate="{end}"/><m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>'
    )


def sync(state: str = "", *, most: int = 512, folder: str = CALENDAR) -> str:
    """SyncFolderItems."""
    known = f"<m:SyncState>{state}</m:SyncState>" if state else ""
    return (
        f"<m:SyncFolderItems>{shape()}<m:SyncFolderId>{folder}</m:SyncFolderId>{known}"
        f"<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
    )


def get_item(id: str, base: str = "AllProperties") -> str:
    """GetItem."""
    return f'<m:GetItem>{shape((), base)}<m:ItemIds><t:ItemId Id="{id}"/></m:ItemIds></m:GetItem>'


def get_folder(folder: str = CALENDAR) -> str:
    """GetFolder."""
    shape = "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
    return f"<m:GetFolder>{shape}<m:FolderIds>{folder}</m:FolderIds></m:GetFolder>"


def availability(addresses: Sequence[str], start: str, end: str, view: str = "DetailedMerged") -> str:
    """GetUserAvailability in UTC."""
    change = "<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>1</t:DayOrder><t:Month>1</t:Month>"
    change += "<t:DayOfWeek>Sunday</t:DayOfWeek>"
    mailboxes = "".join(
        f"<t:MailboxData><t:Email><t:Address>{address}</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType>"
        "<t:ExcludeConflicts>false</t:ExcludeConflicts></t:MailboxData>"
        for address in addresses
    )
    return (
        "<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>0</t:Bias>"
        f"<t:StandardTime>{change}</t:StandardTime><t:DaylightTime>{change}</t:DaylightTime></t:TimeZone>"
        f"<m:MailboxDataArray>{mailboxes}</m:MailboxDataArray><t:FreeBusyViewOptions><t:TimeWindow>"
        f"<t:StartTime>{start}</t:StartTime><t:EndTime>{end}</t:EndTime></t:TimeWindow>"
        "<t:MergedFreeBusyIntervalInMinutes>60</t:MergedFreeBusyIntervalInMinutes>"
        f"<t:RequestedView>{view}</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>"
    )


def reply(address: str) -> str:
    """GetUserOofSettings."""
    mailbox = f"<t:Mailbox><t:Address>{address}</t:Address></t:Mailbox>"
    return f"<m:GetUserOofSettingsRequest>{mailbox}</m:GetUserOofSettingsRequest>"


def subscribe(kind: str = "Streaming", *, folder: str = CALENDAR, events: Sequence[str] = EVENTS) -> str:
    """Subscribe, `Streaming` or `Pull`."""
    types = "".join(f"<t:EventType>{each}</t:EventType>" for each in events)
    timeout = "<t:Timeout>10</t:Timeout>" if kind == "Pull" else ""
    return (
        f"<m:Subscribe><m:{kind}SubscriptionRequest><t:FolderIds>{folder}</t:FolderIds><t:EventTypes>{types}"
        f"</t:EventTypes>{timeout}</m:{kind}SubscriptionRequest></m:Subscribe>"
    )


def unsubscribe(id: str) -> str:
    """Unsubscribe."""
    return f"<m:Unsubscribe><m:SubscriptionId>{id}</m:SubscriptionId></m:Unsubscribe>"


def get_events(id: str, watermark: str) -> str:
    """GetEvents."""
    return f"<m:GetEvents><m:SubscriptionId>{id}</m:SubscriptionId><m:Watermark>{watermark}</m:Watermark></m:GetEvents>"


def streaming(ids: Sequence[str], minutes: int = 1) -> str:
    """GetStreamingEvents."""
    told = "".join(f"<t:SubscriptionId>{id}</t:SubscriptionId>" for id in ids)
    return (
        f"<m:GetStreamingEvents><m:SubscriptionIds>{told}</m:SubscriptionIds>"
        f"<m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>"
    )


@dataclass
class Answer:
    """What came."""

    status: int
    text: str
    cookie: str = ""

    @property
    def codes(self) -> list[str]:
        """The response codes."""
        return self.all("ResponseCode")

    def all(self, name: str) -> list[str]:
        """The texts of all elements of that name."""
        return [(each.text or "").strip() for each in self._root().iter(f"{{*}}{name}")]

    def ids(self, name: str = "ItemId") -> list[str]:
        """The `Id` of all elements of that name."""
        return [each.get("Id") or "" for each in self._root().iter(f"{{*}}{name}")]

    def names(self, parent: str = "CalendarItem") -> list[list[str]]:
        """What elements each element of that name has."""
        return [[etree.QName(each).localname for each in found] for found in self._root().iter(f"{{*}}{parent}")]

    def _root(self) -> etree._Element:
        return etree.fromstring(self.text.encode(), etree.XMLParser(recover=True))


class Asker:
    """A client of a simulator."""

    def __init__(self, sim: EwsSimulator, session: aiohttp.ClientSession) -> None:
        self.sim, self.session = sim, session

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        """What goes with each request."""
        basic = aiohttp.encode_basic_auth(self.sim.account, self.sim.password)
        return {"Authorization": basic, "Content-Type": CONTENT_TYPE} | more

    def envelope(self, body: str, act_for: str, version: str) -> bytes:
        """A whole request."""
        declared = f'<t:RequestServerVersion Version="{version or self.sim.version.schema}"/>'
        sid = f"<t:ConnectingSID><t:PrimarySmtpAddress>{act_for}</t:PrimarySmtpAddress></t:ConnectingSID>"
        acts = f"<t:ExchangeImpersonation>{sid}</t:ExchangeImpersonation>" if act_for else ""
        return (
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}"><s:Header>{declared}{acts}</s:Header>'
            f"<s:Body>{body}</s:Body></s:Envelope>"
        ).encode()

    async def ask(self, body: str, act_for: str = "", version: str = "", **headers: str) -> Answer:
        """Ask, for somebody; names of headers with `_` for `-`."""
        async with self.asking(body, act_for, version, **headers) as response:
            cookie = response.cookies.get("X-BackEndOverrideCookie")
            return Answer(response.status, await response.text(), cookie.value if cookie else "")

    @asynccontextmanager
    async def asking(
        self, body: str, act_for: str = "", version: str = "", **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The same with what comes as it comes."""
        told = self.headers({name.replace("_", "-"): value for name, value in headers.items()})
        data = self.envelope(body, act_for, version)
        async with self.session.post(self.sim.url, data=data, headers=told, allow_redirects=False) as response:
            yield response


@asynccontextmanager
async def asker(sim: EwsSimulator) -> AsyncIterator[Asker]:
    """A client that keeps no cookies."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(20)) as session:
        yield Asker(sim, session)
