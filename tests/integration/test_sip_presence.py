"""Presence at a real Kamailio: what somebody who watches is told, through refreshes, restarts and hostile text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest
from lxml import etree

from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    MemoryKeep,
    Order,
    PlannedReferral,
    Presentation,
    Rendered,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.finding import Level
from backsoon.switchboards.sip_presence import Available, SipPresenceSession, SipPresenceSwitchboard, driver, pidf
from backsoon.switchboards.sip_presence.ledger import OURS
from backsoon.switchboards.sip_presence.pidf import DATA_MODEL, PIDF
from backsoon.switchboards.sip_presence.render import Now, Plan, Told, displayable
from backsoon.switchboards.sip_presence.settings import Beat
from backsoon.wire.sip_client import SipAccount, SipAddress, Transport, open_sip
from tests.kamailio_server import ACCOUNT, address_of, kamailio_of, settings_for, surroundings, switchboard_for
from tests.sip_watcher import Seen, Watcher, watching
from tools.peers.kamailio_server import KamailioSettings, PrivateKamailio

MEETING = Lamp("meeting", "In a meeting, back 10:00")
EXTENSIONS = map(str, count(3000))
TRANSPORTS = list(Transport)


@pytest.fixture
def extension() -> str:
    """Nobody's who was published before."""
    return next(EXTENSIONS)


def in_a_meeting(extension: str, left: timedelta = timedelta(hours=1), text: str = MEETING.text) -> Presentation:
    """Somebody who is in a meeting for so long yet."""
    now = datetime.now(UTC).replace(microsecond=0)
    plan = (PlannedReferral(now - timedelta(hours=1), now + left, None, "meeting"),)
    return Presentation(extension, Lamp("meeting", text), plan, "en", "Europe/Stockholm")


def watch(server: PrivateKamailio, extension: str) -> AbstractAsyncContextManager[Watcher]:
    return watching(server.port, extension, "watcher")


async def show(board: SipPresenceSwitchboard, session: SipPresenceSession, wanted: Presentation) -> Rendered:
    held = await session.read_back()
    after = board.render(wanted)
    await session.show([Order(wanted.extension, held.get(wanted.extension, NOTHING), after)])
    return after


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while True:
            came = condition()
            if came if isinstance(came, bool) else await came:
                return
            await asyncio.sleep(0.01)


def parts(seen: Seen) -> dict[str, int]:
    """How many tuples and persons the document has."""
    root = etree.fromstring(seen.body)
    return {"tuple": len(root.findall(f"{{{PIDF}}}tuple")), "person": len(root.findall(f"{{{DATA_MODEL}}}person"))}


async def nothing_is_left(watcher: Watcher, after: Awaitable[object] | None = None) -> None:
    """The watcher is told that nothing is published any more, after that."""
    while not watcher.empty.empty():
        watcher.empty.get_nowait()
    if after is not None:
        await after
    # Told by a document that says nothing, or (where it ran out) by none.
    await until(
        lambda: not watcher.empty.empty() or (not watcher.seen.empty() and says_nothing(watcher.seen.get_nowait()))
    )


def says_nothing(seen: Seen) -> bool:
    return "person" not in seen.tags and "note" not in seen.tags


async def withdrawn_by_somebody(server: PrivateKamailio, kept: str) -> None:
    """Withdraw a publication behind the driver's back."""
    _, address, tag, *_ = msgspec.json.decode(kept)
    async with open_sip(address_of(server), ACCOUNT) as client:
        fields = [("Event", "presence"), ("Expires", "0"), ("SIP-If-Match", tag)]
        assert (await client.request("PUBLISH", address, address, fields)).status == 200


class TestWatching:
    """Somebody who subscribes is told of each transition."""

    @pytest.mark.parametrize("transport", TRANSPORTS)
    async def test_of_a_meeting_and_its_end(
        self, kamailio: PrivateKamailio, transport: Transport, extension: str
    ) -> None:
        board = switchboard_for(kamailio, transport)
        async with board.session() as session, watch(kamailio, extension) as watcher:
            await show(board, session, in_a_meeting(extension))
            seen = await watcher.until("closed", tag="meeting")
            assert MEETING.text in seen.texts
            await show(board, session, Presentation(extension))
            seen = await watcher.until("open", without="meeting")
            assert parts(seen) == {"tuple": 1, "person": 0}

    async def test_of_what_is_coming(self, kamailio: PrivateKamailio, extension: str) -> None:
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
        plan = (PlannedReferral(soon, soon + timedelta(hours=1), None, "lunch"),)
        board = switchboard_for(kamailio)
        async with board.session() as session, watch(kamailio, extension) as watcher:
            await show(board, session, Presentation(extension, None, plan))
            seen = await watcher.until("open", tag="timed-status")
            assert {"meal", "basic"} < set(seen.tags)

    async def test_somebody_else_s_publication_stays(self, kamailio: PrivateKamailio, extension: str) -> None:
        """Withdrawn is ours alone: what a telephone publishes for itself is seen beside it and after it."""
        board = switchboard_for(kamailio, available=Available.WITHDRAW)
        address, its = f"sip:{extension}@127.0.0.1", Told(Now(reason="busy", text="On the phone"), Plan())
        document = pidf.document(address, its, datetime.now(UTC)).replace(b'"backsoon"', b'"telephone"')
        async with (
            open_sip(address_of(kamailio), ACCOUNT) as telephone,
            board.session() as session,
            watch(kamailio, extension) as watcher,
        ):
            fields = [("Event", "presence"), ("Expires", "60"), ("Content-Type", "application/pidf+xml")]
            response = await telephone.request("PUBLISH", address, address, fields, document)
            assert response.status == 200
            await watcher.until("On the phone", tag="busy")
            await show(board, session, in_a_meeting(extension))
            assert parts(await watcher.until("On the phone", tag="meeting"))["tuple"] == 2
            await show(board, session, Presentation(extension))
            seen = await watcher.until("On the phone", without=MEETING.text)
            assert "meeting" not in seen.tags

    async def test_by_e_mail(self, kamailio: PrivateKamailio) -> None:
        board = switchboard_for(kamailio, presentity="sip:{email}")
        anna = replace(in_a_meeting("1001"), email="anna.berg@127.0.0.1")
        async with board.session() as session, watch(kamailio, "anna.berg") as watcher:
            await show(board, session, anna)
            await watcher.until(MEETING.text)
            await nothing_is_left(watcher, show(board, session, replace(anna, email="a.berg@127.0.0.1")))


class TestLasting:
    """A publication lasts while it is true and we live, and no longer."""

    async def test_it_is_prolonged(self, kamailio: PrivateKamailio, extension: str) -> None:
        keep = MemoryKeep()
        board = switchboard_for(kamailio, keep=keep, expires=2)
        async with board.session() as session:
            await show(board, session, in_a_meeting(extension))
            tags = set[str]()

            def thrice() -> bool:
                tags.add(keep.values[extension])
                return len(tags) > 3

            await until(thrice)
            async with watch(kamailio, extension) as watcher:
                assert parts(await watcher.until(MEETING.text)) == {"tuple": 1, "person": 1}

    async def test_it_ends_when_we_do(self, kamailio: PrivateKamailio, extension: str) -> None:
        board = switchboard_for(kamailio, expires=2)
        async with watch(kamailio, extension) as watcher:
            async with board.session() as session:
                await show(board, session, in_a_meeting(extension))
                await watcher.until(MEETING.text)
            await nothing_is_left(watcher)

    async def test_nobody_stays_in_a_meeting_that_is_over(self, kamailio: PrivateKamailio, extension: str) -> None:
        board = switchboard_for(kamailio)
        async with watch(kamailio, extension) as watcher:
            async with board.session() as session:
                await show(board, session, in_a_meeting(extension, timedelta(seconds=2)))
                await watcher.until(MEETING.text)
            await nothing_is_left(watcher)


class TestRestarts:
    """Whichever side restarts, one publication a person goes on or is made anew."""

    async def test_ours(self, kamailio: PrivateKamailio, extension: str) -> None:
        keep = MemoryKeep()
        async with switchboard_for(kamailio, keep=keep).session() as session:
            shown = await show(switchboard_for(kamailio), session, in_a_meeting(extension))
        board = switchboard_for(kamailio, keep=keep)
        async with board.session() as session, watch(kamailio, extension) as watcher:
            assert await session.read_back() == {extension: shown}
            await show(board, session, replace(in_a_meeting(extension), lamp=Lamp("lunch", "At lunch")))
            seen = await watcher.until("At lunch")
            assert parts(seen) == {"tuple": 1, "person": 1}

    async def test_ours_while_a_publication_is_under_way(
        self, own_kamailio: PrivateKamailio, extension: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer that comes just after Backsoon was told to stop has the tag of what the server holds."""
        monkeypatch.setattr(driver, "GRACE", 20.0)
        keep = MemoryKeep()
        board = switchboard_for(own_kamailio, keep=keep, beat=Beat(600, 20))
        shown = board.render(in_a_meeting(extension))
        async with board.session() as session:
            own_kamailio.freeze()
            telling = asyncio.create_task(session.show([Order(extension, NOTHING, shown)]))
            await until(lambda: bool(session._client._waiting))
            telling.cancel()
            asyncio.get_running_loop().call_later(0.1, own_kamailio.thaw)
        async with board.session() as session, watch(own_kamailio, extension) as watcher:
            assert await session.read_back() == {extension: shown}
            await show(board, session, replace(in_a_meeting(extension), lamp=Lamp("lunch", "At lunch")))
            assert parts(await watcher.until("At lunch")) == {"tuple": 1, "person": 1}

    async def test_the_server_s(self, own_kamailio: PrivateKamailio, extension: str) -> None:
        keep = MemoryKeep()
        board = switchboard_for(own_kamailio, keep=keep)
        async with board.session() as session:
            await show(board, session, in_a_meeting(extension))
            await asyncio.to_thread(own_kamailio.restart)
            lost = await asyncio.wait_for(session.lost(), 20)
            assert isinstance(lost, SwitchboardError)
        async with board.session() as session, watch(own_kamailio, extension) as watcher:
            assert await session.read_back() == {}
            await show(board, session, in_a_meeting(extension))
            assert parts(await watcher.until(MEETING.text)) == {"tuple": 1, "person": 1}

    async def test_the_server_s_and_a_session_that_ends_before_all_is_published_anew(
        self, own_kamailio: PrivateKamailio, extension: str
    ) -> None:
        keep, another = MemoryKeep(), next(EXTENSIONS)
        board = switchboard_for(own_kamailio, keep=keep)
        async with board.session() as session:
            await show(board, session, in_a_meeting(extension))
            await show(board, session, in_a_meeting(another))
        await asyncio.to_thread(own_kamailio.restart)
        async with board.session() as session:
            shown = await show(board, session, in_a_meeting(extension))
        async with board.session() as session, watch(own_kamailio, another) as watcher:
            assert await session.read_back() == {extension: shown}
            await show(board, session, in_a_meeting(another))
            assert parts(await watcher.until(MEETING.text)) == {"tuple": 1, "person": 1}

    async def test_a_server_that_forgot_without_a_gap_is_found_out(self, kamailio: PrivateKamailio) -> None:
        """As seen from here it answers all the time; only the tag of our own publication is unknown to it."""
        keep = MemoryKeep()
        async with switchboard_for(kamailio, keep=keep).session():
            pass
        keep.values[OURS] = keep.values[OURS].replace('"a.', '"b.')
        keep.values["2999"] = keep.values[OURS]
        board = switchboard_for(kamailio, keep=keep)
        async with board.session() as session:
            assert await session.read_back() == {}

    async def test_what_was_published_after_the_server_s_restart_is_not_published_twice(
        self, kamailio: PrivateKamailio, extension: str
    ) -> None:
        keep = MemoryKeep()
        board = switchboard_for(kamailio, keep=keep)
        async with board.session() as session:
            await show(board, session, in_a_meeting(extension))
        keep.values[OURS] = keep.values[OURS].replace('"a.', '"b.')  # forgotten; the person's is there
        async with board.session() as session, watch(kamailio, extension) as watcher:
            assert await session.read_back() == {}
            await show(board, session, replace(in_a_meeting(extension), lamp=Lamp("lunch", "At lunch")))
            assert parts(await watcher.until("At lunch")) == {"tuple": 1, "person": 1}

    async def test_a_frozen_server_is_lost(self, own_kamailio: PrivateKamailio) -> None:
        board = switchboard_for(own_kamailio, beat=Beat(0.05, 0.5))
        async with board.session() as session:
            own_kamailio.freeze()
            lost = await asyncio.wait_for(session.lost(), 20)
            assert "did not answer" in str(lost)
            with pytest.raises(SwitchboardError):
                await session.show([Order("1001", NOTHING, board.render(in_a_meeting("1001")))])


class TestRefusals:
    """What servers say no with."""

    async def test_unknown_tag(self, kamailio: PrivateKamailio, extension: str) -> None:
        """412: it is published whole, at once."""
        keep = MemoryKeep()
        board = switchboard_for(kamailio, keep=keep)
        async with board.session() as session, watch(kamailio, extension) as watcher:
            await show(board, session, in_a_meeting(extension))
            await watcher.until(MEETING.text)
            await nothing_is_left(watcher, withdrawn_by_somebody(kamailio, keep.values[extension]))
            await show(board, session, replace(in_a_meeting(extension), lamp=Lamp("lunch", "At lunch")))
            assert parts(await watcher.until("At lunch")) == {"tuple": 1, "person": 1}

    async def test_too_short(self, own_kamailio: PrivateKamailio, extension: str) -> None:
        """423: as long as the server wants, for it takes nothing else."""
        own_kamailio.stop()
        own_kamailio.configure(KamailioSettings(min_expires=120))
        own_kamailio.start()
        keep = MemoryKeep()
        board = switchboard_for(own_kamailio, keep=keep)
        async with board.session() as session, watch(own_kamailio, extension) as watcher:
            shown = await show(board, session, in_a_meeting(extension, timedelta(seconds=20)))
            await watcher.until(MEETING.text)
            assert await session.read_back() == {extension: shown}
        findings = await board.check()
        assert [finding.level for finding in findings] == [Level.OK, Level.OK]

    @pytest.mark.parametrize("login", ["www", "proxy"])
    async def test_wrong_password(self, login: str) -> None:
        """401 and 407."""
        with kamailio_of(KamailioSettings(login)) as server:
            async with switchboard_for(server).session() as session:
                assert await session.read_back() == {}
            for account, said in ((SipAccount("backsoon", "wrong"), "'backsoon'"), (None, "asks for an account")):
                board = switchboard_for(server, account=account)
                with pytest.raises(SwitchboardDenied, match=said):
                    async with board.session():
                        pytest.fail("logged in")
                findings = await board.check()
                assert findings[-1].level is Level.ERROR
                assert "wrong" not in findings[-1].text

    async def test_sha_256(self) -> None:
        with kamailio_of(KamailioSettings(algorithm="SHA-256")) as server:
            async with switchboard_for(server).session() as session:
                assert await session.read_back() == {}

    async def test_nonces_grow_stale(self, extension: str) -> None:
        """Nobody notices that the server wants another one each second."""
        with kamailio_of(KamailioSettings(nonce_expire=1)) as server:
            board = switchboard_for(server)
            async with board.session() as session:
                nonces = set[str]()

                async def another() -> bool:
                    await session.show([Order(extension, NOTHING, board.render(in_a_meeting(extension)))])
                    nonces.update(digest.nonce for digest in session._client._digests.values())
                    return len(nonces) > 2

                await until(another)
                assert set(await session.read_back()) == {extension}


HOSTILE = [
    "In a meeting\r\nContact: <sip:evil@example.com>\r\n\r\n",
    "]]></note><tuple id='x'><status><basic>open</basic></status></tuple><note>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "nul \0 here",
    "right to left \u202e here \u2066",
    "\ufffe \uffff \ud800",
    "é" * 32_768,
    "&amp;&#0;&lt;",
    "SIP/2.0 200 OK\r\n\r\n",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_hostile_text_is_text(kamailio: PrivateKamailio, transport: Transport, text: str, extension: str) -> None:
    board = switchboard_for(kamailio, transport)
    async with board.session() as session, watch(kamailio, extension) as watcher:
        await show(board, session, in_a_meeting(extension, text=text))
        seen = await watcher.until("closed", tag="meeting")
        assert parts(seen) == {"tuple": 1, "person": 1}
        notes = {e.text for e in etree.fromstring(seen.body).iter() if etree.QName(e).localname == "note"}
        assert notes == ({displayable(text)[: len(note)] for note in notes if note})
        assert all(note and note.isprintable() for note in notes)


class TestChecking:
    """`backsoon check`."""

    @pytest.mark.parametrize("transport", TRANSPORTS)
    async def test_all_is_well_and_nothing_is_left(self, kamailio: PrivateKamailio, transport: Transport) -> None:
        board = switchboard_for(kamailio, transport, account=ACCOUNT, own=f"sip:check-{transport}@127.0.0.1")
        findings = await board.check()
        assert [(finding.level, finding.remedy) for finding in findings] == [(Level.OK, ""), (Level.OK, "")]
        assert "Server: private" not in findings[0].text
        assert "private" in findings[0].text
        async with watch(kamailio, f"check-{transport}") as watcher:
            await asyncio.wait_for(watcher.empty.get(), 10)
            assert watcher.seen.empty()

    async def test_nobody_there(self, kamailio: PrivateKamailio) -> None:
        for transport in (Transport.UDP, Transport.TCP):
            settings = settings_for(kamailio, address=SipAddress("127.0.0.1", 1, transport))
            (finding,) = await SipPresenceSwitchboard(settings, surroundings()).check()
            assert finding.level is Level.ERROR
            assert "ca_file" in finding.remedy

    async def test_a_certificate_of_nobody_we_know(self, kamailio: PrivateKamailio) -> None:
        settings = settings_for(kamailio, address=SipAddress("127.0.0.1", kamailio.tls_port, Transport.TLS))
        (finding,) = await SipPresenceSwitchboard(settings, surroundings()).check()
        assert "certificate is not trusted" in finding.text
