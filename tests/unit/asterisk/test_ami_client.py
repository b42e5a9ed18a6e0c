"""The client of the manager interface, against one that misbehaves."""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from contextlib import suppress

import pytest

from backsoon.wire.ami import AmiDenied, AmiGarbled, AmiLost, AmiRefused, AmiValueError, Message
from backsoon.wire.ami_client import AmiAccount, AmiAddress, AmiClient, AmiTimes, open_ami
from tests.fake_ami import BOOTED, Action, FakeAmi, fake_ami, frame, polite, refusal, success

ACCOUNT = AmiAccount("backsoon", "s3cr3t")
QUICK = AmiTimes(connect=5, login=5, booted=0.1, ping=0.02, silent=0.1, close=0.2)


async def lost(client: AmiClient) -> AmiLost:
    return await asyncio.wait_for(client.lost(), 10)


class TestLoggingIn:
    async def test_the_secret_is_not_sent(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            assert client.banner.startswith("Asterisk Call Manager")
        login = next(action for action in fake.actions if action["Action"] == "Login")
        assert login["Key"] == hashlib.md5(b"4711s3cr3t").hexdigest()  # noqa: S324 - the protocol's
        assert "s3cr3t" not in repr(fake.actions)
        assert fake.names() == ["Challenge", "Login", "Logoff"]

    async def test_in_the_clear_only_where_nobody_listens(self) -> None:
        def no_challenge(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return (
                [refusal(action, "Must specify AuthType")] if action["Action"] == "Challenge" else polite(ami, action)
            )

        async with fake_ami(no_challenge) as fake:
            async with open_ami(fake.address, ACCOUNT):
                assert fake.actions[1]["Secret"] == "s3cr3t"
            fake.actions.clear()
            client = await connected(fake)
            with pytest.raises(AmiDenied, match="TLS"):
                await client.login(ACCOUNT, private=False)
            assert "s3cr3t" not in repr(fake.actions)
            await client.close()

    @pytest.mark.parametrize(("host", "private"), [("127.0.0.1", True), ("::1", True), ("localhost", True)])
    def test_private_addresses(self, host: str, private: bool) -> None:
        assert AmiAddress(host).private is private

    @pytest.mark.parametrize("host", ["192.0.2.1", "pbx.example", "localhost.example"])
    def test_addresses_that_others_can_listen_to(self, host: str) -> None:
        assert not AmiAddress(host).private

    async def test_refused(self) -> None:
        def refuse(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [refusal(action, "Authentication failed")] if action["Action"] == "Login" else polite(ami, action)

        async with fake_ami(refuse) as fake:
            with pytest.raises(AmiDenied, match=r"backsoon.*Authentication failed") as error:
                async with open_ami(fake.address, ACCOUNT):
                    pytest.fail("logged in")
            assert "s3cr3t" not in str(error.value)

    async def test_waits_until_asterisk_is_booted(self) -> None:
        async with fake_ami(lambda _, action: [success(action, Challenge="1")]) as fake:
            opening = asyncio.ensure_future(open_ami(fake.address, ACCOUNT).__aenter__())
            while "Login" not in fake.names():
                await asyncio.sleep(0.001)
            assert not opening.done()
            fake.say(BOOTED)
            client = await asyncio.wait_for(opening, 5)
            await client.close()

    async def test_asterisk_that_does_not_say_that_it_is_booted(self) -> None:
        async with fake_ami(lambda _, action: [success(action, Challenge="1")]) as fake:
            with pytest.raises(AmiDenied, match="read = system"):
                async with open_ami(fake.address, ACCOUNT, times=QUICK):
                    pytest.fail("not booted")

    async def test_somebody_else_answers(self) -> None:
        async with fake_ami(greeting=b"SSH-2.0-OpenSSH_9.2\r\n") as fake:
            with pytest.raises(AmiGarbled):
                async with open_ami(fake.address, ACCOUNT):
                    pytest.fail("spoke with somebody else")

    async def test_nobody_answers(self) -> None:
        async with fake_ami() as fake:
            pass
        with pytest.raises(AmiLost, match=str(fake.port)):
            async with open_ami(fake.address, ACCOUNT):
                pytest.fail("spoke with nobody")

    def test_the_secret_is_in_no_repr(self) -> None:
        assert "s3cr3t" not in repr(ACCOUNT)


async def connected(fake: FakeAmi, times: AmiTimes = QUICK) -> AmiClient:
    """A client that has not logged in."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: AmiClient(times, None), "127.0.0.1", fake.port)
    return client


class TestAnswers:
    async def test_are_matched_by_their_id(self) -> None:
        held: list[bytes] = []

        def reverse(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action["Action"] != "Getvar":
                return polite(ami, action)
            held.insert(0, success(action, Value=action["Variable"]))
            return held if len(held) == 3 else []

        async with fake_ami(reverse) as fake, open_ami(fake.address, ACCOUNT) as client:
            asked = [client.request("Getvar", [("Variable", str(n))]) for n in range(3)]
            assert [answer["Value"] for answer in await asyncio.gather(*asked)] == ["0", "1", "2"]

    async def test_a_refusal_is_an_error(self) -> None:
        def refuse(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [refusal(action, "Permission denied")] if action["Action"] == "DBPut" else polite(ami, action)

        async with fake_ami(refuse) as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(AmiRefused) as error:
                await client.request("DBPut")
            assert (error.value.action, error.value.said) == ("DBPut", "Permission denied")
            await client.request("DBGet")

    async def test_a_list_is_whole(self) -> None:
        def rows(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action["Action"] != "DBGetTree":
                yield from polite(ami, action)
                return
            yield success(action, EventList="start")
            for n in range(3):
                yield frame(Event="Newchannel")
                yield frame(Event="DBGetTreeResponse", Key=str(n), ActionID=action["ActionID"])
            yield frame(Event="DBGetTreeComplete", EventList="Complete", ActionID=action["ActionID"])

        events: list[Message] = []
        async with fake_ami(rows) as fake, open_ami(fake.address, ACCOUNT, events.append) as client:
            assert [row["Key"] for row in await client.listing("DBGetTree")] == ["0", "1", "2"]
        assert [event.event for event in events] == ["Newchannel"] * 3

    async def test_a_list_that_is_cut_is_an_error(self) -> None:
        def rows(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action["Action"] != "DBGetTree":
                yield from polite(ami, action)
                return
            yield success(action, EventList="start")
            yield frame(Event="DBGetTreeResponse", Key="1", ActionID=action["ActionID"])[:-5]
            ami.hang_up()

        async with fake_ami(rows) as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(AmiLost):
                await client.listing("DBGetTree")

    async def test_what_must_not_be_sent_is_not_sent(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(AmiValueError):
                await client.request("Setvar", [("Value", "x\r\n\r\nAction: Originate")])
        assert fake.names() == ["Challenge", "Login", "Logoff"]


class TestBatches:
    async def test_the_window_is_kept_and_everything_is_sent_in_order(self) -> None:
        most, waiting = 0, list[bytes]()

        def slow(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            nonlocal most
            if action["Action"] != "DBPut":
                yield from polite(ami, action)
                return
            waiting.append(success(action))
            most = max(most, len(waiting))
            if len(waiting) == 10 or action["Key"] == "99":
                yield from waiting
                waiting.clear()

        async with fake_ami(slow) as fake, open_ami(fake.address, ACCOUNT) as client:
            assert await client.run((("DBPut", [("Key", str(n))]) for n in range(100)), window=10) == []
        assert most == 10
        assert [action["Key"] for action in fake.actions if action["Action"] == "DBPut"] == [str(n) for n in range(100)]

    async def test_refusals_say_which(self) -> None:
        def odd(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            refuse = action["Action"] == "DBPut" and int(action["Key"]) % 2
            return [refusal(action, "no")] if refuse else polite(ami, action)

        async with fake_ami(odd) as fake, open_ami(fake.address, ACCOUNT) as client:
            refused = await client.run((("DBPut", [("Key", str(n))]) for n in range(6)), window=2)
        assert [(one.index, one.said) for one in refused] == [(1, "no"), (3, "no"), (5, "no")]

    async def test_none_at_all(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            assert await client.run([]) == []

    async def test_one_that_must_not_be_sent_ends_the_batch(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(AmiValueError):
                await client.run([("Setvar", [("Value", "x\n")])])
            await client.request("Ping")

    async def test_a_cut_ends_the_batch(self) -> None:
        def cut(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            if action.get("Key") == "50":
                ami.hang_up()
            return polite(ami, action)

        async with fake_ami(cut) as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(AmiLost):
                await client.run((("DBPut", [("Key", str(n))]) for n in range(100)), window=10)
            with pytest.raises(AmiLost):
                await client.run([("Ping", ())])

    async def test_giving_up_leaves_the_connection_whole(self) -> None:
        def slow(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [] if action["Action"] == "DBPut" else polite(ami, action)

        async with fake_ami(slow) as fake, open_ami(fake.address, ACCOUNT) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.run([("DBPut", [("Key", "1")])]), 0.01)
            await client.request("Ping")


class TestLosing:
    @pytest.mark.parametrize("silence", [b"", b"Response: Succ"])
    async def test_a_connection_that_goes_silent(self, silence: bytes) -> None:
        def mute(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [silence] if action["Action"] in {"Ping", "DBGet"} else polite(ami, action)

        async with fake_ami(mute) as fake, open_ami(fake.address, ACCOUNT, times=QUICK) as client:
            asked = asyncio.ensure_future(client.request("DBGet"))
            assert "silent" in str(await lost(client))
            with pytest.raises(AmiLost):
                await asked

    async def test_events_without_answers_are_no_life(self) -> None:
        def deaf(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [] if action["Action"] == "Ping" else polite(ami, action)

        async with fake_ami(deaf) as fake, open_ami(fake.address, ACCOUNT, times=QUICK) as client:
            chatter = asyncio.ensure_future(_chatter(fake))
            assert "silent" in str(await lost(client))
            chatter.cancel()
            with suppress(asyncio.CancelledError):
                await chatter

    async def test_a_quiet_connection_is_kept_by_pings(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT, times=QUICK) as client:
            while sum(action["Action"] == "Ping" for action in fake.actions) < 10:
                await asyncio.sleep(0.01)
            await client.request("Getvar")

    async def test_one_boot_told_twice_is_no_restart(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            fake.say(BOOTED + frame(Event="FullyBooted", Uptime="501"))
            await client.request("DBGet")
            assert "DBGet" in fake.names()

    @pytest.mark.parametrize(
        "event", [frame(Event="FullyBooted", Uptime="0"), frame(Event="Shutdown", Shutdown="Cleanly", Restart="True")]
    )
    async def test_a_restart_within_the_connection(self, event: bytes) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            fake.say(event)
            assert "restarts" in str(await lost(client))
            with pytest.raises(AmiLost):
                await client.request("DBGet")

    async def test_nonsense_on_the_way(self) -> None:
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT) as client:
            fake.say(b"x" * 400_000)
            assert isinstance(await lost(client), AmiGarbled)

    async def test_everybody_who_waits_is_told(self) -> None:
        def mute(ami: FakeAmi, action: Action) -> Iterable[bytes]:
            return [] if action["Action"] == "DBGet" else polite(ami, action)

        async with fake_ami(mute) as fake, open_ami(fake.address, ACCOUNT) as client:
            waiting = [asyncio.ensure_future(client.request("DBGet")) for _ in range(5)]
            batch = asyncio.ensure_future(client.run([("DBGet", ())] * 20, window=5))
            while fake.names().count("DBGet") < 10:
                await asyncio.sleep(0.001)
            fake.hang_up()
            told = await asyncio.wait_for(asyncio.gather(*waiting, batch, return_exceptions=True), 10)
            assert all(isinstance(error, AmiLost) for error in told)

    async def test_an_error_inside_is_not_disguised(self) -> None:
        async with fake_ami() as fake:
            with pytest.raises(KeyError):
                async with open_ami(fake.address, ACCOUNT):
                    raise KeyError("mine")


async def _chatter(fake: FakeAmi) -> None:
    while True:
        fake.say(frame(Event="VarSet"))
        await asyncio.sleep(0.01)


class TestEvents:
    async def test_a_listener_that_fails_does_no_harm(self, caplog: pytest.LogCaptureFixture) -> None:
        def listener(message: Message) -> None:
            raise RuntimeError(message.event)

        with caplog.at_level(logging.ERROR):
            async with fake_ami() as fake, open_ami(fake.address, ACCOUNT, listener) as client:
                fake.say(frame(Event="UserEvent", Secret="0701"))
                await client.request("Ping")
        assert "listener" in caplog.text
        assert "0701" not in caplog.text

    async def test_an_event_cannot_pose_as_an_answer(self) -> None:
        seen: list[Message] = []
        async with fake_ami() as fake, open_ami(fake.address, ACCOUNT, seen.append) as client:
            fake.say(frame(Event="UserEvent", ActionID="1", Response="Error"))
            await client.request("Ping")
        assert [event.event for event in seen] == ["UserEvent"]
