"""What switchboards were told, read back from their own words: for explaining, and only there."""

from __future__ import annotations

from dataclasses import dataclass

from backsoon.switchboards.base import Lamp, PlannedReferral


@dataclass(frozen=True, slots=True)
class Said:
    """What a switchboard was told of one extension: its lamp (None: dark) and the referrals written ahead."""

    lamp: Lamp | None = None
    plan: tuple[PlannedReferral, ...] = ()


def read_said(kind: str, lamp: str, plan: str) -> Said:
    """What was said to a switchboard of that kind; of one whose words nobody can read, those words are the text."""
    if kind == "asterisk":
        from backsoon.switchboards.asterisk.reading import read_lamp, read_plan

        return Said(read_lamp(lamp), read_plan(plan))
    if kind == "webhook":
        from backsoon.switchboards.webhook.reading import read_told

        return Said(*read_told(lamp, plan))
    return Said(Lamp("", lamp) if lamp else None)
