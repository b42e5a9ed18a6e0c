"""Who takes the messages, and what one attempt at it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from backsoon.switchboards.base import SwitchboardDenied, SwitchboardError
from backsoon.switchboards.webhook.judging import Judged, Meaning, judged, unanswered, unconnected
from backsoon.switchboards.webhook.message import Keys, Message
from backsoon.switchboards.webhook.patience import Patience
from backsoon.switchboards.webhook.settings import WebhookSettings
from backsoon.switchboards.webhook.trouble import Trouble
from backsoon.switchboards.webhook.versions import Versions
from backsoon.wire.http import HttpError
from backsoon.wire.outward import Outward


@dataclass(frozen=True, slots=True)
class Receiver:
    """What a session sends through; `patience` and `trouble` outlast it."""

    outward: Outward
    settings: WebhookSettings
    keys: Keys
    versions: Versions
    now: Callable[[], datetime]
    patience: Patience
    trouble: Trouble

    async def attempt(self, message: Message) -> Judged:
        """Send it once."""
        try:
            answer = await self.outward.post(message.body, self.keys.headers(message, self.now()))
        except HttpError as error:
            return unanswered(error)
        return judged(answer, self.now())

    async def reached(self) -> Judged | None:
        """Connect to it once; None if that can be done, else what it means."""
        try:
            await self.outward.reach()
        except HttpError as error:
            return unconnected(error)
        return None

    async def there(self, found: Judged) -> Judged:
        """What it means that a message was not answered: where somebody is there, this message may be why.

        A receiver that breaks over one message drops the connection, as one does that is gone.
        """
        if found.meaning not in (Meaning.GONE, Meaning.LATE):
            return found
        if gone := await self.reached():
            return gone
        return replace(found, meaning=Meaning.AGAIN) if found.meaning is Meaning.GONE else found

    def error(self, found: Judged) -> SwitchboardError:
        """What a failure means for the session; each one in a row has a longer pause after it."""
        pause = max(self.patience.failed(answered=found.meaning is not Meaning.GONE), found.pause)
        kind = SwitchboardDenied if found.meaning is Meaning.DENIED else SwitchboardError
        error = kind(f"{self.outward.origin}: {found.why}{self.patience.told}")
        error.remedy = found.remedy or "nothing need be done: it is told later"
        error.retry_after = pause
        return error
