"""What a caller is offered where somebody is away, and whose calls ring all the same. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NUMBER = re.compile(r"\+?[0-9]{2,20}")
"""A telephone number or an extension as a caller id has it: digits, a + before them or not."""
MAILBOXES = re.compile(r"[0-9A-Za-z_-]{1,32}")
"""A context of voicemail.conf."""

YEARS = tuple(map(str, range(2026, 2076)))
"""The years that can be told."""


class Choice(StrEnum):
    """What a caller may choose, and what happens where no key is pressed."""

    VOICEMAIL = "voicemail"
    """Leave a message."""
    ATTENDANT = "attendant"
    DEPUTY = "deputy"
    """A colleague: the person's deputy, as long as they can be reached themselves."""
    RING = "ring"
    """Ring anyway, where the organisation allows it."""
    HANG_UP = "hang_up"
    """Nothing more; it has no key."""


KEYS: Mapping[Choice, str] = {
    Choice.VOICEMAIL: "1",
    Choice.ATTENDANT: "2",
    Choice.DEPUTY: "3",
    Choice.RING: "4",
}


@dataclass(frozen=True, slots=True)
class Voice:
    """How an organisation answers calls to people who are away.

    `voicemail` is the context of the mailboxes in voicemail.conf ("": there is no voicemail), `attendant` the extension
    of the attendants ("": none). `no_key` is what happens where the caller presses nothing; where that cannot be had,
    the next of voicemail, attendant, hang up. `keys` are single digits, different from each other.
    `internal_hears_more`: callers inside hear the words for colleagues, else those for outsiders. Calls from
    `attendants` (extensions) and `ring_through` (numbers) are never answered by a referral, nor is any call to somebody
    who has called one of the `emergency` numbers within the last `emergency_minutes`. `names`: people's names are said.
    """

    voicemail: str = "default"
    attendant: str = ""
    ring_anyway: bool = False
    no_key: Choice = Choice.VOICEMAIL
    keys: Mapping[Choice, str] = field(default_factory=lambda: dict(KEYS))
    internal_hears_more: bool = True
    attendants: tuple[str, ...] = ()
    ring_through: tuple[str, ...] = ()
    emergency: tuple[str, ...] = ("112", "911")
    emergency_minutes: int = 60
    names: bool = True


USUAL = Voice()
"""How calls are answered where nobody says otherwise."""


def name_key(name: str) -> str:
    """What the prompt that says somebody's name is called: whoever gets their extension never answers by it.

    Twelve hexadecimal digits; "" for no name.
    """
    plain = " ".join(unicodedata.normalize("NFC", name).split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:12] if plain else ""
