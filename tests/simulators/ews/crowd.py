"""Many mailboxes, made when they are first asked for and forgotten again: 10,000 of them fit into little memory."""

from __future__ import annotations

import uuid
import zlib
from datetime import datetime, timedelta
from functools import cache

from tests.simulators.model import Mailbox, Meeting, Stored, World

DOMAIN = "acme.example"
KEPT = 2000
"""Mailboxes that are kept without having been changed."""
DAYS = 28
_TAGS = ("m: Budget", "l: Lunch", "Planning with the supplier of the supplier", "Call", "Interview 14", "m; Focus")


def address(number: int) -> str:
    """The address of a mailbox by number."""
    return f"anna.berg.{number}@{DOMAIN}"


class Crowd(World):
    """`count` mailboxes with `entries` single entries each, spread over four weeks from `start` (a local midnight)."""

    def __init__(self, count: int, entries: int, start: datetime) -> None:
        super().__init__()
        self.count, self.entries, self.start = count, entries, start

    def get(self, address: str) -> Mailbox | None:
        """The mailbox with that address."""
        found = self.mailboxes.get(address.lower())
        return found or self._made(address.lower())

    def __getitem__(self, address: str) -> Mailbox:
        found = self.get(address)
        if found is None:
            raise KeyError(address)
        return found

    def _made(self, address: str) -> Mailbox | None:
        name, _, domain = address.partition("@")
        number = name.removeprefix("anna.berg.")
        if domain != DOMAIN or not number.isdecimal() or int(number) >= self.count:
            return None
        self._forget()
        mailbox = self.add(Mailbox(address))
        mailbox.items = {
            f"{number}-{each}": Stored(f"{number}-{each}", meeting, each + 1, each + 1)
            for each, meeting in enumerate(_meetings(self.entries, self.start, zlib.crc32(address.encode()) % 50))
        }
        mailbox.version = self.entries
        return mailbox

    def _forget(self) -> None:
        if len(self.mailboxes) < KEPT:
            return
        for address, mailbox in list(self.mailboxes.items()):
            if mailbox.version == self.entries and not mailbox.changed:
                del self.mailboxes[address]


@cache
def _meetings(count: int, start: datetime, kind: int) -> tuple[Meeting, ...]:
    """The meetings of one of fifty kinds of people; those of one kind meet each other."""
    return tuple(_meeting(count, start, kind, number) for number in range(count))


def _meeting(count: int, start: datetime, kind: int, number: int) -> Meeting:
    begin = start + timedelta(days=number * DAYS // count, hours=8 + (number * 7 + kind) % 9, minutes=kind % 4 * 15)
    uid = f"040000008200E00074C5B7101A82E00800000000{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind}/{number}').hex.upper()}"
    return Meeting(
        uid, begin, begin + timedelta(minutes=30 + number % 3 * 15), _TAGS[number % len(_TAGS)], location="Room 4",
        response="accepted", attendees=("b@acme.example",), body="canary-of-a-body",
        categories=("Blue category",) if number % 3 == 0 else (),
    )  # fmt: skip
