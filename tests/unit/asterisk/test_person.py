"""Who somebody is, beside the plan: as text, in AstDB, and read back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.domain.spoken import name_key
from backsoon.switchboards.asterisk.reading import read_plan
from backsoon.switchboards.asterisk.render import PERSON_BYTES, join_plan, plain_number, render, split_plan
from backsoon.switchboards.base import NOTHING, Order, PlannedReferral, Presentation, Rendered
from backsoon.wire.ami import encode
from tests.fake_ami import fake_ami
from tests.unit.asterisk.test_driver import answering, board, shown

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
EPOCH = int(NINE.timestamp())
MEETING = PlannedReferral(NINE, NINE + timedelta(hours=1), None, "meeting")
PLAN = f"1~sv~Europe/Stockholm~{EPOCH}:{EPOCH + 3600}:0:meeting:c:"
ANNA = name_key("Anna Berg")
anything = st.text(max_size=80)


def person(**changes: object) -> str:
    whole: dict[str, object] = {"language": "sv", "zone": "Europe/Stockholm", "name": "Anna Berg", **changes}
    return render(Presentation("1001", None, **whole)).plan  # type: ignore[arg-type]  # checked by the dataclass


class TestText:
    def test_with_a_plan(self) -> None:
        assert person(plan=(MEETING,)) == f"{PLAN}|1~sv~Europe/Stockholm~{ANNA}~~"

    def test_a_deputy_and_numbers_alone(self) -> None:
        text = person(deputy="1002", ring_through=("+46701", "004670", "5550", "5550"))
        assert text == f"|1~sv~Europe/Stockholm~{ANNA}~1002~+46701:+4670:5550"

    def test_a_name_alone_is_nothing_to_hold(self) -> None:
        assert person() == ""
        assert render(Presentation("1001", name="Anna Berg")) == NOTHING

    @pytest.mark.parametrize("deputy", ["", "a&b", "1002~1", "1002|", "1" * 33, "${X}", "1002\n"])
    def test_a_deputy_that_is_no_extension_is_none(self, deputy: str) -> None:
        assert person(plan=(MEETING,), deputy=deputy) == person(plan=(MEETING,))

    def test_as_many_numbers_as_fit(self) -> None:
        numbers = tuple(f"+{10**19 + n}" for n in range(100))
        text = person(deputy="x" * 32, ring_through=numbers)
        kept = text.rpartition("~")[2].split(":")
        assert kept == list(numbers[: len(kept)])
        assert len(kept) >= 35
        assert len(text) <= PERSON_BYTES + 1

    @given(anything, anything, anything, anything, st.lists(anything, max_size=60))
    def test_whatever_it_is_made_of(self, name: str, zone: str, language: str, deputy: str, numbers: list[str]) -> None:
        text = person(
            plan=(MEETING,), name=name, zone=zone, language=language, deputy=deputy, ring_through=tuple(numbers)
        )
        plan, who = split_plan(text)
        assert re.fullmatch(r"1~\w+~[\w+/-]+~([0-9a-f]{12})?~[0-9A-Za-z_.+-]*~(\+?\d+:?)*", who, re.ASCII)
        assert read_plan(text) == read_plan(plan) == (MEETING,)
        encode("DBPut", [("Family", "backsoon-person"), ("Key", "1001"), ("Val", who)])

    @pytest.mark.parametrize(
        ("number", "plain"),
        [("0046701", "+46701"), ("+46701", "+46701"), ("070", "070"), ("1", ""), ("+", ""), ("07 01", ""), ("", "")],
    )
    def test_numbers(self, number: str, plain: str) -> None:
        assert plain_number(number) == plain


class TestTwoInOne:
    """`PLAN|PERSON`; what was written before there were people has no bar."""

    @pytest.mark.parametrize(("plan", "who"), [("", ""), (PLAN, ""), ("", "1~en~UTC~~~"), (PLAN, "1~en~UTC~~~")])
    def test_come_apart_again(self, plan: str, who: str) -> None:
        assert split_plan(join_plan(plan, who)) == (plan, who)

    def test_without_a_person_it_is_the_plan(self) -> None:
        assert join_plan(PLAN, "") == PLAN

    def test_a_bar_that_somebody_else_wrote_is_never_taken_for_ours(self) -> None:
        assert join_plan(f"{PLAN}|1~en~UTC~~~", "") != join_plan(PLAN, "1~en~UTC~~~")


class TestDriver:
    BOTH = Rendered(plan=join_plan(PLAN, "1~sv~UTC~~~"))

    async def told(self, before: Rendered, after: Rendered) -> list[str]:
        async with fake_ami(answering()) as fake:
            return await shown(fake, Order("1001", before, after))

    async def test_who_comes_first_and_goes_last(self) -> None:
        assert await self.told(NOTHING, self.BOTH) == [
            "DBPut backsoon-person 1001 1~sv~UTC~~~",
            f"DBPut backsoon 1001 {PLAN}",
        ]
        assert await self.told(self.BOTH, NOTHING) == ["DBDel backsoon 1001", "DBDel backsoon-person 1001"]

    async def test_only_what_differs_is_written(self) -> None:
        deputy = Rendered(plan=join_plan(PLAN, "1~sv~UTC~~1002~"))
        assert await self.told(self.BOTH, deputy) == ["DBPut backsoon-person 1001 1~sv~UTC~~1002~"]
        assert await self.told(deputy, Rendered(plan=PLAN)) == ["DBDel backsoon-person 1001"]
        assert await self.told(Rendered(plan=PLAN), Rendered(plan=PLAN)) == []

    async def test_a_refusal_of_either_is_the_extension_s(self) -> None:
        async with fake_ami(answering(DBPut="full")) as fake, board(fake).session() as session:
            with pytest.raises(Exception, match="1001: Asterisk: full"):
                await session.show([Order("1001", NOTHING, self.BOTH)])
