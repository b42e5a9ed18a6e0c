"""Presence published to a real Kamailio, with digest authentication, and how soon those who watch are told.

`publish_per_s`: publications acknowledged a second as a run paces them (1,000 a second), `unpaced` as many as the
server takes; what is to be remembered of each is kept in a store (SQLite), as in a run. `notify_ms`: one person after
the other, from the order to the NOTIFY at a telephone; `wave_ms`: the same where a thousand meetings begin at one
instant. Server, telephones, store and the driver share the machine. `--publications N --watched N` for shorter runs,
`--transport tcp` for others than UDP.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backsoon.domain.organisation import SwitchboardSettings
from backsoon.drivers import surroundings_of
from backsoon.switchboards.base import NOTHING, Lamp, Order, Presentation
from backsoon.switchboards.sip_presence import SipPresenceSession, SipPresenceSettings, SipPresenceSwitchboard
from backsoon.switchboards.sip_presence.pace import PaceSettings
from backsoon.wire.sip_client import SipAccount, SipAddress, Transport
from backsoon.wire.tls import client_context
from bench.asterisk_watchers import Watchers, watching
from bench.common import ACME, folder, opened, progress, spread, utc_now
from tools.peers import Absent, find_peer
from tools.peers.kamailio_server import PASSWORD, USERNAME, KamailioSettings, PrivateKamailio

LIMIT = 1000.0
SERVER = KamailioSettings(children=4, shared_mib=1024)
_OF = re.compile(rb"^From: <sip:([0-9]+)@", re.MULTILINE)


class Stamps(Watchers):
    """Keeps when each extension's last NOTIFY came (perf_counter)."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[str, float] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer, and stamp."""
        super().datagram_received(data, addr)
        if found := _OF.search(data):
            self.came[found[1].decode()] = time.perf_counter()

    async def told(self, extensions: Sequence[str], since: float) -> float:
        """Wait until all were told of something after that; the share that was within ten seconds."""
        deadline = time.perf_counter() + 10
        while (late := [e for e in extensions if self.came.get(e, 0) < since]) and time.perf_counter() < deadline:
            await asyncio.sleep(0.001)
        return 1 - len(late) / len(extensions)


def run(options: Sequence[str]) -> dict[str, object]:
    """The figures."""
    parser = argparse.ArgumentParser(prog="bench presence")
    parser.add_argument("--publications", type=int, default=20_000)
    parser.add_argument("--watched", type=int, default=1000)
    parser.add_argument("--transport", choices=[t.value for t in Transport], default="udp")
    chosen = parser.parse_args(options)
    peer = find_peer("kamailio")
    if isinstance(peer, Absent):
        raise SystemExit(f"kamailio: {peer.reason}")
    figures: dict[str, object] = {"transport": chosen.transport}
    with PrivateKamailio(peer, SERVER) as server:
        figures |= asyncio.run(_watched(server, chosen))
    with PrivateKamailio(peer, SERVER) as server:
        figures |= asyncio.run(_published(server, chosen, "publish_per_s", LIMIT))
    with PrivateKamailio(peer, SERVER) as server:
        figures |= asyncio.run(_published(server, chosen, "unpaced_per_s", 1e6))
    return figures


async def _published(server: PrivateKamailio, chosen: argparse.Namespace, name: str, limit: float) -> dict[str, object]:
    """Everybody's meeting begins, in portions as the publisher makes them."""
    async with _board(server, Transport(chosen.transport), limit) as board, board.session() as session:
        orders = [_away(board, 200_000 + number) for number in range(chosen.publications)]
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(orders), 250):
            await session.show(orders[first : first + 250])
        took, used = time.perf_counter() - began, time.process_time() - cpu
        held = await session.read_back() or {}
        progress(f"{name}: {len(orders)} in {took:.1f} s, pace now {session.pace.rate:.0f}")
    return {
        name: round(len(orders) / took, 1),
        f"{name}.cpu_us_each": round(used / len(orders) * 1e6, 1),
        f"{name}.held": len(held) / len(orders),
    }


async def _watched(server: PrivateKamailio, chosen: argparse.Namespace) -> dict[str, object]:
    numbers = range(100_000, 100_000 + chosen.watched)
    names = [str(number) for number in numbers]
    async with (
        _board(server, Transport(chosen.transport), LIMIT) as board,
        board.session() as session,
        watching(server.port, names, Stamps) as watchers,
    ):
        alone: list[float] = []
        for number in numbers:
            began = time.perf_counter()
            await session.show([_away(board, number)])
            await watchers.told([str(number)], began)
            alone.append(1000 * (watchers.came.get(str(number), began + 10) - began))
        began = time.perf_counter()
        share = await _wave(session, board, numbers, watchers, began)
        wave = [1000 * (watchers.came[name] - began) for name in names]
    return {**spread("notify_ms", alone, 2), **spread("wave_ms", wave), "wave_told": share}


async def _wave(
    session: SipPresenceSession, board: SipPresenceSwitchboard, numbers: Sequence[int], watchers: Stamps, began: float
) -> float:
    """Everybody is available again at one instant; the share of those who watch that were told."""
    orders = [Order(str(n), NOTHING, board.render(Presentation(str(n)))) for n in numbers]
    await session.show(orders)
    return await watchers.told([str(number) for number in numbers], began)


def _away(board: SipPresenceSwitchboard, number: int) -> Order:
    shown = board.render(Presentation(str(number), Lamp("meeting", "In a meeting, back 10:00"), (), "en"))
    return Order(str(number), NOTHING, shown)


@asynccontextmanager
async def _board(server: PrivateKamailio, transport: Transport, limit: float) -> AsyncIterator[SipPresenceSwitchboard]:
    """The driver, which keeps what it has to remember in an empty store."""
    tls = client_context(server.ca_file) if transport is Transport.TLS else None
    port = server.tls_port if tls else server.port
    settings = SipPresenceSettings(
        SipAddress("127.0.0.1", port, transport, tls),
        "127.0.0.1",
        SipAccount(USERNAME, PASSWORD),
        pace=PaceSettings(limit=limit),
    )
    stored = SwitchboardSettings(ACME.id, "presence", "sip_presence")
    with folder() as place:
        async with opened(place) as store:
            await store.save_organisation(ACME)
            await store.save_switchboards(ACME.id, [stored])
            yield SipPresenceSwitchboard(settings, surroundings_of(stored, store, utc_now))
