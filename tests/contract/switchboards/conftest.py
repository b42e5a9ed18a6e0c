"""The implementations under the contract."""

import socket

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

    return Board(switchboard, cut, absent)


def _asterisk(asterisk: Asterisk) -> Board:
    nowhere = AmiAddress(port=free_port(socket.SOCK_STREAM))

    async def cut() -> None:
        asterisk.kick_managers()

    return Board(asterisk.switchboard(), cut, AsteriskSwitchboard(AsteriskSettings(nowhere, ACCOUNT)))
