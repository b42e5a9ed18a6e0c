"""One row of people, read field by field."""

from dataclasses import replace

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Organisation, Person
from backsoon.engine.roster import BadField, Row, person_of, read_row

ACME = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS), "Europe/Oslo")
ANNA = Person("acme", "101", "Anna", "anna@example.com", department="Sales", id=1)


def known(country: str) -> bool:
    return country != "XX"


def person(values: dict[str, str], now: Person | None = None) -> Person:
    return person_of(read_row(Row(2, values), ACME), ACME, now, known)


def test_a_new_person() -> None:
    carl = {
        "extension": "103",
        "name": " Carl ",
        "email": "carl@example.com",
        "zone": "Europe/Stockholm",
        "language": "sv-FI",
        "country": "DE-BY",
        "department": "R&D",
        "title": "Engineer",
        "keywords": "D=course; x = lunch",
        "active": "no",
        "deputy": "104",
        "ring_through": "+46 (70) 123-45 67; 2040, 2040",
        "competences": " VAT |Annual  accounts, yearly| vat || ",
    }
    assert person(carl) == Person(
        "acme", "103", "Carl", "carl@example.com", "Europe/Stockholm", "sv-FI", "DE-BY", None,
        {"d": "course", "x": "lunch"}, "R&D", "Engineer", False, 0, "104", ("+46701234567", "2040"),
        ("VAT", "Annual accounts, yearly"),
    )  # fmt: skip


def test_a_field_that_is_missing_stays_and_an_empty_one_is_cleared() -> None:
    assert person({"extension": "101", "name": "Anna Larsson", "email": ""}, ANNA) == replace(
        ANNA, name="Anna Larsson", email=""
    )


@pytest.mark.parametrize("written", ["", " "])
def test_who_was_switched_off_stays_off_where_nothing_is_written(written: str) -> None:
    off = replace(ANNA, active=False)
    assert person({"extension": "101", "active": written}, off) == off
    assert person({"extension": "101", "active": "yes"}, off) == ANNA
    assert person({"extension": "103", "name": "Carl", "active": written}).active


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({}, "extension"),
        ({"extension": "1 2", "name": "x"}, "extension"),
        ({"extension": "1" * 33, "name": "x"}, "extension"),
        ({"extension": "1\n", "name": ""}, "name: is missing"),
        ({"extension": "1", "name": "a\x1bb"}, "name: at most"),
        ({"extension": "1", "name": "x" * 201}, "name: at most"),
        ({"extension": "1", "name": "x", "email": "nobody"}, "email"),
        ({"extension": "1", "name": "x", "email": "a b@c"}, "email"),
        ({"extension": "1", "name": "x", "zone": "Oslo"}, "zone"),
        ({"extension": "1", "name": "x", "language": "Swedish, please"}, "language"),
        ({"extension": "1", "name": "x", "country": "Sweden"}, "country"),
        ({"extension": "1", "name": "x", "country": "XX"}, "public holidays"),
        ({"extension": "1", "name": "x", "active": "perhaps"}, "active"),
        ({"extension": "1", "name": "x", "keywords": "d=nothing"}, "keywords"),
        ({"extension": "1", "name": "x", "keywords": "re=meeting"}, "mail programs"),
        ({"extension": "1", "name": "x", "keywords": "meeting"}, "keywords"),
        ({"extension": "1", "name": "x", "deputy": "1&Local/9@x"}, "deputy"),
        ({"extension": "1", "name": "x", "ring_through": "family"}, "ring_through"),
        ({"extension": "1", "name": "x", "ring_through": ";".join(map(str, range(100, 111)))}, "at most 10"),
        ({"extension": "1", "name": "x", "competences": "a | " + "b" * 61}, "competences: .* at most 60"),
        ({"extension": "1", "name": "x", "competences": "a\u202eb"}, "printable"),
        ({"extension": "1", "name": "x", "competences": "|".join(map(str, range(31)))}, "at most 30"),
        ({"extension": "1", "name": "x", "phone": "1"}, "not a field"),
    ],
)
def test_a_row_that_does_not_fit_says_why(values: dict[str, str], because: str) -> None:
    with pytest.raises(BadField, match=because):
        person(values)


@pytest.mark.parametrize(
    "field", ["email", "zone", "language", "active", "deputy", "ring_through", "keywords", "competences"]
)
def test_what_is_long_is_not_repeated_whole(field: str) -> None:
    with pytest.raises(BadField) as refused:
        person({"extension": "1", "name": "x", field: "x=" + "9y" * 30_000})
    assert len(str(refused.value)) < 300
