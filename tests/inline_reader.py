"""The iCalendar reader without its worker process: for tests of what stands around it."""

from collections.abc import Sequence

from backsoon.sources.base import Window
from backsoon.sources.ical import Reading, read_calendar


class InlineReader:
    """Reads in this process; `read_items` counts what it was given."""

    def __init__(self) -> None:
        self.read_items = 0

    async def read(
        self,
        items: Sequence[tuple[str, bytes]],
        *,
        window: Window,
        zone: str,
        owner: frozenset[str] = frozenset(),
        resource_is_uid: bool = False,
    ) -> Reading:
        """See `AsyncReader`."""
        self.read_items += len(items)
        return read_calendar(items, window=window, zone=zone, owner=owner, resource_is_uid=resource_is_uid)
