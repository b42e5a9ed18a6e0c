"""A whole Backsoon at each of the vendors that tell of changes, simulated: two people, Anna and Bo, who work by UTC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.pushed import PUBLIC, Pushed, pushed
from tests.simulators.ews import EwsSimulator
from tests.simulators.faults import Faults
from tests.simulators.google import GoogleSimulator
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, World


@dataclass(frozen=True)
class Simulated:
    """A vendor at work, and how it is reached. `deliver_to` is told where notifications arrive in truth."""

    faults: Faults
    settings: dict[str, object]
    deliver_to: Callable[[str], None] = lambda _local: None


@asynccontextmanager
async def exchange(world: World, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Simulated]:
    """An Exchange server; it tells by streams."""
    async with EwsSimulator(world) as sim:
        patch.setenv("EWS_PASSWORD", sim.password)
        yield Simulated(sim.faults, {"url": sim.url, "username": sim.account, "password": "env:EWS_PASSWORD"})


@asynccontextmanager
async def google(world: World, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Simulated]:
    """Google Calendar; it tells by channels."""
    async with GoogleSimulator(world) as sim:
        credentials = folder / "credentials.json"
        credentials.write_text(sim.service_account())

        def deliver_to(local: str) -> None:
            sim.channels.deliver_to = local

        yield Simulated(sim.faults, {"credentials": str(credentials), "url": sim.url}, deliver_to)


@asynccontextmanager
async def microsoft(world: World, folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Simulated]:
    """Microsoft 365; it tells by subscriptions."""
    async with GraphSimulator(world) as sim:
        patch.setenv("GRAPH_SECRET", sim.client_secret)
        settings: dict[str, object] = {
            "tenant": sim.tenant,
            "client_id": sim.client_id,
            "client_secret": "env:GRAPH_SECRET",
            "url": sim.url,
            "sign_in_url": sim.sign_in_url,
            "ca_file": sim.ca_file,
        }

        def deliver_to(local: str) -> None:
            sim.hooks[PUBLIC] = local

        yield Simulated(sim.faults, settings, deliver_to)


Make = Callable[[World, Path, pytest.MonkeyPatch], AbstractAsyncContextManager[Simulated]]
VENDORS: Mapping[str, Make] = {"ews": exchange, "google": google, "graph": microsoft}
"""By the kind of connection."""


@asynccontextmanager
async def at(
    kind: str, folder: Path, patch: pytest.MonkeyPatch, prepare: Callable[[World], None] = lambda _world: None
) -> AsyncIterator[tuple[Pushed, Faults]]:
    """Backsoon at a vendor, and what may go wrong there; `prepare` fills the mailboxes before it starts."""
    world = World([Mailbox("anna@example.com", zone="UTC"), Mailbox("bo@example.com", zone="UTC")])
    prepare(world)
    async with (
        VENDORS[kind](world, folder, patch) as vendor,
        pushed(folder, kind, world, vendor.settings, vendor.deliver_to) as p,
    ):
        yield p, vendor.faults
