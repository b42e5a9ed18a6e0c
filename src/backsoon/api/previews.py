"""Reading a person's own calendars for them to see what each entry does: bounded, and never kept.

What is read holds subjects. They are in the answer to the person and nowhere else: not in an error either, which is why
the text of one that is not ours is not told.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta, tzinfo

from backsoon.api.parts import Previewed, Running
from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import local_instant
from backsoon.domain.organisation import Person
from backsoon.engine.defects import where
from backsoon.sources.base import SourceError, Window

AT_ONCE = 4
"""How many people's calendars are read together for this."""
SECONDS = 30.0
"""How long reading one person's may take, waiting for others included."""
MOST_DAYS = 62
MOST_ROWS = 1000
"""The most occurrences in one answer."""


class PreviewRuns(BacksoonError):
    """The person's calendars are being read for them just now."""

    remedy = "wait for the answer to that"


class CannotPreview(BacksoonError):
    """The person's calendars cannot be read now."""

    def __init__(self, text: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(text)


class Previews:
    """Reads for one person once at a time, and for few together."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._free = asyncio.Semaphore(at_once)
        self._reading: set[int] = set()

    async def read(self, parts: Running, person: Person, window: Window) -> Previewed:
        """The person's calendars as they are now, with subjects. Raises `PreviewRuns`, `CannotPreview`."""
        if person.id in self._reading:
            raise PreviewRuns("your calendars are being read already")
        self._reading.add(person.id)
        try:
            async with asyncio.timeout(self._seconds), self._free:
                return await parts.preview(person, window, subjects=True)
        except SourceError as error:
            raise CannotPreview(str(error), error.remedy) from None
        except TimeoutError:
            raise CannotPreview(f"no answer within {self._seconds:.0f} s", "try again later") from None
        except BacksoonError:
            raise
        except Exception as error:  # its text may quote an entry
            raise CannotPreview(f"internal error ({where(error)})", "tell whoever runs Backsoon") from None
        finally:
            self._reading.discard(person.id)


def window_of(now: datetime, zone: tzinfo, days: int) -> Window:
    """From the start of today, by the clocks in `zone`, for so many days."""
    today = now.astimezone(zone).date()
    first, last = (local_instant(datetime.combine(day, time()), zone) for day in (today, today + timedelta(days=days)))
    return Window(first, last)
