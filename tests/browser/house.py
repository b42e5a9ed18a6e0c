"""A company in which everything is real: a calendar server, `backsoon run` on the network, accounts, people.

The demonstration's twelve people have calendars, three hundred others have none. Tests that change how somebody stands
take somebody whom no other test takes.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from backsoon.commands.demoing.company import PEOPLE, Booking, icalendar
from tests.acceptance.commands import PROGRAM, Shell
from tests.browser import memory_kind
from tests.midday import HERE
from tests.servers import SERVICE, SERVICE_PASSWORD, DavServer, make_radicale
from tools.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PATHS = f"{{}}:{ROOT}:{ROOT / 'src'}"
OTHERS = 300
COOKIE = "__Host-backsoon"
PASSWORD = "four good words here"
DEADLINE = 60.0
ACCOUNTS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "anna": ("Anna Berg", ("attendant", "person"), "2001"),
    "bo": ("Bo Ek", ("person",), "2002"),
    "erik": ("Erik Gran", ("person",), "2005"),
    "disa": ("Disa Falk", ("attendant",), "2004"),
    "lars": ("Lars Nyman", ("administrator",), "2012"),
    "karin": ("Karin Mo", ("attendant", "person", "administrator"), "2011"),
}
"""User name: who they are, their roles, whose extension."""
SETTINGS = """
log_level = "debug"
[api]
listen = "127.0.0.1:{port}"
[organisation]
name = "Acme"
zone = "{zone}"
language = "en"
working_hours = "around the clock"
confirmed_within_minutes = 16
[organisation.keywords]
d = "dentist"
[organisation.reasons.dentist]
labels = {{ en = "At the dentist", sv = "Hos tandläkaren" }}
[calendars.main]
kind = "caldav"
url = "{url}{{user}}/"
username = "{service}"
password = "file:radicale.secret"
[switchboards.memory]
kind = "memory"
"""


class Refused(Exception):
    """The API said no: its status and what it said."""


@dataclass
class House:
    """The company. `start`, `stop` and `pause` are about `backsoon run`, which keeps its port and its data."""

    folder: Path
    radicale: DavServer
    port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)
    """Further environment of `backsoon run`."""
    tokens: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where its pages are, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def shell(self) -> Shell:
        """The commands, typed in its folder."""
        return Shell(self.folder, {"PYTHONPATH": PATHS.format(self.folder / "site"), "BACKSOON_API__LISTEN": ""})

    def furnish(self) -> None:
        """Calendars, settings, people, accounts and tokens; then it starts."""
        memory_kind.install(self.folder / "site")
        for user in PEOPLE:
            self.radicale.make_calendar(f"/{user}/calendar/", user)
        (self.folder / "radicale.secret").write_text(SERVICE_PASSWORD)
        self.shell.settings(SETTINGS.format(zone=HERE, port=self.port, url=self.radicale.url, service=SERVICE))
        (self.folder / "people.csv").write_text(people_csv())
        self.shell("people", "import", "people.csv")
        for role in ("administrator", "attendant"):
            self.tokens[role] = self.shell("tokens", "add", f"tests-{role}", "--role", role).out.strip()
        self.start()
        for user in ACCOUNTS:
            self.account(user)

    # -- the process -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKSOON_")}
        environment |= {"TZ": "UTC", "PYTHONPATH": PATHS.format(self.folder / "site"), **self.more}
        with (self.folder / "run.log").open("a") as log:
            self._process = process = subprocess.Popen(
                [*PROGRAM, "run"], cwd=self.folder, env=environment, stdout=log, stderr=log, text=True
            )
        until(lambda: self._answers() or process.poll() is not None)
        assert process.poll() is None, (self.folder / "run.log").read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, kindly or not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It hangs: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    # -- what happens there ------------------------------------------------------------------------------------------

    def book(self, user: str, subject: str, start: float, end: float, more: str = "") -> str:
        """Book an entry, in minutes from now, and have the calendar read; the entry's path."""
        now = datetime.now(UTC).replace(microsecond=0)
        instants = now + timedelta(minutes=start), now + timedelta(minutes=end)
        return self._put(Booking(user, subject, *instants, None, more))

    def book_days(self, user: str, subject: str, start: int, end: int) -> str:
        """The same of an all-day entry, in days from today."""
        now = datetime.now(HERE)
        days = tuple(date.fromordinal(now.toordinal() + number) for number in (start, end))
        return self._put(Booking(user, subject, now, now, (days[0], days[1])))

    def unbook(self, path: str) -> None:
        """Take an entry out of the calendar."""
        user = path.split("/")[1]
        self.radicale.delete(path, user)
        self.read(user)

    def read(self, user: str) -> None:
        """Have somebody's calendar read now."""
        self.api("POST", "/sync", {"person": PEOPLE[user][0]})

    def available(self, user: str) -> None:
        """Whatever was set by hand is taken back."""
        self.api("DELETE", f"/people/{PEOPLE[user][0]}/override", role="attendant")

    def refer(self, user: str, **body: object) -> None:
        """Refer somebody by hand."""
        self.api("PUT", f"/people/{PEOPLE[user][0]}/override", body, role="attendant")

    def _put(self, booking: Booking) -> str:
        path = f"/{booking.user}/calendar/{uuid4()}.ics"
        self.radicale.put(path, icalendar(booking, path), booking.user)
        self.read(booking.user)
        return path

    # -- asking ------------------------------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: object = None, role: str = "administrator") -> Any:
        """Ask the API with a token of that role. Raises `Refused`."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        status, _, text = self.ask(method, f"/api/v1{path}", body, headers)
        if status >= 400:
            raise Refused(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else None

    def account(self, user: str) -> None:
        """Somebody may sign in from now on."""
        name, roles, extension = ACCOUNTS[user]
        body = {"user": user, "name": name, "roles": roles, "person": extension, "password": PASSWORD}
        self.api("POST", "/users", body)

    def session(self, user: str) -> str:
        """The cookie of somebody who is signed in; the same one each time."""
        if user not in self.sessions:
            self.sessions[user] = self.sign_in(user)
        return self.sessions[user]

    def sign_in(self, user: str, password: str = PASSWORD) -> str:
        """Sign in as a page does; the new cookie. Raises `Refused`."""
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        status, answered, text = self.ask("POST", "/api/v1/session", {"user": user, "password": password}, headers)
        if status != 200:
            raise Refused(f"sign-in of {user}: {status} {text}")
        found = re.search(rf"(?:^|\n){COOKIE}=([^;]+)", answered["set-cookie"])
        assert found, answered
        return found[1]

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """One request: status, headers by small names (several of one name on lines of their own), text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = {} if body is None else {"Content-Type": "application/json"}
            given = None if body is None else json.dumps(body)
            connection.request(method, path, given, {**sent, **(headers or {})})
            answer = connection.getresponse()
            received: dict[str, str] = {}
            for name, value in answer.getheaders():
                before = received.get(name.lower())
                received[name.lower()] = value if before is None else f"{before}\n{value}"
            return answer.status, received, answer.read().decode()
        finally:
            connection.close()


def people_csv() -> str:
    """The twelve with addresses, and so with calendars; the others without."""
    lines = ["extension,name,email,department,title,competences"]
    for user, (extension, name, where) in PEOPLE.items():
        more = "Helpdesk,printers | VPN" if user == "frida" else ","
        lines.append(f"{extension},{name},{user}@example.com,{where},{more}")
    lines += [f"{5000 + n},{FIRST[n % len(FIRST)]} {LAST[n // len(FIRST)]},,Depot,," for n in range(OTHERS)]
    return "\n".join(lines) + "\n"


FIRST = (
    "Malin",
    "Nils",
    "Olga",
    "Per",
    "Quirin",
    "Rut",
    "Sven",
    "Tove",
    "Ulf",
    "Vera",
    "Xerxes",
    "Yngve",
    "Åsa",
    "Örjan",
)
LAST = tuple(
    f"{start}{end}" for start in ("Sjö", "Lund", "Ny", "Alm", "Ek") for end in ("berg", "ström", "mark", "gren", "man")
)


def until(holds: Any, seconds: float = DEADLINE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)


@contextmanager
def furnished(peer: Path, folder: Path) -> Iterator[House]:
    """A company from scratch, until the context ends."""
    (folder / "radicale").mkdir(parents=True)
    (folder / "home").mkdir()
    radicale = make_radicale(peer, folder / "radicale", {user: f"{user}-pw" for user in PEOPLE})
    house = House(folder / "home", radicale)
    radicale.start()
    try:
        house.furnish()
        yield house
    finally:
        house.stop()
        radicale.stop()
