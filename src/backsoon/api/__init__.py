"""The API: HTTP on a Unix socket and the network, JSON and events. The only place that knows status codes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from backsoon.api.parts import Parts, Running
from backsoon.api.verbs import Verbs

if TYPE_CHECKING:
    from backsoon.api.server import Listening

__all__ = ["Parts", "Verbs", "serve"]


async def serve(parts: Running, socket: Path, stop: asyncio.Event, network: Listening | None = None) -> None:
    """Serve the API until `stop` is set: on a Unix socket, and on the network where that is asked for.

    Raises `SocketTaken`, `CannotListen`.
    """
    from backsoon.api.server import serve_app  # FastAPI takes a second to import: only where it serves

    await serve_app(parts, socket, stop, network)
