"""GetServerTimeZones, ResolveNames and ConvertId: what clients ask before they ask for calendars."""

from __future__ import annotations

from typing import Final

from lxml import etree

from tests.simulators.ews.exchange import Call
from tests.simulators.ews.reading import one_by_one
from tests.simulators.ews.soap import Failed, attribute, element, elements, escape, text

_ZONES: Final = {
    "UTC": (0, 0),
    "GMT Standard Time": (0, 60),
    "W. Europe Standard Time": (60, 60),
    "FLE Standard Time": (120, 60),
    "Dateline Standard Time": None,
    "Customized Time Zone": None,
}
"""Minutes ahead of UTC, and minutes more in summer; None: real servers send no periods of some."""


def get_server_time_zones(call: Call) -> str:
    """GetServerTimeZones: those asked for, or all."""
    return one_by_one(call, [call.what], _zones)


def _zones(call: Call, what: etree._Element) -> str:
    asked = [found.text for found in elements(what, "m:Ids/t:Id")]
    full = attribute(what, "ReturnFullTimeZoneData", "true") == "true"
    zones = "".join(_zone(name, full) for name in _ZONES if not asked or name in asked)
    return f"<m:TimeZoneDefinitions>{zones}</m:TimeZoneDefinitions>"


def _zone(name: str, full: bool) -> str:
    biases = _ZONES[name]
    begin = f'<t:TimeZoneDefinition Id="{name}" Name="{name}"'
    if not full:
        return f"{begin}/>"
    if biases is None:
        return f"{begin}><t:Periods/><t:TransitionsGroups/></t:TimeZoneDefinition>"
    standard, more = biases
    periods = _period("std", "Standard", standard) + (_period("dlt", "Daylight", standard + more) if more else "")
    changes = _change("std", 180, 10) + _change("dlt", 120, 3) if more else _always("Period", "std")
    return (
        f"{begin}><t:Periods>{periods}</t:Periods><t:TransitionsGroups><t:TransitionsGroup "
        f'Id="0">{changes}</t:TransitionsGroup></t:TransitionsGroups><t:Transitions>{_always("Group", "0")}'
        "</t:Transitions></t:TimeZoneDefinition>"
    )


def _period(id: str, name: str, ahead: int) -> str:
    return f'<t:Period Bias="{"-" if ahead else ""}PT{ahead}M" Name="{name}" Id="{id}"/>'


def _always(kind: str, id: str) -> str:
    return f'<t:Transition><t:To Kind="{kind}">{id}</t:To></t:Transition>'


def _change(id: str, at: int, month: int) -> str:
    return (
        f'<t:RecurringDayTransition><t:To Kind="Period">{id}</t:To><t:TimeOffset>PT{at}M</t:TimeOffset>'
        f"<t:Month>{month}</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence>"
        "</t:RecurringDayTransition>"
    )


def resolve_names(call: Call) -> str:
    """ResolveNames: mailboxes by a part of their address."""
    return one_by_one(call, [call.what], _names)


def _names(call: Call, what: etree._Element) -> str:
    wanted = text(what, "m:UnresolvedEntry").lower().removeprefix("smtp:")
    found = [mailbox for address, mailbox in call.exchange.world.mailboxes.items() if wanted in address]
    if not found:
        raise Failed("ErrorNameResolutionNoResults", "Nobody is called that.")
    resolved = "".join(
        f"<t:Resolution><t:Mailbox><t:Name>{escape(each.address)}</t:Name>"
        f"<t:EmailAddress>{escape(each.address)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"
        "<t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:Resolution>"
        for each in found[:100]
    )
    return (
        f'<m:ResolutionSet TotalItemsInView="{len(found)}" IncludesLastItemInRange="true">{resolved}</m:ResolutionSet>'
    )


def convert_id(call: Call) -> str:
    """ConvertId: all formats are one here."""
    ids = element(call.what, "m:SourceIds")
    return one_by_one(call, list(ids) if ids is not None else [], _converted)


def _converted(call: Call, id: etree._Element) -> str:
    return (
        '<m:AlternateId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t:AlternateIdType" '
        f'Format="{attribute(call.what, "DestinationFormat")}" Id="{escape(attribute(id, "Id"))}" '
        f'Mailbox="{escape(attribute(id, "Mailbox"))}"/>'
    )
