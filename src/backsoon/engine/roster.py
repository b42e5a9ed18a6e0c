"""What a row of people may hold, and reading it field by field.

A row holds texts by field (see `FIELDS`). A field that a row does not have stays as it is; an empty one is cleared,
but for `active`. Whom a row means is judged in `engine.matching`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from backsoon.domain.errors import BacksoonError, BadKeyword
from backsoon.domain.keyword import checked
from backsoon.domain.naming import COUNTRY, COUNTRY_REMEDY, LANGUAGE, LANGUAGE_REMEDY, ZONE_REMEDY, known_zone
from backsoon.domain.organisation import Organisation, Person
from backsoon.domain.spoken import NUMBER
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
    "deputy",
    "ring_through",
    "competences",
)
"""What a row may hold. `keywords`: `d=dentist; x=lunch`; `calendar`: addresses, ` | ` between several; `active`: yes,
no; `deputy`: an extension; `ring_through`: telephone numbers, `;` between several; `competences`: words, ` | ` between
several."""
LENGTH = 200
"""The most characters of a name, a department, a title."""
MOST_NUMBERS = 10
"""The most numbers whose calls ring through to one person: a switchboard keeps them in a line."""
MOST_COMPETENCES = 30
COMPETENCE_LENGTH = 60
"""The most competences of one person, and the most characters of each: they are shown in a line."""
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_YES, _NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n"})


class BadField(BacksoonError):
    """A field of a row that does not fit; the text says which, why and what to write."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `number` is where it stood (the line of a file), `values` its fields.

    `label` is what its source calls it where that is no file: an endpoint, a distinguished name.
    """

    number: int
    values: Mapping[str, str]
    label: str = ""

    @property
    def extension(self) -> str:
        """The extension, as it was written."""
        return self.values.get("extension", "").strip()

    @property
    def email(self) -> str:
        """The e-mail address, as it was written; "" where there is none."""
        return self.values.get("email", "").strip()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was left out."""

    number: int
    extension: str
    because: str
    label: str = ""


QUOTED = 40
"""The most characters of a field that an error repeats."""
Given = Mapping[str, object]
"""Fields of a person, as a row gives them."""


def read_row(row: Row, organisation: Organisation) -> Given:
    """The fields that a row gives, each judged by itself. Raises `BadField`."""
    unknown = sorted(row.values.keys() - set(FIELDS))
    if unknown:
        raise BadField(f"{_quoted(unknown[0])} is not a field; known are {', '.join(FIELDS)}")
    if not EXTENSION.fullmatch(row.extension):
        raise BadField("extension: 1 to 32 letters, digits and _.+- are needed")
    given: dict[str, object] = {"extension": row.extension}
    for name, read in _READERS.items():
        value = row.values.get(name)
        if value is not None and (name != "active" or value.strip()):  # who was switched off stays off until it is said
            given[name] = read(value.strip(), organisation)
    return given


def person_of(
    given: Given, organisation: Organisation, now: Person | None, known_country: Callable[[str], bool]
) -> Person:
    """The person `now` with the fields given; None: somebody new, who has nothing but these. Raises `BadField`."""
    person = replace(now or Person(organisation.id, "", ""), **given)  # type: ignore[arg-type]
    if not person.name:
        raise BadField("name: is missing")
    if person.country and not known_country(person.country):
        raise BadField(f"country: the public holidays of {person.country!r} are not known; {COUNTRY_REMEDY}")
    return person


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}...")


def _text(name: str) -> Callable[[str, Organisation], str]:
    def read(value: str, _: Organisation) -> str:
        if len(value) > LENGTH or not value.isprintable():
            raise BadField(f"{name}: at most {LENGTH} printable characters may stand here")
        return value

    return read


def _email(value: str, _: Organisation) -> str:
    if value and not (_EMAIL.fullmatch(value) and value.isprintable()):
        raise BadField(f"email: {_quoted(value)} is no e-mail address")
    return value


def _zone(value: str, _: Organisation) -> str:
    if value and not known_zone(value):
        raise BadField(f"zone: there is no time zone {_quoted(value)}; {ZONE_REMEDY}")
    return value


def _matching(name: str, pattern: re.Pattern[str], remedy: str) -> Callable[[str, Organisation], str]:
    def read(value: str, _: Organisation) -> str:
        if value and not pattern.fullmatch(value):
            raise BadField(f"{name}: {_quoted(value)} cannot stand here; {remedy}")
        return value

    return read


def _active(value: str, _: Organisation) -> bool:
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise BadField(f"active: {_quoted(value)} is neither yes nor no")


def _keywords(value: str, organisation: Organisation) -> dict[str, str]:
    """`d=dentist; x=lunch`, each reason one of the organisation's."""
    keywords: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in re.split(r"[;,\s]+(?=[^=;,]+=)|[;,]", value))):
        word, _, code = (side.strip() for side in part.partition("="))
        if code not in organisation.rules.reasons:
            raise BadField(f"keywords: {_quoted(code)} is no reason; write d=reason, with ; between several")
        try:
            keywords[checked(word)] = code
        except BadKeyword as error:
            raise BadField(f"keywords: {error}") from None
    return keywords


def _ring_through(value: str, _: Organisation) -> tuple[str, ...]:
    """`+46701234567; 2040`: spaces, dashes and brackets inside a number do not count."""
    numbers = dict.fromkeys(re.sub(r"[\s().-]", "", part) for part in re.split(r"[;,|]", value) if part.strip())
    for number in numbers:
        if not NUMBER.fullmatch(number):
            raise BadField(
                f"ring_through: {_quoted(number)} is no telephone number; write digits, + before them or not"
            )
    if len(numbers) > MOST_NUMBERS:
        raise BadField(f"ring_through: at most {MOST_NUMBERS} numbers may stand here")
    return tuple(numbers)


def _competences(value: str, _: Organisation) -> tuple[str, ...]:
    """`VAT | Annual accounts`: each once, whatever its case, as it was written first."""
    words: dict[str, str] = {}
    for word in filter(None, (" ".join(part.split()) for part in value.split("|"))):
        if len(word) > COMPETENCE_LENGTH or not word.isprintable():
            raise BadField(f"competences: {_quoted(word)} is not at most {COMPETENCE_LENGTH} printable characters")
        words.setdefault(word.casefold(), word)
    if len(words) > MOST_COMPETENCES:
        raise BadField(f"competences: at most {MOST_COMPETENCES} may stand here, with | between them")
    return tuple(words.values())


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
    "deputy": _matching("deputy", EXTENSION, "write a colleague's extension"),
    "ring_through": _ring_through,
    "competences": _competences,
}
