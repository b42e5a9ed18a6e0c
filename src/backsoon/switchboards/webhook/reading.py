"""What a receiver was told, read back: for explaining."""

from __future__ import annotations

from backsoon.domain.model import Phone
from backsoon.switchboards.base import Lamp, PlannedReferral, Rendered, SwitchboardError
from backsoon.switchboards.webhook.render import Part, closed, told


def read_told(lamp: str, plan: str) -> tuple[Lamp | None, tuple[PlannedReferral, ...]]:
    """The lamp (None: dark) and the referrals written ahead. What is of another version is the lamp's text."""
    try:
        said = told(Rendered(lamp, plan))
    except SwitchboardError:
        return (Lamp("", lamp) if lamp else None), ()
    now = said.now
    shown = None if now is None else Lamp(now.reason, now.text, _phone(now.phone))
    return shown, tuple(map(_planned, said.plan.parts if said.plan else ()))


def _planned(part: Part) -> PlannedReferral:
    return PlannedReferral(part.start, part.end, part.back_at, part.reason, _phone(part.phone), part.divert_to)


def _phone(phone: str) -> Phone:
    return Phone.CLOSED if closed(phone) else Phone.OPEN
