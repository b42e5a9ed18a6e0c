"""People by rows: each good row is taken in, each that does not fit is named with the reason.

A row holds texts by field (see `FIELDS`). A field that a row does not have stays as it is; an empty one is cleared.
People are known by their extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backsoon.domain.errors import BacksoonError, BadKeyword
from backsoon.domain.keyword import checked
from backsoon.domain.naming import COUNTRY, COUNTRY_REMEDY, LANGUAGE, LANGUAGE_REMEDY, ZONE_REMEDY, known_zone
from backsoon.domain.organisation import Organisation, Person
from backsoon.switchboards.base import EXTENSION

FIELDS = (
    "extension",
    "name",
    "email",
    "zone",
    "language",
    "country",
    "department",
    "title",
    "keywords",
    "calendar",
    "connection",
    "active",
)
"""What a row may hold. `keywords`: `d=dentist; x=lunch`; `calendar`: addresses, ` | ` between several; `active`: yes,
no."""
LENGTH = 200
"""The most characters of a name, a department, a title."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_YES, _NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n"})


class BadField(BacksoonError):
    """A field of a row that does not fit; the text says which, why and what to write."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `number` is where it stood (the line of a file), `values` its fields."""

    number: int
    values: Mapping[str, str]

    @property
    def extension(self) -> str:
        """The extension, as it was written."""
        return self.values.get("extension", "").strip()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was left out."""

    number: int
    extension: str
    because: str


@dataclass(slots=True)
class Fitted:
    """Rows turned into people (id 0: new), each with its row; and the rows that do not fit."""

    people: list[tuple[Row, Person]] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    def reject(self, row: Row, because: str) -> None:
        """Leave a row out."""
        self.rejected.append(RejectedRow(row.number, row.extension, because))


def fit(
    rows: Iterable[Row],
    organisation: Organisation,
    present: Sequence[Person],
    known_country: Callable[[str], bool] = lambda _: True,
) -> Fitted:
    """The people that rows make of those `present` (all of the organisation's)."""
    fitted = Fitted()
    by_extension = {p.extension.casefold(): p for p in present}
    seen: dict[str, int] = {}
    for row in rows:
        name = row.extension.casefold()
        if name in seen:
            fitted.reject(row, f"extension {row.extension!r} stands in row {seen[name]} already")
            continue
        seen[name] = row.number
        try:
            fitted.people.append((row, _person(row, organisation, by_extension.get(name), known_country)))
        except BadField as error:
            fitted.reject(row, str(error))
    while _reject_taken_addresses(fitted, present):
        pass  # whoever is left out keeps an address that another row may have counted on
    fitted.rejected.sort(key=lambda r: r.number)
    return fitted


def _reject_taken_addresses(fitted: Fitted, present: Sequence[Person]) -> bool:
    """Leave out rows whose e-mail address somebody else has; whether there were any."""
    changing = {p.id for _, p in fitted.people if p.id}
    owners = {p.email.casefold(): p.extension for p in present if p.email and p.id not in changing}
    kept: list[tuple[Row, Person]] = []
    for row, person in fitted.people:
        owner = owners.get(person.email.casefold()) if person.email else None
        if owner is not None:
            fitted.reject(row, f"the e-mail address is that of extension {owner}")
            continue
        if person.email:
            owners[person.email.casefold()] = person.extension
        kept.append((row, person))
    found = len(kept) < len(fitted.people)
    fitted.people = kept
    return found


def _person(row: Row, organisation: Organisation, now: Person | None, known_country: Callable[[str], bool]) -> Person:
    """The person that the row describes. Raises `BadField`."""
    unknown = sorted(row.values.keys() - set(FIELDS))
    if unknown:
        raise BadField(f"{unknown[0]!r} is not a field; known are {', '.join(FIELDS)}")
    if not EXTENSION.fullmatch(row.extension):
        raise BadField("extension: 1 to 32 letters, digits and _.+- are needed")
    person = now or Person(organisation.id, row.extension, "")
    given: dict[str, object] = {"extension": row.extension}
    for name, read in _READERS.items():
        if name in row.values:
            given[name] = read(row.values[name].strip(), organisation)
    person = replace(person, **given)  # type: ignore[arg-type]
    if not person.name:
        raise BadField("name: is missing")
    if person.country and not known_country(person.country):
        raise BadField(f"country: the public holidays of {person.country!r} are not known; {COUNTRY_REMEDY}")
    return person


def _text(name: str) -> Callable[[str, Organisation], str]:
    def read(value: str, _: Organisation) -> str:
        if len(value) > LENGTH or not value.isprintable():
            raise BadField(f"{name}: at most {LENGTH} printable characters may stand here")
        return value

    return read


def _email(value: str, _: Organisation) -> str:
    if value and not (_EMAIL.fullmatch(value) and value.isprintable()):
        raise BadField(f"email: {value!r} is no e-mail address")
    return value


def _zone(value: str, _: Organisation) -> str:
    if value and not known_zone(value):
        raise BadField(f"zone: there is no time zone {value!r}; {ZONE_REMEDY}")
    return value


def _matching(name: str, pattern: re.Pattern[str], remedy: str) -> Callable[[str, Organisation], str]:
    def read(value: str, _: Organisation) -> str:
        if value and not pattern.fullmatch(value):
            raise BadField(f"{name}: {value!r} cannot stand here; {remedy}")
        return value

    return read


def _active(value: str, _: Organisation) -> bool:
    if value.lower() in _YES or not value:
        return True
    if value.lower() in _NO:
        return False
    raise BadField(f"active: {value!r} is neither yes nor no")


def _keywords(value: str, organisation: Organisation) -> dict[str, str]:
    """`d=dentist; x=lunch`, each reason one of the organisation's."""
    keywords: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in re.split(r"[;,\s]+(?=[^=;,]+=)|[;,]", value))):
        word, _, code = (side.strip() for side in part.partition("="))
        if code not in organisation.rules.reasons:
            raise BadField(f"keywords: {code!r} is no reason; write d=reason, with ; between several")
        try:
            keywords[checked(word)] = code
        except BadKeyword as error:
            raise BadField(f"keywords: {error}") from None
    return keywords


_READERS: Mapping[str, Callable[[str, Organisation], object]] = {
    "name": _text("name"),
    "email": _email,
    "zone": _zone,
    "language": _matching("language", LANGUAGE, LANGUAGE_REMEDY),
    "country": _matching("country", COUNTRY, COUNTRY_REMEDY),
    "department": _text("department"),
    "title": _text("title"),
    "keywords": _keywords,
    "active": _active,
}
