"""The iCalendar reader (RFC 5545): hostile bytes to calendar entries, within bounds.

`read_calendar` does the work; `backsoon.sources.ical.worker.Reader` has it done in a process of its own.
"""

from backsoon.sources.ical.reader import Limits, Reading, read_calendar

__all__ = ["Limits", "Reading", "read_calendar"]
