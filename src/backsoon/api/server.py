"""Serves the API on a Unix socket: whoever may open the file may ask. Nothing listens on the network."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from backsoon.api.app import create_app
from backsoon.api.parts import Parts
from backsoon.api.wire import StreamingProtocol
from backsoon.domain.errors import BacksoonError

MODE = 0o660
GRACE = 2
"""Seconds that requests may take to end once we stop; without it an open event stream keeps the server for ever."""


class SocketTaken(BacksoonError):
    """The socket cannot be used."""

    def __init__(self, path: Path, because: str, remedy: str) -> None:
        self.path = path
        self.remedy = remedy
        super().__init__(f"{path}: {because}")


async def serve_app(parts: Parts, path: Path, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises `SocketTaken`."""
    with bound(path) as listening:
        config = uvicorn.Config(
            create_app(parts, stop),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
            server_header=False,
            http=StreamingProtocol,
        )
        server = _Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            await stop.wait()
            server.should_exit = True


class _Server(uvicorn.Server):
    """Signals are the wiring's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def bound(path: Path) -> Iterator[socket.socket]:
    """A socket that listens at the path, for its owner and group; the file goes with it. Raises `SocketTaken`.

    The file of a Backsoon that died is replaced; that of one that lives, or a file of another kind, never.
    """
    _make_room(path)
    try:
        listening = _listening(path)
    except OSError as error:
        raise SocketTaken(path, error.strerror or "it cannot be made", "see that its folder may be written") from None
    made = path.stat().st_ino
    try:
        yield listening
    finally:
        listening.close()
        with contextlib.suppress(OSError):
            if path.stat().st_ino == made:
                path.unlink()


def _listening(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~MODE)  # from its first moment on the file is nobody else's
    try:
        listening.bind(str(path))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
    return listening


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise SocketTaken(path, error.strerror or "it cannot be made", "name another path") from None
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(path, "there is a file that is no socket", "name another path")
    if answers(path):
        raise SocketTaken(path, "another Backsoon answers there", "stop it, or name another path")
    path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Whether somebody listens at the path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(2)
        try:
            trying.connect(str(path))
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True
