"""What every switchboard keeps: see `backsoon.switchboards.base`."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.model import Phone
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Lamp,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    Session,
    SwitchboardError,
)
from tests.contract.switchboards.boards import Board

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
BREAKS = ["\r\n", "\r", "\n", "\0", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
INJECTIONS = [
    *(f"Lunch{mark}Variable: X=1{mark}{mark}Action: Originate{mark}Channel: Local/s@x" for mark in BREAKS),
    "${SHELL(id)}",
    "${FILE(/etc/passwd)}",
    "${CURL(http://127.0.0.1/)}",
    "$[1+1]",
    "a,b|c&Local/9@out^",
    '"),SHELL(id',
    "1~en~UTC~0:0:0:x:c:~",
    "]]></note><tuple id='x'>",
    "\ud800 \ufffe \u202e",
    "é" * 2000,
]


def referral(hours: float = 0, **changes: object) -> PlannedReferral:
    """A meeting of an hour, so many hours after nine."""
    start = NINE + timedelta(hours=hours)
    plain = PlannedReferral(start, start + timedelta(hours=1), start + timedelta(hours=1), "meeting")
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields of the dataclass


ANNA = Presentation("1001", Lamp("meeting", "In a meeting, back 10:00"), (referral(), referral(3)), "sv", "Europe/Oslo")
BO = Presentation("1002", Lamp("lunch", "Lunch", Phone.OPEN), (referral(1, phone=Phone.OPEN, divert_to="1003"),))


async def show(board: Board, session: Session, *wanted: Presentation) -> dict[str, Rendered]:
    """Show presentations as the publisher does: the differences to what is held. What is held then."""
    held = await session.read_back() or {}
    rendered = {one.extension: board.switchboard.render(one) for one in wanted}
    await session.show([Order(name, held.get(name, NOTHING), after) for name, after in rendered.items()])
    return {name: after for name, after in rendered.items() if after != NOTHING}


class TestRendering:
    """Pure, comparable, and safe."""

    def test_nothing_is_nothing(self, board: Board) -> None:
        assert board.switchboard.render(Presentation("1001")) == NOTHING

    def test_the_same_gives_the_same(self, board: Board) -> None:
        assert board.switchboard.render(ANNA) == board.switchboard.render(replace(ANNA))

    @pytest.mark.parametrize(
        "lamp",
        [None, Lamp("lunch", "In a meeting, back 10:00"), Lamp("meeting", "else"), Lamp("meeting", "", Phone.OPEN)],
    )
    def test_another_lamp_is_another_lamp_and_the_same_plan(self, board: Board, lamp: Lamp | None) -> None:
        before, after = board.switchboard.render(ANNA), board.switchboard.render(replace(ANNA, lamp=lamp))
        assert after.lamp != before.lamp
        assert after.plan == before.plan

    @pytest.mark.parametrize(
        "change",
        [
            {"start": NINE + timedelta(minutes=1)},
            {"end": NINE + timedelta(minutes=59)},
            {"end": None, "back_at": None},
            {"back_at": NINE + timedelta(hours=2)},
            {"back_at": None},
            {"reason": "lunch"},
            {"phone": Phone.OPEN},
            {"divert_to": "1003"},
        ],
    )
    def test_another_plan_is_another_plan_and_the_same_lamp(self, board: Board, change: dict[str, object]) -> None:
        before = board.switchboard.render(ANNA)
        after = board.switchboard.render(replace(ANNA, plan=(referral(**change),)))  # type: ignore[arg-type]
        assert after.plan not in {before.plan, board.switchboard.render(replace(ANNA, plan=(referral(),))).plan, ""}
        assert after.lamp == before.lamp


class TestShowing:
    """What is shown is held, whole, until something else is shown."""

    async def test_holds_nothing_at_first(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            assert await session.read_back() == {}

    async def test_reads_back_what_was_shown(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            assert await show(board, session, ANNA, BO) == await session.read_back()

    async def test_a_lamp_without_a_plan_and_a_plan_without_a_lamp(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, replace(ANNA, lamp=None), replace(BO, plan=()))
            assert await session.read_back() == shown

    async def test_another_session_reads_the_same(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, ANNA, BO)
        async with board.switchboard.session() as session:
            assert await session.read_back() == shown

    async def test_showing_again_is_harmless(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, ANNA)
            await session.show([Order("1001", NOTHING, shown["1001"]), Order("1001", shown["1001"], shown["1001"])])
            assert await session.read_back() == shown

    async def test_the_latest_counts(self, board: Board) -> None:
        later = replace(ANNA, lamp=Lamp("lunch", "Lunch"), plan=(referral(2, reason="lunch"),), language="en")
        async with board.switchboard.session() as session:
            await show(board, session, ANNA)
            shown = await show(board, session, later)
            assert await session.read_back() == shown == {"1001": board.switchboard.render(later)}

    async def test_nothing_is_left_of_somebody_who_is_available(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await show(board, session, ANNA, BO)
            await show(board, session, Presentation("1001"))
            assert set(await session.read_back() or {}) == {"1002"}
            await show(board, session, Presentation("1002"), Presentation("1003"))
            assert await session.read_back() == {}

    async def test_taking_away_what_is_not_there_is_harmless(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await session.show([Order("1001", board.switchboard.render(ANNA), NOTHING)])
            assert await session.read_back() == {}

    async def test_nothing_to_show(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await session.show([])

    async def test_many_at_once(self, board: Board) -> None:
        many = [replace(ANNA, extension=str(10_000 + number)) for number in range(300)]
        async with board.switchboard.session() as session:
            assert await show(board, session, *many) == await session.read_back()
            await show(board, session, *(Presentation(one.extension) for one in many))
            assert await session.read_back() == {}

    async def test_the_longest_eight_referrals_fit(self, board: Board) -> None:
        longest = [referral(2 * number, reason="r" * 32, divert_to="9" * 31 + str(number)) for number in range(8)]
        presentation = replace(ANNA, plan=tuple(longest), language="abcdefgh-12345678", zone="America/" + "x" * 32)
        rendered = board.switchboard.render(presentation)
        assert all(one.divert_to in rendered.plan for one in longest)
        async with board.switchboard.session() as session:
            assert await show(board, session, presentation) == await session.read_back()


class TestHostileInput:
    """Text from calendars is only ever text, and what cannot be addressed is refused for itself."""

    @pytest.mark.parametrize("text", INJECTIONS)
    async def test_text_is_carried_or_left_out(self, board: Board, text: str) -> None:
        nasty = Presentation("1001", Lamp(text, text), (referral(reason=text, divert_to=text),), text, text)
        async with board.switchboard.session() as session:
            shown = await show(board, session, nasty, BO)
            assert await session.read_back() == shown
            assert set(shown) == {"1001", "1002"}

    @pytest.mark.parametrize("extension", ["", "1" * 33, "10 01", "1001@x", *INJECTIONS])
    async def test_a_bad_extension_is_refused_for_itself_alone(self, board: Board, extension: str) -> None:
        assert not EXTENSION.fullmatch(extension)
        good = board.switchboard.render(ANNA)
        async with board.switchboard.session() as session:
            orders = [Order("1001", NOTHING, good), Order(extension, NOTHING, good), Order("1002", NOTHING, good)]
            with pytest.raises(OrdersRefused) as refused:
                await session.show(orders)
            assert set(refused.value.refused) == {extension}
            assert await session.read_back() == {"1001": good, "1002": good}

    @pytest.mark.parametrize("extension", ["anna.b-c_d", "+46701234567", "a" * 32, "0"])
    async def test_every_good_extension_works(self, board: Board, extension: str) -> None:
        async with board.switchboard.session() as session:
            assert await show(board, session, replace(ANNA, extension=extension)) == await session.read_back()
            await show(board, session, Presentation(extension))
            assert await session.read_back() == {}


class TestSessions:
    """A session knows when it is over, and says so to everybody in it."""

    async def test_it_says_how_many_lamps_it_takes_at_once(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            assert session.at_once >= 1

    async def test_a_cut_is_told(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            waiting = [asyncio.ensure_future(session.lost()) for _ in range(2)]
            await show(board, session, ANNA)
            assert not any(one.done() for one in waiting)
            await board.cut()
            async with asyncio.timeout(10):
                errors = await asyncio.gather(*waiting)
            assert all(isinstance(error, SwitchboardError) for error in errors)

    async def test_nothing_works_after_a_cut(self, board: Board) -> None:
        after = board.switchboard.render(ANNA)
        async with board.switchboard.session() as session:
            await board.cut()
            await asyncio.wait_for(session.lost(), 10)
            with pytest.raises(SwitchboardError):
                await session.read_back()
            with pytest.raises(SwitchboardError):
                await session.show([Order("1001", NOTHING, after)])

    async def test_the_next_session_heals_what_a_cut_left(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await show(board, session, ANNA)
            await board.cut()
            await asyncio.wait_for(session.lost(), 10)
        async with board.switchboard.session() as session:
            shown = await show(board, session, Presentation("1001"), BO)
            assert await session.read_back() == shown == {"1002": board.switchboard.render(BO)}

    async def test_nobody_there(self, board: Board) -> None:
        with pytest.raises(SwitchboardError):
            async with board.absent.session():
                pytest.fail("a session with nobody")

    async def test_an_error_inside_is_not_disguised(self, board: Board) -> None:
        with pytest.raises(KeyError):
            async with board.switchboard.session():
                raise KeyError("mine")


async def test_differences_only(board: Board) -> None:
    """What the publisher does after a reconnect: read back, compare, tell the differences."""
    wanted = {str(2000 + number): replace(ANNA, extension=str(2000 + number)) for number in range(20)}
    rendered = {name: board.switchboard.render(one) for name, one in wanted.items()}
    stale = {name for name in wanted if int(name) % 2}
    async with board.switchboard.session() as session:
        await show(board, session, *(wanted[name] for name in stale))
        held = await session.read_back() or {}
        assert set(held) == stale
        await session.show([Order(n, held.get(n, NOTHING), after) for n, after in rendered.items() if n not in held])
        assert await session.read_back() == rendered
