"""The settings of an account at Google, and the rights that it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

BASE: Final = "https://www.googleapis.com/calendar/v3"
"""Where the Calendar API answers (its discovery document, `rootUrl` and `servicePath`)."""
TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

EVENTS: Final = "https://www.googleapis.com/auth/calendar.events.readonly"
"""Read entries, and be told when they change: all that reading needs."""
FREE_BUSY: Final = "https://www.googleapis.com/auth/calendar.freebusy"
"""Ask who is busy when. `events.readonly` does not cover `freeBusy.query`."""
CALENDAR_LIST: Final = "https://www.googleapis.com/auth/calendar.calendarlist.readonly"
"""List the calendars that others have shared: `calendars discover`."""

SHARED, DELEGATION = "shared", "delegation"
PROJECT_PER_MINUTE: Final = 10_000
"""Requests that a project may make in a minute (Google, "Manage quotas")."""
QUEUE: Final = 2.0
"""How long (seconds) a request may stand in line for its time, where all begin as fast as Google allows."""


@dataclass(frozen=True, slots=True)
class GoogleSettings:
    """How an organisation's calendars at Google are reached.

    `credentials` is the path of a JSON file (of a service account, an authorised user or an external account), or what
    such a file holds. `access` is `shared` (everybody shares their calendar with this account) or `delegation` (the
    account acts for each mailbox, domain-wide). `requests_per_minute` is what Google allows one user; `at_once` how
    many reads may be under way together. `url` is where the API answers. `ahead` is how much further than asked a
    calendar is read at first, so that a window that moves does not mean reading everything again each day.
    """

    credentials: str = field(repr=False)
    access: str = SHARED
    requests_per_minute: int = 600
    at_once: int = 96
    url: str = BASE
    ahead: timedelta = timedelta(days=30)

    @property
    def base(self) -> str:
        """The address that paths are appended to."""
        return (self.url or BASE).rstrip("/")

    @property
    def per_minute(self) -> int:
        """Requests that may be made in a minute. Delegated, each mailbox is a user of its own; what they share is the
        project's limit."""
        return max(self.requests_per_minute, PROJECT_PER_MINUTE) if self.delegated else self.requests_per_minute

    @property
    def together(self) -> int:
        """Requests that may be under way together: `at_once`, and no more than begin in `QUEUE` seconds, so that what
        is urgent does not stand behind a long line."""
        return max(1, min(self.at_once, int(self.per_minute / 60 * QUEUE)))

    @property
    def delegated(self) -> bool:
        """Whether each mailbox is read in its owner's name."""
        return self.access == DELEGATION
