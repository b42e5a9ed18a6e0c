"""What is told of somebody, as comparable text: JSON, and back again.

`Rendered.lamp` is an object with what holds now, `Rendered.plan` one with the present stretch (where there is one now,
it is the first) and those that come. Either says who it is, so that whoever is told of one alone knows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from backsoon.domain.keyword import clean
from backsoon.domain.model import Phone
from backsoon.switchboards.base import EXTENSION, NOTHING, PlannedReferral, Presentation, Rendered, SwitchboardError

TEXT = 400
"""The most characters of a text."""
NAME = 120
EMAIL = 254
MOST_COMING = 12
NEUTRAL_REASON = "not_available"

_REASON = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[0-9A-Za-z]{1,8}){0,3}")
_ZONE = re.compile(r"[0-9A-Za-z_+/-]{1,64}")


class Now(msgspec.Struct, frozen=True):
    """What holds now of somebody who is not just available."""

    email: str
    language: str
    name: str
    phone: str
    reason: str
    text: str
    zone: str


class Part(msgspec.Struct, frozen=True):
    """One stretch. `reason` is the one that callers are told; instants are in UTC, None where they are not known."""

    back_at: datetime | None
    divert_to: str
    end: datetime | None
    phone: str
    reason: str
    start: datetime


class Plan(msgspec.Struct, frozen=True):
    """What is planned, in order of time."""

    email: str
    language: str
    name: str
    parts: tuple[Part, ...]
    zone: str


class Told(msgspec.Struct, frozen=True):
    """A rendered presentation, read again."""

    now: Now | None
    plan: Plan | None

    @property
    def present(self) -> Part | None:
        """The stretch that holds now."""
        return self.plan.parts[0] if self.now is not None and self.plan is not None and self.plan.parts else None

    @property
    def coming(self) -> tuple[Part, ...]:
        """What comes after now."""
        parts = () if self.plan is None else self.plan.parts
        return parts if self.now is None else parts[1:]


_ENCODER = msgspec.json.Encoder()
_NOW = msgspec.json.Decoder(Now)
_PLAN = msgspec.json.Decoder(Plan)


def render(presentation: Presentation) -> Rendered:
    """A presentation as text. Total: what cannot be told is left out."""
    lamp = presentation.lamp
    if lamp is None and not presentation.plan:
        return NOTHING
    email, name = _text(presentation.email, EMAIL), _text(presentation.name, NAME)
    language = presentation.language if _LANGUAGE.fullmatch(presentation.language) else ""
    zone = presentation.zone if _ZONE.fullmatch(presentation.zone) else ""
    now = plan = b""
    if lamp is not None:
        text = _text(lamp.text, TEXT)
        now = _ENCODER.encode(Now(email, language, name, lamp.phone, _code(lamp.reason), text, zone))
    if presentation.plan:
        parts = tuple(map(_part, presentation.plan[:MOST_COMING]))
        plan = _ENCODER.encode(Plan(email, language, name, parts, zone))
    return Rendered(now.decode(), plan.decode())


def told(rendered: Rendered) -> Told:
    """Read a rendered presentation. Raises `SwitchboardError` where it is none of ours."""
    try:
        now = _NOW.decode(rendered.lamp) if rendered.lamp else None
        plan = _PLAN.decode(rendered.plan) if rendered.plan else None
    except msgspec.MsgspecError:
        raise SwitchboardError("what was told last is of another version") from None
    return Told(now, plan)


@lru_cache(maxsize=1024)
def _text(text: str, most: int) -> str:
    """Without controls and direction marks. When a meeting of many begins, many texts are the same."""
    return clean(text[: 2 * most], most)


def _part(one: PlannedReferral) -> Part:
    divert = one.divert_to if EXTENSION.fullmatch(one.divert_to) else ""
    return Part(_utc(one.back_at), divert, _utc(one.end), one.phone, _code(one.reason), one.start.astimezone(UTC))


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _code(reason: str) -> str:
    return reason if _REASON.fullmatch(reason) else NEUTRAL_REASON


def closed(phone: str) -> bool:
    """Whether calls are answered by the referral."""
    return phone == Phone.CLOSED
