"""What is dialled, in words."""

from dataclasses import replace

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Argument, Lifetime, Reason, Rules
from backsoon.domain.organisation import Organisation
from backsoon.domain.phonecodes import PhoneCodes
from backsoon.domain.phonewords import _WORDS, phone_codes
from backsoon.domain.phrase import LANGUAGES


def organisation(*reasons: Reason, phone: PhoneCodes | None = None) -> Organisation:
    made = Organisation("acme", "Acme", Rules(KEYWORDS, {r.code: r for r in reasons} or REASONS))
    return made if phone is None else replace(made, phone=phone)


@pytest.mark.parametrize(
    ("minutes", "english", "swedish"),
    [
        (30, "Gone, for 30 minutes", "Borta, i 30 minuter"),
        (60, "Gone, for an hour", "Borta, i en timme"),
        (90, "Gone, for 90 minutes", "Borta, i 90 minuter"),
        (180, "Gone, for 3 hours", "Borta, i 3 timmar"),
    ],
)
def test_how_long_a_code_lasts_is_said(minutes: int, english: str, swedish: str) -> None:
    made = organisation(Reason("gone", {"en": "Gone", "sv": "Borta"}, digit="1", minutes=minutes))
    assert phone_codes(made, "en")[0].means == english
    assert phone_codes(made, "sv-SE")[0].means == swedish
    assert phone_codes(made, "fi")[0].means == english


def test_what_holds_on_the_telephone_is_said_not_what_holds_elsewhere() -> None:
    reason = Reason("gone", {"en": "Gone"}, digit="1", phone_lifetime=Lifetime.UNTIL_TAKEN_BACK)
    assert phone_codes(organisation(reason), "en")[0].means == "Gone, until you are back"
    reason = replace(reason, phone_lifetime=None, phone_minutes=20)
    assert phone_codes(organisation(reason), "en")[0].means == "Gone, for 20 minutes"


def test_codes_are_those_of_the_settings() -> None:
    phone = PhoneCodes(prefix="*71*", cancel="#71", enquire="")
    reason = Reason("gone", {"en": "Gone"}, digit="42", argument=Argument.DATE)
    other = Reason("never", {"en": "Never dialled"})
    found = phone_codes(organisation(reason, other, phone=phone), "en")
    assert [code.dial for code in found] == ["*71*42#", "*71*42*MMDD#", "#71"]
    assert [code.reason for code in found] == ["gone", "gone", ""]


def test_every_language_has_its_words() -> None:
    assert _WORDS.keys() == LANGUAGES.keys()
