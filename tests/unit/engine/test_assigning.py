"""Which calendars rows and connections give to people."""

from dataclasses import replace

import pytest

from backsoon.domain.organisation import Calendar, Connection, Person
from backsoon.engine.assigning import Assignment, named_in, wanted
from backsoon.engine.roster import BadField, Row

ANNA = Person("acme", "101", "Anna", "anna@example.com", department="Sales", id=1)


def connection(name: str, kind: str = "caldav", **settings: object) -> Connection:
    return Connection("acme", name, kind, settings)


DAV = connection("dav", url="https://dav.example.com/{email}/", people="everybody", username="svc")
FEEDS = connection("feeds", "ics", people="named")
ROTA = connection("rota", "ics", url="https://rota.example.com/{extension}.ics", people="named")
ALL = [DAV, FEEDS, ROTA]
CLOUD = connection("cloud", "graph", url="http://127.0.0.1:1", mailbox="{email}", people="everybody")
ROOMS = connection("rooms", "ews", mailbox="{user}+x@rooms.example.com", people="named")


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


@pytest.mark.parametrize("address", ["/srv/a.ics", "file:///srv/a.ics", "https://x/a | /srv/../srv/a.ics"])
def test_files_are_named_by_whoever_may_name_files(address: str) -> None:
    row = Row(2, {"connection": "feeds", "calendar": address})
    assert named_in(row, ANNA, ALL)
    with pytest.raises(BadField, match="file of this machine"):
        named_in(row, ANNA, ALL, files=False)
    assert named_in(Row(2, {"connection": "feeds", "calendar": "https://x/a"}), ANNA, ALL, files=False)
    assert named_in(Row(2, {"connection": "cloud", "calendar": "a@example.com"}), ANNA, [CLOUD], files=False)


def test_everybody_has_the_mailbox_that_a_connection_finds_by_their_address() -> None:
    assert wanted(ANNA, [], [CLOUD, ROOMS]) == {("cloud", "")}
    assert wanted(replace(ANNA, email=""), [], [CLOUD]) == set(), "there is no mailbox without an address"
    named = ("cloud", "a.berg@example.com")
    assert wanted(ANNA, [named], [CLOUD]) == {named}


def test_an_address_that_the_connections_kind_has_no_use_for_is_let_go() -> None:
    assert wanted(ANNA, [("cloud", "https://dav.example.com/anna/")], [CLOUD]) == {("cloud", "")}
    assert wanted(ANNA, [("dav", "anna@example.com")], [DAV]) == {("dav", "")}


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ({"connection": "cloud"}, set()),
        ({"connection": "rooms"}, {("rooms", "anna+x@rooms.example.com")}),
        ({"connection": "cloud", "calendar": "A.Berg@example.com"}, {("cloud", "A.Berg@example.com")}),
        (
            {"connection": "cloud", "calendar": "a@example.com | c_1@group.calendar.google.com"},
            {("cloud", "a@example.com"), ("cloud", "c_1@group.calendar.google.com")},
        ),
    ],
)
def test_mailboxes_that_a_row_names(values: dict[str, str], places: set[tuple[str, str]]) -> None:
    assert named_in(Row(2, values), ANNA, [CLOUD, ROOMS]) == places


@pytest.mark.parametrize(
    "address", ["https://example.com/anna", "https://anna@example.com", "anna", "/srv/a.ics", "a@b@c"]
)
def test_what_is_no_mailbox(address: str) -> None:
    with pytest.raises(BadField, match=r"a mailbox's address, such as anna@example\.com"):
        named_in(Row(2, {"connection": "cloud", "calendar": address}), ANNA, [CLOUD])


def test_a_mailbox_by_address_needs_one() -> None:
    with pytest.raises(BadField, match="needs the person's e-mail address"):
        named_in(Row(2, {"connection": "rooms"}), replace(ANNA, email=""), [ROOMS])


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
