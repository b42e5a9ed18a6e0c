"""Star codes in the settings: read, refused where no telephone could send them, stored and compared."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.config import Config, ConfigError
from backsoon.config.differences import Settings, describe
from backsoon.config.load import parse
from backsoon.domain.model import Argument, Lifetime
from backsoon.domain.organisation import Organisation
from backsoon.domain.phonecodes import PhoneCodes, lifetime_of
from backsoon.store.codec import decode_organisation, encode_organisation

HEAD = '[organisation]\nname = "Acme"\nzone = "Europe/Stockholm"\n'


def read(text: str) -> Config:
    return parse(tomllib.loads(HEAD + text), Path("/settings/backsoon.toml"))


def organisation(text: str = "") -> Organisation:
    return read(text).organisations[0].organisation


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(text)
    return [str(problem) for problem in error.value.problems]


def test_what_is_usual() -> None:
    acme = organisation()
    assert acme.phone == PhoneCodes("*23*", "#23#", "*23#")
    assert lifetime_of(acme.rules.reasons["meeting"]) == (Lifetime.NEXT_WORKING_MORNING, 60)
    assert acme.rules.reasons["meeting"].lifetime is Lifetime.MINUTES


def test_all_of_it_can_be_changed() -> None:
    acme = organisation("""
        [organisation.phone]
        prefix = "*7"
        cancel = "*80"
        enquire = "*81"
        [organisation.reasons.meeting]
        digit = "11"
        argument = "date"
        phone_lifetime = "minutes"
        phone_minutes = 45
    """)
    assert acme.phone == PhoneCodes("*7", "*80", "*81")
    meeting = acme.rules.reasons["meeting"]
    assert (meeting.digit, meeting.argument, lifetime_of(meeting)) == ("11", Argument.DATE, (Lifetime.MINUTES, 45))


@pytest.mark.parametrize("code", ["", "23", "*", "*23*1,2", "*2a", "*23*23*23", "_*23"])
@pytest.mark.parametrize("field", ["prefix", "cancel"])
def test_keys_that_no_telephone_has(field: str, code: str) -> None:
    (fault,) = faults(f'[organisation.phone]\n{field} = "{code}"')
    assert f"organisation.phone.{field}" in fault


@pytest.mark.parametrize(("prefix", "cancel"), [("*23*", "*23*0"), ("*230", "*23"), ("#23#", "#23#")])
def test_a_prefix_that_begins_as_the_cancel(prefix: str, cancel: str) -> None:
    (fault,) = faults(f'[organisation.phone]\nprefix = "{prefix}"\ncancel = "{cancel}"')
    assert "organisation.phone.cancel" in fault


def test_values_that_cannot_stand_there() -> None:
    found = "\n".join(
        faults("""
        [organisation.phone]
        cancle = "#23#"
        [organisation.reasons.meeting]
        argument = "either"
        phone_lifetime = "ever"
        phone_minutes = 0
    """)
    )
    for field in ("phone.cancle", "meeting.argument", "meeting.phone_lifetime", "meeting.phone_minutes"):
        assert field in found


def test_stored_as_they_are() -> None:
    acme = organisation("""
        [organisation.phone]
        prefix = "*7"
        [organisation.reasons.meeting]
        argument = "date"
        phone_minutes = 45
    """)
    assert decode_organisation(encode_organisation(acme)) == acme


def test_what_an_earlier_version_stored_has_the_usual_ones() -> None:
    stored = '{"id":"acme","name":"Acme","rules":{"keywords":{},"reasons":{"lunch":{"code":"lunch","labels":{}}}}}'
    acme = decode_organisation(stored)
    assert acme.phone == PhoneCodes()
    assert acme.rules.reasons["lunch"].argument is None


def test_what_differs_is_shown() -> None:
    before = organisation()
    after = replace(before, phone=PhoneCodes("*7", "#23#"))
    (difference,) = describe(Settings((before,)), Settings((after,)))
    assert str(difference) == "~ organisations.main.phone.prefix: *23* -> *7"


def test_what_asks_gives_way_to_a_prefix_that_takes_it() -> None:
    assert organisation('[organisation.phone]\nprefix = "*2"').phone == PhoneCodes("*2", "#23#", "")


@pytest.mark.parametrize("enquire", ["*23*1#", "#23#", "#23"])
def test_what_asks_must_not_do_something(enquire: str) -> None:
    assert "enquire" in " ".join(faults(f'[organisation.phone]\nenquire = "{enquire}"'))
