"""A real Asterisk that crashes, restarts, freezes, refuses: what was wanted is there again afterwards."""

import asyncio
import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.phonecodes import PhoneCodes
from backsoon.switchboards.asterisk import AsteriskSession, AsteriskSwitchboard
from backsoon.switchboards.asterisk import check as check_module
from backsoon.switchboards.asterisk.check import Level, check
from backsoon.switchboards.asterisk.dialplan import USUAL
from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    Order,
    PlannedReferral,
    Presentation,
    Rendered,
    Switchboard,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.wire.ami_client import AmiAccount, AmiAddress, AmiTimes
from backsoon.wire.tls import client_context
from tests.asterisk_server import ACCOUNT, LOGIN_ONLY, OPERATOR, Asterisk
from tools.ports import free_port

QUICK = AmiTimes(ping=0.1, silent=0.5)


def wanted(board: Switchboard, count: int = 50) -> dict[str, Rendered]:
    """People in a meeting that began an hour ago."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    referral = PlannedReferral(start, start + timedelta(hours=2), None, "meeting")
    names = ["1001", *(str(2000 + number) for number in range(count - 1))]
    return {n: board.render(Presentation(n, Lamp("meeting", "In a meeting"), (referral,))) for n in names}


async def heal(session: AsteriskSession, after: dict[str, Rendered]) -> int:
    """What the publisher does in a new session; how many differences there were."""
    held = await session.read_back()
    names = held.keys() | after.keys()
    pairs = {name: (held.get(name, NOTHING), after.get(name, NOTHING)) for name in names}
    orders = [Order(name, old, new) for name, (old, new) in pairs.items() if old != new]
    await session.show(orders)
    assert await session.read_back() == after
    return len(orders)


async def reopened(board: AsteriskSwitchboard, after: dict[str, Rendered]) -> int:
    """Connect again as soon as Asterisk lets us, and heal."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with board.session() as session:
                    return await heal(session, after)
            except SwitchboardError:
                await asyncio.sleep(0.02)


async def test_a_crash(own_asterisk: Asterisk) -> None:
    """What was acknowledged in the last second may be lost: reading back finds it."""
    board = own_asterisk.switchboard()
    after = wanted(board)
    async with board.session() as session:
        await heal(session, after)
        own_asterisk.server.kill()
        await asyncio.wait_for(session.lost(), 15)
        with pytest.raises(SwitchboardError):
            await session.read_back()
    own_asterisk.server.start(wait=False)
    await reopened(board, after)
    own_asterisk.server.wait_booted()
    assert own_asterisk.place_call("1001").status == 486
    assert set(own_asterisk.database()) == {
        key
        for name in after
        for key in (
            f"/backsoon/{name}",
            f"/backsoon-person/{name}",
            f"/CustomDevstate/backsoon-{name}",
            f"/CustomPresence/{name}",
        )
    }


async def test_a_restart_after_the_meetings_ended(own_asterisk: Asterisk) -> None:
    """Asterisk replays its old states when it starts; they are taken away."""
    board = own_asterisk.switchboard()
    async with board.session() as session:
        await heal(session, wanted(board))
    own_asterisk.server.stop()
    own_asterisk.server.start()
    assert await reopened(board, {}) == 50
    assert own_asterisk.database() == {}


@pytest.mark.parametrize("command", ["core restart now", "core restart gracefully"])
async def test_a_restart_by_command(own_asterisk: Asterisk, command: str) -> None:
    board = own_asterisk.switchboard()
    after = wanted(board)
    async with board.session() as session:
        await heal(session, after)
        own_asterisk.cli(command)
        await asyncio.wait_for(session.lost(), 15)
    await reopened(board, after)


async def test_a_freeze_is_found(own_asterisk: Asterisk) -> None:
    board = own_asterisk.switchboard(times=QUICK)
    after = wanted(board)
    async with board.session() as session:
        await heal(session, after)
        own_asterisk.server.freeze()
        reading = asyncio.ensure_future(session.read_back())
        assert "silent" in str(await asyncio.wait_for(session.lost(), 15))
        with pytest.raises(SwitchboardError):
            await reading
    own_asterisk.server.thaw()
    assert await reopened(board, after) == 0


def test_a_dead_connection_is_found_within_fifteen_seconds() -> None:
    times = AmiTimes()
    assert times.ping + times.silent <= 15


async def test_a_crash_in_the_middle_of_a_wave(own_asterisk: Asterisk) -> None:
    board = own_asterisk.switchboard()
    after = wanted(board, 3000)
    async with board.session() as session:
        showing = asyncio.ensure_future(heal(session, after))
        async with asyncio.timeout(20):
            while len(own_asterisk.database()) < 200:
                await asyncio.sleep(0.02)
        own_asterisk.server.kill()
        with pytest.raises(SwitchboardError):
            await showing
    own_asterisk.server.start()
    assert await reopened(board, after) > 0


class TestAccounts:
    async def test_a_wrong_secret(self, asterisk: Asterisk) -> None:
        with pytest.raises(SwitchboardDenied, match="Authentication failed"):
            async with asterisk.switchboard(account=AmiAccount(ACCOUNT.username, "wrong")).session():
                pytest.fail("logged in")

    async def test_rights_that_do_not_suffice(self, asterisk: Asterisk) -> None:
        board = asterisk.switchboard(account=LOGIN_ONLY)
        async with board.session() as session:
            with pytest.raises(SwitchboardDenied):
                await session.read_back()
            with pytest.raises(SwitchboardDenied):
                await session.show([Order("1001", NOTHING, Rendered(plan="1~x"))])
            with pytest.raises(SwitchboardDenied):
                await session.show([Order("1001", NOTHING, Rendered(lamp="INUSE dnd,eA==,eA==,e"))])
        assert asterisk.database() == {}

    async def test_check_finds_nothing_wrong_with_the_least_rights(self, asterisk: Asterisk) -> None:
        findings = await check(asterisk.switchboard().settings)
        assert {finding.level for finding in findings} == {Level.OK}, findings
        assert "Asterisk" in findings[0].text

    async def test_check_complains_of_too_many_rights(self, asterisk: Asterisk) -> None:
        findings = await check(asterisk.switchboard(account=OPERATOR).settings)
        (error,) = [finding for finding in findings if finding.level is Level.ERROR]
        assert "originate" in error.text
        assert "command" in error.text

    async def test_check_complains_of_too_few(self, asterisk: Asterisk) -> None:
        findings = await check(asterisk.switchboard(account=LOGIN_ONLY).settings)
        assert any(finding.level is Level.ERROR and "DBPut" in finding.text for finding in findings)

    async def test_check_changes_nothing(self, asterisk: Asterisk) -> None:
        await check(asterisk.switchboard().settings)
        assert asterisk.database() == {}

    async def test_check_of_a_dialplan_printed_by_other_settings(self, asterisk: Asterisk) -> None:
        other = replace(USUAL, phone=PhoneCodes("*7", "#7"))
        findings = await check(asterisk.switchboard().settings, other)
        (warning,) = [finding for finding in findings if finding.level is not Level.OK]
        assert warning.level is Level.WARNING
        assert "printed by other settings" in warning.text

    async def test_check_of_modules_that_star_codes_need(self, own_asterisk: Asterisk) -> None:
        own_asterisk.cli("module unload app_playtones")
        findings = await check(own_asterisk.switchboard().settings)
        (warning,) = [finding for finding in findings if finding.level is not Level.OK]
        assert warning.level is Level.WARNING
        assert "app_playtones" in warning.text

    async def test_check_of_modules_that_the_answer_to_callers_needs(self, own_asterisk: Asterisk) -> None:
        for module in ("app_read", "app_voicemail"):
            own_asterisk.cli(f"module unload {module}")
        switchboard = own_asterisk.switchboard().settings
        told = [finding.text for finding in await check(switchboard) if finding.level is Level.WARNING]
        assert [text.rpartition(": ")[2] for text in told] == ["app_read", "app_voicemail"]
        without = replace(USUAL, voice=replace(USUAL.voice, voicemail=""))
        told = [finding.text for finding in await check(switchboard, without) if "not loaded" in finding.text]
        assert [text.rpartition(": ")[2] for text in told] == ["app_read"]

    async def test_check_of_attendants_whom_the_dialplan_does_not_know(self, asterisk: Asterisk) -> None:
        for attendant, warned in (("2000", False), ("reception", True)):
            whose = replace(USUAL, voice=replace(USUAL.voice, attendant=attendant))
            told = [finding.text for finding in await check(asterisk.switchboard().settings, whose)]
            assert any("not offered the attendants" in text for text in told) is warned

    async def test_check_of_attendants_whose_calls_would_not_ring_through(self, asterisk: Asterisk) -> None:
        for attendants, warned in ((("2000", "2001"), ""), (("2000", "reception"), "reception")):
            whose = replace(USUAL, voice=replace(USUAL.voice, attendants=attendants))
            told = [finding.text for finding in await check(asterisk.switchboard().settings, whose)]
            through = [text for text in told if "do not ring through" in text]
            assert [warned in text for text in through] == [True] * bool(warned)

    @pytest.mark.parametrize(
        ("zone", "known"),
        [
            ("Europe/Stockholm", True),
            ("America/New_York", True),
            ("UTC", True),
            ("Asia/Kathmandu", True),
            ("Asia/Nowhere", False),
        ],
    )
    async def test_check_of_a_time_zone_that_asterisk_does_not_have(
        self, asterisk: Asterisk, zone: str, known: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            check_module, "ZoneInfo", lambda key: ZoneInfo("Asia/Tokyo" if key == "Asia/Nowhere" else key)
        )
        findings = await check(asterisk.switchboard().settings, replace(USUAL, zone=zone))
        wrong = [finding for finding in findings if "time zone" in finding.text]
        assert [finding.level for finding in wrong] == ([] if known else [Level.ERROR])
        assert all(zone in finding.text and "tzdata" in finding.remedy for finding in wrong)

    async def test_check_of_a_dialplan_without_the_include(self, own_asterisk: Asterisk) -> None:
        (own_asterisk.server.folder / "extensions.conf").write_text("[incoming]\n", encoding="ascii")
        own_asterisk.cli("module unload app_dial")
        own_asterisk.cli("module unload func_cut")
        own_asterisk.cli("dialplan reload")
        findings = await check(own_asterisk.switchboard().settings)
        assert any(finding.level is Level.ERROR and "func_cut" in finding.text for finding in findings), findings
        assert any(finding.level is Level.WARNING and "subroutine" in finding.text for finding in findings), findings


class TestTls:
    """The manager interface over TLS, its certificate checked against the authority that the administrator names."""

    @pytest.fixture
    def certificate(self, own_asterisk: Asterisk) -> Path:
        """Let Asterisk speak TLS; its self-signed certificate."""
        folder = own_asterisk.server.folder
        certificate, key = folder / "ami.pem", folder / "ami.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=pbx", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        tls = f"tlsenable = yes\ntlsbindaddr = 127.0.0.1:{free_port()}\n"
        tls += f"tlscertfile = {own_asterisk.server.inside(certificate)}\n"
        tls += f"tlsprivatekey = {own_asterisk.server.inside(key)}\n"
        manager = folder / "manager.conf"
        manager.write_text(manager.read_text().replace("[general]\n", f"[general]\n{tls}", 1))
        own_asterisk.cli("manager reload")
        return certificate

    def address(self, asterisk: Asterisk, context: ssl.SSLContext) -> AmiAddress:
        text = (asterisk.server.folder / "manager.conf").read_text()
        return AmiAddress("127.0.0.1", int(text.partition("tlsbindaddr = 127.0.0.1:")[2].split()[0]), context)

    async def test_works(self, own_asterisk: Asterisk, certificate: Path) -> None:
        board = own_asterisk.switchboard(address=self.address(own_asterisk, client_context(certificate)))
        async with board.session() as session:
            await heal(session, wanted(board))

    async def test_a_certificate_that_nobody_vouches_for(self, own_asterisk: Asterisk, certificate: Path) -> None:
        board = own_asterisk.switchboard(address=self.address(own_asterisk, client_context()))
        with pytest.raises(SwitchboardError, match="certificate"):
            async with board.session():
                pytest.fail(f"trusted {certificate}")
