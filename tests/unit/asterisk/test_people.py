"""Who is a person among an Asterisk's endpoints. What a real one tells is in tests/integration."""

import pytest

from backsoon.domain.listing import Listing
from backsoon.switchboards.asterisk.people import Endpoint, Mailbox, caller_name, listing


def endpoint(name: str, *mailboxes: str, caller: str = "", extension: str | None = None, **more: bool) -> Endpoint:
    flags = {"reached": True, "logs_in": True, "logs_in_elsewhere": False, **more}
    return Endpoint(name, name if extension is None else extension, caller=caller, mailboxes=mailboxes, **flags)


def told(found: Listing) -> dict[str, dict[str, str]]:
    return {one.label: {k: v for k, v in one.values.items() if k != "extension"} for one in found.people}


ANNA = Mailbox("1001", "default", "Anna Berg", "anna@example.com")
BO = Mailbox("77", "sales", "Bo Ek", "bo@example.com")


@pytest.mark.parametrize(
    ("caller_id", "name"),
    [
        ('"Anna Berg" <1001>', "Anna Berg"),
        ("Anna Berg <1001>", "Anna Berg"),
        ("Anna Berg", "Anna Berg"),
        ("<1001>", ""),
        ("<unknown>", ""),
        ("", ""),
        ('"" <1001>', ""),
        ('"O\'Neill, Pat" <1>', "O'Neill, Pat"),
    ],
)
def test_the_name_of_a_caller_id(caller_id: str, name: str) -> None:
    assert caller_name(caller_id) == name


def test_voicemail_names_people_and_the_caller_id_where_it_does_not() -> None:
    found = listing(
        [
            endpoint("1001", "1001@default", caller="Reception"),
            endpoint("1002", "77@sales"),
            endpoint("1003", caller="Carl Dahl"),
            endpoint("1004", "1004@default", caller="Dora Falk"),
            endpoint("1005"),
        ],
        [ANNA, BO, Mailbox("1004", "default", "", "dora@example.com")],
    )
    assert told(found) == {
        "1001": {"name": "Anna Berg", "email": "anna@example.com"},
        "1002": {"name": "Bo Ek", "email": "bo@example.com"},
        "1003": {"name": "Carl Dahl"},
        "1004": {"name": "Dora Falk", "email": "dora@example.com"},
        "1005": {},
    }
    assert not found.left_out
    assert not found.notes


def test_a_mailbox_without_a_context_and_one_that_nobody_named() -> None:
    assert told(listing([endpoint("1001")], [ANNA]))["1001"]["name"] == "Anna Berg"
    assert told(listing([endpoint("1002", "1001")], [ANNA]))["1002"]["name"] == "Anna Berg"
    assert told(listing([endpoint("77")], [BO])) == {"77": {}}  # in another context it may be somebody else's


@pytest.mark.parametrize(
    ("one", "because"),
    [
        (endpoint("trunk-a", extension=""), "no extension"),
        (endpoint("2000", logs_in=False, logs_in_elsewhere=True), "a trunk"),
        (endpoint("2001", reached=False, logs_in=False), "no address of record"),
    ],
)
def test_what_is_no_person_is_left_out_and_says_why(one: Endpoint, because: str) -> None:
    found = listing([one, endpoint("1001", caller="Anna")], [])
    assert [p.label for p in found.people] == ["1001"]
    (left,) = found.left_out
    assert left.label == one.name
    assert because in left.because


def test_a_telephone_that_logs_in_both_ways_is_a_telephone() -> None:
    assert listing([endpoint("1001", logs_in_elsewhere=True, caller="Anna")], []).people


def test_a_second_telephone_is_no_second_person() -> None:
    found = listing([endpoint("2001", "1001@default", caller="Anna"), endpoint("1001", "1001@default")], [ANNA])
    assert [p.label for p in found.people] == ["1001"]
    assert found.left_out[0].because == "has the mailbox 1001@default of 1001: another telephone"


def test_a_mailbox_of_several_is_nobodys() -> None:
    desk = Mailbox("9000", "default", "Service desk", "desk@example.com")
    several = [endpoint("1001", "9000@default", caller="Anna"), endpoint("1002", "9000@default", caller="Bo")]
    assert told(listing(several, [desk])) == {"1001": {"name": "Anna"}, "1002": {"name": "Bo"}}


def test_an_address_of_several_mailboxes_is_nobodys() -> None:
    boxes = [Mailbox(n, "default", f"P {n}", "Office@example.com") for n in ("1001", "1002")]
    found = listing([endpoint("1001"), endpoint("1002")], boxes)
    assert told(found) == {"1001": {"name": "P 1001"}, "1002": {"name": "P 1002"}}
    assert found.notes == ("office@example.com is the address of several mailboxes, so it is nobody's own",)


def test_without_voicemail_it_is_said() -> None:
    found = listing([endpoint("1001", "1001@default", caller="Anna")], None)
    assert told(found) == {"1001": {"name": "Anna"}}
    assert "voicemail is not loaded" in found.notes[0]
    assert found.blurred == found.notes  # so nobody's extension passes on by it unasked
