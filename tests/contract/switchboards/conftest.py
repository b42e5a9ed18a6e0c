"""The implementations under the contract."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.base import SwitchboardError
from backsoon.switchboards.sip_presence import Available, SipPresenceSwitchboard
from backsoon.switchboards.webhook import WebhookSwitchboard
from backsoon.testing import MemorySwitchboard
from backsoon.wire.ami_client import AmiAddress
from backsoon.wire.sip_client import SipAddress
from tests.asterisk_server import ACCOUNT, Asterisk
from tests.contract.switchboards.boards import Board
from tests.kamailio_server import surroundings, switchboard_for
from tests.webhook_receiver import AskedSwitchboard, around, receiving
from tools.peers.asterisk_server import free_port
from tools.peers.kamailio_server import PrivateKamailio


@pytest.fixture
async def webhook() -> AsyncIterator[Board]:
    """A receiver of webhooks."""

    def dial(extension: str, code: str, argument: str) -> None:
        pytest.skip("nothing can be dialled at a receiver of webhooks")

    async with receiving() as receiver:
        switchboard = AskedSwitchboard(receiver)
        nowhere = f"http://127.0.0.1:{free_port(socket.SOCK_STREAM)}/"
        absent = WebhookSwitchboard(receiver.settings(url=nowhere), around())
        yield Board(switchboard, switchboard.cut, absent, dial)


@pytest.fixture(params=["memory", "asterisk", "sip_presence", "webhook"])
def board(request: pytest.FixtureRequest) -> Board:
    """Each switchboard in turn, holding nothing of ours."""
    if request.param == "webhook":
        return request.getfixturevalue("webhook")
    if request.param == "sip_presence":
        return _sip_presence(request.getfixturevalue("kamailio"))
    return _memory() if request.param == "memory" else _asterisk(request.getfixturevalue("asterisk"))


def _sip_presence(kamailio: PrivateKamailio) -> Board:
    """Of whoever is available nothing is published, so that nothing is nothing."""

    async def cut() -> None:
        await asyncio.to_thread(kamailio.restart)

    def dial(extension: str, code: str, argument: str) -> None:
        pytest.skip("nothing can be dialled at a presence server")

    switchboard = switchboard_for(kamailio, available=Available.WITHDRAW)
    nowhere = SipAddress("127.0.0.1", free_port(socket.SOCK_DGRAM))
    absent = SipPresenceSwitchboard(replace(switchboard.settings, address=nowhere), surroundings())
    return Board(switchboard, cut, absent, dial)


def _memory() -> Board:
    switchboard, absent = MemorySwitchboard(), MemorySwitchboard()
    absent.fail(SwitchboardError("nobody is there"))

    async def cut() -> None:
        switchboard.cut()

    def dial(extension: str, code: str, argument: str) -> None:
        switchboard.dial(extension, datetime.now(UTC), code, argument)

    return Board(switchboard, cut, absent, dial)


def _asterisk(asterisk: Asterisk) -> Board:
    nowhere = AmiAddress(port=free_port(socket.SOCK_STREAM))

    async def cut() -> None:
        asterisk.kick_managers()

    def dial(extension: str, code: str, argument: str) -> None:
        behind = f"*{argument}" if argument else ""
        assert asterisk.dial(f"*23*{code}{behind}#" if code else "#23#", extension).status == 200

    return Board(asterisk.switchboard(), cut, AsteriskSwitchboard(AsteriskSettings(nowhere, ACCOUNT)), dial)
