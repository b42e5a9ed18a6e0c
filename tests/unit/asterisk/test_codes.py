"""What was dialled, read from AstDB: parsed strictly, deleted only while it is the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.asterisk.codes import MOST, Hints, parse
from backsoon.switchboards.base import HandReferral, SwitchboardDenied
from backsoon.wire.ami import Message
from backsoon.wire.ami_client import AmiAccount
from tests.fake_ami import Action, FakeAmi, Reply, fake_ami, frame, polite, refusal, success

ACCOUNT = AmiAccount("backsoon", "s3cr3t")
AT = datetime(2026, 11, 23, 9, 0, 0, 250_000, UTC)
SECONDS = "1795424400.250"


@pytest.mark.parametrize(
    ("text", "code", "argument"),
    [
        (f"1~{SECONDS}~1~1430~1795444200~1795444200~meeting", "1", "1430"),
        (f"1~{SECONDS}~41~-~0~0~dentist", "41", ""),
        (f"1~{SECONDS}~-~-~1795444200~0~", "", ""),
        (f"1~{SECONDS}~1~-", "1", ""),
        (f"1~{SECONDS}~1~-~" + "what a later version adds" * 20, "1", ""),
    ],
)
def test_what_the_dialplan_writes(text: str, code: str, argument: str) -> None:
    assert parse("1001", text) == HandReferral("1001", AT, code, argument, text)


def test_whole_seconds() -> None:
    entry = parse("1001", "1~1795424400~1~-")
    assert entry is not None
    assert entry.at == AT - timedelta(milliseconds=250)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        f"2~{SECONDS}~1~-",
        f"1~{SECONDS}~1",
        f"1~{SECONDS}~123~-",
        f"1~{SECONDS}~x~-",
        f"1~{SECONDS}~~-",
        f"1~{SECONDS}~1~143",
        f"1~{SECONDS}~1~",
        f"1~{SECONDS}~-~1430",
        f"1~{SECONDS}~1~1430x",
        f"1~{SECONDS}~\u0661~-",
        "1~-5~1~-",
        "1~x~1~-",
        "1~999999999999999~1~-",
        "1~1.2345~1~-",
        f" 1~{SECONDS}~1~-",
    ],
)
def test_what_it_never_writes(text: str) -> None:
    assert parse("1001", text) is None


@pytest.mark.parametrize("extension", ["", "10 01", "1" * 33, "a/b", "1001\n"])
def test_what_is_no_extension(extension: str) -> None:
    assert parse(extension, f"1~{SECONDS}~1~-") is None


@given(st.text(max_size=60), st.text(alphabet="0123456789~.-x", max_size=60))
@example("1001", "1~99999999999~1~-")
def test_whatever_is_there_is_an_entry_or_nothing(extension: str, text: str) -> None:
    entry = parse(extension, text)
    assert entry is None or (entry.at.tzinfo is UTC and entry.held == text)


class Db:
    """AstDB behind a manager interface."""

    def __init__(self, **rows: str) -> None:
        self.rows = {f"/backsoon-hand/{key}": value for key, value in rows.items()}
        self.refuse = ""

    def __call__(self, ami: FakeAmi, action: Action) -> Iterable[bytes]:
        """Answer an action."""
        reply: dict[str, Reply] = {"DBGetTree": self._tree, "DBGet": self._get, "DBDel": self._delete}
        return reply.get(action["Action"], polite)(ami, action)

    def _tree(self, _: FakeAmi, action: Action) -> Iterable[bytes]:
        yield success(action, EventList="start")
        for key, value in self.rows.items():
            yield frame(Event="DBGetTreeResponse", Key=key, Val=value, ActionID=action["ActionID"])
        yield frame(Event="DBGetTreeComplete", EventList="Complete", ActionID=action["ActionID"])

    def _get(self, _: FakeAmi, action: Action) -> Iterable[bytes]:
        key = f"/{action['Family']}/{action['Key']}"
        if key not in self.rows:
            return [refusal(action, "Database entry not found")]
        answer = frame(Event="DBGetResponse", Key=action["Key"], Val=self.rows[key], ActionID=action["ActionID"])
        end = frame(Event="DBGetComplete", EventList="Complete", ActionID=action["ActionID"])
        return [success(action, EventList="start"), answer, end]

    def _delete(self, _: FakeAmi, action: Action) -> Iterable[bytes]:
        if self.refuse:
            return [refusal(action, self.refuse)]
        gone = self.rows.pop(f"/{action['Family']}/{action['Key']}", None)
        return [success(action) if gone else refusal(action, "Database entry could not be deleted")]


def board(fake: FakeAmi) -> AsteriskSwitchboard:
    return AsteriskSwitchboard(AsteriskSettings(fake.address, ACCOUNT))


ONE, TWO = f"1~{SECONDS}~1~-~0~0~x", f"1~{SECONDS}~2~-~0~0~x"


class TestReading:
    async def test_entries(self) -> None:
        async with fake_ami(Db(**{"1001": ONE, "1002": TWO})) as fake, board(fake).session() as session:
            assert [(e.extension, e.code) for e in await session.by_hand()] == [("1001", "1"), ("1002", "2")]

    async def test_what_makes_no_sense_is_deleted(self, caplog: pytest.LogCaptureFixture) -> None:
        database = Db(**{"1001": "private text", "1002": TWO, "a b": ONE})
        async with fake_ami(database) as fake, board(fake).session() as session:
            assert [entry.extension for entry in await session.by_hand()] == ["1002"]
        assert list(database.rows) == ["/backsoon-hand/1002"]
        assert "2 entries" in caplog.text
        assert "private" not in caplog.text

    async def test_a_key_that_cannot_be_named_is_left(self) -> None:
        async with fake_ami(Db(**{"\u2028": ONE})) as fake, board(fake).session() as session:
            assert await session.by_hand() == ()


class TestDeleting:
    async def test_what_is_the_same(self) -> None:
        database = Db(**{"1001": ONE})
        async with fake_ami(database) as fake, board(fake).session() as session:
            await session.done(await session.by_hand())
        assert database.rows == {}

    async def test_a_newer_one_stays(self) -> None:
        database = Db(**{"1001": ONE})
        async with fake_ami(database) as fake, board(fake).session() as session:
            taken = await session.by_hand()
            database.rows["/backsoon-hand/1001"] = TWO
            await session.done(taken)
            assert [entry.code for entry in await session.by_hand()] == ["2"]

    async def test_what_is_gone_is_gone(self) -> None:
        database = Db(**{"1001": ONE})
        async with fake_ami(database) as fake, board(fake).session() as session:
            taken = await session.by_hand()
            database.rows.clear()
            await session.done(taken)

    async def test_many(self) -> None:
        database = Db(**{str(2000 + n): ONE for n in range(1200)})
        async with fake_ami(database) as fake, board(fake).session() as session:
            await session.done(await session.by_hand())
        assert database.rows == {}

    async def test_no_right_to(self) -> None:
        database = Db(**{"1001": ONE})
        database.refuse = "Permission denied"
        async with fake_ami(database) as fake, board(fake).session() as session:
            taken = await session.by_hand()
            with pytest.raises(SwitchboardDenied):
                await session.done(taken)


def event(extension: str, held: str, name: str = "BacksoonHand") -> Message:
    return Message(f"Event: UserEvent\r\nUserEvent: {name}\r\nExtension: {extension}\r\nHand: {held}")


class TestHints:
    def test_wake(self) -> None:
        hints = Hints()
        hints.hear(event("1001", ONE, "SomethingElse"))
        hints.hear(Message("Event: Hangup"))
        assert not hints.woken.is_set()
        hints.hear(event("1001", ONE))
        assert hints.woken.is_set()
        assert hints.take() == {"1001": ONE}
        assert not hints.woken.is_set()
        assert hints.take() == {}

    def test_the_last_of_an_extension_counts(self) -> None:
        hints = Hints()
        hints.hear(event("1001", ONE))
        hints.hear(event("1001", TWO))
        assert hints.take() == {"1001": TWO}

    def test_no_more_are_kept_than_make_sense(self) -> None:
        hints = Hints()
        for number in range(MOST + 10):
            hints.hear(event(str(number), ONE))
        assert len(hints.take()) == MOST

    async def test_reach_the_session_and_whoever_else_listens(self) -> None:
        heard: list[str] = []
        async with fake_ami(Db()) as fake:
            settings = AsteriskSettings(fake.address, ACCOUNT, on_event=lambda each: heard.append(each["Extension"]))
            async with AsteriskSwitchboard(settings).session() as session:
                fake.say(frame(Event="UserEvent", UserEvent="BacksoonHand", Extension="1001", Hand=ONE))
                await session.dialled()
                assert heard == ["1001"]
                assert await session.by_hand() == ()  # AstDB has nothing of it, and we deleted nothing
