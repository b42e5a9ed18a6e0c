"""Lamps and presence on a real Asterisk, as its dialplan, its manager interface and watching telephones see them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backsoon.domain.model import Phone
from backsoon.switchboards.base import NOTHING, Lamp, Order, Presentation, Rendered, Session, WatchedSession
from backsoon.testing.switchboards import INJECTIONS
from backsoon.wire.ami_client import AmiClient, open_ami
from tests.asterisk_server import OPERATOR, Asterisk
from tests.sip_watcher import watching

MEETING = Lamp("meeting", "In a meeting, back 10:00")
INFORMING = Lamp("lunch", "Lunch until 13:00", Phone.OPEN)


@pytest.fixture
async def session(asterisk: Asterisk) -> AsyncIterator[Session]:
    async with asterisk.switchboard().session() as opened:
        yield opened


@pytest.fixture
async def operator(asterisk: Asterisk) -> AsyncIterator[AmiClient]:
    async with open_ami(asterisk.address, OPERATOR) as client:
        yield client


def rendered(asterisk: Asterisk, lamp: Lamp | None, extension: str = "1001") -> Rendered:
    return asterisk.switchboard().render(Presentation(extension, lamp))


async def hint(operator: AmiClient, extension: str = "1001") -> str:
    """What the lamp of an extension shows."""
    asked = [("Context", "backsoon-hints"), ("Exten", extension)]
    return (await operator.request("ExtensionState", asked))["StatusText"]


async def presence(operator: AmiClient, extension: str = "1001") -> tuple[str, str, str]:
    """State, reason and text of an extension's presence."""
    answer = await operator.request("PresenceState", [("Provider", f"CustomPresence:{extension}")])
    return answer["State"], answer["Subtype"], answer["PresenceMessage"]


async def settled(operator: AmiClient, wanted: str, extension: str = "1001") -> None:
    """Wait until the lamp shows this: Asterisk passes states on by itself, after it answered."""
    async with asyncio.timeout(10):
        while await hint(operator, extension) != wanted:
            await asyncio.sleep(0.01)


class TestLamps:
    async def test_away_and_back(self, asterisk: Asterisk, session: Session, operator: AmiClient) -> None:
        away = rendered(asterisk, MEETING)
        await session.show([Order("1001", NOTHING, away)])
        await settled(operator, "InUse")
        assert await presence(operator) == ("dnd", "meeting", "In a meeting, back 10:00")
        await session.show([Order("1001", away, NOTHING)])
        await settled(operator, "Idle")
        assert (await presence(operator))[0] == "not_set"
        assert asterisk.database() == {}

    async def test_inform_only(self, asterisk: Asterisk, session: Session, operator: AmiClient) -> None:
        away = rendered(asterisk, MEETING)
        await session.show([Order("1001", NOTHING, away)])
        await session.show([Order("1001", away, rendered(asterisk, INFORMING))])
        await settled(operator, "Idle")
        assert await presence(operator) == ("away", "lunch", "Lunch until 13:00")

    async def test_who_is_watched_can_be_asked(self, asterisk: Asterisk, session: Session) -> None:
        assert isinstance(session, WatchedSession)
        assert list(await session.watched()) == []
        async with (
            watching(asterisk.sip_port, "1001", "caller") as one,
            watching(asterisk.sip_port, "1002", "caller") as other,
        ):
            await one.until("Ready")
            await other.until("Ready")
            assert sorted(await session.watched()) == ["1001", "1002"]

    async def test_a_telephone_that_watches(self, asterisk: Asterisk, session: Session) -> None:
        away = rendered(asterisk, MEETING)
        async with watching(asterisk.sip_port, "1001", "caller") as watcher:
            await watcher.until("Ready")
            await session.show([Order("1001", NOTHING, away)])
            await watcher.until("In a meeting, back 10:00", tag="on-the-phone")
            await session.show([Order("1001", away, NOTHING)])
            await watcher.until("Ready", without="meeting")

    @pytest.mark.parametrize("text", INJECTIONS)
    async def test_text_is_only_text_for_whoever_watches(self, asterisk: Asterisk, session: Session, text: str) -> None:
        away = rendered(asterisk, Lamp("meeting", f"{text} the end" if len(text) < 200 else "é the end"))
        async with watching(asterisk.sip_port, "1001", "caller") as watcher:
            await session.show([Order("1001", NOTHING, away)])
            seen = await watcher.until("the end")
        assert {"presence", "note", "tuple", "status", "digium_presence"} <= set(seen.tags)
        assert "x" not in seen.tags
        await session.show([Order("1001", away, NOTHING)])

    async def test_many_clear_at_once_and_none_stays(
        self, asterisk: Asterisk, session: Session, operator: AmiClient
    ) -> None:
        names = [str(3000 + number) for number in range(200)]
        away = rendered(asterisk, MEETING)
        await session.show([Order(name, NOTHING, away) for name in names])
        await session.show([Order(name, away, NOTHING) for name in names])
        states = await operator.listing("PresenceStateList")
        ours = [one["Status"] for one in states if one["Presentity"].removeprefix("CustomPresence:") in names]
        assert ours == ["not_set"] * 200
        assert asterisk.database() == {}


class TestInjection:
    """One action in, one change out."""

    async def test_nothing_but_our_own_keys(self, asterisk: Asterisk, session: Session) -> None:
        before, variables = NOTHING, asterisk.cli("dialplan show globals")
        for text in INJECTIONS:
            nasty = Presentation("1001", Lamp(text, text), (), text, text)
            after = asterisk.switchboard().render(nasty)
            await session.show([Order("1001", before, after)])
            before = after
        assert set(asterisk.database()) == {"/CustomDevstate/backsoon-1001", "/CustomPresence/1001"}
        assert asterisk.cli("dialplan show globals") == variables
        assert "0 calls processed" in asterisk.cli("core show calls")


class TestWhatOthersSet:
    """Not ours, not touched."""

    async def set_presence(self, operator: AmiClient, value: str) -> None:
        variable = "PRESENCE_STATE(CustomPresence:1001)"
        await operator.request("Setvar", [("Variable", variable), ("Value", value)])

    async def test_a_presence_set_by_a_feature_code(
        self, asterisk: Asterisk, session: Session, operator: AmiClient
    ) -> None:
        await self.set_presence(operator, "dnd,,Do not disturb")
        assert await session.read_back() == {}
        away = rendered(asterisk, MEETING)
        await session.show([Order("1001", NOTHING, away)])
        await settled(operator, "InUse")
        assert await presence(operator) == ("dnd", "", "Do not disturb")
        (held,) = (await session.read_back() or {}).values()
        await session.show([Order("1001", held, NOTHING)])
        assert await presence(operator) == ("dnd", "", "Do not disturb")
        assert asterisk.database() == {"/CustomPresence/1001": "dnd,,Do not disturb"}

    async def test_a_presence_set_over_ours(self, asterisk: Asterisk, session: Session, operator: AmiClient) -> None:
        away = rendered(asterisk, MEETING)
        await session.show([Order("1001", NOTHING, away)])
        await self.set_presence(operator, "away,,Gone fishing")
        await session.show([Order("1001", away, NOTHING)])
        assert asterisk.database() == {"/CustomPresence/1001": "away,,Gone fishing"}

    async def test_one_that_says_nothing_is_no_obstacle(
        self, asterisk: Asterisk, session: Session, operator: AmiClient
    ) -> None:
        await self.set_presence(operator, "available,,")
        away = rendered(asterisk, MEETING)
        await session.show([Order("1001", NOTHING, away)])
        assert await session.read_back() == {"1001": away}

    async def test_other_custom_devices(self, asterisk: Asterisk, session: Session, operator: AmiClient) -> None:
        for device in ("night", "back", "backsoon"):
            variable = f"DEVICE_STATE(Custom:{device})"
            await operator.request("Setvar", [("Variable", variable), ("Value", "INUSE")])
        assert await session.read_back() == {}
        assert len(asterisk.database()) == 3
