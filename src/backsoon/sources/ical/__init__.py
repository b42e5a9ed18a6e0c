"""The iCalendar reader (RFC 5545): hostile bytes to calendar entries, within bounds."""

from backsoon.sources.ical.reader import Limits, Reading, read_calendar

__all__ = ["Limits", "Reading", "read_calendar"]
