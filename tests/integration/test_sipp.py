"""A call that nobody answers says why: which side failed can be told from a log of the tests alone."""

from __future__ import annotations

import socket

import pytest

from tests.asterisk_server import Asterisk
from tools.peers import sipp
from tools.peers.recipe import PeerError

pytestmark = pytest.mark.xdist_group("asterisk")


def test_asterisk_does_not_answer(own_asterisk: Asterisk) -> None:
    own_asterisk.server.freeze()
    with pytest.raises(PeerError, match=r"got no final answer; it got \[\]; SIPp sent [2-9] messages, ended with 1 "):
        own_asterisk.calls.place("1001", within=3)
    own_asterisk.server.thaw()


def test_sipp_does_not_call(asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(sipp, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(PeerError, match=r"SIPp sent 0 messages, ended with 254 and said .*Address already in use"):
            asterisk.place_call("1001")


def test_asterisk_could_not_listen(own_asterisk: Asterisk) -> None:
    own_asterisk.server.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", own_asterisk.sip_port))
        own_asterisk.server.start()
        with pytest.raises(PeerError, match=r"got no final answer; .*Asterisk: .*Address already in use"):
            own_asterisk.calls.place("1001", within=2)
