"""Whom rows mean."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Connection, Organisation, Person
from backsoon.engine.matching import Matched, match, same_name
from backsoon.engine.roster import FIELDS, Row

ACME = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS), "Europe/Oslo")
ANNA = Person("acme", "101", "Anna Berg", "anna@example.com", keywords={"z": "lunch"}, department="Sales", id=1)
BO = Person("acme", "102", "Bo Ek", "bo@example.com", id=2)
CARL = Person("acme", "103", "Carl Dahl", id=3)
PRESENT = [ANNA, BO, CARL]


def matched(*rows: dict[str, str], present: list[Person] | None = None) -> Matched:
    return match([Row(n, values) for n, values in enumerate(rows, 2)], ACME, present or PRESENT)


def row(extension: str, name: str = "", email: str | None = None, **more: str) -> dict[str, str]:
    values = {"extension": extension, **({"name": name} if name else {}), **more}
    return values if email is None else {**values, "email": email}


SAME = "same"
NEW = "new"
TABLE = {
    "nothing changes": (row("101", "Anna Berg", "anna@example.com"), ANNA, []),
    "the address in other letters": (row("101", "Anna Berg", "ANNA@example.COM"), ANNA, []),
    "a move": (row("900", "Anna Berg", "anna@example.com"), ANNA, []),
    "a new name": (row("101", "Anna Larsson", "anna@example.com"), ANNA, []),
    "a move with a new name": (row("900", "Anna Larsson", "anna@example.com"), ANNA, []),
    "a move to where somebody was": (row("102", "Anna Berg", "anna@example.com"), ANNA, [BO]),
    "a new address of the same name": (row("101", "Anna Berg", "ab@example.com"), ANNA, []),
    "the same name in another way": (row("101", "BERG, Änna", "ab@example.com"), ANNA, []),
    "an address for who had none": (row("103", "Carl Dahl", "carl@example.com"), CARL, []),
    "no address told": (row("101", "Anna Berg"), ANNA, []),
    "the address is cleared": (row("101", "Anna Berg", ""), ANNA, []),
    "no name told": (row("101", zone="Europe/Oslo"), ANNA, []),
    "no name and another address": (row("101", email="ab@example.com"), ANNA, []),
    "another name and another address": (row("101", "Eva Falk", "eva@example.com"), None, [ANNA]),
    "another name, an address where there was none": (row("103", "Eva Falk", "eva@example.com"), None, [CARL]),
    "another name and no address": (row("101", "Eva Falk"), None, [ANNA]),
    "another name and an empty address": (row("101", "Eva Falk", ""), None, [ANNA]),
    "neither has an address": (row("103", "Eva Falk"), None, [CARL]),
    "an extension that nobody had": (row("900", "Eva Falk", "eva@example.com"), None, []),
    "a name that somebody else has": (row("900", "Anna Berg"), None, []),
}


@pytest.mark.parametrize(("values", "means", "replaced"), TABLE.values(), ids=TABLE)
def test_whom_a_row_means(values: dict[str, str], means: Person | None, replaced: list[Person]) -> None:
    found = matched(values)
    (one,) = found.matches
    assert one.stored == means
    assert [r.person for r in found.replaced] == replaced
    assert found.gone == [p for p in PRESENT if p != means and p not in replaced]
    assert one.person.id == (means.id if means else 0)
    assert not found.rejected


def test_somebody_new_has_nothing_of_who_had_the_extension() -> None:
    (one,) = matched(row("101", "Eva Falk", "eva@example.com")).matches
    assert one.person == Person("acme", "101", "Eva Falk", "eva@example.com")


def test_somebody_is_renamed_who_has_no_address() -> None:
    values = row("103", "Carl Eriksson")
    (one,) = match([Row(2, values)], ACME, PRESENT, rename=True).matches
    assert one.person == replace(CARL, name="Carl Eriksson")
    assert matched(values).replaced


def test_people_swap_their_extensions() -> None:
    found = matched(row("102", "Anna Berg", ANNA.email), row("101", "Bo Ek", BO.email))
    assert [m.person for m in found.matches] == [replace(ANNA, extension="102"), replace(BO, extension="101")]
    assert not found.replaced


def test_people_swap_their_addresses() -> None:
    found = matched(row("101", email=BO.email), row("102", email=ANNA.email))
    assert [(m.person.id, m.person.extension) for m in found.matches] == [(BO.id, "101"), (ANNA.id, "102")]


def test_who_moved_is_no_longer_meant_by_their_extension() -> None:
    found = matched(row("101", "Anna Berg"), row("900", "Anna Berg", ANNA.email))
    assert [(m.stored, m.person.extension) for m in found.matches] == [(None, "101"), (ANNA, "900")]
    assert not found.replaced


def test_everybody_moves_on_by_one() -> None:
    present = [Person("acme", str(100 + n), f"P {n}", f"p{n}@example.com", id=n) for n in range(1, 200)]
    rows = [row(str(101 + p.id), p.name, p.email) for p in present]
    found = matched(*rows, present=present)
    assert [m.person.id for m in found.matches] == [p.id for p in present]
    assert not found.replaced
    broken = matched(*rows[:-1], {**rows[-1], "zone": "Nowhere"}, present=present)
    assert len(broken.rejected) == len(present)  # nobody may take the extension of whoever stays
    assert not broken.replaced
    assert not broken.gone


# -- rows that do not fit ----------------------------------------------------------------------------------------------


def test_a_row_that_does_not_fit_harms_no_other() -> None:
    found = matched(row("900", ""), row("109", "Good"))
    assert [m.row.number for m in found.matches] == [3]
    assert [r.number for r in found.rejected] == [2]


def test_who_is_meant_by_a_row_that_does_not_fit_stays_as_they_are() -> None:
    found = matched(row("101", "Anna Berg", ANNA.email, zone="Nowhere"), row("900", "Bo Ek", BO.email, zone="Nowhere"))
    assert not found.matches
    assert found.gone == [CARL]
    assert not found.replaced


def test_no_other_row_takes_their_extension() -> None:
    found = matched(row("900", "Anna Berg", ANNA.email, zone="Nowhere"), row("101", "Eva Falk", "eva@example.com"))
    assert not found.matches
    assert found.rejected[1].because == "extension 101 is still that of Anna Berg: row 2 does not fit"
    assert found.gone == [BO, CARL]


def test_of_two_rows_for_one_extension_the_first_counts() -> None:
    found = matched(row("a1", "X"), row("A1", "Y"))
    assert [m.person.name for m in found.matches] == ["X"]
    assert "row 2" in found.rejected[0].because


def test_of_two_rows_for_one_address_the_first_counts() -> None:
    found = matched(row("900", "Anna Berg", ANNA.email), row("101", "Anna Berg", ANNA.email.upper()))
    assert [m.person for m in found.matches] == [replace(ANNA, extension="900")]
    assert found.rejected[0].because == "the e-mail address stands in row 2 already"


def test_rows_that_nobody_can_tell_apart_are_counted() -> None:
    assert matched(row("1 2", "Who"), row("", "Who", BO.email), row("104", "X", zone="Nowhere")).nameless == 1


def test_a_calendar_that_does_not_fit_rejects_the_row() -> None:
    rows = [Row(2, row("101", "Eva Falk", "eva@example.com", connection="none"), "PJSIP/101")]
    found = match(rows, ACME, PRESENT, [Connection("acme", "dav", "caldav")])
    assert [(r.number, r.label) for r in found.rejected] == [(2, "PJSIP/101")]
    assert ANNA not in found.gone  # who had it stays, for it is not known whom the row means
    assert not found.replaced


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna Berg", "anna  berg ", True),
        ("Berg, Anna", "Anna Berg", True),
        ("Bjorn Akerlund", "Björn Åkerlund", True),
        ("Anna-Lena Berg", "Anna Lena Berg", True),
        ("Anna Berg", "Anna Bergh", False),
        ("Anna Berg", "Anna", False),
        ("李雷", "李雷", True),
        ("李雷", "韩梅", False),
    ],
)
def test_the_same_name(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same


# -- whatever there is -------------------------------------------------------------------------------------------------

_EXTENSIONS = st.sampled_from([str(n) for n in range(101, 107)])
_NAMES = st.sampled_from(["Anna Berg", "Bo Ek", "Carl Dahl", "Eva Falk"])
_EMAILS = st.sampled_from(["", *(f"{name}@example.com" for name in ("anna", "bo", "carl", "eva", "ANNA"))])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"extension": _EXTENSIONS},
        optional={"name": _NAMES, "email": _EMAILS, "zone": st.sampled_from(["", "Nowhere"]), "title": st.just("x")},
    ),
    max_size=7,
)


@st.composite
def _rosters(draw: st.DrawFn) -> list[Person]:
    extensions = draw(st.lists(_EXTENSIONS, unique=True, max_size=6))
    emails: list[str] = draw(st.lists(_EMAILS.map(str.lower), min_size=len(extensions), max_size=len(extensions)))
    people: list[Person] = []
    for number, (extension, email) in enumerate(zip(extensions, emails, strict=True), 1):
        own = "" if email in {p.email for p in people} else email
        people.append(Person("acme", extension, draw(_NAMES), own, title=f"secret {number}", id=number))
    return people


@given(_rosters(), _ROWS)
def test_everybody_is_in_one_place_and_nobody_inherits(present: list[Person], values: list[dict[str, str]]) -> None:
    rows = [Row(number, one) for number, one in enumerate(values)]
    found = match(rows, ACME, present)
    assert len(found.matches) + len(found.rejected) == len(rows)
    kept = {m.stored.id for m in found.matches if m.stored}
    out = {r.person.id for r in found.replaced}
    gone = {p.id for p in found.gone}
    assert len(kept) == sum(1 for m in found.matches if m.stored)
    assert not kept & (out | gone)
    assert not out & gone
    for one in found.matches:
        if one.stored is None:
            assert one.person == Person("acme", one.person.extension, one.person.name, one.person.email,
                                        title=one.row.values.get("title", ""))  # fmt: skip
            continue
        by_email = bool(one.row.email) and one.row.email.lower() == one.stored.email
        by_extension = one.row.extension == one.stored.extension
        assert by_email or (by_extension and one.row.values.get("name", "") in ("", one.stored.name))
    for replaced in found.replaced:
        assert replaced.row.extension == replaced.person.extension
    _storable(found, present, out)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=12), max_size=6), max_size=6))
def test_whatever_rows_hold_what_fits_can_be_stored(values: list[dict[str, str]]) -> None:
    found = match([Row(number, one) for number, one in enumerate(values)], ACME, PRESENT)
    assert len(found.matches) + len(found.rejected) == len(values)
    _storable(found, PRESENT, {r.person.id for r in found.replaced})


def _storable(found: Matched, present: list[Person], out: set[int]) -> None:
    """Extensions and addresses are each somebody's alone, also where nobody who is gone is taken out."""
    people = [m.person for m in found.matches]
    changed = {p.id for p in people} | out
    everybody = [*people, *(p for p in present if p.id not in changed)]
    for name in ("extension", "email"):
        told = [getattr(p, name).casefold() for p in everybody if getattr(p, name)]
        assert len(told) == len(set(told))
    assert all(p.name for p in people)


@given(_rosters(), _ROWS, st.randoms())
def test_the_order_of_rows_that_all_fit_does_not_matter(
    present: list[Person], values: list[dict[str, str]], random: object
) -> None:
    rows = [Row(number, one) for number, one in enumerate(values)]
    found = match(rows, ACME, present)
    if found.rejected:
        return
    random.shuffle(rows)  # type: ignore[attr-defined]
    again = match(rows, ACME, present)
    assert sorted((m.person.extension, m.person.id) for m in again.matches) == sorted(
        (m.person.extension, m.person.id) for m in found.matches
    )
    assert {r.person.id for r in again.replaced} == {r.person.id for r in found.replaced}
