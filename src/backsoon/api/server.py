"""Serves the API: on a Unix socket, where whoever may open the file may ask; on the network, for those with a token.

The network is listened to on loopback until the settings say otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from backsoon.api.app import application
from backsoon.api.cookies import CookieGate
from backsoon.api.gate import Admission, OpenGate, TokenGate
from backsoon.api.parts import Running
from backsoon.api.wire import StreamingProtocol
from backsoon.domain.errors import BacksoonError

log = logging.getLogger(__name__)

MODE = 0o660
BACKLOG = 1024
GRACE = 2
"""Seconds that requests may take to end once we stop; without it an open event stream keeps the server for ever."""
IDLE = 75
"""Seconds that a connection is kept without a request."""


class SocketTaken(BacksoonError):
    """The socket cannot be used."""

    def __init__(self, path: Path, because: str, remedy: str) -> None:
        self.path = path
        self.remedy = remedy
        super().__init__(f"{path}: {because}")


class CannotListen(BacksoonError):
    """The network cannot be listened to as the settings say."""

    def __init__(self, field: str, because: str, remedy: str) -> None:
        self.field = field
        self.remedy = remedy
        super().__init__(f"{field}: {because}")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the network is listened to. Port 0: any that is free. `behind_proxy`: who asks is said by the proxy."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


async def serve_app(parts: Running, path: Path, stop: asyncio.Event, network: Listening | None = None) -> None:
    """Serve until `stop` is set. Raises `SocketTaken`, `CannotListen`."""
    app = application(parts, stop)
    with contextlib.ExitStack() as stack:
        local = stack.enter_context(bound(path))
        servers = [(_Server(_config(Admission(app, OpenGate()))), local)]
        if network is not None:
            by_token = TokenGate(parts.tokens, parts.clock)
            gate = CookieGate(by_token, parts.logins.sessions, lambda: parts.signing_in.settings.pages)
            server = _Server(_network_config(Admission(app, gate), network))
            servers.append((server, stack.enter_context(listening_at(network))))
        async with asyncio.TaskGroup() as tasks:
            for server, listening in servers:
                tasks.create_task(server.serve(sockets=[listening]))
            await stop.wait()
            for server, _ in servers:
                server.should_exit = True


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        http=StreamingProtocol,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=IDLE,
        server_header=False,
        proxy_headers=False,
    )


def _network_config(app: ASGIApp, network: Listening) -> uvicorn.Config:
    config = _config(app)
    if network.behind_proxy:
        config.proxy_headers, config.forwarded_allow_ips = True, ["127.0.0.1", "::1", network.host]
    if network.certificate is not None:
        _check_certificate(network.certificate, network.key)
        config.ssl_certfile, config.ssl_keyfile = network.certificate, network.key or network.certificate
    return config


def _check_certificate(certificate: Path, key: Path | None) -> None:
    """Raises `CannotListen` where the two cannot be used."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        missing = isinstance(error, FileNotFoundError)
        because = "a file is missing" if missing else error.strerror or "the files cannot be read"
        remedy = f"see that {certificate} and its key are PEM, belong together and are readable for this account"
        raise CannotListen("api.certificate", because, remedy) from None


@contextlib.contextmanager
def listening_at(network: Listening, field: str = "api.listen") -> Iterator[socket.socket]:
    """A socket that listens on the network, as a field of the settings has it. Raises `CannotListen`."""
    where = f"[{network.host}]:{network.port}" if ":" in network.host else f"{network.host}:{network.port}"
    family = socket.AF_INET6 if ":" in network.host else socket.AF_INET
    try:
        listening = _tcp(socket.create_server((network.host, network.port), family=family, backlog=BACKLOG))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        because = f"another program listens at {where}" if taken else f"{where}: {error.strerror}"
        remedy = 'stop it, or write another address, or listen = "" for none' if taken else "write another address"
        raise CannotListen(field, because, remedy) from None
    with listening:
        scheme = "http" if network.certificate is None else "https"
        log.info("listening on %s://%s", scheme, _address(listening))
        yield listening


def _tcp(listening: socket.socket) -> socket.socket:
    """The same socket, saying that it is TCP's: else asyncio lets small answers wait for 40 ms (Nagle)."""
    return socket.socket(listening.family, listening.type, socket.IPPROTO_TCP, fileno=listening.detach())


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
