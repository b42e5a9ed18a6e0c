"""What is shown of somebody, as comparable text, and back again.

`Rendered.lamp` is a JSON array `[email, reason, text, language, phone]`; of somebody who is available reason, text and
language are "". `Rendered.plan` is `[email, [[start, end, back_at, reason, phone, divert_to], ...]]`. `email` is ""
where people's addresses are not made of it. Times are seconds since 1970 in UTC, 0 for none; phone is `c` or `o`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from backsoon.domain.model import Phone
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Lamp,
    PlannedReferral,
    Presentation,
    Rendered,
    SwitchboardError,
)
from backsoon.switchboards.sip_presence.settings import Available, SipPresenceSettings

TEXT_BYTES = 480
"""The most bytes of a lamp's text."""
MOST_COMING = 8
NEUTRAL_REASON = "not_available"
CLOSED, OPEN = "c", "o"

_REASON = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[0-9A-Za-z]{1,8}){0,3}")


class Now(NamedTuple):
    """What somebody is doing now. `reason` "": they are available."""

    email: str = ""
    reason: str = ""
    text: str = ""
    language: str = ""
    phone: str = OPEN


class Part(NamedTuple):
    """One stretch of what is planned."""

    start: int
    end: int
    back_at: int
    reason: str
    phone: str
    divert_to: str

    def covers(self, at: float) -> bool:
        """Whether the instant (seconds since 1970) is in it."""
        return self.start <= at and (self.end == 0 or at < self.end)


class Plan(NamedTuple):
    """What is planned."""

    email: str = ""
    parts: tuple[Part, ...] = ()


_ENCODER = msgspec.json.Encoder()
_NOW = msgspec.json.Decoder(Now)
_PLAN = msgspec.json.Decoder(Plan)


@dataclass(frozen=True, slots=True)
class Told:
    """A rendered presentation, read again."""

    now: Now | None
    plan: Plan

    @property
    def email(self) -> str:
        """The e-mail address that the person's address is made of; "" where it is not."""
        return self.now.email if self.now is not None else self.plan.email

    def present(self, at: float) -> Part | None:
        """The planned part that the instant is in, where the person is away now."""
        if self.now is None or not self.now.reason:
            return None
        return next((part for part in self.plan.parts if part.covers(at)), None)

    def coming(self, at: float) -> list[Part]:
        """The planned parts after the instant."""
        return [part for part in self.plan.parts if part.start > at]


def render(presentation: Presentation, settings: SipPresenceSettings) -> Rendered:
    """A presentation as text. Total: what cannot be told is left out. Whoever has no address is not shown."""
    email = presentation.email if settings.by_email else ""
    if settings.by_email and settings.address_of("0", email) is None:
        return NOTHING
    now = _now(presentation.lamp, presentation.language, email)
    if now is None and settings.available is Available.OPEN:
        now = Now(email)
    parts = tuple(map(_part, presentation.plan[:MOST_COMING]))
    return Rendered(
        lamp="" if now is None else _ENCODER.encode(now).decode(),
        plan=_ENCODER.encode(Plan(email, parts)).decode() if parts else "",
    )


def told(rendered: Rendered) -> Told:
    """Read a rendered presentation. Raises `SwitchboardError` where it is none of ours."""
    try:
        now = _NOW.decode(rendered.lamp) if rendered.lamp else None
        plan = _PLAN.decode(rendered.plan) if rendered.plan else Plan()
    except msgspec.MsgspecError:
        raise SwitchboardError("what was told last is of another version") from None
    return Told(now, plan)


def displayable(text: str, most: int = TEXT_BYTES) -> str:
    """Without controls, direction marks, surrogates and unassigned code points, cut to that many bytes of UTF-8."""
    kept = text[:most]
    if not kept.isprintable():
        kept = "".join(map(_shown, kept))
    return " ".join(kept.split()).encode()[:most].decode("utf-8", "ignore").rstrip()


def _now(lamp: Lamp | None, language: str, email: str) -> Now | None:
    if lamp is None:
        return None
    tag = language if _LANGUAGE.fullmatch(language) else ""
    return Now(email, _code(lamp.reason), _text(lamp.text), tag, _phone(lamp.phone))


@lru_cache(maxsize=256)
def _text(text: str) -> str:
    """When a meeting of many begins, many lamps say the same."""
    return displayable(text)


def _part(one: PlannedReferral) -> Part:
    divert = one.divert_to if EXTENSION.fullmatch(one.divert_to) else ""
    times = (_epoch(one.start), _epoch(one.end), _epoch(one.back_at))
    return Part(*times, _code(one.reason), _phone(one.phone), divert)


def _code(reason: str) -> str:
    return reason if _REASON.fullmatch(reason) else NEUTRAL_REASON


def _phone(phone: Phone) -> str:
    return CLOSED if phone is Phone.CLOSED else OPEN


def _epoch(at: datetime | None) -> int:
    return 0 if at is None else max(1, int(at.timestamp()))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} else character
