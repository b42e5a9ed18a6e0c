"""The API: HTTP on a Unix socket, JSON and server-sent events. The only place that knows status codes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from backsoon.api.parts import Parts
from backsoon.api.verbs import Verbs

__all__ = ["Parts", "Verbs", "serve"]


async def serve(parts: Parts, socket: Path, stop: asyncio.Event) -> None:
    """Serve the API on a Unix socket until `stop` is set. Raises `SocketTaken` where somebody else answers there."""
    from backsoon.api.server import serve_app  # FastAPI takes a second to import: only where it serves

    await serve_app(parts, socket, stop)
