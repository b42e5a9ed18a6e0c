"""The implementations under the contract."""

import socket
from datetime import UTC, datetime

import pytest

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.base import SwitchboardError
from backsoon.testing import MemorySwitchboard
from backsoon.wire.ami_client import AmiAddress
from tests.asterisk_server import ACCOUNT, Asterisk
from tests.contract.switchboards.boards import Board
from tools.peers.asterisk_server import free_port


@pytest.fixture(params=["memory", "asterisk"])
def board(request: pytest.FixtureRequest) -> Board:
    """Each switchboard in turn, holding nothing of ours."""
    return _memory() if request.param == "memory" else _asterisk(request.getfixturevalue("asterisk"))


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
