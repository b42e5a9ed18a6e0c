"""What it costs to have no notifications: pure arithmetic from a connection's settings."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from backsoon.domain.organisation import Connection
from backsoon.trials.words import counted

DAY = 1440
PER_DAY = 1_000_000
"""Google: requests that a project may make in a day before they are billed (Calendar API, usage limits)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What polling costs. `resting` and `changing` are requests for a mailbox and day, `late` is in minutes.

    `too_much` says in words which of the vendor's limits it goes past; "" for none.
    """

    least: int
    late: int
    resting: int
    changing: int
    too_much: str = ""

    def __str__(self) -> str:
        return (
            f"each mailbox is asked every {self.least} to {self.late} minutes, {self.resting} requests a day while it"
            f" rests and up to {self.changing} while it changes; a change is seen within {self.late} minutes"
        )


def cost(connection: Connection, mailboxes: int) -> Cost:
    """What reading that many mailboxes without notifications costs."""
    least, most = (_number(connection, f"poll_{end}_minutes", usual) for end, usual in (("min", 2), ("max", 15)))
    each = 2 if connection.kind != "google" and connection.settings.get("automatic_replies", True) else 1
    late, too_much = most, ""
    if connection.kind == "google":
        late, too_much = _at_google(connection, mailboxes, most)
    return Cost(least, late, DAY // most * each, DAY // least * each, too_much)


def _at_google(connection: Connection, mailboxes: int, most: int) -> tuple[int, str]:
    limit = _number(connection, "requests_per_minute", 600)
    if connection.settings.get("access") != "delegation" and mailboxes > limit * most:
        late = ceil(mailboxes / limit)
        several = f"{counted(mailboxes, 'mailbox', 'mailboxes')} every {most} minutes are more than the {limit}"
        return late, f"{several} requests a minute that one account may make, so it takes {late} minutes"
    if mailboxes * DAY // most > PER_DAY:
        return (
            most,
            f"{mailboxes * DAY // most:,} requests a day are more than the {PER_DAY:,} that Google does not bill",
        )
    return most, ""


def _number(connection: Connection, name: str, usual: int) -> int:
    value = connection.settings.get(name)
    return value if isinstance(value, int) else usual
