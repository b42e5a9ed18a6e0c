"""Who is whose: calendars that were shared, beside people."""

from backsoon.commands.discovering import Discovered
from backsoon.commands.proposing import Candidate, Proposal, propose, without
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.account import Shared

ANNA = Person("acme", "101", "Anna Berg", "anna@example.com", id=1)
ASA = Person("acme", "102", "Åsa Ek", "", id=2)
BO = Person("acme", "103", "Bo Ek", "bo@example.com", id=3)
EVERYBODY = [Candidate(ANNA), Candidate(ASA), Candidate(BO, ("b.ek@corp.example.com",))]


def whose(*shared: Shared) -> list[tuple[str, str, str]]:
    return [(p.calendar.address, p.person.extension if p.person else "", p.by) for p in propose(shared, EVERYBODY)]


def test_by_the_mailbox_that_is_read_then_by_e_mail_in_any_case() -> None:
    assert whose(Shared("B.Ek@corp.example.com"), Shared("Anna@Example.com")) == [
        ("Anna@Example.com", "101", "e-mail"),
        ("B.Ek@corp.example.com", "103", "read"),
    ]


def test_then_by_name_which_is_a_guess() -> None:
    (found,) = propose([Shared("c_1@group.calendar.google.com", name="Ek, Asa")], EVERYBODY)
    assert (found.person, found.by, found.guess) == (ASA, "name", True)
    assert whose(Shared("anna.berg@other.example.com")) == [("anna.berg@other.example.com", "101", "name")]


def test_an_address_goes_before_a_name() -> None:
    shared = (Shared("rota@group.calendar.google.com", name="Anna Berg"), Shared("anna@example.com"))
    assert whose(*shared) == [("anna@example.com", "101", "e-mail"), ("rota@group.calendar.google.com", "", "")]


def test_a_name_that_two_have_proposes_nobody() -> None:
    twins = [Candidate(Person("acme", str(n), "Bo Ek", id=n)) for n in (7, 8)]
    (found,) = propose([Shared("x@y", name="Bo Ek")], twins)
    assert (found.person, found.by) == (None, "")


def test_whose_calendar_is_missing() -> None:
    proposals = propose([Shared("anna@example.com")], EVERYBODY)
    assert list(without(proposals, EVERYBODY)) == [ASA, BO]


def test_rows_for_those_only_who_are_not_read_already() -> None:
    read, mail, nobody = (Proposal(Shared("a@b"), p, by) for p, by in ((BO, "read"), (ANNA, "e-mail"), (None, "")))
    assert mail.row == {"extension": "101", "calendar": "a@b"}
    assert (read.row, nobody.row) == (None, None)


def test_as_json() -> None:
    proposals = propose([Shared("anna@example.com", "freeBusyReader", details=False, name="Anna")], EVERYBODY)
    found = Discovered(Connection("acme", "google", "google"), proposals, [BO]).as_json()
    assert found == {
        "organisation": "acme",
        "connection": "google",
        "calendars": [
            {
                "address": "anna@example.com",
                "name": "Anna",
                "access": "freeBusyReader",
                "details": False,
                "person": {"extension": "101", "name": "Anna Berg", "email": "anna@example.com"},
                "by": "e-mail",
                "guess": False,
            }
        ],
        "without": [{"extension": "103", "name": "Bo Ek", "email": "bo@example.com"}],
    }
