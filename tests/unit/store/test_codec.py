"""How values are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.errors import NaiveTime
from backsoon.domain.hours import OFFICE
from backsoon.domain.model import AVAILABLE, Availability, EntryKey, Informing, Layer, Upcoming
from backsoon.domain.organisation import Person
from backsoon.store import codec
from backsoon.store.base import CalendarHealth, StoreError

INSTANTS = st.datetimes(timezones=st.just(UTC))
TEXT = st.text(max_size=20)
AVAILABILITIES = st.builds(
    Availability,
    st.none() | TEXT,
    st.sampled_from(Layer),
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    TEXT,
    TEXT,
    st.none() | st.builds(EntryKey, st.integers(0, 2**53), TEXT, TEXT),
    st.lists(st.builds(Informing, TEXT, INSTANTS, TEXT), max_size=2).map(tuple),
    st.none() | st.builds(Upcoming, INSTANTS, INSTANTS, TEXT, TEXT),
)


@given(INSTANTS)
def test_an_instant_comes_back(at: datetime) -> None:
    assert codec.instant(codec.micros(at)) == at
    assert codec.instant(codec.micros(at)).tzinfo is UTC


def test_another_zone_is_the_same_instant() -> None:
    at = datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert codec.micros(at.astimezone(timezone(timedelta(hours=5)))) == codec.micros(at) == 1_777_885_200_000_000


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(NaiveTime):
        codec.micros(datetime(2026, 5, 4))  # noqa: DTZ001


@given(AVAILABILITIES)
def test_an_availability_comes_back(availability: Availability) -> None:
    expected = codec.decode_availability(codec.encode_availability(availability))
    assert codec.decode_availability(codec.encode_availability(expected)) == expected
    if "\0" not in repr(availability).replace("\\x00", "\0"):
        assert expected == availability


def test_available_is_one_constant() -> None:
    assert codec.encode_availability(Availability()) == ""
    assert codec.decode_availability("") is AVAILABLE


def test_rows_are_short() -> None:
    stored = codec.encode_availability(Availability("lunch", Layer.OVERRIDE))
    assert msgspec.json.decode(stored) == {"reason": "lunch", "layer": "override"}


def test_fields_of_other_versions_are_passed_over() -> None:
    assert codec.decode_availability('{"reason":"lunch","mood":[1]}') == Availability("lunch")
    assert codec.decode_health('{"failures":2,"colour":"red"}') == CalendarHealth(failures=2)
    assert codec.decode_profile('{"zone":"UTC","shoe":44}').zone == "UTC"


@pytest.mark.parametrize("stored", ["{", '{"layer":"secret"}', '{"until":"2026-05-04T09:00:00"', "[]", '{"reason":5}'])
def test_what_cannot_be_read_is_said_without_quoting_it(stored: str) -> None:
    with pytest.raises(StoreError) as raised:
        codec.decode_availability(stored)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


@given(st.text(st.characters(), max_size=30))
def test_clean_text_is_encodable_and_stays_clean(text: str) -> None:
    cleaned = codec.clean(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert len(cleaned) == len(text)
    assert codec.clean(cleaned) == cleaned
    assert cleaned == text or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text)


@given(st.recursive(st.text(st.characters(), max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6))
def test_json_is_clean_all_through(value: object) -> None:
    decoded = msgspec.json.decode(codec.to_json({"key\0": value}))
    assert decoded == {"key\ufffd": _cleaned(value)}


def _cleaned(value: object) -> object:
    return [_cleaned(each) for each in value] if isinstance(value, list) else codec.clean(str(value))


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert msgspec.json.decode(codec.to_json("\\u0000")) == "\\u0000"


def test_a_profile_holds_what_has_no_column() -> None:
    person = Person("acme", "1", "Anna", zone="UTC", hours=OFFICE, keywords={"x": "lunch"}, title="Dr")
    profile = codec.decode_profile(codec.encode_profile(person))
    assert (profile.zone, profile.hours, profile.keywords, profile.title) == ("UTC", OFFICE, {"x": "lunch"}, "Dr")
    assert codec.encode_profile(Person("acme", "1", "Anna")) == "{}"


def test_a_pattern_takes_text_as_it_is() -> None:
    assert codec.pattern(" 50%_\\ ß ") == r"%50\%\_\\ ss%"
    assert len(codec.pattern("%" * 10**6)) == 202
