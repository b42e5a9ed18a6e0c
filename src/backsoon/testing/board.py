"""A switchboard in memory that keeps the contract of switchboards, and fails as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    HandReferral,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    Session,
    SwitchboardError,
)


class MemorySwitchboard:
    """A switchboard in memory that keeps the contract of `Switchboard`.

    `held` is what it shows by extension, `shown` every order that it carried out, `sessions` how often somebody
    connected. `refuse` maps an extension to why its orders are refused; `fail` keeps everybody from connecting, `cut`
    breaks the session, `pause` and `resume` hold back whoever is being told, `at_once` is what its sessions say
    of themselves. `hands` is what was dialled and not taken over yet; `dial` dials.
    """

    def __init__(self) -> None:
        self.held: dict[str, Rendered] = {}
        self.shown: list[Order] = []
        self.refuse: dict[str, str] = {}
        self.sessions = 0
        self.at_once = 1000
        self.hands: dict[str, HandReferral] = {}
        self._error: SwitchboardError | None = None
        self._session: _MemorySession | None = None
        self._going = asyncio.Event()
        self._going.set()

    def render(self, presentation: Presentation) -> Rendered:
        """See `Switchboard`: the presentation as JSON."""
        lamp, plan = presentation.lamp, presentation.plan
        return Rendered(
            lamp="" if lamp is None else json.dumps([lamp.phone, lamp.reason, lamp.text]),
            plan=json.dumps([presentation.language, presentation.zone, *map(_stretch, plan)]) if plan else "",
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """See `Switchboard`."""
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.sessions += 1
        self._session = session = _MemorySession(self, self._going)
        try:
            yield session
        finally:
            session.lose(SwitchboardError("the session was closed"))
            self._session = None

    def dial(self, extension: str, at: datetime, code: str = "", argument: str = "", *, told: bool = True) -> None:
        """Somebody dials a star code; `told`: whoever is connected learns of it at once."""
        text = f"{at.isoformat()} {code} {argument}"
        self.hands[extension] = HandReferral(extension, at, code, argument, text)
        if told and self._session is not None:
            self._session.woken.set()

    def fail(self, error: SwitchboardError | None) -> None:
        """Raise this at every attempt to connect, and cut whoever is connected; None: be there again."""
        self._error = error
        if error is not None:
            self.cut(str(error))

    def cut(self, why: str = "the connection was cut") -> None:
        """Break the session that is open, if any."""
        if self._session is not None:
            self._session.lose(SwitchboardError(why))

    def pause(self) -> None:
        """Hold back whoever shows something from now on."""
        self._going.clear()

    def resume(self) -> None:
        """Let them go on."""
        self._going.set()


class _MemorySession:
    def __init__(self, board: MemorySwitchboard, going: asyncio.Event) -> None:
        self._board = board
        self._going = going
        self.woken = asyncio.Event()
        self._lost: asyncio.Future[SwitchboardError] = asyncio.get_running_loop().create_future()

    @property
    def at_once(self) -> int:
        """See `Session`."""
        return self._board.at_once

    async def read_back(self) -> Mapping[str, Rendered]:
        """See `Session`."""
        await self._step()
        return dict(self._board.held)

    async def show(self, orders: Sequence[Order]) -> None:
        """See `Session`. Others may act after every thousand orders."""
        refused: dict[str, str] = {}
        for number, order in enumerate(orders):
            if number % 1000 == 0:
                await self._step()
            self._carry_out(order, refused)
        await self._step()
        if refused:
            raise OrdersRefused(refused)

    async def by_hand(self) -> Sequence[HandReferral]:
        """See `HandSession`."""
        self.woken.clear()
        await self._step()
        return tuple(self._board.hands.values())

    async def done(self, taken: Sequence[HandReferral]) -> None:
        """See `HandSession`."""
        await self._step()
        for entry in taken:
            if self._board.hands.get(entry.extension) == entry:
                del self._board.hands[entry.extension]

    async def dialled(self) -> None:
        """See `HandSession`."""
        await self.woken.wait()

    async def lost(self) -> SwitchboardError:
        """See `Session`."""
        return await asyncio.shield(self._lost)

    def lose(self, why: SwitchboardError) -> None:
        if not self._lost.done():
            self._lost.set_result(why)

    async def _step(self) -> None:
        """Wait while paused. Raises where the session is lost meanwhile."""
        await asyncio.sleep(0)
        if not self._going.is_set() and not self._lost.done():
            going = asyncio.ensure_future(self._going.wait())
            either: set[asyncio.Future[Any]] = {going, self._lost}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                going.cancel()
        if self._lost.done():
            raise self._lost.result()

    def _carry_out(self, order: Order, refused: dict[str, str]) -> None:
        if not EXTENSION.fullmatch(order.extension):
            refused[order.extension] = "not an extension"
        elif order.extension in self._board.refuse:
            refused[order.extension] = self._board.refuse[order.extension]
        else:
            self._board.shown.append(order)
            self._hold(order)

    def _hold(self, order: Order) -> None:
        if order.after == NOTHING:
            self._board.held.pop(order.extension, None)
        else:
            self._board.held[order.extension] = order.after


def _stretch(referral: PlannedReferral) -> list[str | None]:
    end, back_at = (None if at is None else at.isoformat() for at in (referral.end, referral.back_at))
    return [referral.start.isoformat(), end, back_at, referral.reason, referral.phone, referral.divert_to]
