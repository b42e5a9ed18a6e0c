"""A lamp tells each audience what their row tells them, and no more."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.api.board import row_view
from backsoon.api.lamps import lamp_of, unconfirmed
from backsoon.domain.model import Availability, Informing, Layer, Upcoming
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience
from backsoon.engine.directory import Directory
from backsoon.store.base import Freshness
from tests.unit.engine.world import NINE, acme, at

ANNA = Person("acme", "101", "Anna", id=17)
REASONS = st.sampled_from(["meeting", "lunch", "sick", "gone from the settings"])
FRESH = st.builds(
    Freshness,
    st.integers(0, 2),
    st.one_of(st.none(), st.sampled_from([NINE, NINE - timedelta(minutes=30), NINE - timedelta(hours=2)])),
)


@st.composite
def availabilities(draw: st.DrawFn) -> Availability:
    """Any decision."""
    reason = draw(st.one_of(st.none(), REASONS))
    upcoming = draw(st.one_of(st.none(), st.builds(Upcoming, st.just(at(9, 30)), st.just(at(10)), REASONS)))
    informing = () if reason else tuple(draw(st.lists(st.builds(Informing, REASONS, st.just(at(10))), max_size=2)))
    layers = [Layer.OVERRIDE, Layer.CALENDAR] if reason else [Layer.OVERRIDE, Layer.NONE]
    layer = draw(st.sampled_from(layers))
    return Availability(reason, layer, at(10), at(10), informing=informing, upcoming=upcoming)


def told_by(row: dict[str, Any]) -> str:
    """The lamp as anybody would make it from what their row tells them."""
    shown = row["availability"]
    if shown["state"] == "referred":
        return "h" if shown["by_hand"] else "r"
    if row["unconfirmed"]:
        return "u"
    return "s" if shown["upcoming"] else "i" if shown["informing"] else "a"


@given(availabilities(), FRESH, st.sampled_from(Audience))
def test_a_lamp_says_what_the_row_says(availability: Availability, fresh: Freshness, audience: Audience) -> None:
    organisation = acme()
    directory = Directory(None, organisations={"acme": organisation})  # type: ignore[arg-type]
    row = row_view(ANNA, availability, fresh, NINE, directory, audience)
    doubtful = unconfirmed(fresh, NINE, organisation.rules.confirmed_within)
    assert lamp_of(availability, doubtful, audience) == row["lamp"] == told_by(row)


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (Audience.ATTENDANT, "hrusia"),
        (Audience.PERSON, "hrusia"),
        (Audience.ADMINISTRATOR, "hruaia"),
        (Audience.COLLEAGUE, "rruaia"),
        (Audience.CALLER, "rraaaa"),
    ],
)
def test_what_each_audience_is_shown(audience: Audience, expected: str) -> None:
    coming, inform = Upcoming(at(9, 30), at(10), "meeting"), (Informing("lunch", at(10)),)
    states = [
        (Availability("lunch", Layer.OVERRIDE), False),
        (Availability("meeting", Layer.CALENDAR, upcoming=coming), True),
        (Availability(upcoming=coming), True),
        (Availability(upcoming=coming), False),
        (Availability(informing=inform), False),
        (Availability(layer=Layer.OVERRIDE), False),
    ]
    assert "".join(lamp_of(availability, doubtful, audience) for availability, doubtful in states) == expected
