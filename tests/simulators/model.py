"""What the vendors' simulators hold: mailboxes with meetings in them, and a record of what changed in what order.

One model for all vendors, so that one truth table is written into each of them; how it is told is each simulator's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_FARTHEST = timedelta(days=2)
"""More than any zone's clock is from UTC."""


@dataclass(frozen=True)
class Repeats:
    """A series: every `interval` days or weeks, so many times."""

    every: str = "day"
    """`day` or `week`."""
    interval: int = 1
    count: int = 5


@dataclass(frozen=True)
class Meeting:
    """One thing in a calendar. `start` and `end` are naive wall-clock times in `zone`, or dates for an all-day one
    (the end exclusive)."""

    uid: str
    start: datetime | date
    end: datetime | date
    subject: str = ""
    zone: str = "Europe/Stockholm"
    show_as: str = "busy"
    """`free`, `tentative`, `busy`, `oof`, `workingElsewhere`."""
    sensitivity: str = "normal"
    """`normal`, `personal`, `private`, `confidential`."""
    response: str = "organizer"
    """The mailbox owner's: `organizer`, `accepted`, `tentativelyAccepted`, `declined`, `notResponded`, `none`."""
    cancelled: bool = False
    kind: str = "default"
    """Google's event types: `default`, `outOfOffice`, `focusTime`, `workingLocation`."""
    categories: tuple[str, ...] = ()
    body: str = ""
    location: str = ""
    attendees: tuple[str, ...] = ()
    repeats: Repeats | None = None
    exceptions: Mapping[datetime | date, Meeting | None] = field(default_factory=dict)
    """By original start (as `start` is written): what that occurrence is instead; None: it was deleted."""

    @property
    def all_day(self) -> bool:
        """Whether it is dates."""
        return not isinstance(self.start, datetime)


@dataclass(frozen=True)
class Occurrence:
    """One time that a meeting takes place; `original` is the start that the series gives it (as `Meeting.start`)."""

    meeting: Meeting
    start: datetime
    end: datetime
    original: datetime | date | None
    """None outside a series."""
    exception: bool = False


@dataclass
class Stored:
    """A meeting in a mailbox: the vendor's id of it, and the number of the change that brought it as it is."""

    id: str
    meeting: Meeting
    version: int
    created: int


@dataclass(frozen=True)
class AutomaticReply:
    """An automatic reply: `state` is `disabled`, `alwaysEnabled` or `scheduled`; start and end in UTC."""

    state: str = "disabled"
    start: datetime | None = None
    end: datetime | None = None


@dataclass
class Mailbox:
    """One mailbox. Whoever changes it is told by `changed`, which simulators use to send notifications."""

    address: str
    zone: str = "Europe/Stockholm"
    access: str = "reader"
    """What the account may do: `reader`, `freeBusyReader` (times only), `none`."""
    items: dict[str, Stored] = field(default_factory=dict)
    """By id."""
    gone: dict[str, int] = field(default_factory=dict)
    """Ids that were deleted, with the number of that change."""
    version: int = 0
    reply: AutomaticReply = AutomaticReply()
    changed: list[Callable[[Mailbox, str, str], None]] = field(default_factory=list)
    """Each is called with the mailbox, the id and `created`, `updated` or `deleted`."""

    def put(self, meeting: Meeting) -> Stored:
        """Write a meeting, new or changed, under its uid."""
        self.version += 1
        old = next((s for s in self.items.values() if s.meeting.uid == meeting.uid), None)
        if old is None:
            stored = Stored(
                f"{self.address.split('@')[0]}-{self.version}-{abs(hash(meeting.uid)) % 10**8}", meeting, 0, 0
            )
            stored.version = stored.created = self.version
            self.items[stored.id] = stored
        else:
            stored = old
            stored.meeting, stored.version = meeting, self.version
        self._tell(stored.id, "created" if old is None else "updated")
        return stored

    def remove(self, uid: str) -> None:
        """Take a meeting away."""
        stored = next(s for s in self.items.values() if s.meeting.uid == uid)
        self.version += 1
        del self.items[stored.id]
        self.gone[stored.id] = self.version
        self._tell(stored.id, "deleted")

    def occurrences(self, start: datetime, end: datetime) -> Iterator[tuple[Stored, Occurrence]]:
        """What overlaps `[start, end)`, aware datetimes; series expanded, in no order."""
        low, high = start.replace(tzinfo=None) - _FARTHEST, end.replace(tzinfo=None) + _FARTHEST
        for stored in list(self.items.values()):
            meeting = stored.meeting
            if meeting.repeats is None and not _about(meeting, low, high):
                continue
            for occurrence in occurrences(meeting, self.zone):
                if occurrence.start < end and (occurrence.end > start or occurrence.start == occurrence.end >= start):
                    yield stored, occurrence

    def _tell(self, id: str, what: str) -> None:
        for tell in self.changed:
            tell(self, id, what)


class World:
    """All mailboxes of a simulator."""

    def __init__(self, mailboxes: Sequence[Mailbox] = ()) -> None:
        self.mailboxes: dict[str, Mailbox] = {}
        for mailbox in mailboxes:
            self.add(mailbox)

    def add(self, mailbox: Mailbox) -> Mailbox:
        """One more."""
        self.mailboxes[mailbox.address.lower()] = mailbox
        return mailbox

    def __getitem__(self, address: str) -> Mailbox:
        return self.mailboxes[address.lower()]

    def get(self, address: str) -> Mailbox | None:
        """The mailbox with that address."""
        return self.mailboxes.get(address.lower())


def _about(meeting: Meeting, low: datetime, high: datetime) -> bool:
    """Whether a meeting may lie between two wall-clock times: a quick look, before instants are worked out."""
    start, end = meeting.start, meeting.end
    return not isinstance(start, datetime) or not isinstance(end, datetime) or (low < end and start < high)


def occurrences(meeting: Meeting, owner_zone: str) -> Iterator[Occurrence]:
    """Every time that a meeting takes place. An all-day one covers midnight to midnight in the owner's zone."""
    if meeting.repeats is None:
        yield Occurrence(meeting, *_span(meeting, owner_zone), None)
        return
    days = meeting.repeats.interval * (7 if meeting.repeats.every == "week" else 1)
    for number in range(meeting.repeats.count):
        original = meeting.start + timedelta(days=days * number)
        if original in meeting.exceptions:
            instead = meeting.exceptions[original]
            if instead is not None:
                yield Occurrence(instead, *_span(instead, owner_zone), original, exception=True)
            continue
        each = replace(meeting, start=original, end=meeting.end + timedelta(days=days * number))
        yield Occurrence(each, *_span(each, owner_zone), original)


def _span(meeting: Meeting, owner_zone: str) -> tuple[datetime, datetime]:
    return instant(meeting.start, meeting.zone, owner_zone), instant(meeting.end, meeting.zone, owner_zone)


@lru_cache(16_384)
def instant(at: datetime | date, zone: str, owner_zone: str) -> datetime:
    """The instant in UTC of a wall-clock time in `zone`, or of a date's midnight in the owner's."""
    if isinstance(at, datetime):
        return at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return datetime.combine(at, time(), ZoneInfo(owner_zone)).astimezone(UTC)
