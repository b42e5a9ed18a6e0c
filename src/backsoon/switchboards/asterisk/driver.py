"""Asterisk as a switchboard: plans written ahead into AstDB, lamps by device and presence state, all by AMI.

What is ours, and nothing else is ever changed or deleted:

- AstDB family `backsoon`: the plans, one key an extension;
- AstDB family `backsoon-person`: who somebody is whose calls may be answered, one key an extension;
- AstDB family `backsoon-hand`: what people dialled, which the dialplan writes and we take out (see `codes`);
- `CustomDevstate/backsoon-<extension>`: the device `Custom:backsoon-<extension>`; it is there as long as we hold a
  lamp, so it marks the presence of that extension as ours;
- `CustomPresence/<extension>`, if it is marked by the above *and* has the form that we write. A presence that somebody
  else set (a feature code, another program) stays as it is: that lamp then shows the device state only.

An answer of Asterisk is not durable: a crash may lose the last second. Hence `read_back` at each session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from backsoon.domain.organisation import Organisation
from backsoon.switchboards.asterisk.astdb import NOT_THERE, AstDb
from backsoon.switchboards.asterisk.codes import Hands, Hints
from backsoon.switchboards.asterisk.pace import Pace, PaceSettings
from backsoon.switchboards.asterisk.render import (
    PERSON_FAMILY,
    PLAN_FAMILY,
    is_ours,
    join_plan,
    render,
    split_lamp,
    split_plan,
)
from backsoon.switchboards.base import (
    EXTENSION,
    Finding,
    HandReferral,
    Order,
    OrdersRefused,
    Presentation,
    Rendered,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.wire.ami import AmiDenied, AmiError, AmiLost, AmiRefused, Message
from backsoon.wire.ami_client import AmiAccount, AmiAddress, AmiClient, AmiTimes, open_ami
from backsoon.wire.ami_waiting import Action, Refusal

DEVICE_FAMILY = "CustomDevstate"
DEVICE_PREFIX = "backsoon-"
PRESENCE_FAMILY = "CustomPresence"

NO_RIGHT = "Permission denied"
AT_ONCE = 0.25
"""Seconds of lamps that one call of `show` should be."""
NO_PRESENCE = frozenset({"", "not_set", "available"})
"""Presence states that say nothing, which may therefore be overwritten."""


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """How to reach one Asterisk. `known` names the extensions to ask for where Asterisk (before 18.14 and 20) cannot
    list its database; `on_event` gets the events of the session (`UserEvent` and what else the account may read)."""

    address: AmiAddress
    account: AmiAccount
    pace: PaceSettings = field(default_factory=PaceSettings)
    times: AmiTimes = field(default_factory=AmiTimes)
    window: int = 1000
    known: Callable[[], Iterable[str]] | None = field(default=None, compare=False)
    on_event: Callable[[Message], None] | None = field(default=None, compare=False)


class AsteriskSwitchboard:
    """One Asterisk. See `backsoon.switchboards.base.Switchboard` for what it promises."""

    def __init__(self, settings: AsteriskSettings, spoken: Callable[[], str] = str) -> None:
        """`spoken` gives the contexts in which callers are spoken to, for checking whether they are there."""
        self.settings = settings
        self._spoken = spoken

    async def check(self, organisation: Organisation) -> list[Finding]:
        """See `check.check`."""
        from backsoon.switchboards.asterisk.check import check

        return await check(self.settings, organisation, self._spoken())

    def render(self, presentation: Presentation) -> Rendered:
        """The plan's text and the lamp's states."""
        return render(presentation)

    def session(self) -> AbstractAsyncContextManager[AsteriskSession]:
        """Connect, log in, wait until Asterisk is fully booted. Raises `SwitchboardDenied`, `SwitchboardError`."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsteriskSession]:
        settings, hints = self.settings, Hints()

        def hear(event: Message) -> None:
            hints.hear(event)
            if settings.on_event is not None:
                settings.on_event(event)

        opening = open_ami(settings.address, settings.account, hear, settings.times)
        with switchboard_errors():
            client = await opening.__aenter__()
        try:
            yield AsteriskSession(client, settings, hints)
        finally:
            await opening.__aexit__(None, None, None)


class AsteriskSession:
    """One connection to Asterisk. It keeps the contracts of `Session`, `HandSession` and `WatchedSession`."""

    def __init__(self, client: AmiClient, settings: AsteriskSettings, hints: Hints | None = None) -> None:
        self._client = client
        self._settings = settings
        self._database = AstDb(client, settings.window, settings.known)
        self._hands = Hands(client, self._database, hints or Hints())
        self.pace = Pace(settings.pace)

    @property
    def at_once(self) -> int:
        """See `Session`: the slower Asterisk answers, the fewer."""
        return max(1, int(self.pace.rate * AT_ONCE))

    async def read_back(self) -> Mapping[str, Rendered]:
        """Plans and lamps in AstDB. Raises `SwitchboardError` where Asterisk does not tell all of them."""
        with switchboard_errors():
            plans = await self._database.family(PLAN_FAMILY, "")
            people = await self._database.family(PERSON_FAMILY, "")
            devices = await self._database.family(DEVICE_FAMILY, DEVICE_PREFIX)
            presences = await self._database.family(PRESENCE_FAMILY, "") if devices else {}
        lamps = {ext: _held_lamp(device, presences.get(ext, "")) for ext, device in devices.items()}
        return {
            ext: Rendered(lamps.get(ext, ""), join_plan(plans.get(ext, ""), people.get(ext, "")))
            for ext in plans.keys() | people.keys() | lamps.keys()
            if EXTENSION.fullmatch(ext)
        }

    async def show(self, orders: Sequence[Order]) -> None:
        """Lamps first and at the pace, then plans. Raises `OrdersRefused` after all others are done."""
        refused: dict[str, str] = {}
        possible: list[Order] = []
        for order in orders:
            if EXTENSION.fullmatch(order.extension):
                possible.append(order)
            else:
                refused[order.extension] = "not an extension"
        with switchboard_errors():
            await self._show_lamps([order for order in possible if order.before.lamp != order.after.lamp], refused)
            await self._write_plans([order for order in possible if order.before.plan != order.after.plan], refused)
        if refused:
            raise OrdersRefused(refused)

    async def by_hand(self) -> Sequence[HandReferral]:
        """What was dialled, from AstDB."""
        with switchboard_errors():
            return await self._hands.read()

    async def done(self, taken: Sequence[HandReferral]) -> None:
        """Take it out of AstDB."""
        with switchboard_errors():
            await self._hands.done(taken)

    async def watched(self) -> Collection[str]:
        """What telephones subscribe to by PJSIP; nothing where that is not loaded, or nobody does.

        https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/PJSIPShowSubscriptionsInbound/
        """
        with switchboard_errors():
            try:
                found = await self._client.listing("PJSIPShowSubscriptionsInbound")
            except AmiRefused:
                return ()
        return [message["Extension"] for message in found if message.event == "InboundSubscriptionDetail"]

    async def dialled(self) -> None:
        """Wait until Asterisk tells that somebody has dialled."""
        await self._hands.dialled()

    async def lost(self) -> SwitchboardError:
        """Wait until the connection is no longer whole; why."""
        return SwitchboardError(str(await self._client.lost()))

    async def _write_plans(self, orders: Sequence[Order], refused: dict[str, str]) -> None:
        pairs = [(order.extension, action) for order in orders for action in _plan_actions(order)]
        said = await self._client.run((action for _, action in pairs), self._settings.window)
        if said:
            _note_refusals(said, [extension for extension, _ in pairs], refused)

    async def _show_lamps(self, orders: Sequence[Order], refused: dict[str, str]) -> None:
        told = 0
        clock = asyncio.get_running_loop().time
        while told < len(orders):
            chunk = orders[told : told + self.pace.chunk]
            await asyncio.sleep(self.pace.delay(clock(), len(chunk)))
            began = clock()
            await self._show_chunk(chunk, refused)
            self.pace.answered(clock() - began)
            told += len(chunk)

    async def _show_chunk(self, orders: Sequence[Order], refused: dict[str, str]) -> None:
        """Look at the presences first, so that nobody else's is overwritten."""
        present = await self._database.values(PRESENCE_FAMILY, [order.extension for order in orders])
        pairs = [
            (order.extension, action)
            for order, presence in zip(orders, present, strict=True)
            for action in _lamp_actions(order, presence or "")
        ]
        said = await self._client.run((action for _, action in pairs), max(1, len(pairs)))
        _note_refusals(said, [extension for extension, _ in pairs], refused)


def _note_refusals(said: Sequence[Refusal], extensions: Sequence[str], refused: dict[str, str]) -> None:
    """Who was refused and why. What the account may not do is no single order's fault: it is raised."""
    for refusal in said:
        if refusal.said == NO_RIGHT:
            raise AmiRefused("an action", NO_RIGHT)
        if refusal.said not in NOT_THERE:
            refused[extensions[refusal.index]] = _explained(refusal.said)


def _held_lamp(device: str, presence: str) -> str:
    return f"{device} {presence}" if is_ours(presence) else device


def _plan_actions(order: Order) -> Iterator[Action]:
    """What to write. Who somebody is comes first and goes last, so that no call in between finds a plan of nobody."""
    plan, person = split_plan(order.after.plan)
    plan_before, person_before = split_plan(order.before.plan)
    if person and person != person_before:
        yield _written(PERSON_FAMILY, order.extension, person)
    if plan != plan_before:
        yield _written(PLAN_FAMILY, order.extension, plan)
    if person_before and not person:
        yield _written(PERSON_FAMILY, order.extension, "")


def _written(family: str, extension: str, value: str) -> Action:
    key = [("Family", family), ("Key", extension)]
    return ("DBPut", [*key, ("Val", value)]) if value else ("DBDel", key)


def _lamp_actions(order: Order, present: str) -> Iterator[Action]:
    """What to send for one lamp, where `present` is the presence that Asterisk holds now, whosever it is."""
    extension = order.extension
    marked, _ = split_lamp(order.before.lamp)
    device, presence = split_lamp(order.after.lamp)
    ours = present.partition(",")[0] in NO_PRESENCE or (bool(marked) and is_ours(present))
    if device:
        # The mark comes first: a crash in between then leaves nothing that we would not know for ours.
        if device != marked:
            yield _set_device(extension, device)
        if ours:
            yield _set_presence(extension, presence)
        return
    if ours and present:
        yield _set_presence(extension, "not_set,,")
        yield "DBDel", [("Family", PRESENCE_FAMILY), ("Key", extension)]
    yield _set_device(extension, "NOT_INUSE")
    yield "DBDel", [("Family", DEVICE_FAMILY), ("Key", DEVICE_PREFIX + extension)]


def _set_device(extension: str, state: str) -> Action:
    return "Setvar", [("Variable", f"DEVICE_STATE(Custom:{DEVICE_PREFIX}{extension})"), ("Value", state)]


def _set_presence(extension: str, value: str) -> Action:
    return "Setvar", [("Variable", f"PRESENCE_STATE(CustomPresence:{extension})"), ("Value", value)]


def _explained(said: str) -> str:
    if said == "Variable not set":
        return f"Asterisk: {said} (are func_devstate.so and func_presencestate.so loaded?)"
    return f"Asterisk: {said}"


@contextmanager
def switchboard_errors() -> Iterator[None]:
    """The manager interface's errors as those of the switchboard contract."""
    try:
        yield
    except AmiDenied as error:
        raise SwitchboardDenied(str(error)) from error
    except AmiLost as error:
        raise SwitchboardError(str(error)) from error
    except AmiRefused as error:
        kind = SwitchboardDenied if error.said == NO_RIGHT else SwitchboardError
        raise kind(f"Asterisk refused {error.action}: {error.said}") from error
    except AmiError as error:
        raise SwitchboardError(str(error)) from error
