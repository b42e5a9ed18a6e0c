"""A presence server as a switchboard: a publication for each person, kept alive while we live.

What a watcher sees never outlives its reason: a publication ends with the present referral, whether we run by then or
not. What nobody ends (until further notice; available) ends an hour after we do (`expires`).

The server is asked nothing about what it holds: SIP has no question for it. What is in the `Keep` is what it holds, as
long as it knows the tag of our own publication, which lives as long as any other and is prolonged every quarter of a
minute. Where it does not know it any more it has lost all: the session ends, and everything is published anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from itertools import islice
from typing import TypeVar

from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Organisation
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Order,
    OrdersRefused,
    Presentation,
    Rendered,
    Surroundings,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.finding import Finding
from backsoon.switchboards.sip_presence.again import Again
from backsoon.switchboards.sip_presence.ledger import OURS, Held, Ledger
from backsoon.switchboards.sip_presence.pace import Pace
from backsoon.switchboards.sip_presence.publishing import Publications, Refused, Unanswered
from backsoon.switchboards.sip_presence.render import render, told
from backsoon.switchboards.sip_presence.settings import SipPresenceSettings
from backsoon.switchboards.sip_presence.under_way import UnderWay
from backsoon.wire.sip import SipError
from backsoon.wire.sip_client import SipClient, SipDenied, SipLost, open_sip

log = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 0.25
"""Seconds of publications that one call of `show` should be."""
LOOK_EVERY = 5.0
"""Seconds after which it is looked again at the clock, which may have jumped."""
IN_TIME = 10.0
"""Seconds that the last of the orders of one call of `show` is waited for: who comes next waits as well."""
GRACE = 2.0
"""Seconds that what is under way has to be answered when a session ends."""
LOST = "the presence server has forgotten what was published; everything is published anew"


class SipPresenceSwitchboard:
    """One presence server. See `backsoon.switchboards.base.Switchboard` for what it promises."""

    def __init__(self, settings: SipPresenceSettings, surroundings: Surroundings) -> None:
        self.settings = settings
        self._surroundings = surroundings
        self._again = Again()

    def render(self, presentation: Presentation) -> Rendered:
        """See `render.render`."""
        return render(presentation, self.settings)

    async def check(self, organisation: Organisation | None = None) -> list[Finding]:
        """See `check.check`."""
        from backsoon.switchboards.sip_presence.check import check

        return await check(self.settings, self._surroundings)

    def session(self) -> AbstractAsyncContextManager[SipPresenceSession]:
        """Connect, log in and publish that we are alive. Raises `SwitchboardDenied`, `SwitchboardError`."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[SipPresenceSession]:
        opening = open_sip(self.settings.address, self.settings.account, self.settings.times)
        with switchboard_errors():
            client = await opening.__aenter__()
        session = SipPresenceSession(client, self.settings, self._surroundings, self._again)
        try:
            await session.begin()
            yield session
        finally:
            try:
                await session.end()
            finally:
                await opening.__aexit__(None, None, None)


class SipPresenceSession:
    """What is kept alive at the server as long as it lasts. It keeps the contract of `Session`."""

    def __init__(
        self, client: SipClient, settings: SipPresenceSettings, surroundings: Surroundings, again: Again
    ) -> None:
        self._client = client
        self._settings = settings
        self._now = surroundings.now
        self._ledger = Ledger(surroundings.keep, surroundings.now)
        self._wake = asyncio.Event()
        self.pace = Pace(settings.pace)
        self._publications = Publications(
            client, settings, self._ledger, self.pace, surroundings.now, unmet=self._wake.set
        )
        loop = asyncio.get_running_loop()
        client.on_again = self._strained
        self._under_way = UnderWay(self.pace, settings.window)
        self._lost: asyncio.Future[SwitchboardError] = loop.create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._again = again
        self._over_soon: asyncio.TimerHandle | None = None
        self._cut_off: asyncio.TimerHandle | None = None

    @property
    def at_once(self) -> int:
        """See `Session`."""
        return max(1, int(self.pace.rate * AT_ONCE))

    @property
    def orders_at_once(self) -> int:
        """See `MessageSession`."""
        return max(1, int(self.pace.rate))

    async def read_back(self) -> Mapping[str, Rendered]:
        """What is kept, where the server still knows of it. Raises `SwitchboardError` where the session is lost."""
        self._require()
        return self._ledger.sure()

    async def show(self, orders: Sequence[Order]) -> None:
        """Changes that are seen now first. Raises `OrdersRefused` after all others are done.

        Who is not answered in time is refused too; should the answer come it counts.
        """
        self._require()
        refused: dict[str, str] = {}
        latest = {order.extension: order for order in orders}
        first = [order for order in latest.values() if self._is_seen(order)]
        then = [order for order in latest.values() if not self._is_seen(order)]

        async def work(order: Order) -> None:
            try:
                await self._change(order.extension, order.after)
            except Refused as error:
                refused[order.extension] = str(error)

        with switchboard_errors():
            late = await self._under_way.each([*first, *then], work, IN_TIME)
        for order in late:
            refused[order.extension] = str(error := Unanswered("the server has not answered yet"))
            self._not_as_it_should(order.extension, error)
        if refused:
            raise OrdersRefused(refused)

    async def lost(self) -> SwitchboardError:
        """Wait until the server is gone, silent, or has forgotten what was published; why."""
        return await asyncio.shield(self._lost)

    async def begin(self) -> None:
        """Find out whether the server knows of what is kept, and keep it alive. Raises `SwitchboardError`."""
        with switchboard_errors():
            await self._ledger.load()
            if not await self._under_way.heard(self._known()):
                self._ledger.doubt()
                await self._under_way.heard(self._introduce())
            await self._under_way.each(self._ledger.strays(self._address_now), self._withdraw)
            await self._ledger.save()
        for work in (self._watch, self._beat, self._prolong_for_ever):
            self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def end(self) -> None:
        """End this session. What is under way has a little time yet, and what comes of it is kept."""
        self._over(SwitchboardError("the session was closed"))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._under_way.finish(GRACE)
        for timer in (self._over_soon, self._cut_off):
            if timer is not None:
                timer.cancel()
        try:
            await self._ledger.save()
        except BacksoonError as error:
            log.warning("what was published last could not be kept: %s", error)

    # -- one person -------------------------------------------------------------------------------------------------

    def _is_seen(self, order: Order) -> bool:
        held = self._ledger.get(order.extension)
        return (held.shown.lamp if held else "") != order.after.lamp

    async def _change(self, extension: str, after: Rendered) -> None:
        """Have this be published. Raises `Refused`."""
        if not EXTENSION.fullmatch(extension):
            raise Refused("not an extension")
        async with self._under_way.alone(extension):
            self._require()
            try:
                if after == NOTHING:
                    await self._publications.withdraw(extension)
                else:
                    await self._show(extension, after)
            except Refused as error:
                self._not_as_it_should(extension, error)
                raise
            self._again.taken(extension)
            await self._ledger.save()

    def _not_as_it_should(self, extension: str, error: Refused) -> None:
        """What was refused, or shows something else, is told again in another session: by then it may pass."""
        self._ledger.mistrust(extension)
        loop = asyncio.get_running_loop()
        at = loop.time() + self._again.refused(extension, passing=error.passing)
        if self._over_soon is not None:
            if self._over_soon.when() <= at:
                return
            self._over_soon.cancel()
        why = SwitchboardError("some publications were refused; they are published again")
        self._over_soon = loop.call_at(at, self._over, why)

    async def _show(self, extension: str, after: Rendered) -> None:
        address = self._address_of(extension, after)
        if address is None:
            raise Refused("no SIP address can be made of it")
        held = self._ledger.get(extension)
        if held is not None and not held.doubtful and (held.shown, held.address) == (after, address):
            return
        if after.lamp:
            await self._publications.publish(extension, address, after)
        else:
            await self._publications.withdraw(extension)
            self._ledger.put(extension, Held(address, "", 0, 0, after))

    def _address_of(self, extension: str, shown: Rendered) -> str | None:
        return self._settings.address_of(extension, told(shown).email)

    def _address_now(self, extension: str, shown: Rendered) -> str | None:
        try:
            return self._address_of(extension, shown)
        except SwitchboardError:  # of another version: it is withdrawn, and published anew
            return None

    async def _withdraw(self, extension: str) -> None:
        try:
            await self._publications.withdraw(extension)
        except Refused as error:
            if error.passing or isinstance(error, Unanswered):
                self._not_as_it_should(extension, error)
            else:
                self._ledger.drop(extension)

    def _strained(self) -> None:
        self.pace.strained(asyncio.get_running_loop().time())

    # -- staying alive ----------------------------------------------------------------------------------------------

    async def _introduce(self) -> None:
        try:
            await self._publications.publish(OURS, self._settings.own_address, NOTHING)
        except Refused as error:
            raise self._ours_refused(error) from None

    async def _known(self) -> bool:
        """Prolong our own publication; whether the server knew it. Raises `SwitchboardError`."""
        try:
            return await self._publications.beat()
        except Refused as error:
            raise self._ours_refused(error) from None

    def _ours_refused(self, error: Refused) -> SwitchboardError:
        kind = SwitchboardDenied if error.denied else SwitchboardError
        return kind(f"the presence server does not take the publication of {self._settings.own_address}: {error}")

    async def _watch(self) -> None:
        self._over(SwitchboardError(str(await self._client.lost())))

    async def _beat(self) -> None:
        """Prolong our own publication, and see whether it is still there."""
        beat = self._settings.beat
        while True:
            await asyncio.sleep(min(1.0, beat.every))
            await _until_set(self._wake, beat.every - 1.0)
            self._wake.clear()
            try:
                async with asyncio.timeout(beat.within):
                    known = await self._under_way.heard(self._known())
            except TimeoutError:
                raise SwitchboardError(f"the presence server did not answer within {beat.within:g} s") from None
            if not known:
                raise SwitchboardError(LOST)
            await self._ledger.save()

    async def _prolong_for_ever(self) -> None:
        look_every = min(LOOK_EVERY, self._settings.expires / 10)
        while True:
            due = list(islice(self._ledger.take_due(), 1000))
            await self._under_way.each(due, self._prolong)
            next_due = self._ledger.next_due()
            wait = look_every if next_due is None else next_due - self._now().timestamp()
            await asyncio.sleep(min(look_every, max(0.0, wait)))

    async def _prolong(self, extension: str) -> None:
        async with self._under_way.alone(extension):
            self._require()
            try:
                await self._publications.prolong(extension)
            except Refused as error:
                log.warning("the presence server does not prolong what is shown of %s: %s", extension, error)
                self._not_as_it_should(extension, error)
            else:
                self._again.taken(extension)
            await self._ledger.save()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever ends it ends the session."""
        try:
            with switchboard_errors():
                await work()
        except SwitchboardError as error:
            self._over(error)
        except Exception as error:
            log.error("a defect at the presence server's driver: %s", type(error).__name__)  # its text may be private
            self._over(SwitchboardError(f"internal error ({type(error).__name__})"))

    def _over(self, why: SwitchboardError) -> None:
        """Nothing more is begun. What is under way has a little time to be answered: see `UnderWay`."""
        if not self._lost.done():
            self._lost.set_result(why)
            loop = asyncio.get_running_loop()
            self._cut_off = loop.call_later(GRACE, self._client.fail, SipLost(str(why)))

    def _require(self) -> None:
        if self._lost.done():
            raise self._lost.result()


async def _until_set(event: asyncio.Event, seconds: float) -> None:
    """Wait until it is set, so long at most."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        pass


@contextmanager
def switchboard_errors() -> Iterator[None]:
    """SIP's errors as those of the switchboard contract."""
    try:
        yield
    except SipDenied as error:
        raise SwitchboardDenied(str(error)) from error
    except SipError as error:
        raise SwitchboardError(str(error)) from error
