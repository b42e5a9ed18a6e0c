"""A presentation as JSON, and what a message makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import Phone
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Lamp,
    Order,
    PlannedReferral,
    Presentation,
    Rendered,
    SwitchboardError,
)
from backsoon.switchboards.reading import Said, read_said
from backsoon.switchboards.webhook.message import message_of
from backsoon.switchboards.webhook.render import MOST_COMING, TEXT, render, told
from backsoon.switchboards.webhook.settings import WebhookSettings
from tests.webhook_receiver import presented

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
SETTINGS = WebhookSettings("acme", "desk", "https://x.example/hook", "env:SECRET")
MEETING = PlannedReferral(NINE, NINE + timedelta(hours=1), NINE + timedelta(hours=2), "meeting", divert_to="1003")
LATER = PlannedReferral(NINE + timedelta(hours=5), None, None, "not_available")
WHO = Presentation("1001", name="Anna Berg", email="anna@acme.example", language="sv", zone="Europe/Stockholm")
ANNA = Presentation(
    "1001", Lamp("meeting", "In a meeting, back 11:00"), (MEETING, LATER), "sv", WHO.zone, WHO.name, WHO.email
)


def message(before: Rendered, after: Rendered) -> dict[str, object]:
    body = message_of(SETTINGS, Order("1001", before, after), 7, NINE.replace(microsecond=5)).body
    said = json.loads(body)
    assert isinstance(said, dict)
    return said


def test_the_whole_message() -> None:
    assert message(NOTHING, render(ANNA)) == {
        "type": "person.availability",
        "timestamp": "2027-03-01T09:00:00Z",
        "data": {
            "switchboard": "desk",
            "organisation": "acme",
            "extension": "1001",
            "name": "Anna Berg",
            "email": "anna@acme.example",
            "language": "sv",
            "zone": "Europe/Stockholm",
            "version": 7,
            "state": "referred",
            "reason": "meeting",
            "text": "In a meeting, back 11:00",
            "told_callers": "meeting",
            "divert_to": "1003",
            "since": "2027-03-01T09:00:00Z",
            "until": "2027-03-01T10:00:00Z",
            "back_at": "2027-03-01T11:00:00Z",
            "coming": [
                {
                    "start": "2027-03-01T14:00:00Z",
                    "end": None,
                    "back_at": None,
                    "state": "referred",
                    "told_callers": "not_available",
                    "divert_to": "",
                }
            ],
        },
    }


def test_whoever_is_available_again_is_still_somebody() -> None:
    data = message(render(ANNA), NOTHING)["data"]
    assert isinstance(data, dict)
    assert (data["state"], data["name"], data["email"], data["coming"]) == ("available", WHO.name, WHO.email, [])
    assert presented(data) == WHO


@pytest.mark.parametrize("before", [NOTHING, Rendered("unknown", "unknown"), Rendered("[]", ""), Rendered("", "{}")])
def test_what_was_told_before_may_be_anything(before: Rendered) -> None:
    data = message(before, NOTHING)["data"]
    assert isinstance(data, dict)
    assert (data["state"], data["name"], data["version"]) == ("available", "", 7)


def test_inform_only_keeps_the_phone_ringing() -> None:
    informed = render(Presentation("1001", Lamp("lunch", "Lunch", Phone.OPEN), (), name="Anna"))
    data = message(NOTHING, informed)["data"]
    assert isinstance(data, dict)
    assert (data["state"], data["reason"], data["since"], data["told_callers"]) == ("informing", "lunch", None, "")


def test_what_comes_is_told_of_whoever_is_available() -> None:
    data = message(NOTHING, render(Presentation("1001", None, (MEETING, LATER), name="Anna")))["data"]
    assert isinstance(data, dict)
    assert (data["state"], data["name"]) == ("available", "Anna")
    assert [stretch["start"] for stretch in data["coming"]] == ["2027-03-01T09:00:00Z", "2027-03-01T14:00:00Z"]


def test_no_more_is_told_than_fits() -> None:
    many = tuple(PlannedReferral(NINE, None, None, "meeting") for _ in range(MOST_COMING + 5))
    rendered = render(Presentation("1001", Lamp("meeting", "x" * 100_000), many, name="n" * 5000))
    plan = told(rendered).plan
    assert plan is not None
    assert len(plan.parts) == MOST_COMING
    assert len(rendered.lamp) < TEXT + 400


@pytest.mark.parametrize("words", [Rendered("x", ""), Rendered("", "[1]"), Rendered('{"email": 1}', "")])
def test_words_of_another_version_are_not_read(words: Rendered) -> None:
    with pytest.raises(SwitchboardError):
        told(words)


def test_what_was_told_is_read_back_for_explaining() -> None:
    rendered = render(ANNA)
    assert read_said("webhook", rendered.lamp, rendered.plan) == Said(ANNA.lamp, ANNA.plan)
    assert read_said("webhook", "", "") == Said()
    assert read_said("webhook", "of another version", "") == Said(Lamp("", "of another version"))


HOSTILE = st.one_of(
    st.text(max_size=50),
    st.text(alphabet=st.sampled_from('\r\n\0\x1b\x7f\x85\u2028\u202e\u2066\ufeff\ud800{}"\\/<>$('), max_size=20),
)
INSTANTS = st.datetimes(
    NINE.replace(year=2020, tzinfo=None),
    NINE.replace(year=2040, tzinfo=None),
    timezones=st.just(timezone(timedelta(hours=5))),
).map(lambda at: at.replace(microsecond=0))


@st.composite
def presentations(draw: st.DrawFn) -> Presentation:
    phones = st.sampled_from(Phone)
    stretch = st.builds(PlannedReferral, INSTANTS, st.none() | INSTANTS, st.none() | INSTANTS, HOSTILE, phones, HOSTILE)
    plan = tuple(draw(st.lists(stretch, max_size=4)))
    phone = plan[0].phone if plan else draw(phones)  # the lamp is that of the present stretch
    lamp = draw(st.none() | st.builds(Lamp, HOSTILE, HOSTILE, st.just(phone)))
    language, zone, name, email = (draw(HOSTILE) for _ in range(4))
    return Presentation("1001", lamp, plan, language, zone, name, email)


@given(presentations())
def test_any_text_is_only_text_and_nothing_else_is_lost(one: Presentation) -> None:
    """A message, read as documented and rendered again, is what was rendered."""
    rendered = render(one)
    said = message_of(SETTINGS, Order("1001", NOTHING, rendered), 1, NINE).body.decode()
    assert render(presented(json.loads(said)["data"])) == rendered
    for text in (rendered.lamp, rendered.plan, said):
        assert not any(c in text for c in "\r\n\0\x1b\x7f\x85\u2028\u202e\u2066\ufeff")
    for stretch in json.loads(said)["data"]["coming"]:
        assert not stretch["divert_to"] or EXTENSION.fullmatch(stretch["divert_to"])
