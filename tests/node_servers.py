"""Programs on Node as servers for tests: emulate (sign-in as at Google and Microsoft) and prism (API descriptions).

Each listens on free ports of 127.0.0.1, answers before a test sees it, and is ended by its own process id.
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import require_peer
from tools.peers.node import node_command
from tools.ports import free_port, free_ports

SEED = Path(__file__).parent / "data" / "emulate" / "seed.json"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Emulate:
    """A running emulate. Its own documents name the same ports, with the host `localhost`.

    Google: `/o/oauth2/v2/auth`, `/oauth2/token`, `/oauth2/revoke`, `/oauth2/v3/certs`, `/calendar/v3/...`; a form
    posts the user's choice, `email`, with what was asked for to `/o/oauth2/v2/auth/callback`.
    """

    google: str
    microsoft: str
    client_id: str
    client_secret: str
    user: str
    """The one user whose consent is asked for."""


@contextmanager
def running_emulate(folder: Path, work: Path, redirect_uris: Sequence[str]) -> Iterator[Emulate]:
    """emulate of Google and Microsoft that sends back to these addresses; it compares them whole, port and all."""
    seed = json.loads(SEED.read_text(encoding="utf-8"))
    for vendor in seed.values():
        vendor["oauth_clients"][0]["redirect_uris"] = list(redirect_uris)
    told = work / "seed.json"
    told.write_text(json.dumps(seed), encoding="utf-8")
    client = seed["google"]["oauth_clients"][0]
    with _emulate_somewhere(folder, work, told) as port:
        yield Emulate(
            f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", client["client_id"], client["client_secret"],
            seed["google"]["users"][0]["email"],
        )  # fmt: skip


@contextmanager
def _emulate_somewhere(folder: Path, work: Path, seed: Path) -> Iterator[int]:
    """The first of its two ports. Another program may take one of them before it does: then it is tried elsewhere."""
    with ExitStack() as stack:
        for last in (False, False, True):
            port = free_ports(2)[0]
            command = node_command(
                folder, "emulate", "start", "--service", "google,microsoft", "--host", "127.0.0.1",
                "--port", str(port), "--seed", str(seed),
            )  # fmt: skip
            try:
                stack.enter_context(_process(command, work, (port, port + 1)))
                break
            except RuntimeError:
                if last:
                    raise
        yield port


@contextmanager
def running_prism(folder: Path, work: Path, description: Path, upstream: str) -> Iterator[str]:
    """prism as a proxy before `upstream` that answers 4xx or 5xx where request or answer is not as described."""
    port = free_port()
    command = node_command(
        folder, "prism", "proxy", "--errors", "-h", "127.0.0.1", "-p", str(port), str(description), upstream
    )
    with _process(command, work, (port,)):
        yield f"http://127.0.0.1:{port}"


EmulateMaker = Callable[..., AbstractContextManager[Emulate]]


@pytest.fixture
def emulate(tmp_path: Path) -> EmulateMaker:
    """``with emulate("http://127.0.0.1:5555/") as running``: where users may be sent back to after they signed in."""
    folder = require_peer("node")
    return lambda *redirect_uris: running_emulate(folder, tmp_path, redirect_uris)


@contextmanager
def _process(command: list[str], work: Path, ports: Sequence[int]) -> Iterator[None]:
    log = work / f"{ports[0]}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=work)
    try:
        _wait(process, log, ports)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, ports: Sequence[int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not all(map(_listens, ports)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
