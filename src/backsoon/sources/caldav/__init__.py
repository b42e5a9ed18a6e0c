"""Calendars on CalDAV servers (RFC 4791)."""

from backsoon.sources.caldav.dav import CalDavLimits
from backsoon.sources.caldav.discovery import Collection, discover
from backsoon.sources.caldav.source import AsyncReader, CalDavSource

__all__ = ["AsyncReader", "CalDavLimits", "CalDavSource", "Collection", "discover"]
