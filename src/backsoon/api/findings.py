"""What is wrong, and what to do about it: one line each, however much there is of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from backsoon.domain.phrase import when_words
from backsoon.engine.pace import Pace
from backsoon.engine.publisher import SwitchboardHealth
from backsoon.engine.pushing import Telling
from backsoon.store.base import CalendarProblem, ConnectionHealth

NAMED = 5
"""The most extensions that a line names."""


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Something does not work."""
    NOTE = "note"
    """Something is left out that may be meant to be so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `code` names the kind, `count` how many calendars or extensions it is about, `since` when it began."""

    level: Level
    code: str
    organisation: str
    about: str
    what: str
    remedy: str
    count: int = 1
    since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True, slots=True)
class Times:
    """How instants are said: as seen from `now`, in the organisation's zone."""

    now: datetime
    zone: tzinfo

    def since(self, at: datetime | None) -> str:
        """` since 09:12`; "" where nobody knows."""
        return "" if at is None else f" since {when_words(at, self.now, self.zone, 'en')}"


def of_switchboard(organisation: str, name: str, health: SwitchboardHealth, times: Times) -> Iterator[Finding]:
    """What is wrong with a switchboard."""
    about = f"switchboard {name}"
    if not health.connected:
        because = f": {health.problem}" if health.problem else ""
        what = f"{about} is not connected{times.since(health.since)}{because}"
        remedy = health.remedy or "see whether the switchboard runs"
        yield Finding(Level.ERROR, "switchboard_down", organisation, about, what, remedy, 1, health.since)
    for why, extensions in _by_reason(health.refused).items():
        what = f"{about} refused what is to be shown of {_named(extensions)}: {why}"
        remedy = "look at what the switchboard's own log says of it"
        yield Finding(Level.ERROR, "orders_refused", organisation, about, what, remedy, len(extensions))
    if health.waiting:
        what = f"{about} keeps what {_named(list(health.waiting))} dialled by a code that the settings do not have"
        remedy = "run `backsoon apply` where the dialplan is newer than the settings; else print it anew and load it"
        yield Finding(Level.ERROR, "dialled_unknown", organisation, about, what, remedy, len(health.waiting))


def _by_reason(refused: Mapping[str, str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for extension, why in refused.items():
        found[why].append(extension)
    return found


def _named(extensions: Sequence[str]) -> str:
    named = ", ".join(sorted(extensions)[:NAMED])
    more = len(extensions) - NAMED
    return f"{named} and {more} more" if more > 0 else named


def of_problem(organisation: str, problem: CalendarProblem, extension: str, times: Times) -> Finding:
    """Calendars that cannot be read; `extension` is that of the first one's owner."""
    about = f"calendars of {problem.connection}"
    who = f"{problem.calendars} calendars of {problem.connection} cannot be read"
    if problem.calendars == 1:
        who = f"the calendar of {extension} at {problem.connection} cannot be read"
    what = f"{who}{times.since(problem.since)}: {problem.problem}"
    return Finding(
        Level.ERROR, "calendars_failing", organisation, about, what, problem.remedy, problem.calendars, problem.since
    )


def of_connection(organisation: str, health: ConnectionHealth, told: int, within: timedelta) -> Iterator[Finding]:
    """What else is to be said of a connection's calendars; `told` of those that fail are told of already."""
    name = health.connection
    about = f"calendars of {name}"
    if health.failing > told:
        what = f"{_calendars(health.failing - told, 'more ')} of {name} cannot be read, for other reasons"
        remedy = "mend what is named first, then look again"
        yield Finding(Level.ERROR, "calendars_failing", organisation, about, what, remedy, health.failing - told)
    if health.behind:
        minutes = int(within.total_seconds()) // 60
        what = f"{_calendars(health.behind)} of {name} not confirmed: not read for {minutes} min"
        remedy = "see whether this machine has too much to do, and whether the calendars answer slowly"
        yield Finding(Level.ERROR, "calendars_unconfirmed", organisation, about, what, remedy, health.behind)
    if health.remarked:
        what = f"{_calendars(health.remarked)} of {name} with a warning, or with items left out"
        remedy = "backsoon health --json names them; preview tells of each item"
        yield Finding(Level.NOTE, "calendars_remarked", organisation, about, what, remedy, health.remarked)


def of_waiting(connection: str, organisation: str, until: datetime | None, times: Times) -> Iterator[Finding]:
    """What is to be said of a connection whose server asks us to wait."""
    if until is not None:
        about = f"calendars of {connection}"
        at = when_words(until, times.now, times.zone, "en")
        what = f"{about}: the server asks to wait until {at}, and no calendar there is read before"
        remedy = "nothing to do: its limits are kept; where it goes on, see the guide's section on limits"
        yield Finding(Level.NOTE, "calendars_wait", organisation, about, what, remedy)


def telling_words(telling: Telling | None, pace: Pace, times: Times, calendars: int = 0) -> str:
    """Whether changes at a connection are told of: `notifications since 09:12`; `calendars` are all that it has."""
    polled = f"polled every {pace.shortest / 60:g}-{pace.longest / 60:g} minutes"
    if telling is None:
        return polled
    if telling.lost_until is not None:
        until = when_words(telling.lost_until, times.now, times.zone, "en")
        return f"notifications were lost, {polled} until {until}"
    if telling.because and not telling.told:
        return f"{polled}: {telling.because}"
    if telling.since is None:
        return f"{polled}: notifications are being ordered"
    words = f"notifications{times.since(telling.since)}"
    if telling.told >= calendars:
        return words
    return f"{words} for {telling.told} of {calendars} calendars, the others {polled}"


def of_telling(telling: Telling | None, pace: Pace, times: Times) -> Iterator[Finding]:
    """What is to be said of a connection that could tell of changes, and does not, or not well."""
    if telling is None:
        return
    words, about = telling_words(telling, pace, times), f"calendars of {telling.connection}"
    if telling.lost_until is not None:
        remedy = "see whether vendors reach the public address; it passes when nothing is lost for an hour"
        what = f"calendars of {telling.connection}: {words}"
        yield Finding(Level.NOTE, "notifications_lost", telling.organisation, about, what, remedy)
    elif telling.because and telling.remedy:
        told = "" if telling.told == 0 else f" of {telling.told} calendars"
        what = f"calendars of {telling.connection}: {words}"
        if told:
            what = f"calendars of {telling.connection}: notifications{told} only: {telling.because}"
        yield Finding(Level.NOTE, "calendars_polled", telling.organisation, about, what, telling.remedy)


def _calendars(count: int, more: str = "") -> str:
    return f"{count} {more}calendar" if count == 1 else f"{count} {more}calendars"


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong; notes do not count."""
    return all(finding.level is not Level.ERROR for finding in findings)
