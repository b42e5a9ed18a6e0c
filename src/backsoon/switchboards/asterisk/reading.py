"""What Asterisk holds of ours, read back into what it says; see `render` for how it is written."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from backsoon.domain.model import Phone
from backsoon.switchboards.asterisk.render import is_ours, split_lamp, split_plan
from backsoon.switchboards.base import Lamp, PlannedReferral

_FIELDS = (6, 7)
"""START:END:BACK_AT:REASON:PHONE:DIVERT_TO, and h where somebody set it by hand"""
_FIRST = 3
"""Before the referrals stand the version, the language and the zone."""


def read_lamp(lamp: str) -> Lamp | None:
    """The lamp that a text was made of; None for a dark one and for what was not made here."""
    device, presence = split_lamp(lamp)
    if not is_ours(presence):
        return None
    _, reason, text, _ = presence.split(",")
    try:
        return Lamp(_plain(reason), _plain(text), Phone.CLOSED if device == "INUSE" else Phone.OPEN)
    except (binascii.Error, UnicodeDecodeError):
        return None


def read_plan(plan: str) -> tuple[PlannedReferral, ...]:
    """The referrals in a plan, in order of time; none for what was not made here."""
    version, *parts = split_plan(plan)[0].split("~")
    if version != "1":
        return ()
    read = (_referral(part) for part in parts[_FIRST - 1 :] if part.count(":") + 1 in _FIELDS)
    return tuple(one for one in read if one is not None)


def _referral(text: str) -> PlannedReferral | None:
    """A referral; None for one at an instant that does not exist, which was not made here."""
    start, end, back_at, reason, phone, divert_to, *by_hand = text.split(":")
    closed = Phone.CLOSED if phone == "c" else Phone.OPEN
    try:
        begins = _instant(start) or datetime.fromtimestamp(0, UTC)
        return PlannedReferral(begins, _instant(end), _instant(back_at), reason, closed, divert_to, by_hand == ["h"])
    except (ValueError, OverflowError, OSError):
        return None


def _instant(epoch: str) -> datetime | None:
    seconds = int(epoch) if epoch.isdecimal() else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _plain(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
