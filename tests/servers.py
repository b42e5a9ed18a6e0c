"""Real CalDAV servers for tests: Radicale (Basic authentication, several users) and xandikos (none).

Each listens on a free port of 127.0.0.1 with an empty data folder of its own, answers before a test sees it,
and is ended by its own process id. Radicale's users are :data:`USERS` and :data:`SERVICE`.
"""

import http.client
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.peers import require_peer
from tools.ports import free_port

USERS: Mapping[str, str] = {"anna": "anna-pw", "bo": "bo-pw", "carl": "carl-pw"}
SERVICE = "service"
"""An account that may read everybody's calendars and write none."""
SERVICE_PASSWORD = "service-pw"
START_SECONDS = 30.0

MKCALENDAR = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><D:displayname>{name}</D:displayname></D:prop></D:set></C:mkcalendar>"""

RIGHTS = f"""[root]
user: .+
collection:
permissions: R
[own-principal]
user: .+
collection: {{user}}
permissions: RW
[own-calendars]
user: .+
collection: {{user}}/[^/]+
permissions: rw
[service-principals]
user: {SERVICE}
collection: [^/]+
permissions: R
[service-calendars]
user: {SERVICE}
collection: [^/]+/[^/]+
permissions: r
"""


@dataclass
class DavServer:
    """A CalDAV server that runs as a process of ours; ``stop`` and ``start`` keep its port and its data."""

    command: list[str]
    port: int
    folder: Path
    users: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The root, with the slash at its end."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """What the server said."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it and wait until it answers. Raises :class:`RuntimeError` with its log where it does not."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._ended_within(0.05) or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.command[0]} does not answer:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def request(
        self, method: str, path: str, body: str = "", user: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """One request as a user (with their password): status, headers in lower case, body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent.setdefault("Content-Type", "application/xml; charset=utf-8")
        if user is not None:
            sent["Authorization"] = "Basic " + b64encode(f"{user}:{self.users[user]}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body.encode(), sent)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, received, answer.read().decode()
        finally:
            connection.close()

    def make_calendar(self, path: str, user: str | None = None, name: str = "Calendar") -> str:
        """Make a calendar at ``path`` (``/anna/office/``) and give the path back."""
        self._expect({201}, "MKCALENDAR", path, MKCALENDAR.format(name=name), user)
        return path

    def put(self, path: str, ics: str, user: str | None = None) -> None:
        """Write one entry, a whole VCALENDAR, at ``path`` (``/anna/office/budget.ics``)."""
        self._expect({200, 201, 204}, "PUT", path, ics, user, Content_Type="text/calendar; charset=utf-8")

    def delete(self, path: str, user: str | None = None) -> None:
        """Take an entry, or a calendar, away."""
        self._expect({200, 204}, "DELETE", path, "", user)

    def _expect(self, wanted: set[int], method: str, path: str, body: str, user: str | None, **headers: str) -> None:
        status, _, text = self.request(method, path, body, user, **headers)
        if status not in wanted:
            raise RuntimeError(f"{method} {path} as {user}: {status} {text}")

    def _answers(self) -> bool:
        try:
            self.request("GET", "/")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _ended_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def make_radicale(peer: Path, folder: Path, users: Mapping[str, str]) -> DavServer:
    """A Radicale that is not started yet: each of ``users`` owns ``/NAME/``, :data:`SERVICE` reads all."""
    port = free_port()
    users = {**users, SERVICE: SERVICE_PASSWORD}
    (folder / "rights").write_text(RIGHTS)
    (folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    (folder / "config").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {folder / 'users'}\n"
        "htpasswd_encryption = plain\ndelay = 0\n"
        f"[rights]\ntype = from_file\nfile = {folder / 'rights'}\n"
        f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[web]\ntype = none\n[logging]\nlevel = warning\n"
    )
    command = [str(peer / "bin" / "radicale"), "--config", str(folder / "config")]
    return DavServer(command, port, folder, users)


def make_xandikos(peer: Path, folder: Path) -> DavServer:
    """A xandikos that is not started yet, without authentication; its one principal is ``/user/``."""
    port = free_port()
    command = [
        str(peer / "bin" / "xandikos"), "serve", "--defaults", "--no-detect-systemd",
        "--directory", str(folder / "data"), "--state-dir", str(folder / "state"),
        "--listen-address", "127.0.0.1", "--port", str(port), "--current-user-principal", "/user/",
    ]  # fmt: skip
    return DavServer(command, port, folder)


def _running(server: DavServer) -> Iterator[DavServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    """A Radicale for the whole session. Use calendars of your own names; to stop it use ``own_radicale``."""
    peer = require_peer("caldav")
    yield from _running(make_radicale(peer, tmp_path_factory.mktemp("radicale"), USERS))


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    """A xandikos for the whole session. Use calendars of your own names."""
    peer = require_peer("caldav")
    yield from _running(make_xandikos(peer, tmp_path_factory.mktemp("xandikos")))


@pytest.fixture
def own_radicale(tmp_path: Path) -> Iterator[DavServer]:
    """A Radicale of one test's own, which it may stop, start again and break."""
    folder = tmp_path / "radicale"
    folder.mkdir()
    yield from _running(make_radicale(require_peer("caldav"), folder, USERS))
