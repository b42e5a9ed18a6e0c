"""Verbs about what is a person's own: their keywords, what their calendars do, what was left for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backsoon.api.parts import Running
from backsoon.api.peopling import Peopling
from backsoon.api.previews import MOST_ROWS, Previews, window_of
from backsoon.api.settings import keywords_view
from backsoon.api.views import Json, instant
from backsoon.domain.access import Forbidden, Identity, Right, Role
from backsoon.domain.keyword import own_keywords
from backsoon.domain.messages import UNDO, Message
from backsoon.domain.organisation import Person
from backsoon.domain.phonewords import phone_codes
from backsoon.engine.messaging import Messaging
from backsoon.engine.service import NoSuchPerson


class Owning(Peopling):
    """What people ask about themselves, and attendants leave for them."""

    async def set_keywords(self, person: str, organisation: str | None, keywords: Mapping[str, str]) -> Json:
        """Replace somebody's own keywords; their calendars are read again at once, so that they hold.

        Raises `BadKeyword`, `UnknownReason`.
        """
        found = await self._person(person, organisation, Right.KEYWORDS)
        directory = self._parts.directory
        theirs = directory.organisation_of(found)
        wanted = own_keywords(keywords, theirs.rules.reasons)
        async with self._parts.service.roster.of(found.organisation):
            present = (await self._parts.store.people([found.id])).get(found.id)
            if present is None:
                raise NoSuchPerson(person)
            if dict(present.keywords) != wanted:
                (found,) = await self._parts.service.save_people([replace(present, keywords=wanted)])
                self._parts.wake_sync()
                about = f"{found.name} ({found.extension})"
                await self._note(found.organisation, "keywords.changed", about=about, keywords=sorted(wanted))
        language = self._language or directory.language_of(found)
        return keywords_view(theirs, replace(found, keywords=wanted), language, outside=False)

    async def phone_codes(self, organisation: str | None) -> Json:
        """What people dial to refer themselves, in words."""
        self._must(Right.FOLLOW)
        found = self._one(organisation)
        codes = phone_codes(found, self._language or found.language)
        rows = [
            {"dial": c.dial, "means": c.means, "argument": c.argument or None, "reason": c.reason or None}
            for c in codes
        ]
        return {"organisation": found.id, "codes": rows}

    async def preview(self, person: str, organisation: str | None, days: int, previews: Previews) -> Json:
        """What each entry of the person's calendars does, read now, with subjects: for that person and nobody else.

        Raises `Forbidden`, `PreviewRuns`, `CannotPreview`, `NoCalendar`.
        """
        if self._who.role is not Role.PERSON:
            raise Forbidden("what stands in a calendar is for its person only", "sign in as that person")
        found = await self._person(person, organisation, Right.OWN)
        parts = self._parts
        window = window_of(parts.clock.now(), parts.directory.zone_of(found), days)
        read = await previews.read(_running(parts), found, window)
        return {
            "start": instant(window.start),
            "end": instant(window.end),
            "zone": parts.directory.zone_of(found).key,
            "rows": [dict(row) for row in read.rows[:MOST_ROWS]],
            "left_out": max(0, len(read.rows) - MOST_ROWS),
            "warnings": list(read.warnings),
        }

    # -- messages --------------------------------------------------------------------------------------------------

    async def leave_message(self, person: str, organisation: str | None, text: str, caller: str) -> Json:
        """Leave somebody a message. Raises `BadMessage`, `TooManyMessages`."""
        found = await self._person(person, organisation, Right.LEAVE)
        left = await self._messaging.leave(found, text, caller=caller, who=self._who)
        return message_view(left, found, self._who)

    async def messages(self, person: str, organisation: str | None) -> Json:
        """The messages for the person; of an attendant those that they wrote."""
        found = await self._person(person, organisation, Right.MESSAGES)
        views = [message_view(each, found, self._who) for each in await self._messaging.of(found, self._who)]
        return {"messages": views}

    async def read_message(self, person: str, organisation: str | None, id: int, *, read: bool) -> Json:
        """Note that the person has read a message. Raises `NotStored`."""
        found = await self._person(person, organisation, Right.OWN)
        return message_view(await self._messaging.read(found, id, read=read), found, self._who)

    async def remove_message(self, person: str, organisation: str | None, id: int) -> Json:
        """Take a message out: the person, or whoever wrote it within ten seconds. Raises `NotStored`, `Forbidden`."""
        found = await self._person(person, organisation, Right.MESSAGES)
        return message_view(await self._messaging.remove(found, id, self._who), found, self._who)

    @property
    def _messaging(self) -> Messaging:
        return Messaging(self._parts.store, self._parts.clock, self._parts.hub)


def message_view(message: Message, person: Person, who: Identity) -> Json:
    """A message as the person has it, or as whoever wrote it does: they learn until when they may take it back."""
    own = who.person == person.id
    return {
        "id": message.id,
        "at": instant(message.at),
        "text": message.text,
        "caller": message.caller or None,
        "by": message.by or None,
        "read_at": instant(message.read_at) if own else None,
        "undo_until": None if own else instant(message.at + UNDO),
    }


def _running(parts: Any) -> Running:  # noqa: ANN401 - routes have no other parts than those of a running one
    running: Running = parts
    return running
