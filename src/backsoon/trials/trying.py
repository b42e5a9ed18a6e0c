"""Trying what settings say, one thing at a time: a calendar read, a switchboard logged in to. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from backsoon.domain.organisation import Connection, Organisation, Person, SwitchboardSettings
from backsoon.engine.defects import where
from backsoon.sources.base import SourceError, Window
from backsoon.switchboards.base import SwitchboardError
from backsoon.trials.words import counted

if TYPE_CHECKING:
    from backsoon.factories import Sources

SECONDS = 60.0
"""How long one try may take."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try. `level` is `ok`, `warning` or `error`."""

    what: str
    level: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level:<7} {self.what}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


async def try_calendar(
    sources: Sources, connection: Connection, address: str, person: Person, now: datetime, what: str
) -> Tried:
    """Read a calendar once, whole."""
    try:
        async with asyncio.timeout(SECONDS):
            source = sources.make(connection, address, person)
            try:
                changes = await source.changes(Window(now, now + timedelta(days=60)), None)
            finally:
                await source.close()
    except SourceError as error:
        return Tried(what, "error", str(error), error.remedy)
    except TimeoutError:
        return Tried(what, "error", f"no answer within {SECONDS:.0f} s", "see whether its server is well")
    except Exception as error:
        return _defect(what, error)
    text = f"read; {counted(len(changes.entries), 'entry', 'entries')} in the next 60 days"
    if changes.rejected:
        odd = f"{text}, {counted(len(changes.rejected), 'item')} left out ({changes.rejected[0].because})"
        return Tried(what, "warning", odd, "mend or delete them in the calendar")
    if changes.warnings:
        return Tried(what, "warning", f"{text}; {changes.warnings[0]}")
    return Tried(what, "ok", text)


async def try_switchboard(
    settings: SwitchboardSettings, organisation: Organisation, now: Callable[[], datetime], whose: str = ""
) -> Sequence[Tried]:
    """Log in to a switchboard of the organisation and look whether all that we need is there.

    `whose` is said behind its name (see `backsoon.trials.checking.whose_it_is`).
    """
    what = f"switchboard {settings.name}{whose}"
    try:
        async with asyncio.timeout(SECONDS):
            return [Tried(what, *found) for found in await _look(settings, organisation, now)]
    except SwitchboardError as error:
        return [Tried(what, "error", str(error), error.remedy)]
    except TimeoutError:
        return [Tried(what, "error", f"no answer within {SECONDS:.0f} s", SwitchboardError.remedy)]
    except Exception as error:
        return [_defect(what, error)]


def _defect(what: str, error: Exception) -> Tried:
    """A defect of ours or of a plug-in's: what else is tried goes on. Its text may quote an entry."""
    return Tried(what, "error", f"internal error ({where(error)})", "report it to whoever made the driver")


async def _look(
    settings: SwitchboardSettings, organisation: Organisation, now: Callable[[], datetime]
) -> list[tuple[str, str, str]]:
    """Level, text and remedy of what was found. Raises `SwitchboardError`."""
    from backsoon.drivers import passing, switchboard_of
    from backsoon.switchboards.base import Checkable

    switchboard = switchboard_of(settings, passing(now))
    if isinstance(switchboard, Checkable):
        return [(f.level.value, f.text, f.remedy) for f in await switchboard.check(organisation)]
    async with switchboard.session():
        return [("ok", "it answers", "")]
