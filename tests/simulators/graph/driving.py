"""Changes at a steady rate, and when each was made and told: what the bench of notifications is measured by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.simulators.model import Mailbox, Meeting


@dataclass
class Change:
    """One change; times in seconds since 1970. `sent` is when its first notification went out."""

    address: str
    uid: str
    what: str
    made: float
    sent: float | None = None


class Driver:
    """Books a meeting that goes on now, with a keyword, in one mailbox after the other; then takes it away again."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.changes: list[Change] = []
        self._last: dict[str, Change] = {}

    async def run(self, mailboxes: Sequence[Mailbox], rate: float, seconds: float) -> None:
        """Make `rate` changes a second for so long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(int(rate * seconds)):
            if (wait := began + number / rate - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._change(mailboxes[number % len(mailboxes)], remove=number // len(mailboxes) % 2 == 1)

    def told(self, notifications: Sequence[dict[str, Any]]) -> None:
        """These notifications go out now."""
        now = self.now().timestamp()
        for each in notifications:
            change = self._last.get(each.get("resourceData", {}).get("id", "")[4:])
            if change is not None and change.sent is None:
                change.sent = now

    def _change(self, mailbox: Mailbox, *, remove: bool) -> None:
        now = self.now()
        uid = f"driven-{mailbox.address}"
        start = now.replace(tzinfo=None, microsecond=0) - timedelta(minutes=1)
        change = Change(mailbox.address, uid, "removed" if remove else "put", now.timestamp())
        self.changes.append(change)
        self._last = (
            {k: v for k, v in self._last.items() if v.sent is None} if len(self._last) > 100_000 else self._last
        )
        if remove:
            self._last[next(s.id for s in mailbox.items.values() if s.meeting.uid == uid)] = change
            mailbox.remove(uid)
            return
        mailbox.put(Meeting(uid, start, start + timedelta(hours=2), "m: Driven", "UTC"))
        self._last[next(s.id for s in mailbox.items.values() if s.meeting.uid == uid)] = change
