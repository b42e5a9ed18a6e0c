"""How values are stored: instants as integers, text that every database takes, settings and decisions as JSON.

JSON leaves out what has its default, so rows are short and a later version may add fields; fields that are not
known are passed over. Shared by every database behind the contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from backsoon.domain.errors import NaiveTime
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import AVAILABLE, Availability
from backsoon.domain.organisation import Organisation, Person
from backsoon.store.base import BEGINNING, CalendarHealth, StoreError

T = TypeVar("T")

_DAY = 86_400_000_000
_SECOND = 1_000_000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_REPLACED = str.maketrans({"\0": "\ufffd", **{chr(half): "\ufffd" for half in range(0xD800, 0xE000)}})


def micros(at: datetime) -> int:
    """Microseconds since 1970 in UTC. Raises `NaiveTime` for a datetime without a zone."""
    if at.tzinfo is None:
        raise NaiveTime("store")
    delta = at - BEGINNING
    return delta.days * _DAY + delta.seconds * _SECOND + delta.microseconds


def instant(stored: int) -> datetime:
    """The instant in UTC of microseconds since 1970."""
    return BEGINNING + timedelta(0, 0, stored)


def maybe_micros(at: datetime | None) -> int | None:
    """As `micros`; None stays None."""
    return None if at is None else micros(at)


def maybe_instant(stored: int | None) -> datetime | None:
    """As `instant`; None stays None."""
    return None if stored is None else instant(stored)


def clean(text: str) -> str:
    """The text with NUL and halves of surrogate pairs, which databases refuse, replaced by U+FFFD.

    Always the same for the same text, so that a hostile entry read twice is found to be unchanged.
    """
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.translate(_REPLACED)


def folded(text: str) -> str:
    """The text as it is compared: casefolded and trimmed."""
    return clean(text).strip().casefold()


def pattern(text: str) -> str:
    """A LIKE pattern (escape character `\\`) for names that contain the text; its first 100 characters count."""
    escaped = folded(text)[:100].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def to_json(value: object) -> str:
    """Compact JSON. Text in it is cleaned."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a surrogate pair somewhere inside
        return to_json(_clean_all(msgspec.to_builtins(value)))
    if "\\u0000" in text and _NUL.search(text):
        return to_json(_clean_all(msgspec.to_builtins(value)))
    return text


def _clean_all(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_clean_all(key): _clean_all(each) for key, each in value.items()}
    return [_clean_all(each) for each in value] if isinstance(value, list | tuple) else value


def decode(decoder: msgspec.json.Decoder[T], stored: str, what: str) -> T:
    """The value. Raises `StoreError` naming `what` if this version cannot read it; the text itself is not quoted."""
    try:
        return decoder.decode(stored)
    except (msgspec.MsgspecError, ValueError):
        pass
    raise StoreError(f"the store holds {what} that this version cannot read; was it written by a later one?")


def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    return tuple(
        (each.name, each.default_factory() if each.default_factory is not MISSING else each.default)
        for each in fields(kind)
    )


def _bare(value: object, defaults: tuple[tuple[str, object], ...]) -> dict[str, object]:
    return {name: held for name, default in defaults if (held := getattr(value, name)) != default}


# -- availability ---------------------------------------------------------------------------------------------

_AVAILABILITY = msgspec.json.Decoder(Availability)
_AVAILABILITY_DEFAULTS = _defaults(Availability)


def encode_availability(availability: Availability) -> str:
    """JSON, or "" for `AVAILABLE`, which most rows hold most of the time."""
    bare = _bare(availability, _AVAILABILITY_DEFAULTS)
    return to_json(bare) if bare else ""


def decode_availability(stored: str) -> Availability:
    """What `encode_availability` made. Raises `StoreError`."""
    return decode(_AVAILABILITY, stored, "an availability") if stored else AVAILABLE


# -- settings -------------------------------------------------------------------------------------------------

_ORGANISATION = msgspec.json.Decoder(Organisation)
_SETTINGS = msgspec.json.Decoder(dict[str, Any])


def encode_organisation(organisation: Organisation) -> str:
    """JSON of all fields."""
    return to_json(organisation)


def decode_organisation(stored: str) -> Organisation:
    """What `encode_organisation` made. Raises `StoreError`."""
    return decode(_ORGANISATION, stored, "an organisation")


def encode_settings(settings: Mapping[str, object]) -> str:
    """JSON of plain values."""
    return to_json(settings)


def decode_settings(stored: str) -> dict[str, object]:
    """What `encode_settings` made. Raises `StoreError`."""
    return decode(_SETTINGS, stored, "settings")


# -- people ---------------------------------------------------------------------------------------------------


class Profile(msgspec.Struct, omit_defaults=True, frozen=True):
    """What is kept of a person beside the columns that are searched."""

    zone: str = ""
    language: str = ""
    country: str = ""
    hours: WorkingHours | None = None
    keywords: dict[str, str] = {}
    department: str = ""
    title: str = ""
    deputy: str = ""
    ring_through: tuple[str, ...] = ()
    competences: tuple[str, ...] = ()
    sought: str = ""
    """The competences as a search compares them."""


_PROFILE = msgspec.json.Decoder(Profile)


def encode_profile(person: Person) -> str:
    """JSON of the person's fields that have no column."""
    values = {name: held for name in Profile.__struct_fields__ if (held := getattr(person, name, None))}
    if person.competences:
        values["sought"] = " | ".join(map(folded, person.competences))
    return to_json(values)


def decode_profile(stored: str) -> Profile:
    """What `encode_profile` made. Raises `StoreError`."""
    return decode(_PROFILE, stored, "a person's profile")


# -- health ---------------------------------------------------------------------------------------------------

_HEALTH = msgspec.json.Decoder(CalendarHealth)
_HEALTH_DEFAULTS = tuple(
    (name, default)
    for name, default in _defaults(CalendarHealth)
    if name not in ("sync_token", "next_read", "confirmed_at", "lane", "hinted_at")
)


def encode_health(health: CalendarHealth) -> str:
    """JSON of all that has no column of its own."""
    return to_json(_bare(health, _HEALTH_DEFAULTS))


def decode_health(stored: str) -> CalendarHealth:
    """What `encode_health` made, without what has columns. Raises `StoreError`."""
    return decode(_HEALTH, stored, "a calendar's health")
