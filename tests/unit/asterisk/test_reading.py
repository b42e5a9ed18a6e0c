"""What Asterisk holds of ours is read back as it was written, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import Phone
from backsoon.switchboards.asterisk.reading import read_lamp, read_plan
from backsoon.switchboards.asterisk.render import lamp_text, render
from backsoon.switchboards.base import Lamp, PlannedReferral, Presentation
from backsoon.switchboards.reading import Said, read_said

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
reasons = st.sampled_from(["meeting", "not_available", "lunch"])
texts = st.text("abc Åäö,~:;", min_size=1, max_size=60).map(lambda t: " ".join(t.split())).filter(bool)
numbers = st.sampled_from(["", "102", "+4681234"])
ends = st.none() | st.integers(1, 10**6).map(lambda s: NINE + timedelta(seconds=s))


@given(reasons, texts, st.sampled_from(Phone))
def test_a_lamp_comes_back(reason: str, text: str, phone: Phone) -> None:
    lamp = Lamp(reason, text, phone)
    assert read_lamp(lamp_text(lamp)) == lamp


@given(
    st.lists(
        st.builds(PlannedReferral, st.just(NINE), ends, ends, reasons, st.sampled_from(Phone), numbers), max_size=8
    )
)
def test_a_plan_comes_back(plan: list[PlannedReferral]) -> None:
    presented = Presentation("101", None, tuple(plan), "pt-BR", "Europe/Stockholm")
    said = read_said("asterisk", "", render(presented).plan)
    assert said == Said(None, tuple(plan))


@pytest.mark.parametrize(
    "lamp", ["", "INUSE", "INUSE ", "INUSE dnd,!!,eA==,e", "INUSE dnd,YQ==,/w==,e", "INUSE away,x,y", "NOT_INUSE ,,,"]
)
def test_what_was_not_written_by_us_is_no_lamp(lamp: str) -> None:
    assert read_lamp(lamp) is None


@pytest.mark.parametrize("plan", ["", "2~en~UTC~1:2:3:m:c:", "1", "1~en~UTC", "1~en~UTC~1:2:3", "nonsense"])
def test_what_was_not_written_by_us_is_no_plan(plan: str) -> None:
    assert read_plan(plan) == ()


def test_a_switchboard_whose_words_nobody_reads_is_quoted() -> None:
    assert read_said("other", "RED", "x") == Said(Lamp("", "RED"))
    assert read_said("other", "", "x") == Said()


@pytest.mark.parametrize("instant", ["99999999999999", "9" * 800, "253402300800"])
def test_an_instant_that_does_not_exist_is_left_out(instant: str) -> None:
    whole = "1:0:0:lunch:c:"
    for bad in (f"{instant}:0:0:m:c:", f"1:{instant}:0:m:c:", f"1:0:{instant}:m:c:"):
        assert [one.reason for one in read_plan(f"1~en~UTC~{bad}~{whole}")] == ["lunch"]
