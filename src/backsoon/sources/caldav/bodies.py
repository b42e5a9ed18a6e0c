"""What is asked of a CalDAV server, and the names in what it answers (RFC 4791, 4918, 5397, 6578)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

_DAV: Final = "DAV:"
_CALDAV: Final = "urn:ietf:params:xml:ns:caldav"
_SERVER: Final = "http://calendarserver.org/ns/"
_NAMESPACES: Final = f'xmlns:D="{_DAV}" xmlns:C="{_CALDAV}" xmlns:S="{_SERVER}"'

MULTISTATUS: Final = f"{{{_DAV}}}multistatus"
RESPONSE: Final = f"{{{_DAV}}}response"
HREF: Final = f"{{{_DAV}}}href"
PROPSTAT: Final = f"{{{_DAV}}}propstat"
PROP: Final = f"{{{_DAV}}}prop"
STATUS: Final = f"{{{_DAV}}}status"
ERROR: Final = f"{{{_DAV}}}error"
SYNC_TOKEN: Final = f"{{{_DAV}}}sync-token"
VALID_SYNC_TOKEN: Final = f"{{{_DAV}}}valid-sync-token"
GETETAG: Final = f"{{{_DAV}}}getetag"
RESOURCETYPE: Final = f"{{{_DAV}}}resourcetype"
DISPLAYNAME: Final = f"{{{_DAV}}}displayname"
OWNER: Final = f"{{{_DAV}}}owner"
PRINCIPAL: Final = f"{{{_DAV}}}current-user-principal"
UNAUTHENTICATED: Final = f"{{{_DAV}}}unauthenticated"
PRIVILEGES: Final = f"{{{_DAV}}}current-user-privilege-set"
PRIVILEGE: Final = f"{{{_DAV}}}privilege"
READ: Final = frozenset({f"{{{_DAV}}}read", f"{{{_DAV}}}all"})
CALENDAR: Final = f"{{{_CALDAV}}}calendar"
HOME_SET: Final = f"{{{_CALDAV}}}calendar-home-set"
COMPONENTS: Final = f"{{{_CALDAV}}}supported-calendar-component-set"
COMPONENT: Final = f"{{{_CALDAV}}}comp"
CALENDAR_DATA: Final = f"{{{_CALDAV}}}calendar-data"
GETCTAG: Final = f"{{{_SERVER}}}getctag"
SUBSCRIBED: Final = f"{{{_SERVER}}}subscribed"


def _propfind(properties: str) -> bytes:
    return f"<D:propfind {_NAMESPACES}><D:prop>{properties}</D:prop></D:propfind>".encode()


WHERE: Final = _propfind("<D:resourcetype/><D:current-user-principal/><C:calendar-home-set/><D:owner/><D:displayname/>")
"""What is at an address."""
COLLECTIONS: Final = _propfind(
    "<D:resourcetype/><D:displayname/><D:owner/><D:current-user-privilege-set/>"
    "<C:supported-calendar-component-set/><D:sync-token/><S:getctag/>"
)
"""Which collections there are."""
STATES: Final = _propfind("<D:sync-token/><S:getctag/>")
"""Whether anything changed."""
ETAGS: Final = _propfind("<D:getetag/>")
"""Which resources there are, and in which version."""


def sync_collection(token: str) -> bytes:
    """RFC 6578 section 3.2: what changed since the token."""
    return (
        f"<D:sync-collection {_NAMESPACES}><D:sync-token>{escape(token)}</D:sync-token>"
        "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
    ).encode()


def calendar_query(start: datetime, end: datetime) -> bytes:
    """RFC 4791 section 7.8: all events that happen in `[start, end)`, both in UTC, whole."""
    return (
        f"<C:calendar-query {_NAMESPACES}><D:prop><C:calendar-data/></D:prop>"
        '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f'<C:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>'
        "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    ).encode()


def multiget(paths: Iterable[str]) -> bytes:
    """RFC 4791 section 7.9: these resources, whole."""
    hrefs = "".join(f"<D:href>{escape(path)}</D:href>" for path in paths)
    return (
        f"<C:calendar-multiget {_NAMESPACES}><D:prop><C:calendar-data/></D:prop>{hrefs}</C:calendar-multiget>"
    ).encode()
