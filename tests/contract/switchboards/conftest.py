"""The implementations under the contract."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backsoon.switchboards.asterisk import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.base import NOTHING, Rendered, SwitchboardError
from backsoon.switchboards.sip_presence import Available, SipPresenceSwitchboard
from backsoon.switchboards.webhook import WebhookSwitchboard
from backsoon.switchboards.webhook.render import render
from backsoon.switchboards.webhook.session import WebhookSession
from backsoon.testing import MemorySwitchboard
from backsoon.testing.switchboards import Board
from backsoon.wire.ami_client import AmiAddress
from backsoon.wire.sip_client import SipAddress
from tests.asterisk_server import ACCOUNT, Asterisk
from tests.kamailio_server import surroundings, switchboard_for
from tests.webhook_receiver import WebhookReceiver, around, presented, receiving
from tools.peers.kamailio_server import PrivateKamailio
from tools.ports import free_port


@pytest.fixture(params=["memory", "asterisk", "sip_presence", "webhook"])
def board(request: pytest.FixtureRequest) -> Board:
    """Each switchboard in turn, holding nothing of ours."""
    if request.param == "webhook":
        return request.getfixturevalue("webhook")
    if request.param == "sip_presence":
        return _sip_presence(request.getfixturevalue("kamailio"))
    return _memory() if request.param == "memory" else _asterisk(request.getfixturevalue("asterisk"))


class _Webhook(WebhookSwitchboard):
    """Knows the session that is open."""

    open: WebhookSession

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[WebhookSession]:
        async with super()._session() as self.open:
            yield self.open


@pytest.fixture
async def webhook() -> AsyncIterator[Board]:
    """A receiver of webhooks: it cannot be asked, so the test looks at what it has."""
    async with receiving() as receiver:
        switchboard = _Webhook(receiver.settings(), around())

        async def cut() -> None:
            await receiver.close()
            await asyncio.wait_for(switchboard.open.lost(), 10)
            await receiver.open()

        async def held() -> Mapping[str, Rendered]:
            return _held(receiver)

        nowhere = f"http://127.0.0.1:{free_port()}/"
        absent = WebhookSwitchboard(receiver.settings(url=nowhere), around())
        yield Board(switchboard, cut, absent, held=held)


def _held(receiver: WebhookReceiver) -> dict[str, Rendered]:
    rendered = {extension: render(presented(data)) for extension, data in receiver.people.items()}
    return {extension: each for extension, each in rendered.items() if each != NOTHING}


def _sip_presence(kamailio: PrivateKamailio) -> Board:
    """Of whoever is available nothing is published, so that nothing is nothing."""

    async def cut() -> None:
        await asyncio.to_thread(kamailio.restart)

    switchboard = switchboard_for(kamailio, available=Available.WITHDRAW)
    nowhere = SipAddress("127.0.0.1", free_port())
    absent = SipPresenceSwitchboard(replace(switchboard.settings, address=nowhere), surroundings())
    return Board(switchboard, cut, absent)


def _memory() -> Board:
    switchboard, absent = MemorySwitchboard(), MemorySwitchboard()
    absent.fail(SwitchboardError("nobody is there"))

    async def cut() -> None:
        switchboard.cut()

    def dial(extension: str, code: str, argument: str) -> None:
        switchboard.dial(extension, datetime.now(UTC), code, argument)

    return Board(switchboard, cut, absent, dial)


def _asterisk(asterisk: Asterisk) -> Board:
    nowhere = AmiAddress(port=free_port())

    async def cut() -> None:
        asterisk.kick_managers()

    def dial(extension: str, code: str, argument: str) -> None:
        behind = f"*{argument}" if argument else ""
        assert asterisk.dial(f"*23*{code}{behind}#" if code else "#23#", extension).status == 200

    return Board(asterisk.switchboard(), cut, AsteriskSwitchboard(AsteriskSettings(nowhere, ACCOUNT)), dial)
