"""Messages that attendants leave for people: left, read, taken back, and forgotten in time.

A message is between whoever wrote it and the person: who listens is told only that there is one, and only that person.
"""

from __future__ import annotations

from backsoon.domain import messages
from backsoon.domain.access import Forbidden, Identity
from backsoon.domain.errors import BacksoonError
from backsoon.domain.messages import Message
from backsoon.domain.organisation import Person
from backsoon.engine.hub import Hub
from backsoon.engine.timing import Clock
from backsoon.store.base import NotStored, Store


class TooManyMessages(BacksoonError):
    """So many messages wait for somebody that no more are taken."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.remedy = "tell them some other way"
        super().__init__(f"{messages.MOST} messages wait for {person.name} ({person.extension})")


class Messaging:
    """The verbs of messages."""

    def __init__(self, store: Store, clock: Clock, hub: Hub) -> None:
        self._store = store
        self._clock = clock
        self._hub = hub

    async def leave(self, person: Person, text: str, *, caller: str, who: Identity) -> Message:
        """Leave a message. Raises `BadMessage`, `TooManyMessages`, `NotStored`."""
        wanted = messages.message(person.id, self._clock.now(), text, caller=caller, by=who.name, writer=who.key)
        if len(await self._store.messages(person.id)) >= messages.MOST:
            raise TooManyMessages(person)
        left = await self._store.save_message(wanted)
        self._hub.announce_message(person, left.id)
        return left

    async def of(self, person: Person, who: Identity) -> tuple[Message, ...]:
        """The person's messages that are for whoever asks: all of them for the person, else those that they wrote."""
        return await self._store.messages(person.id, None if _is_all_theirs(person, who) else who.key)

    async def read(self, person: Person, id: int, *, read: bool) -> Message:
        """Note that the person has read it, or has not after all. Raises `NotStored`."""
        for each in await self._store.messages(person.id):
            if each.id == id and (each.read_at is not None) == read:
                return each
        if not await self._store.read_message(person.id, id, self._clock.now() if read else None):
            raise _none(id)
        self._hub.announce_message(person, id)
        return next(each for each in await self._store.messages(person.id) if each.id == id)

    async def remove(self, person: Person, id: int, who: Identity) -> Message:
        """Take it out: the person at any time, whoever wrote it just after that. Raises `NotStored`, `Forbidden`."""
        found = next((each for each in await self.of(person, who) if each.id == id), None)
        if found is None:
            raise _none(id)
        if not _is_all_theirs(person, who) and not messages.may_be_taken_back(found, self._clock.now()):
            seconds = messages.UNDO.total_seconds()
            raise Forbidden(f"a message can be taken back for {seconds:.0f} seconds", "leave another one")
        if not await self._store.remove_message(person.id, id):
            raise _none(id)
        self._hub.announce_message(person, id)
        return found


def _is_all_theirs(person: Person, who: Identity) -> bool:
    return who.role is None or who.person == person.id


def _none(id: int) -> NotStored:
    return NotStored(f"there is no message {id}")
