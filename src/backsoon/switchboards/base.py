"""The contract of a switchboard driver: what every kind of switchboard must keep.

Level, not edge: the publisher says what should be shown, whole, and the driver makes it so. Showing the same
thing twice is harmless; only the latest state of an extension counts. Whenever a session is opened the publisher
reads back what the switchboard holds of ours and sends the differences, so restarts on either side heal alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from backsoon.domain.errors import BacksoonError
from backsoon.domain.model import Phone
from backsoon.domain.organisation import Organisation
from backsoon.switchboards.finding import Finding, Level

__all__ = [
    "EXTENSION",
    "NOTHING",
    "Checkable",
    "Finding",
    "HandReferral",
    "HandSession",
    "Keep",
    "Lamp",
    "Level",
    "MemoryKeep",
    "MessageSession",
    "Order",
    "OrdersRefused",
    "PlannedReferral",
    "Presentation",
    "Rendered",
    "Session",
    "Surroundings",
    "Switchboard",
    "SwitchboardDenied",
    "SwitchboardError",
    "WatchedSession",
]

EXTENSION = re.compile(r"[0-9A-Za-z_.+-]{1,32}")
"""What an extension or a number to divert to may be made of; anything else never reaches a protocol line."""


@dataclass(frozen=True, slots=True)
class PlannedReferral:
    """One stretch `[start, end)` of a person's coming referrals, decided: what a call in it meets.

    `end` None: until further notice. `back_at` is when the person can be reached again (None: not known), which may be
    later than `end`. `reason` is the code meant for callers (`not_available` where the true one is sensitive).
    `divert_to` is "" or matches `EXTENSION`. `by_hand`: somebody set it, so what is set by hand later takes its place.
    Instants are in UTC, whole seconds.
    """

    start: datetime
    end: datetime | None
    back_at: datetime | None
    reason: str
    phone: Phone = Phone.CLOSED
    divert_to: str = ""
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Lamp:
    """What lamps and phones show of somebody who is away now. `text` is for colleagues ("In a meeting, back 10:00")."""

    reason: str
    text: str
    phone: Phone = Phone.CLOSED


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a switchboard should show of one extension: the whole of it.

    `lamp` None: available. `plan`: the present referral and the coming ones in order of time, not overlapping.
    `language` is that of the person's line (BCP 47), `zone` the IANA name of the zone in which times are told.
    `name` and `email` say who it is ("": not known), `deputy` is the extension to which callers may go instead; calls
    from the numbers in `ring_through` always ring (see `domain.spoken`).
    """

    extension: str
    lamp: Lamp | None = None
    plan: tuple[PlannedReferral, ...] = ()
    language: str = "en"
    zone: str = "UTC"
    name: str = ""
    email: str = ""
    deputy: str = ""
    ring_through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A presentation in the switchboard's own words, comparable with what is read back. Both "" : nothing is held.

    `lamp` is urgent, it must change at the instant; `plan` is written ahead and may follow.
    """

    lamp: str = ""
    plan: str = ""


NOTHING = Rendered()
"""What is held of somebody who is available with nothing coming."""


@dataclass(frozen=True, slots=True)
class Order:
    """Make the switchboard show `after` for an extension, where `before` was read back or told last."""

    extension: str
    before: Rendered
    after: Rendered


@dataclass(frozen=True, slots=True)
class HandReferral:
    """What somebody dialled on their telephone, as the switchboard kept it.

    `at` is when (UTC, by the switchboard's clock); `code` the reason's digits, "" for "available again"; `argument` the
    digits behind it, "" for none. `held` is the switchboard's own text: by it `done` sees whether it is there still.
    """

    extension: str
    at: datetime
    code: str = ""
    argument: str = ""
    held: str = field(default="", repr=False)


class Session(Protocol):
    """One unbroken connection to the switchboard, in which nothing that was acknowledged is lost."""

    @property
    def at_once(self) -> int:
        """How many lamps it changes in about a quarter of a second at its present pace, at least 1.

        Who tells more of them at once keeps what is more urgent waiting.
        """
        ...

    async def read_back(self) -> Mapping[str, Rendered] | None:
        """All that the switchboard holds of ours, by extension; extensions of which it holds nothing are left out.

        None where it cannot be asked: what it acknowledged last is what it holds. Raises `SwitchboardError` where it
        could be asked and that cannot be read whole.
        """
        ...

    async def show(self, orders: Sequence[Order]) -> None:
        """Carry out the orders, lamps first, at the switchboard's safe pace; return when all are acknowledged.

        Raises `SwitchboardError` if the session is lost on the way; the publisher then opens another and compares.
        An order that the switchboard refuses for itself alone raises `OrdersRefused` after the others are done.
        """
        ...

    async def lost(self) -> SwitchboardError:
        """Wait until the session is no longer whole (connection lost, silent, or the switchboard restarted);

        say why.
        """
        ...


@runtime_checkable
class MessageSession(Protocol):
    """What a session has beside where what is only written ahead takes as long as a lamp: each order is a message."""

    @property
    def orders_at_once(self) -> int:
        """How many orders it carries out in about a second at its present pace, at least 1."""
        ...


@runtime_checkable
class HandSession(Protocol):
    """What a session has beside where people can refer themselves at the switchboard, whether we run or not.

    It keeps what was dialled, and lets calls follow it, until `done` is told; so nothing of it is ever lost.
    """

    async def by_hand(self) -> Sequence[HandReferral]:
        """What was dialled and not taken over yet: the last thing of each extension. What makes no sense is deleted.

        Raises `SwitchboardError` where that cannot be read whole.
        """
        ...

    async def done(self, taken: Sequence[HandReferral]) -> None:
        """These are taken over: keep them no longer. Of whoever has dialled something else meanwhile that stays.

        Raises `SwitchboardError`.
        """
        ...

    async def dialled(self) -> None:
        """Wait until somebody has dialled something since `by_hand` was last asked. It may come for nothing, and it may
        be missed: ask from time to time."""
        ...


@runtime_checkable
class WatchedSession(Protocol):
    """What a session has beside where it can tell whose lamps are looked at.

    Where many change at once these come before most others.
    """

    async def watched(self) -> Collection[str]:
        """The extensions whose lamps a telephone watches now; a hint: none where it cannot be told.

        It is asked every few minutes. Raises `SwitchboardError` where the session is lost.
        """
        ...


@runtime_checkable
class Switchboard(Protocol):
    """A switchboard that shows referrals. Drivers hold no clock and start no task that outlives their session."""

    def render(self, presentation: Presentation) -> Rendered:
        """The presentation in the switchboard's own words: pure, cheap, and safe against hostile text."""
        ...

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Connect, log in and wait until the switchboard is ready. Raises `SwitchboardError`. One at a time."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """What a driver has beside where it can tell more of its switchboard than whether it answers."""

    async def check(self, organisation: Organisation) -> Sequence[Finding]:
        """Try the switchboard as a run would, and look whether all is there that is needed for the organisation.

        Nothing that anybody sees is changed. What is not well is a finding, and so is a switchboard that is not there;
        where that is all, `SwitchboardError` may be raised as well.
        """
        ...


class Keep(Protocol):
    """What a driver remembers over restarts: texts by key, of one switchboard; gone when that leaves the settings.

    For what the protocol itself hands out (entity tags, counters): what is shown is kept by the publisher.
    """

    async def all(self) -> Mapping[str, str]:
        """Everything kept."""
        ...

    async def save(self, values: Mapping[str, str | None]) -> None:
        """Keep these, and forget the keys whose value is None; durable when it returns."""
        ...


class MemoryKeep:
    """Remembers as long as it lives: for trying a switchboard out, and for tests."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def all(self) -> Mapping[str, str]:
        """See `Keep`."""
        return dict(self.values)

    async def save(self, values: Mapping[str, str | None]) -> None:
        """See `Keep`."""
        for key, value in values.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a driver is given beside its settings.

    `now` is the instant in UTC, for protocols that need it in their messages; `secret` turns a reference (`env:NAME`,
    `file:PATH`) into the secret and raises `BacksoonError` where it cannot be had.
    """

    keep: Keep
    now: Callable[[], datetime]
    secret: Callable[[str], str]


class SwitchboardError(BacksoonError):
    """The switchboard could not be reached or told. What is wanted is kept and shown once it is back."""

    remedy = "see whether the switchboard runs and answers at its address from this machine"
    retry_after = 0.0
    """Seconds that the switchboard should be left alone, at least, before another session is opened."""


class SwitchboardDenied(SwitchboardError):
    """The switchboard refused the login, or the rights of the account do not suffice."""

    remedy = "check user name, password and rights of the account at the switchboard"


class OrdersRefused(SwitchboardError):
    """Some orders were refused while the others were carried out. `refused` maps the extension to why."""

    remedy = "see the reasons by extension"

    def __init__(self, refused: Mapping[str, str]) -> None:
        self.refused = dict(refused)
        super().__init__("; ".join(f"{ext}: {why}" for ext, why in list(self.refused.items())[:5]))
