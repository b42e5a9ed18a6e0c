"""Many mailboxes for benches: what is in one is made when it is first looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.simulators.model import Mailbox, Meeting, Repeats, Stored, World

DOMAIN = "acme.example"


class LazyMailbox(Mailbox):
    """A mailbox that is filled by `fill` when it is first looked at."""

    def __init__(self, address: str, number: int, entries: int, now: datetime, busy: bool) -> None:
        super().__init__(address, zone="Europe/Stockholm")
        self._make = (number, entries, now, busy)
        del self.__dict__["items"]
        self.version = entries

    def __getattr__(self, name: str) -> Any:
        if name != "items":
            raise AttributeError(name)
        number, entries, now, busy = self.__dict__["_make"]
        meetings = filled(number, entries, now, busy)
        self.__dict__["items"] = {
            f"{number}-{each}": Stored(f"{number}-{each}", meeting, each, each)
            for each, meeting in enumerate(meetings, 1)
        }
        return self.__dict__["items"]


def address(number: int) -> str:
    """The address of a mailbox in the crowd."""
    return f"anna.berg.{number}@{DOMAIN}"


def filled(number: int, entries: int, now: datetime, busy: bool) -> list[Meeting]:
    """What stands in a mailbox: every tenth entry has a keyword, the first is a series; `busy`: one goes on now."""
    morning = now.replace(hour=8, minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    for each in range(entries):
        start = morning + timedelta(days=1 + each // 4, hours=2 * (each % 4), minutes=number % 60)
        subject = f"m: Plan {each}" if each % 10 == 0 else f"Talk {each}"
        repeats = Repeats("week", 1, 8) if each == 0 else None
        end = start + timedelta(minutes=45)
        found.append(Meeting(f"{number}-{each}@{DOMAIN}", start, end, subject, "UTC", repeats=repeats))
    if busy:
        start = now.replace(tzinfo=None) - timedelta(minutes=30)
        found[-1] = Meeting(f"{number}-now@{DOMAIN}", start, start + timedelta(hours=2), "m: Now", "UTC")
    return found


def crowd(mailboxes: int, entries: int, now: datetime, busy_every: int = 20) -> World:
    """So many mailboxes with so many entries each; every `busy_every`th person is in a meeting now (UTC); 0: nobody."""
    world = World()
    for number in range(mailboxes):
        world.add(LazyMailbox(address(number), number, entries, now, busy_every > 0 and number % busy_every == 0))
    return world
