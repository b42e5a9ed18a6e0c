"""Every answer of the simulated Exchange, and every request of ours, against Microsoft's schemas of every version.

They are not ours to give away: `BACKSOON_DATA` names the folder that has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from backsoon.sources.base import Window
from backsoon.sources.ews import EwsAccount, EwsSettings
from backsoon.wire.http import Http
from tests.integration.test_ews_simulator import ANNA, BO, CARL, DORA, at, world
from tests.simulators.ews import EwsSimulator, asking
from tests.simulators.ews.asking import Asker, asker
from tests.simulators.ews.items import PROPERTIES
from tests.simulators.ews.schemas import FOLDERS, violations
from tests.simulators.model import Meeting

WEEK = ("2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z")
WINDOW = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
KNOWN = (
    "}Periods': Missing child",
    "}TransitionsGroups': Missing child",
    "}Notification': This element is not expected",
)
"""What real servers break of their own schemas, and the simulated one with them."""


def simulated(version: str) -> str:
    """The simulator's version that speaks that schema."""
    return "2016" if version in {"2019", "online"} else version


async def everything(ask: Asker) -> None:
    """Ask for all there is, so that it is answered, well and badly."""
    listed = [each.uri for each in PROPERTIES if each.listed and each.since <= ask.sim.version.rank]
    found = await ask.ask(asking.find(*WEEK, wanted=asking.shape(listed)), ANNA)
    await ask.ask(asking.find(*WEEK, wanted=asking.shape((), "AllProperties")), ANNA)
    await ask.ask(asking.find(*WEEK, folder=asking.calendar_of(CARL)))
    await ask.ask(asking.find(*reversed(WEEK)), ANNA)
    for id in found.ids():
        await ask.ask(asking.get_item(id), ANNA)
    await ask.ask(asking.get_item("nonsense"), ANNA)
    await ask.ask(asking.get_folder(), ANNA)
    await ask.ask(asking.sync(), ANNA)
    await ask.ask(asking.sync("nonsense"), ANNA)
    for view in ("DetailedMerged", "FreeBusy", "MergedOnly"):
        who = [ANNA, BO, CARL, DORA, "nobody@example.com"]
        await ask.ask(asking.availability(who, WEEK[0][:-1], WEEK[1][:-1], view))
    await ask.ask(asking.reply(ANNA), ANNA)
    await ask.ask(
        "<m:ResolveNames ReturnFullContactData='false'><m:UnresolvedEntry>anna</m:UnresolvedEntry></m:ResolveNames>"
    )
    await pulled(ask)
    if ask.sim.version.name != "2007_SP1":
        await ask.ask("<m:GetServerTimeZones ReturnFullTimeZoneData='true'/>")
        await streamed(ask)


async def pulled(ask: Asker) -> None:
    """A subscription that is asked."""
    made = await ask.ask(asking.subscribe("Pull"), ANNA)
    (id,), (mark,) = made.all("SubscriptionId"), made.all("Watermark")
    await ask.ask(asking.get_events(id, mark), ANNA)
    change(ask.sim)
    await ask.ask(asking.get_events(id, mark), ANNA)
    await ask.ask(asking.unsubscribe(id), ANNA)
    await ask.ask(asking.unsubscribe(id), ANNA)


async def streamed(ask: Asker) -> None:
    """A subscription that is listened to, until its time is over, and one that is gone."""
    made = await ask.ask(asking.subscribe(), ANNA)
    heard = asyncio.create_task(ask.ask(asking.streaming(made.all("SubscriptionId")), ANNA))
    while not ask.sim.streams:
        await asyncio.sleep(0.005)
    change(ask.sim)
    await heard
    await ask.ask(asking.streaming(["gone"]), ANNA)


class Covered:
    """A listener that waits until it is told that changes will be told."""

    def __init__(self) -> None:
        self.yes = asyncio.Event()

    def heard(self, addresses: Collection[str]) -> None:
        """See `Listener`."""

    def covered(self, addresses: Collection[str], *, live: bool) -> None:
        """See `Listener`."""
        if live and ANNA in addresses:
            self.yes.set()


async def listened(account: EwsAccount) -> None:
    """Listen to Anna's calendar until it is covered."""
    assert account.stream is not None
    account.stream.want([ANNA])
    listener = Covered()
    listening = asyncio.create_task(account.stream.run(listener))
    async with asyncio.timeout(20):
        await listener.yes.wait()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def change(sim: EwsSimulator) -> None:
    """All that can happen to an item."""
    anna = sim.world[ANNA]
    anna.put(Meeting("new", at(24, 9), at(24, 10), "new"))
    anna.put(Meeting("new", at(24, 9), at(24, 11), "new"))
    anna.remove("new")


def broken(version: str, messages: Collection[bytes]) -> list[str]:
    """What messages break, other than what real servers break."""
    found = [each for raw in messages if raw for each in violations(version, raw)]
    return [each for each in found if not any(known in each for known in KNOWN)]


@pytest.mark.parametrize("version", FOLDERS)
async def test_every_answer_is_as_microsoft_describes_it(version: str) -> None:
    violations(version, b"<s/>")
    async with EwsSimulator(world("well-formed"), version=simulated(version), minute=0.3) as sim, asker(sim) as ask:
        sim.bodies = []
        await everything(ask)
        answers = [answer for _, answer in sim.bodies if answer]
    assert len(answers) >= 20
    assert not broken(version, answers)
    requests = [request for request, _ in sim.bodies if request]
    assert not broken(version, requests), "and what the tests ask is what one may ask"


@pytest.mark.parametrize("version", FOLDERS)
async def test_every_request_of_ours_is_as_microsoft_describes_it(version: str) -> None:
    violations(version, b"<s/>")
    async with EwsSimulator(world("well-formed"), version=simulated(version)) as sim, Http() as http:
        sim.bodies = []
        for access in ("impersonation", "delegate"):
            settings = EwsSettings(url=sim.url, username=sim.account, password=sim.password, access=access)
            account = EwsAccount(settings, http, lambda: WINDOW.start)
            source = account.source(ANNA, zone="Europe/Stockholm", owner=frozenset({ANNA}))
            found = await source.changes(WINDOW, None)
            sim.world[ANNA].put(Meeting(access, at(24, 9), at(24, 10), "m: More"))
            await source.changes(WINDOW, found.sync_token)
            await account.busy([ANNA, BO, CARL], WINDOW)
            await account.check([ANNA, BO, CARL])
            await listened(account)
            await account.close()
        requests = [request for request, _ in sim.bodies if request]
        asked = set(sim.asked)
        assert {"FindItem", "GetUserAvailability", "GetUserOofSettings", "Subscribe"} <= sim.count.keys()
    assert not broken(version, requests)
    assert not broken(version, [answer for _, answer in sim.bodies if answer])
    assert not asked & {"item:Body", "calendar:RequiredAttendees", "calendar:OptionalAttendees", "shape:AllProperties"}
