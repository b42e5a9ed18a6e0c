"""The stream of events for whoever has only some people in sight: all of these, and of everybody else the lamp.

What all listeners of a view have in common of a piece (the lamps, people who came or went) is made once; of the rest
only those events are made that somebody has in sight, of each person in a piece the last one. A piece says the lamps
first, without an id: whoever is cut off after them hears them again, and whoever is cut off later has heard them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backsoon.api import sse
from backsoon.api.board import standing
from backsoon.api.lamps import Lamp, lamp_of
from backsoon.api.parts import Parts
from backsoon.api.pieces import PIECES, Kept, Known, Piece, Pieces, View
from backsoon.engine.hub import Announcement, News
from backsoon.store.base import Claims, StoreUnavailable

SPAN = 1000
"""The most announcements in a piece: some 13 KiB of lamps that all share, and one event for each who is in sight."""
STANDING = frozenset({News.CHANGE, News.ANEW})
"""News of how somebody stands; any other news is told to everybody."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """What follows an announcement, up to number `end`, for all listeners of a view.

    `lamps` is the event of that name, `end_id` what sets the id. `told` are announcements for everybody, `standing` by
    person the last one for whoever has them in sight, `known` what they are made of. `anew` has by number the events of
    those told whose person stands otherwise later in the piece: as kept from another piece they could be older than the
    lamps, which come first.
    """

    end: int
    lamps: bytes
    end_id: bytes
    told: Sequence[Announcement]
    standing: Mapping[int, Announcement]
    anew: Mapping[int, bytes]
    known: Known
    alone: Piece
    """The piece of whoever has none of them in sight, where nothing is told to everybody."""


class SightPieces(Pieces):
    """Makes pieces, for those who have everybody in sight (`piece`) and for the others (`piece_of`)."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._sighted: Kept[tuple[View, int], Sighted] = Kept(PIECES)
        self._sighting: dict[tuple[View, int], asyncio.Event] = {}

    async def sighted(self, view: View, after: int) -> Sighted:
        """What follows announcement number `after` in a view. There must be something.

        Raises `Lagged` where it is gone, `StoreError` where it cannot be known: a lamp never rests on a guess.
        """
        announced: Sequence[Announcement] = ()
        if own := view.own:
            announced = self._parts.hub.since(after, SPAN)
            if all(each.person.id != own for each in announced):
                view = view.of_others
        key = view, after
        while (made := self._sighted.get(key)) is None:
            if (making := self._sighting.get(key)) is None:
                await self._sight_once(view, after, announced or self._parts.hub.since(after, SPAN))
            else:
                await making.wait()
        return made

    async def _sight_once(self, view: View, after: int, announced: Sequence[Announcement]) -> None:
        making = self._sighting[view, after] = asyncio.Event()
        try:
            self._sighted.put((view, after), await self._sight(view, announced))
        finally:
            del self._sighting[view, after]
            making.set()

    async def _sight(self, view: View, announced: Sequence[Announcement]) -> Sighted:
        theirs = [each for each in announced if view.hears(each)]
        known = await self._known(theirs)
        if known.freshness is None:
            raise StoreUnavailable("how fresh calendars are cannot be read")
        lamps = self._lamps(theirs, view, known)
        event = sse.nameless("lamps", {"lamps": lamps}) if lamps else b""
        end = announced[-1].number
        end_id = sse.up_to(self._parts.hub.id_of(end))
        standing = {each.person.id: each for each in theirs if each.news in STANDING}
        told = [each for each in theirs if each.news not in STANDING]
        overtaken = [e for e in told if e.person.id in standing and e.number < standing[e.person.id].number]
        anew = {each.number: self._event(each, view, known) for each in overtaken}
        alone = Piece(end, sse.chunk(event + end_id) if lamps else b"", 1 if lamps else 0)
        return Sighted(end, event, end_id, told, standing, anew, known, alone)

    def _lamps(self, announced: Sequence[Announcement], view: View, known: Known) -> dict[str, Lamp]:
        """By id the lamps that were announced: of each person the last one."""
        directory = self._parts.directory
        found: dict[str, Lamp] = {}
        for each in announced:
            person = each.person
            if each.news in (News.REMOVED, News.MESSAGE) or not person.active:
                continue
            if each.change is not None:
                availability = each.change.availability
            else:
                availability = standing(person, known.claims.get(person.id, Claims()), known.now, directory)
            unconfirmed = known.unconfirmed(person, directory)
            found[str(person.id)] = lamp_of(availability, unconfirmed, view.who.audience(person))
        return found

    def seen(self, sighted: Sighted, view: View, people: Iterable[int]) -> Piece:
        """The piece of one listener who has these people in sight."""
        theirs = [each for id in people if (each := sighted.standing.get(id)) is not None]
        if not (theirs or sighted.told):
            return sighted.alone
        told = sorted((*sighted.told, *theirs), key=lambda each: each.number)
        events = [
            sighted.anew.get(each.number) or self._get(each, view) or self._event(each, view, sighted.known)
            for each in told
        ]
        chunk = sse.chunk(b"".join((sighted.lamps, *events, sighted.end_id)))
        return Piece(sighted.end, chunk, len(events) + bool(sighted.lamps))
