"""Plans and lamps as text: bounded, comparable, and made of nothing that a dialplan takes apart."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.model import Phone
from backsoon.switchboards.asterisk.reading import read_plan
from backsoon.switchboards.asterisk.render import (
    PLAN_BYTES,
    TEXT_BYTES,
    is_ours,
    lamp_text,
    plan_text,
    render,
    split_lamp,
)
from backsoon.switchboards.base import NOTHING, Lamp, PlannedReferral, Presentation
from backsoon.wire.ami import encode

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
EPOCH = int(NINE.timestamp())
HOUR = timedelta(hours=1)
PLAIN = PlannedReferral(NINE, NINE + HOUR, NINE + 2 * HOUR, "meeting")

anything = st.text(max_size=300)
instants = st.datetimes(min_value=datetime(1901, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
referrals = st.builds(
    PlannedReferral,
    instants,
    st.none() | instants,
    st.none() | instants,
    anything | st.just("meeting"),
    st.sampled_from(Phone),
    anything | st.from_regex(r"[0-9A-Za-z_.+-]{1,32}", fullmatch=True),
)
presentations = st.builds(
    Presentation,
    st.just("1001"),
    st.none() | st.builds(Lamp, anything, anything, st.sampled_from(Phone)),
    st.lists(referrals, max_size=30).map(tuple),
    anything,
    anything,
)


class TestPlan:
    def test_one_meeting(self) -> None:
        text = plan_text(Presentation("1001", None, (PLAIN,), "sv", "Europe/Stockholm"))
        assert text == f"1~sv~Europe/Stockholm~{EPOCH}:{EPOCH + 3600}:{EPOCH + 7200}:meeting:c:"

    def test_open_diverting_and_until_further_notice(self) -> None:
        one = PlannedReferral(NINE, None, None, "sick", Phone.OPEN, "+46.8-1_2")
        assert plan_text(Presentation("1", None, (one,))) == f"1~en~UTC~{EPOCH}:0:0:sick:o:+46.8-1_2"

    def test_nothing(self) -> None:
        assert plan_text(Presentation("1001", None, (), "sv", "Europe/Stockholm")) == ""

    def test_as_many_as_fit_in_order_of_time(self) -> None:
        many = tuple(
            PlannedReferral(NINE + n * HOUR, NINE + n * HOUR + HOUR, None, "holiday", Phone.CLOSED, str(n))
            for n in range(100)
        )
        text = plan_text(Presentation("1001", None, many, "sv", "Europe/Stockholm"))
        kept = text.split("~")[3:]
        assert PLAN_BYTES - 60 < len(text) <= PLAN_BYTES
        assert [one.rpartition(":")[2] for one in kept] == [str(n) for n in range(len(kept))]

    def test_eight_of_the_longest(self) -> None:
        one = PlannedReferral(NINE, NINE + HOUR, NINE + HOUR, "r" * 32, Phone.CLOSED, "9" * 32)
        text = plan_text(Presentation("1001", None, (one,) * 8, "-".join(["a" * 8] * 4), "z" * 40))
        assert text.count("~") == 2 + 8

    def test_what_was_set_by_hand_says_so(self) -> None:
        by_hand = replace(PLAIN, by_hand=True)
        text = plan_text(Presentation("1001", None, (by_hand, PLAIN)))
        first, second = text.split("~")[3:]
        assert first == f"{second}:h"
        assert read_plan(text) == (by_hand, PLAIN)

    def test_an_instant_before_1970_is_long_ago_and_not_unknown(self) -> None:
        one = PlannedReferral(datetime(1969, 1, 1, tzinfo=UTC), NINE, NINE, "holiday")
        assert plan_text(Presentation("1001", None, (one,))).startswith("1~en~UTC~1:")

    @pytest.mark.parametrize(
        ("tag", "folder"),
        [("sv", "sv"), ("pt-BR", "pt_BR"), ("", "en"), ("../x", "en"), ("a,b", "en"), ("x" * 99, "en")],
    )
    def test_languages(self, tag: str, folder: str) -> None:
        assert plan_text(Presentation("1001", None, (PLAIN,), tag)).split("~")[1] == folder

    @pytest.mark.parametrize("zone", ["Etc/GMT+5", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"])
    def test_zones(self, zone: str) -> None:
        assert plan_text(Presentation("1001", None, (PLAIN,), "en", zone)).split("~")[2] == zone

    @given(presentations)
    def test_whatever_it_is_made_of_it_is_only_a_plan(self, presentation: Presentation) -> None:
        text = plan_text(presentation)
        assert len(text.encode()) <= PLAN_BYTES
        if presentation.plan:
            referral = r"~\d{1,12}:\d{1,12}:\d{1,12}:[a-z0-9_]{1,32}:[co]:[0-9A-Za-z_.+-]{0,32}"
            assert re.fullmatch(rf"1~[0-9A-Za-z_]+~[0-9A-Za-z_+/-]+({referral})+", text)

    @given(st.lists(referrals, min_size=1, max_size=8).map(tuple))
    def test_eight_always_fit(self, plan: tuple[PlannedReferral, ...]) -> None:
        assert plan_text(Presentation("1001", None, plan, "en", "UTC")).count("~") == 2 + len(plan)


class TestLamp:
    def test_closed(self) -> None:
        device, presence = split_lamp(lamp_text(Lamp("meeting", "In a möte")))
        state, reason, text, option = presence.split(",")
        assert (device, state, option) == ("INUSE", "dnd", "e")
        assert (base64.b64decode(reason), base64.b64decode(text).decode()) == (b"meeting", "In a möte")

    def test_inform_only_leaves_the_lamp_dark_and_shows_presence(self) -> None:
        device, presence = split_lamp(lamp_text(Lamp("lunch", "Lunch", Phone.OPEN)))
        assert device == "NOT_INUSE"
        assert presence.startswith("away,")

    def test_nobody_away(self) -> None:
        assert lamp_text(None) == ""

    @pytest.mark.parametrize("text", ["a\r\nb", "a\u2028b", "a\tb", "  a  b  ", "a\u00a0b"])
    def test_spaces(self, text: str) -> None:
        assert _shown(text) == "a b"

    @pytest.mark.parametrize("text", ["a\0b", "a\u202eb", "a\u200fb", "a\x1bb", "a\ud800b", "a\ufffeb", "a\x9bb"])
    def test_what_cannot_be_shown(self, text: str) -> None:
        assert _shown(text) == "ab"

    def test_a_long_text_is_cut_between_characters(self) -> None:
        assert _shown("é" * 1000) == "é" * (TEXT_BYTES // 2)

    @given(presentations)
    def test_it_always_fits_a_line_and_is_known_for_ours(self, presentation: Presentation) -> None:
        lamp = lamp_text(presentation.lamp)
        if presentation.lamp is not None:
            device, presence = split_lamp(lamp)
            encode("Setvar", [("Value", presence)])
            assert device in {"INUSE", "NOT_INUSE"}
            assert is_ours(presence)

    @pytest.mark.parametrize(
        "presence",
        ["", "dnd", "away,lunch,Gone", "not_set", "available,,", "away,bHVuY2g=,R29uZQ==", "chat,YQ==,YQ==,e"],
    )
    def test_what_others_set_is_not_ours(self, presence: str) -> None:
        assert not is_ours(presence)


def _shown(text: str) -> str:
    _, presence = split_lamp(lamp_text(Lamp("lunch", text)))
    return base64.b64decode(presence.split(",")[2]).decode()


@given(presentations)
def test_rendering_is_pure(presentation: Presentation) -> None:
    assert render(presentation) == render(presentation)
    assert (render(presentation) == NOTHING) == (presentation.lamp is None and not presentation.plan)
