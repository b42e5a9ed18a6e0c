"""How calls are answered, in the settings: read, refused where it could not be had, stored and compared."""

from __future__ import annotations

import pytest

from backsoon.domain.spoken import Choice, Voice
from backsoon.store.codec import decode_organisation, encode_organisation
from tests.unit.config.test_phone import faults, organisation

ALL = """
[organisation.voice]
voicemail = "acme"
attendant = "2000"
ring_anyway = true
no_key = "ring"
internal_hears_more = false
attendants = ["2000", "2001"]
ring_through = ["+46 (70) 123-45 67", "2040", "2040"]
emergency = ["112"]
emergency_minutes = 30
names = false
[organisation.voice.keys]
voicemail = "7"
ring = "0"
[organisation.reasons.dentist]
labels = { en = "At the dentist" }
spoken = { en = "is at the dentist" }
spoken_outside = { en = "is away" }
"""


def test_what_is_usual() -> None:
    assert organisation().voice == Voice()


def test_all_of_it_can_be_changed_and_is_stored() -> None:
    acme = organisation(ALL)
    assert acme.voice == Voice(
        "acme", "2000", True, Choice.RING,
        {Choice.VOICEMAIL: "7", Choice.ATTENDANT: "2", Choice.DEPUTY: "3", Choice.RING: "0"},
        False, ("2000", "2001"), ("+46701234567", "2040"), ("112",), 30, False,
    )  # fmt: skip
    dentist = acme.rules.reasons["dentist"]
    assert (dentist.spoken, dentist.spoken_outside) == ({"en": "is at the dentist"}, {"en": "is away"})
    assert decode_organisation(encode_organisation(acme)) == acme


def test_no_voicemail() -> None:
    assert organisation("[organisation.voice]\nvoicemail = false").voice.voicemail == ""


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('voicemail = "a b"', "voice.voicemail"),
        ('attendant = "${SHELL(id)}"', "voice.attendant"),
        ('attendants = "2000"', "voice.attendants"),
        ('attendants = ["2000&Local/9@x"]', "voice.attendants"),
        ('ring_through = ["2000", 5]', "voice.ring_through"),
        ('ring_through = ["+46,SHELL(id)"]', "voice.ring_through"),
        ("emergency_minutes = 0", "voice.emergency_minutes"),
        ('no_key = "dance"', "voice.no_key"),
        ('no_key = "attendant"', "voice.no_key"),
        ('no_key = "ring"', "voice.no_key"),
        ('no_key = "voicemail"\nvoicemail = false', "voice.no_key"),
        ('keys = { voicemail = "12" }', "voice.keys.voicemail"),
        ('keys = { voicemail = "2" }', "voice.keys.attendant"),
        ('keys = { hang_up = "9" }', "voice.keys.hang_up"),
        ('speech = "loud"', "voice.speech"),
    ],
)
def test_what_cannot_be_had_is_refused(line: str, where: str) -> None:
    (fault, *_) = faults(f"[organisation.voice]\n{line}")
    assert where in fault


def test_a_hyphen_is_a_part_of_an_extension_and_not_of_a_number() -> None:
    voice = organisation('[organisation.voice]\nattendants = ["front-desk"]\nring_through = ["070-111 22 33"]').voice
    assert (voice.attendants, voice.ring_through) == (("front-desk",), ("0701112233",))
