"""People in a directory (LDAP): entries below a base, their attributes as fields of a row.

An attribute that an entry does not have is not told: what is stored stays, so that a right that is missing clears
nothing. Of several values the first in the order of the alphabet counts, for directories keep none; where they would
give several extensions, none is taken. Of competences all count.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from backsoon.domain.listing import LeftOut, Listed, Listing
from backsoon.wire.ldap import LdapAccount, LdapAddress, LdapEntry, LdapFound, LdapSearch, LdapTimes, search

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "extension": ("ipPhone", "telephoneNumber"),
    "name": ("displayName", "cn"),
    "email": ("mail",),
    "department": ("department", "departmentNumber"),
    "title": ("title",),
}
"""Where each field is looked for, the first that has something counts: Active Directory, inetOrgPerson (RFC 2798)."""
EXTENSION = "[0-9]{2,8}"
"""Numbers that are extensions as they stand, where the settings say nothing else."""
_BETWEEN_DIGITS = re.compile(r"[\s()./-]+")


_NO_NUMBER = "has no number"


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """How to reach one directory, and what of it is people.

    `extension` is a pattern for whole numbers, without blanks and `()./-`; where it has a group, that is the extension.
    """

    address: LdapAddress
    base: str
    filter: str
    account: LdapAccount | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=lambda: ATTRIBUTES)
    extension: re.Pattern[str] = field(default_factory=lambda: re.compile(EXTENSION))
    page: int = 500
    times: LdapTimes = field(default_factory=LdapTimes)


@dataclass(frozen=True, slots=True)
class LdapPeople:
    """The people of one directory. See `backsoon.domain.listing.PeopleSource`."""

    settings: LdapSettings

    async def people(self) -> Listing:
        """Everybody. Raises `LdapError`: never some of them."""
        settings = self.settings
        names = dict.fromkeys(name for several in settings.attributes.values() for name in several)
        wanted = LdapSearch(settings.base, settings.filter, tuple(names), settings.page)
        found = await search(settings.address, settings.account, wanted, settings.times)
        return await asyncio.to_thread(listing, found, settings)  # tens of thousands must not stop all else


def listing(found: LdapFound, settings: LdapSettings) -> Listing:
    """Entries as people; those without one extension are left out."""
    people: list[Listed] = []
    left_out: list[LeftOut] = []
    for entry in sorted(found.entries, key=lambda e: e.dn):
        label = printable(entry.dn)
        extension, because = _extension(entry, settings)
        values = _values(entry, settings.attributes)
        if extension:
            people.append(Listed(label, {"extension": extension, **values}))
        else:
            email = "" if because == _NO_NUMBER else values.get("email", "")  # else they have one, nobody knows which
            left_out.append(LeftOut(label, because, email))
    doubts = []
    if found.referrals:
        doubts.append(f"{found.referrals} referrals to other servers were not followed: who is there is not listed")
    return Listing(tuple(people), tuple(left_out), tuple(doubts), tuple(doubts))


def _extension(entry: LdapEntry, settings: LdapSettings) -> tuple[str, str]:
    """The entry's extension, or "" and why it has none."""
    seen: list[str] = []
    for name in settings.attributes.get("extension", ()):
        numbers = _texts(entry, name)
        cut = sorted({e for e in (_cut(number, settings.extension) for number in numbers) if e})
        if len(cut) > 1:
            return "", f"has several extensions in {name}: {', '.join(cut)}"
        if cut:
            return cut[0], ""
        seen += [f"{name} {printable(number)!r}" for number in numbers]
    return "", f"{', '.join(seen)} is no extension (see `extension` in the settings)" if seen else _NO_NUMBER


def _cut(number: str, pattern: re.Pattern[str]) -> str:
    found = pattern.fullmatch(_BETWEEN_DIGITS.sub("", number))
    if found is None:
        return ""
    return next((group for group in found.groups() if group), "") if pattern.groups else found[0]


def _values(entry: LdapEntry, attributes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, several in attributes.items():
        texts = next((texts for texts in (_texts(entry, one) for one in several) if texts), None)
        if texts and name != "extension":
            values[name] = " | ".join(texts) if name == "competences" else texts[0]
    return values


def _texts(entry: LdapEntry, name: str) -> list[str]:
    """The attribute's values that are text and not empty, in order."""
    texts = (_text(value) for value in entry.attributes.get(name.lower(), ()))
    return sorted({text for text in texts if text}, key=lambda text: (text.casefold(), text))


def _text(value: bytes) -> str:
    """The value as one line; "" where it is no text."""
    with suppress(UnicodeDecodeError):
        return " ".join(value.decode().split())
    return ""


def printable(text: str, most: int = 200) -> str:
    """What a directory says, fit to be shown."""
    return "".join(c if c.isprintable() else "?" for c in text)[:most]


def usual_filter(attributes: Iterable[str]) -> str:
    """Whoever has a number."""
    return f"(|{''.join(f'({name}=*)' for name in attributes)})"
