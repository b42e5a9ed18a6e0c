"""What is sent: one JSON object with the whole state of one person, signed as Standard Webhooks has it.

Source: https://www.standardwebhooks.com, specification 1.0: the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`, HMAC-SHA256 over `id.timestamp.body`, secrets written `whsec_` and base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec

from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.base import Order, Rendered, SwitchboardError
from backsoon.switchboards.webhook.render import Now, Part, Plan, Told, closed, told
from backsoon.switchboards.webhook.settings import WebhookSettings

AVAILABILITY = "person.availability"
TEST = "test"
PREFIX = "whsec_"
LEAST_BYTES = 16

_ENCODER = msgspec.json.Encoder()


class BadSecret(BacksoonError):
    """A secret cannot be used to sign; it is not quoted."""

    remedy = f"make one of 24 to 64 random bytes, written {PREFIX} and base64"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and sent again where it did not arrive: `id` stays the same."""

    id: str
    body: bytes


def message_of(settings: WebhookSettings, order: Order, version: int, now: datetime) -> Message:
    """What an order tells. Raises `SwitchboardError` where what was told before cannot be read."""
    after = told(order.after)
    who = after.now or after.plan or _who(order)
    data: dict[str, object] = {
        "switchboard": settings.name,
        "organisation": settings.organisation,
        "extension": order.extension,
        "name": who.name if who else "",
        "email": who.email if who else "",
        "language": who.language if who else "",
        "zone": who.zone if who else "",
        "version": version,
        **_now(after),
        "coming": [_stretch(part) for part in after.coming],
    }
    return _message(AVAILABILITY, data, now)


def trial_message(settings: WebhookSettings, now: datetime) -> Message:
    """One that says nothing of anybody."""
    return _message(TEST, {"switchboard": settings.name, "organisation": settings.organisation}, now)


def _message(kind: str, data: dict[str, object], now: datetime) -> Message:
    body = {"type": kind, "timestamp": now.replace(microsecond=0), "data": data}
    return Message(f"msg_{uuid.uuid4().hex}", _ENCODER.encode(body))


def _who(order: Order) -> Now | Plan | None:
    """Who it is, by what was told before: nothing is said of somebody who is available."""
    for before in (Rendered(order.before.lamp), Rendered("", order.before.plan)):
        with suppress(SwitchboardError):  # of a version before this one, or it was not known
            found = told(before)
            if who := found.now or found.plan:
                return who
    return None


def _now(after: Told) -> dict[str, object]:
    """What holds now. Of somebody who is available the rest says nothing."""
    now, present = after.now, after.present
    state = "available" if now is None else "referred" if closed(now.phone) else "informing"
    return {
        "state": state,
        "reason": now.reason if now else "",
        "text": now.text if now else "",
        "told_callers": present.reason if present else "",
        "divert_to": present.divert_to if present else "",
        "since": present.start if present else None,
        "until": present.end if present else None,
        "back_at": present.back_at if present else None,
    }


def _stretch(part: Part) -> dict[str, object]:
    return {
        "start": part.start,
        "end": part.end,
        "back_at": part.back_at,
        "state": "referred" if closed(part.phone) else "informing",
        "told_callers": part.reason,
        "divert_to": part.divert_to,
    }


class Keys:
    """What messages are signed with: one key, or two while it is being changed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    @classmethod
    def of(cls, settings: WebhookSettings, secret: Callable[[str], str]) -> Keys:
        """Those of the settings. Raises `BacksoonError`: `BadSecret`, or what `secret` raises."""
        references = [settings.secret, settings.secret_before]
        return cls([key_of(secret(reference), reference) for reference in references if reference])

    def headers(self, message: Message, now: datetime) -> dict[str, str]:
        """The headers of one attempt, made at `now`."""
        at = str(int(now.timestamp()))
        signed = f"{message.id}.{at}.".encode() + message.body
        return {
            "Content-Type": "application/json",
            "User-Agent": "Backsoon",
            "webhook-id": message.id,
            "webhook-timestamp": at,
            "webhook-signature": " ".join(f"v1,{_signature(key, signed)}" for key in self._keys),
        }


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def key_of(secret: str, reference: str) -> bytes:
    """The key that a secret stands for: base64 behind `whsec_`, else the text itself. Raises `BadSecret`."""
    try:
        coded = secret.startswith(PREFIX)
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if coded else secret.encode()
    except (binascii.Error, ValueError):
        raise BadSecret(f"secret {reference}: what stands behind {PREFIX} is no base64") from None
    if len(key) < LEAST_BYTES:
        raise BadSecret(f"secret {reference}: it is shorter than {LEAST_BYTES} bytes")
    return key
