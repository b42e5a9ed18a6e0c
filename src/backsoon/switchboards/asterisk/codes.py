"""What people dialled, read from AstDB and taken out of it once it is taken over (see `starcodes` for its form).

AstDB cannot delete a value on the condition that it is still the same, so it is looked at right before. Whoever dials
again between the two loses the entry by that; but their user event carries the same text, comes on the same connection,
and is taken in its place. Of events that tell of anything else only the name counts: AstDB is asked.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from backsoon.switchboards.asterisk.astdb import NOT_THERE, AstDb
from backsoon.switchboards.asterisk.starcodes import HAND_EVENT, HAND_FAMILY
from backsoon.switchboards.base import EXTENSION, HandReferral
from backsoon.wire.ami import AmiRefused, Message
from backsoon.wire.ami_client import AmiClient

log = logging.getLogger(__name__)

JUST_NOW = 5.0
"""Seconds after a deletion in which an event may tell of what was deleted unseen."""
MOST = 10_000
"""Extensions of which events are kept until AstDB is asked."""
PAGE = 500
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_HELD = re.compile(r"1~([0-9]{1,11})(?:\.([0-9]{1,3}))?~(?:([0-9]{1,2})~([0-9]{4}|-)|-~-)(?:~.*)?")
_KEY = re.compile(r"[ -~]{1,200}")
"""Keys that can be named in an action."""


class Hints:
    """What user events told since AstDB was asked. Listens from before the session begins."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._heard: dict[str, str] = {}

    def hear(self, event: Message) -> None:
        """An event of the manager interface, whichever."""
        if event.event == "UserEvent" and event["UserEvent"] == HAND_EVENT:
            if len(self._heard) < MOST:
                self._heard[event["Extension"]] = event["Hand"]
            self.woken.set()

    def take(self) -> dict[str, str]:
        """What was heard, by extension, once."""
        self.woken.clear()
        heard, self._heard = self._heard, {}
        return heard


class Hands:
    """What was dialled at one Asterisk, for one session. Raises `AmiError`."""

    def __init__(self, client: AmiClient, database: AstDb, hints: Hints) -> None:
        self._client = client
        self._database = database
        self._hints = hints
        self._deleted: dict[str, float] = {}
        """When we deleted an extension's entry, by the event loop's clock."""

    async def read(self) -> tuple[HandReferral, ...]:
        """The entries. Those that make no sense are deleted."""
        heard = self._hints.take()
        rows = await self._database.family(HAND_FAMILY)
        rows |= self._deleted_unseen(heard, rows)
        parsed = {key: parse(key, text) for key, text in rows.items()}
        if bad := {key: rows[key] for key, entry in parsed.items() if entry is None and _KEY.fullmatch(key)}:
            log.warning("%d entries of %s in AstDB make no sense and were deleted", len(bad), HAND_FAMILY)
            await self._delete(bad)
        return tuple(entry for entry in parsed.values() if entry is not None)

    async def done(self, taken: Sequence[HandReferral]) -> None:
        """Delete them, apart from those of whoever has dialled something else meanwhile."""
        for start in range(0, len(taken), PAGE):
            await self._delete({entry.extension: entry.held for entry in taken[start : start + PAGE]})

    async def dialled(self) -> None:
        """Wait for an event."""
        await self._hints.woken.wait()

    def _deleted_unseen(self, heard: Mapping[str, str], rows: Mapping[str, str]) -> dict[str, str]:
        """What was dialled between our looking and our deleting."""
        limit = asyncio.get_running_loop().time() - JUST_NOW
        self._deleted = {key: at for key, at in self._deleted.items() if at > limit}
        return {key: text for key, text in heard.items() if key in self._deleted and key not in rows}

    async def _delete(self, rows: Mapping[str, str]) -> None:
        held = await self._database.values(HAND_FAMILY, list(rows))
        same = [key for (key, text), now in zip(rows.items(), held, strict=True) if text == now]
        self._deleted |= dict.fromkeys(same, asyncio.get_running_loop().time())
        refusals = await self._client.run(("DBDel", [("Family", HAND_FAMILY), ("Key", key)]) for key in same)
        for refusal in refusals:
            if refusal.said not in NOT_THERE:
                raise AmiRefused("DBDel", refusal.said)


def parse(extension: str, text: str) -> HandReferral | None:
    """An entry of AstDB; None where it makes no sense."""
    found = _HELD.fullmatch(text)
    if found is None or not EXTENSION.fullmatch(extension):
        return None
    at = _BEGINNING + timedelta(seconds=int(found[1]), milliseconds=int((found[2] or "0").ljust(3, "0")))
    argument = "" if found[4] in (None, "-") else found[4]
    return HandReferral(extension, at, found[3] or "", argument, text)
