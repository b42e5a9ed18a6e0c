"""The contract of switchboards as a suite: what every implementation of `Switchboard` has to pass.

To run it over a driver of your own, write a class with one fixture:

    class TestMine(SwitchboardContract):
        @pytest.fixture
        async def board(self) -> AsyncIterator[Board]:
            yield Board(MySwitchboard(...), cut, absent)

Use the real switchboard wherever it can run; it holds nothing of ours when the fixture yields. Tests are coroutines:
set `asyncio_mode = "auto"` for pytest-asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Phone, Rules
from backsoon.domain.organisation import Organisation
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Checkable,
    HandSession,
    Lamp,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    Session,
    Switchboard,
    SwitchboardError,
)
from backsoon.testing.needs import need_pytest

need_pytest()
import pytest  # noqa: E402 - a word on what to install comes first

__all__ = ["INJECTIONS", "Board", "SwitchboardContract"]


@dataclass
class Board:
    """A switchboard, and what a test may do to it."""

    switchboard: Switchboard
    cut: Callable[[], Awaitable[None]]
    """Break the session that is open; the switchboard comes back with what it holds."""
    absent: Switchboard
    """The same kind of switchboard where nobody answers."""
    dial: Callable[[str, str, str], None] | None = None
    """Dial on an extension's telephone: the code ("": available again) and what stands behind it. None: one cannot."""
    held: Callable[[], Awaitable[Mapping[str, Rendered]]] | None = None
    """What the switchboard shows, found out behind the driver's back: needed where `read_back` answers None."""
    ahead: bool = True
    """Whether coming referrals are written ahead; a driver that shows only what is now renders every plan as ""."""


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


ORGANISATION = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS))
ANNA = Presentation("1001", Lamp("meeting", "In a meeting, back 10:00"), (referral(), referral(3)), "sv", "Europe/Oslo")
BO = Presentation("1002", Lamp("lunch", "Lunch", Phone.OPEN), (referral(1, phone=Phone.OPEN, divert_to="1003"),))


async def held(board: Board, session: Session) -> dict[str, Rendered]:
    """What the switchboard shows, by what it says itself or by being looked at."""
    found = await session.read_back()
    if found is None:
        assert board.held is not None, "read_back answers None: say with `held` how the board is looked at"
        found = await board.held()
    return dict(found)


async def show(board: Board, session: Session, *wanted: Presentation) -> dict[str, Rendered]:
    """Show presentations as the publisher does: the differences to what is held. What is held then."""
    before = await held(board, session)
    rendered = {one.extension: board.switchboard.render(one) for one in wanted}
    await session.show([Order(name, before.get(name, NOTHING), after) for name, after in rendered.items()])
    return {name: after for name, after in rendered.items() if after != NOTHING}


@asynccontextmanager
async def session_of(board: Board) -> AsyncIterator[HandSession]:
    async with board.switchboard.session() as session:
        assert isinstance(session, HandSession)
        yield session


async def dial(board: Board, extension: str, code: str, argument: str = "") -> None:
    assert board.dial is not None
    await asyncio.to_thread(board.dial, extension, code, argument)


async def said(session: HandSession) -> dict[str, tuple[str, str]]:
    return {entry.extension: (entry.code, entry.argument) for entry in await session.by_hand()}


def _needs_plans(board: Board) -> None:
    if not board.ahead:
        pytest.skip("it is told only what is now")


class Rendering:
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
        _needs_plans(board)
        before = board.switchboard.render(ANNA)
        after = board.switchboard.render(replace(ANNA, plan=(referral(**change),)))  # type: ignore[arg-type]
        assert after.plan not in {before.plan, board.switchboard.render(replace(ANNA, plan=(referral(),))).plan, ""}
        assert after.lamp == before.lamp


class Showing:
    """What is shown is held, whole, until something else is shown."""

    async def test_holds_nothing_at_first(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            assert await held(board, session) == {}

    async def test_reads_back_what_was_shown(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            assert await show(board, session, ANNA, BO) == await held(board, session)

    async def test_a_lamp_without_a_plan_and_a_plan_without_a_lamp(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, replace(ANNA, lamp=None), replace(BO, plan=()))
            assert await held(board, session) == shown

    async def test_another_session_reads_the_same(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, ANNA, BO)
        async with board.switchboard.session() as session:
            assert await held(board, session) == shown

    async def test_showing_again_is_harmless(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            shown = await show(board, session, ANNA)
            await session.show([Order("1001", NOTHING, shown["1001"]), Order("1001", shown["1001"], shown["1001"])])
            assert await held(board, session) == shown

    async def test_the_latest_counts(self, board: Board) -> None:
        later = replace(ANNA, lamp=Lamp("lunch", "Lunch"), plan=(referral(2, reason="lunch"),), language="en")
        async with board.switchboard.session() as session:
            await show(board, session, ANNA)
            shown = await show(board, session, later)
            assert await held(board, session) == shown == {"1001": board.switchboard.render(later)}

    async def test_nothing_is_left_of_somebody_who_is_available(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await show(board, session, ANNA, BO)
            await show(board, session, Presentation("1001"))
            assert set(await held(board, session)) == {"1002"}
            await show(board, session, Presentation("1002"), Presentation("1003"))
            assert await held(board, session) == {}

    async def test_taking_away_what_is_not_there_is_harmless(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await session.show([Order("1001", board.switchboard.render(ANNA), NOTHING)])
            assert await held(board, session) == {}

    async def test_nothing_to_show(self, board: Board) -> None:
        async with board.switchboard.session() as session:
            await session.show([])

    async def test_many_at_once(self, board: Board) -> None:
        many = [replace(ANNA, extension=str(10_000 + number)) for number in range(300)]
        async with board.switchboard.session() as session:
            assert await show(board, session, *many) == await held(board, session)
            await show(board, session, *(Presentation(one.extension) for one in many))
            assert await held(board, session) == {}

    async def test_the_longest_eight_referrals_fit(self, board: Board) -> None:
        _needs_plans(board)
        longest = [referral(2 * number, reason="r" * 32, divert_to="9" * 31 + str(number)) for number in range(8)]
        presentation = replace(ANNA, plan=tuple(longest), language="abcdefgh-12345678", zone="America/" + "x" * 32)
        rendered = board.switchboard.render(presentation)
        assert all(one.divert_to in rendered.plan for one in longest)
        async with board.switchboard.session() as session:
            assert await show(board, session, presentation) == await held(board, session)


class HostileInput:
    """Text from calendars is only ever text, and what cannot be addressed is refused for itself."""

    @pytest.mark.parametrize("text", INJECTIONS)
    async def test_text_is_carried_or_left_out(self, board: Board, text: str) -> None:
        nasty = Presentation("1001", Lamp(text, text), (referral(reason=text, divert_to=text),), text, text)
        async with board.switchboard.session() as session:
            shown = await show(board, session, nasty, BO)
            assert await held(board, session) == shown
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
            assert await held(board, session) == {"1001": good, "1002": good}

    @pytest.mark.parametrize("extension", ["anna.b-c_d", "+46701234567", "a" * 32, "0"])
    async def test_every_good_extension_works(self, board: Board, extension: str) -> None:
        async with board.switchboard.session() as session:
            assert await show(board, session, replace(ANNA, extension=extension)) == await held(board, session)
            await show(board, session, Presentation(extension))
            assert await held(board, session) == {}


class Sessions:
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
            assert await held(board, session) == shown == {"1002": board.switchboard.render(BO)}

    async def test_nobody_there(self, board: Board) -> None:
        with pytest.raises(SwitchboardError):
            async with board.absent.session():
                pytest.fail("a session with nobody")

    async def test_an_error_inside_is_not_disguised(self, board: Board) -> None:
        with pytest.raises(KeyError):
            async with board.switchboard.session():
                raise KeyError("mine")

    async def test_differences_only(self, board: Board) -> None:
        """What the publisher does after a reconnect: read back, compare, tell the differences."""
        wanted = {str(2000 + number): replace(ANNA, extension=str(2000 + number)) for number in range(20)}
        rendered = {name: board.switchboard.render(one) for name, one in wanted.items()}
        stale = {name for name in wanted if int(name) % 2}
        async with board.switchboard.session() as session:
            await show(board, session, *(wanted[name] for name in stale))
            before = await held(board, session)
            assert set(before) == stale
            missing = [Order(n, NOTHING, after) for n, after in rendered.items() if n not in before]
            await session.show(missing)
            assert await held(board, session) == rendered

    async def test_who_cannot_be_asked_is_told_from_memory(self, board: Board) -> None:
        """What the publisher does where `read_back` answers None, after each restart: differences to what it told."""
        async with board.switchboard.session() as session:
            told = await show(board, session, ANNA, BO)
            if await session.read_back() is not None:
                pytest.skip("it can be asked")
        lunch = board.switchboard.render(replace(ANNA, lamp=Lamp("lunch", "Lunch")))
        async with board.switchboard.session() as session:
            await session.show([Order("1001", told["1001"], lunch)])
            assert await held(board, session) == {**told, "1001": lunch}
        async with board.switchboard.session() as session:  # nobody knows whether the last ones came: they come again
            await session.show([Order("1001", told["1001"], lunch), Order("1002", told["1002"], NOTHING)])
            assert await held(board, session) == {"1001": lunch}


class Checking:
    """A driver that can be checked says what it finds, of a switchboard that is there and of one that is not."""

    async def test_findings(self, board: Board) -> None:
        if not isinstance(board.switchboard, Checkable):
            pytest.skip("it has no check of its own")
        async with board.switchboard.session() as session:
            before = await show(board, session, ANNA)
        found = await board.switchboard.check(ORGANISATION)
        assert found
        assert all(finding.text for finding in found)
        async with board.switchboard.session() as session:
            assert await held(board, session) == before, "a check changes nothing"

    async def test_nobody_is_there(self, board: Board) -> None:
        if not isinstance(board.absent, Checkable):
            pytest.skip("it has no check of its own")
        try:
            found = await board.absent.check(ORGANISATION)
        except SwitchboardError:
            return
        assert any(finding.level == "error" for finding in found)


class ByHand:
    """What every switchboard keeps at which people can refer themselves: see `HandSession`."""

    @pytest.fixture(autouse=True)
    def _can_be_dialled(self, request: pytest.FixtureRequest) -> None:
        if request.function.__qualname__.startswith("ByHand.") and request.getfixturevalue("board").dial is None:
            pytest.skip("nothing can be dialled at it")

    async def test_nothing_is_dialled_at_first(self, board: Board) -> None:
        async with session_of(board) as session:
            assert await session.by_hand() == ()

    async def test_what_was_dialled_before_the_session(self, board: Board) -> None:
        await dial(board, "1001", "1", "2359")
        await dial(board, "1002", "")
        async with session_of(board) as session:
            assert await said(session) == {"1001": ("1", "2359"), "1002": ("", "")}
            for entry in await session.by_hand():
                assert timedelta(0) <= datetime.now(UTC) - entry.at < timedelta(minutes=1)

    async def test_it_is_kept_until_it_is_done(self, board: Board) -> None:
        await dial(board, "1001", "1")
        async with session_of(board) as session:
            (first,) = await session.by_hand()
        async with session_of(board) as session:
            assert await session.by_hand() == (first,)
            await session.done([first])
            assert await session.by_hand() == ()
            await session.done([first])

    async def test_the_last_thing_counts_and_stays(self, board: Board) -> None:
        await dial(board, "1001", "1")
        async with session_of(board) as session:
            (first,) = await session.by_hand()
            await dial(board, "1001", "9")
            (second,) = await session.by_hand()
            assert second.at > first.at
            await session.done([first])
            assert await session.by_hand() == (second,)

    async def test_whoever_waits_is_told(self, board: Board) -> None:
        async with session_of(board) as session:
            await session.by_hand()
            waiting = asyncio.ensure_future(session.dialled())
            await asyncio.sleep(0)
            assert not waiting.done()
            await dial(board, "1001", "1")
            await asyncio.wait_for(waiting, 10)
            assert await said(session) == {"1001": ("1", "")}

    async def test_nothing_dialled_can_be_taken_after_a_cut(self, board: Board) -> None:
        await dial(board, "1001", "1")
        async with board.switchboard.session() as session:
            assert isinstance(session, HandSession)
            taken = await session.by_hand()
            await board.cut()
            await asyncio.wait_for(session.lost(), 10)
            with pytest.raises(SwitchboardError):
                await session.by_hand()
            with pytest.raises(SwitchboardError):
                await session.done(taken)
        async with session_of(board) as another:
            assert await said(another) == {"1001": ("1", "")}

    async def test_it_is_nothing_that_we_show(self, board: Board) -> None:
        await dial(board, "1001", "1")
        async with board.switchboard.session() as session:
            assert await held(board, session) == {}


class SwitchboardContract(Rendering, Showing, HostileInput, Sessions, Checking, ByHand):
    """Subclass it with a `board` fixture."""
