"""The driver against a manager interface that refuses, errs or cannot list."""

from collections.abc import Iterable, Iterator

import pytest

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.asterisk.check import NEEDED, Level, check, privacy, rights
from backsoon.switchboards.asterisk.pace import PaceSettings
from backsoon.switchboards.base import (
    NOTHING,
    Order,
    OrdersRefused,
    Rendered,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from tests.fake_ami import Action, FakeAmi, Reply, fake_ami, frame, polite, refusal, success

ACCOUNT = AmiAccount("backsoon", "s3cr3t")
LAMP = "INUSE dnd,bWVldGluZw==,QmFjaw==,e"
HELD = Rendered(lamp=LAMP, plan="1~en~UTC~1:2:2:meeting:c:")


def answering(**answers: str) -> Reply:
    """Refuses the named actions with these words; `database` answers lists as empty."""

    def reply(ami: FakeAmi, action: Action) -> Iterable[bytes]:
        said = answers.get(action["Action"])
        if said is not None:
            return [refusal(action, said)]
        return empty(action) if action["Action"] in {"DBGet", "DBGetTree"} else polite(ami, action)

    return reply


def empty(action: Action) -> Iterator[bytes]:
    yield success(action, EventList="start")
    yield frame(Event="Complete", EventList="Complete", ActionID=action["ActionID"])


def board(fake: FakeAmi, **changes: object) -> AsteriskSwitchboard:
    return AsteriskSwitchboard(AsteriskSettings(fake.address, ACCOUNT, **changes))  # type: ignore[arg-type]


async def shown(fake: FakeAmi, *orders: Order) -> list[str]:
    """The actions that orders become, as short lines."""
    async with board(fake).session() as session:
        fake.actions.clear()
        await session.show(orders)
        return [" ".join(v for k, v in a.items() if k != "ActionID") for a in fake.actions if a["Action"] != "Ping"]


class TestActions:
    async def test_to_show_a_lamp_and_a_plan(self) -> None:
        async with fake_ami(answering(DBGet="Database entry not found")) as fake:
            assert await shown(fake, Order("1001", NOTHING, HELD)) == [
                "DBGet CustomPresence 1001",
                "Setvar DEVICE_STATE(Custom:backsoon-1001) INUSE",
                "Setvar PRESENCE_STATE(CustomPresence:1001) dnd,bWVldGluZw==,QmFjaw==,e",
                "DBPut backsoon 1001 1~en~UTC~1:2:2:meeting:c:",
            ]

    async def test_to_take_both_away(self) -> None:
        async with fake_ami(holding_presence("dnd,bWVldGluZw==,QmFjaw==,e")) as fake:
            assert await shown(fake, Order("1001", HELD, NOTHING)) == [
                "DBGet CustomPresence 1001",
                "Setvar PRESENCE_STATE(CustomPresence:1001) not_set,,",
                "DBDel CustomPresence 1001",
                "Setvar DEVICE_STATE(Custom:backsoon-1001) NOT_INUSE",
                "DBDel CustomDevstate backsoon-1001",
                "DBDel backsoon 1001",
            ]

    @pytest.mark.parametrize("theirs", ["dnd", "away,lunch,Gone", "chat,,", "xa,YQ==,YQ=="])
    async def test_a_presence_of_somebody_else_is_left_alone(self, theirs: str) -> None:
        async with fake_ami(holding_presence(theirs)) as fake:
            told = await shown(fake, Order("1001", NOTHING, HELD), Order("1001", HELD, NOTHING))
            assert not [line for line in told if line.startswith("Setvar PRESENCE") or "DBDel CustomPresence" in line]

    async def test_one_of_our_form_without_our_mark_is_somebody_else_s(self) -> None:
        async with fake_ami(holding_presence("dnd,bWVldGluZw==,QmFjaw==,e")) as fake:
            told = await shown(fake, Order("1001", NOTHING, HELD))
            assert not [line for line in told if line.startswith("Setvar PRESENCE")]

    async def test_only_what_differs_is_told(self) -> None:
        async with fake_ami(answering()) as fake:
            assert await shown(fake, Order("1001", HELD, HELD)) == []
            told = await shown(fake, Order("1001", HELD, Rendered(lamp=LAMP, plan="1~x")))
            assert told == ["DBPut backsoon 1001 1~x"]

    async def test_another_text_is_no_other_device_state(self) -> None:
        async with fake_ami(holding_presence("dnd,bWVldGluZw==,QmFjaw==,e")) as fake:
            told = await shown(fake, Order("1001", Rendered(lamp=LAMP), Rendered(lamp="INUSE dnd,eA==,eA==,e")))
            assert told == [
                "DBGet CustomPresence 1001",
                "Setvar PRESENCE_STATE(CustomPresence:1001) dnd,eA==,eA==,e",
            ]

    async def test_all_lamps_before_any_plan(self) -> None:
        async with fake_ami(answering()) as fake:
            told = await shown(fake, *(Order(str(n), NOTHING, HELD) for n in range(120)))
        kinds = [line.split()[0] for line in told]
        assert kinds.index("DBPut") == len(kinds) - 120
        assert kinds.count("Setvar") == 240


def holding_presence(value: str) -> Reply:
    """Answers every DBGet with this value."""

    def reply(ami: FakeAmi, action: Action) -> Iterable[bytes]:
        if action["Action"] != "DBGet":
            yield from polite(ami, action)
            return
        yield success(action, EventList="start")
        yield frame(Event="DBGetResponse", Val=value, ActionID=action["ActionID"])
        yield frame(Event="DBGetComplete", EventList="Complete", ActionID=action["ActionID"])

    return reply


class TestRefusals:
    async def test_a_key_that_is_gone_already_is_no_refusal(self) -> None:
        async with fake_ami(answering(DBDel="Database entry could not be deleted")) as fake:
            assert await shown(fake, Order("1001", HELD, NOTHING))

    @pytest.mark.parametrize(("action", "said"), [("DBPut", "Failed to update entry"), ("Setvar", "Variable not set")])
    async def test_are_told_by_extension(self, action: str, said: str) -> None:
        async with fake_ami(answering(**{action: said})) as fake:
            with pytest.raises(OrdersRefused) as refused:
                await shown(fake, Order("1001", NOTHING, HELD))
        assert said in refused.value.refused["1001"]

    async def test_missing_rights_to_read(self) -> None:
        async with fake_ami(answering(DBGetTree="Permission denied")) as fake, board(fake).session() as session:
            with pytest.raises(SwitchboardDenied):
                await session.read_back()

    async def test_an_error_is_not_an_empty_answer(self) -> None:
        def rows(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action["Action"] != "DBGetTree":
                return polite(ami, action)
            ami.hang_up()
            return [success(action, EventList="start")]

        async with fake_ami(rows) as fake, board(fake).session() as session:
            with pytest.raises(SwitchboardError):
                await session.read_back()

    async def test_missing_rights_to_write_are_the_session_s(self) -> None:
        async with fake_ami(answering(DBPut="Permission denied")) as fake:
            with pytest.raises(SwitchboardDenied):
                await shown(fake, Order("1001", NOTHING, HELD))

    async def test_a_session_lost_while_showing(self) -> None:
        def cut(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action.get("Key") == "7":
                ami.hang_up()
            return polite(ami, action)

        async with fake_ami(cut) as fake, board(fake).session() as session:
            with pytest.raises(SwitchboardError):
                await session.show([Order(str(n), NOTHING, Rendered(plan="1~x")) for n in range(50)])


class TestOldAsterisk:
    async def test_that_cannot_list_is_asked_for_each_extension(self) -> None:
        values = {
            ("backsoon", "1001"): "1~x",
            ("CustomDevstate", "backsoon-1002"): "INUSE",
            ("CustomPresence", "1002"): "dnd",
        }

        def old(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action["Action"] == "DBGetTree":
                yield refusal(action, "Invalid/unknown command: DBGetTree. Use Action: ListCommands to show available")
            elif action["Action"] != "DBGet":
                yield from polite(ami, action)
            elif (value := values.get((action["Family"], action["Key"]))) is None:
                yield refusal(action, "Database entry not found")
            else:
                yield success(action, EventList="start")
                yield frame(Event="DBGetResponse", Val=value, ActionID=action["ActionID"])
                yield frame(Event="DBGetComplete", EventList="Complete", ActionID=action["ActionID"])

        async with fake_ami(old) as fake:
            async with board(fake, known=lambda: ["1001", "1002", "10\r\n03"]).session() as session:
                assert await session.read_back() == {"1001": Rendered(plan="1~x"), "1002": Rendered(lamp="INUSE")}
            async with board(fake).session() as session:
                with pytest.raises(SwitchboardError, match="DBGetTree"):
                    await session.read_back()


class TestPace:
    async def test_slow_answers_slow_the_session_down(self) -> None:
        async with fake_ami(answering()) as fake:
            settings = PaceSettings(limit=1000, slow=0.0)
            async with AsteriskSwitchboard(AsteriskSettings(fake.address, ACCOUNT, settings)).session() as session:
                await session.show([Order(str(n), NOTHING, HELD) for n in range(100)])
                assert session.pace.rate < 1000


class TestRights:
    def test_enough(self) -> None:
        assert [finding.level for finding in rights([*NEEDED, "DBGetTree", "Getvar"])] == [Level.OK]

    def test_too_few(self) -> None:
        (finding,) = rights(["Setvar", "DBGet", "DBGetTree"])
        assert finding.level is Level.ERROR
        assert "DBPut, DBDel" in finding.text

    def test_too_many(self) -> None:
        (finding,) = rights([*NEEDED, "DBGetTree", "Originate", "Command"])
        assert finding.level is Level.ERROR
        assert "originate, command" in finding.text

    def test_an_old_asterisk(self) -> None:
        (finding,) = rights(NEEDED)
        assert finding.level is Level.WARNING

    async def test_nobody_there_is_a_finding(self) -> None:
        async with fake_ami() as fake:
            pass
        (finding,) = await check(AsteriskSettings(fake.address, ACCOUNT))
        assert finding.level is Level.ERROR
        assert finding.remedy

    def test_in_the_clear_over_a_network(self) -> None:
        (finding,) = privacy(AmiAddress("192.0.2.1"))
        assert finding.level is Level.WARNING
        assert "192.0.2.1" in finding.text
        assert privacy(AmiAddress("127.0.0.1")) == []
