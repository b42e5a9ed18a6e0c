"""People by rows: what fits and what does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person
from backsoon.engine.assigning import Assignment, named_in, wanted
from backsoon.engine.roster import FIELDS, BadField, Row, fit

ACME = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS), "Europe/Oslo")
ANNA = Person("acme", "101", "Anna", "anna@example.com", department="Sales", id=1)
BO = Person("acme", "102", "Bo", "bo@example.com", id=2)


def row(number: int = 2, **values: str) -> Row:
    return Row(number, values)


def test_a_new_person() -> None:
    fitted = fit(
        [
            row(
                extension="103",
                name="Carl",
                email="carl@example.com",
                zone="Europe/Stockholm",
                language="sv-FI",
                country="DE-BY",
                department="R&D",
                title="Engineer",
                keywords="D=course; x = lunch",
                active="no",
            )
        ],
        ACME,
        [],
    )
    assert not fitted.rejected
    (carl,) = [person for _, person in fitted.people]
    assert carl == Person(
        "acme", "103", "Carl", "carl@example.com", "Europe/Stockholm", "sv-FI", "DE-BY", None,
        {"d": "course", "x": "lunch"}, "R&D", "Engineer", False,
    )  # fmt: skip


def test_a_field_that_is_missing_stays_and_an_empty_one_is_cleared() -> None:
    fitted = fit([row(extension="101", name="Anna Larsson", email="")], ACME, [ANNA, BO])
    assert [p for _, p in fitted.people] == [replace(ANNA, name="Anna Larsson", email="")]


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
        ({"extension": "1", "name": "x", "phone": "1"}, "not a field"),
        ({"extension": "1", "name": "x", "email": "ANNA@example.com"}, "that of extension 101"),
    ],
)
def test_a_row_that_does_not_fit_says_why_and_harms_no_other(values: dict[str, str], because: str) -> None:
    good = row(9, extension="109", name="Good")
    fitted = fit([Row(7, values), good], ACME, [ANNA, BO], lambda country: country != "XX")
    assert [r for r, _ in fitted.people] == [good]
    (rejected,) = fitted.rejected
    assert rejected.number == 7
    assert because in rejected.because


def test_of_two_rows_for_one_extension_the_first_counts() -> None:
    fitted = fit([row(2, extension="a1", name="X"), row(3, extension="A1", name="Y")], ACME, [])
    assert [p.name for _, p in fitted.people] == ["X"]
    assert "row 2" in fitted.rejected[0].because


def test_people_may_swap_addresses_in_one_file() -> None:
    rows = [row(2, extension="101", email=BO.email), row(3, extension="102", email=ANNA.email)]
    fitted = fit(rows, ACME, [ANNA, BO])
    assert [p.email for _, p in fitted.people] == [BO.email, ANNA.email]


def test_who_is_left_out_keeps_an_address_that_another_row_counted_on() -> None:
    carl = Person("acme", "103", "Carl", "carl@example.com", id=3)
    rows = [
        row(2, extension="101", email=BO.email),
        row(3, extension="102", email=carl.email),  # Carl keeps it: this row is left out, and so is the one before
    ]
    fitted = fit(rows, ACME, [ANNA, BO, carl])
    assert not fitted.people
    assert [r.number for r in fitted.rejected] == [2, 3]


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=12), max_size=6), max_size=6))
def test_whatever_rows_hold_what_fits_can_be_stored(values: list[dict[str, str]]) -> None:
    rows = [Row(number, one) for number, one in enumerate(values)]
    fitted = fit(rows, ACME, [ANNA, BO])
    assert len(fitted.people) + len(fitted.rejected) == len(rows)
    kept = [p for _, p in fitted.people]
    everybody = [*kept, *(p for p in (ANNA, BO) if p.id not in {k.id for k in kept})]
    for name in ("extension", "email"):
        told = [getattr(p, name).casefold() for p in everybody if getattr(p, name)]
        assert len(told) == len(set(told))
    assert all(p.name for p in kept)


# -- calendars ---------------------------------------------------------------------------------------------------------


def connection(name: str, kind: str = "caldav", **settings: object) -> Connection:
    return Connection("acme", name, kind, settings)


DAV = connection("dav", url="https://dav.example.com/{email}/", people="everybody", username="svc")
FEEDS = connection("feeds", "ics", people="named")
ROTA = connection("rota", "ics", url="https://rota.example.com/{extension}.ics", people="named")
ALL = [DAV, FEEDS, ROTA]


def test_everybody_has_the_calendars_of_connections_that_read_everybody() -> None:
    assert wanted(ANNA, [], ALL) == {("dav", "")}
    assert wanted(replace(ANNA, email=""), [], ALL) == set()
    assert wanted(ANNA, [("feeds", "/a.ics")], ALL) == {("dav", ""), ("feeds", "/a.ics")}
    named = ("dav", "https://dav.example.com/shared/")
    assert wanted(ANNA, [named], ALL) == {named}
    assert wanted(ANNA, [("gone", "https://x/")], ALL) == {("dav", "")}


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ({}, None),
        ({"calendar": "", "connection": ""}, set()),
        ({"connection": "dav"}, set()),
        ({"connection": "rota"}, {("rota", "https://rota.example.com/101.ics")}),
        ({"connection": "feeds", "calendar": "/srv/a.ics"}, {("feeds", "/srv/a.ics")}),
        (
            {"connection": "feeds", "calendar": "webcal://x/a | https://y/b"},
            {("feeds", "webcal://x/a"), ("feeds", "https://y/b")},
        ),
        ({"connection": "dav", "calendar": "shared/a/"}, {("dav", "https://dav.example.com/shared/a/")}),
        ({"connection": "dav", "calendar": "/etc/../a/"}, {("dav", "https://dav.example.com/a/")}),
    ],
)
def test_calendars_that_a_row_names(values: dict[str, str], places: set[tuple[str, str]] | None) -> None:
    assert named_in(Row(2, values), ANNA, ALL) == places


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({"calendar": "https://x/"}, "say at which one"),
        ({"connection": "none"}, "there is no 'none'"),
        ({"connection": "feeds"}, "each person needs one"),
        ({"connection": "feeds", "calendar": "a.ics"}, "absolute path"),
        ({"connection": "dav", "calendar": "https://evil.example.com/anna/"}, "another server"),
        ({"connection": "dav", "calendar": "http://dav.example.com/anna/"}, "another server"),
        ({"connection": "dav", "calendar": "https://dav.example.com:444/anna/"}, "another server"),
        ({"connection": "dav", "calendar": "//evil.example.com/anna/"}, "another server"),
    ],
)
def test_calendars_that_do_not_fit(values: dict[str, str], because: str) -> None:
    with pytest.raises(BadField, match=because):
        named_in(Row(2, values), ANNA, ALL)


def test_a_calendar_that_moves_keeps_its_id_and_with_it_its_referrals() -> None:
    present = [Calendar(1, "acme", "dav", "", 11), Calendar(1, "acme", "feeds", "/a.ics", 12)]
    assignment = Assignment()
    assignment.add(ANNA, present, {("dav", "https://dav.example.com/b/"), ("rota", "https://r/1.ics")})
    assert assignment.save == [
        Calendar(1, "acme", "dav", "https://dav.example.com/b/", 11),
        Calendar(1, "acme", "rota", "https://r/1.ics"),
    ]
    assert assignment.remove == [12]
