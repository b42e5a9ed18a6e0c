"""A real Kamailio for tests, as a presence server that asks for digest authentication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backsoon.switchboards.base import Keep, MemoryKeep, Surroundings
from backsoon.switchboards.sip_presence import SipPresenceSettings, SipPresenceSwitchboard
from backsoon.switchboards.sip_presence.settings import Beat
from backsoon.wire.sip_client import SipAccount, SipAddress, Transport
from backsoon.wire.tls import client_context
from tests.peers import not_here, require_peer
from tools.peers.kamailio_server import PASSWORD, USERNAME, KamailioSettings, PrivateKamailio
from tools.peers.recipe import PeerError

ACCOUNT = SipAccount(USERNAME, PASSWORD)
QUICK = Beat(every=0.05, within=2.0)


def surroundings(keep: Keep | None = None) -> Surroundings:
    """What a driver gets in tests: a memory of its own, where none is given."""
    return Surroundings(keep or MemoryKeep(), lambda: datetime.now(UTC), lambda reference: reference)


def address_of(server: PrivateKamailio, transport: Transport = Transport.UDP) -> SipAddress:
    """Where it listens."""
    if transport is Transport.TLS:
        return SipAddress("127.0.0.1", server.tls_port, transport, client_context(server.ca_file))
    return SipAddress("127.0.0.1", server.port, transport)


def settings_for(
    server: PrivateKamailio, transport: Transport = Transport.UDP, **changes: object
) -> SipPresenceSettings:
    """Its settings, with a heart that beats fast."""
    usual = SipPresenceSettings(address_of(server, transport), "127.0.0.1", ACCOUNT, beat=QUICK)
    return replace(usual, **changes)  # type: ignore[arg-type]  # checked by the dataclass


def switchboard_for(
    server: PrivateKamailio, transport: Transport = Transport.UDP, keep: Keep | None = None, **changes: object
) -> SipPresenceSwitchboard:
    """The driver for it."""
    return SipPresenceSwitchboard(settings_for(server, transport, **changes), surroundings(keep))


def run_kamailio(settings: KamailioSettings | None = None) -> Iterator[PrivateKamailio]:
    """Start one and end it. Skips visibly (in CI: fails) where there is none."""
    peer = require_peer("kamailio")
    try:
        with PrivateKamailio(peer, settings) as server:
            yield server
    except PeerError as error:
        not_here(str(error))


kamailio_of = contextmanager(run_kamailio)
"""One that is set up otherwise, for a block."""


@pytest.fixture(scope="module", name="kamailio")
def _kamailio() -> Iterator[PrivateKamailio]:
    """A running one, shared by the tests of a module, which must leave it running."""
    yield from run_kamailio()


@pytest.fixture
def own_kamailio() -> Iterator[PrivateKamailio]:
    """One for one test alone, which may stop, freeze and set it up anew."""
    yield from run_kamailio()
