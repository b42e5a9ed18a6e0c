"""Who takes the messages, and what one attempt at it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backsoon.switchboards.base import SwitchboardDenied, SwitchboardError
from backsoon.switchboards.webhook.judging import Judged, Meaning, judged, unanswered
from backsoon.switchboards.webhook.message import Keys, Message
from backsoon.switchboards.webhook.patience import Patience, Trouble
from backsoon.switchboards.webhook.settings import WebhookSettings
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

    def error(self, found: Judged) -> SwitchboardError:
        """What a failure means for the session; each one in a row has a longer pause after it."""
        pause = max(self.patience.failed(answered=found.meaning is not Meaning.GONE), found.pause)
        kind = SwitchboardDenied if found.meaning is Meaning.DENIED else SwitchboardError
        error = kind(f"{self.outward.origin}: {found.why}{self.patience.told}")
        error.remedy = found.remedy or "nothing need be done: it is told later"
        error.retry_after = pause
        return error
