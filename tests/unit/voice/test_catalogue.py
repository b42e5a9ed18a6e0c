"""Which prompts an organisation has, and what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Reason, Rules
from backsoon.domain.organisation import Organisation
from backsoon.domain.spoken import Voice, name_key
from backsoon.voice.catalogue import catalogue
from backsoon.voice.language import FIXED, KEY, languages
from backsoon.voice.safe import safe
from tests.unit.voice.made_up import write_language


def organisation(*reasons: Reason, names: bool = True) -> Organisation:
    own = {reason.code: reason for reason in reasons}
    return Organisation("acme", "Acme", Rules(KEYWORDS, {**REASONS, **own}), voice=Voice(names=names))


def texts(whose: Organisation, tag: str = "en", *names: str) -> dict[str, str]:
    return catalogue(whose, languages()[tag], names)


@pytest.mark.parametrize("tag", ["en", "sv"])
def test_everything_has_a_prompt(tag: str) -> None:
    made = texts(organisation(), tag, "Anna Berg")
    assert made.keys() >= FIXED
    assert made.keys() >= {f"{kind}/{code}" for code in ("meeting", "not_available") for kind in ("reason", "outside")}
    assert made.keys() >= {f"own/{code}" for code in REASONS}
    assert {key.split("/")[0] for key in made} >= {"weekday", "day", "month", "hour", "minute", "oclock", "press"}
    assert all(KEY.fullmatch(key) for key in made)
    assert all(text == safe(text) for text in made.values())


def test_names_are_called_by_their_key() -> None:
    made = texts(organisation(), "en", "Anna Berg", "<speak>Bo</speak>", "???")
    assert made[f"name/{name_key('Anna Berg')}"] == "Anna Berg"
    assert made[f"name/{name_key('<speak>Bo</speak>')}"] == "speak Bo speak"
    assert f"name/{name_key('???')}" not in made


def test_names_may_be_left_out() -> None:
    assert not [key for key in texts(organisation(names=False), "en", "Anna Berg") if key.startswith("name/")]


def test_the_usual_reasons_have_clauses() -> None:
    english, swedish = texts(organisation()), texts(organisation(), "sv")
    assert english["reason/meeting"] == english["outside/meeting"] == "is in a meeting"
    assert english["own/meeting"] == "you are in a meeting"
    assert swedish["reason/meeting"] == "är i ett möte"


def test_sensitive_reasons_are_told_to_the_person_alone() -> None:
    course = replace(REASONS["course"], sensitive=True)
    made = texts(organisation(course))
    for code in ("sick", "parental_leave", "course"):
        assert f"reason/{code}" not in made
        assert f"outside/{code}" not in made
        assert f"own/{code}" in made
    told = " ".join(text for key, text in made.items() if not key.startswith("own/"))
    assert not any(word in told for word in ("sick", "parental", "course"))
    assert made["own/sick"] == "you are off sick"


def test_the_neutral_reason_is_always_told() -> None:
    sensitive = replace(REASONS["not_available"], sensitive=True)
    for whose in (organisation(sensitive), replace(organisation(), rules=Rules({}, {}))):
        made = texts(whose)
        assert made["reason/not_available"] == made["outside/not_available"] == "is not available"


def test_a_reason_of_its_own_is_said_by_its_label() -> None:
    made = texts(organisation(Reason("fire", {"en": "Fire drill", "sv": "Brandövning"})))
    assert made["reason/fire"] == made["outside/fire"] == "is away, Fire drill,"
    assert made["own/fire"] == "you are away, Fire drill,"
    assert texts(organisation(Reason("fire", {"sv": "Brandövning"})))["reason/fire"] == "is away, Brandövning,"
    assert texts(organisation(Reason("fire_drill", {})))["reason/fire_drill"] == "is away, fire drill,"


def test_a_usual_reason_with_another_label_is_said_by_it() -> None:
    renamed = replace(REASONS["meeting"], labels={"en": "With a client", "sv": "I möte"})
    assert texts(organisation(renamed))["reason/meeting"] == "is away, With a client,"
    assert texts(organisation(renamed), "sv")["reason/meeting"] == "är i ett möte"


def test_outsiders_hear_the_words_for_outsiders() -> None:
    reason = replace(REASONS["lunch"], outside={"en": "Not at the desk"})
    made = texts(organisation(reason))
    assert made["outside/lunch"] == "is away, Not at the desk,"
    assert made["reason/lunch"] == "is at lunch"
    assert made["own/lunch"] == "you are at lunch"
    assert texts(organisation(reason), "sv")["outside/lunch"] == "är på lunch"


def test_a_dialect_serves_where_its_language_has_no_word() -> None:
    assert texts(organisation(Reason("fire", {"en-GB": "Drill", "de": "x"})))["reason/fire"] == "is away, Drill,"


def test_labels_hold_no_commands() -> None:
    made = texts(organisation(Reason("fire", {"en": "<speak>{label} $(id) [[x]]"})))
    assert made["reason/fire"] == "is away, speak label id x,"


def test_a_reason_takes_no_phrase_away() -> None:
    made = texts(organisation(Reason("done", {"en": "x"}), Reason("available", {"en": "y"})))
    assert made["own/done"] == "that is done"
    assert made["own/available"] == "you are available"


def test_a_language_that_was_made_up(tmp_path: Path) -> None:
    made = catalogue(organisation(), languages(write_language(tmp_path))["xx"], ["Anna Berg"])
    assert made["reason/meeting"] == "lo meeting"
    assert made["past"] == "la"
    assert made[f"name/{name_key('Anna Berg')}"] == "Anna Berg"


def test_what_the_settings_say_is_said() -> None:
    dentist = Reason(
        "dentist",
        {"en": "At the dentist", "sv": "Hos tandläkaren"},
        outside={"sv": "Borta"},
        spoken={"en": "is at the dentist", "sv-FI": "är hos tandläkaren"},
        spoken_outside={"en": "is away"},
    )
    english, swedish = texts(organisation(dentist)), texts(organisation(dentist), "sv")
    assert (english["reason/dentist"], english["outside/dentist"]) == ("is at the dentist", "is away")
    assert swedish["reason/dentist"] == "är hos tandläkaren"
    assert "Borta" in swedish["outside/dentist"]
    assert "tandläkaren" not in swedish["outside/dentist"]


def test_what_is_said_inside_is_said_outside_where_nothing_else_is_written() -> None:
    dentist = Reason("dentist", {"en": "At the dentist"}, spoken={"en": "is at the ${SHELL(id)} dentist"})
    made = texts(organisation(dentist))
    assert made["outside/dentist"] == made["reason/dentist"] == safe("is at the ${SHELL(id)} dentist")
