"""A whole Backsoon with attack strings in calendars and in the list of people, and what came of it everywhere."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.commands.remote import Remote
from tests.acceptance.commands import Done, Shell, calendar, event
from tests.asterisk_server import ACCOUNT, OPERATOR
from tests.midday import HERE
from tests.sip_phone import calling, ringing
from tests.sip_watcher import watching
from tests.spelled import spelled, spelling
from tests.spoken_server import CORE, dialplan
from tests.webhook_receiver import SECRET, Data, WebhookReceiver
from tools.peers.asterisk_server import AsteriskSettings, ManagerAccount, PrivateAsterisk
from tools.peers.kamailio_server import PASSWORD, USERNAME, PrivateKamailio

CANARY = "/tmp/backsoon-attacked"  # noqa: S108  # where every account may write, within the chroot and outside
TOUCH = f"touch {CANARY}"
ACTION = f"Action: Originate\r\nChannel: Local/9@incoming\r\nApplication: System\r\nData: {TOUCH}"
HEADER = "x\r\nContact: <sip:evil@127.0.0.1>\r\n\r\n<presence/>"
WORD = "A" * 65_536


@dataclass(frozen=True)
class Attack:
    """A string, what a note of it may be, and the number to divert to that may be left of it."""

    text: str
    note: str
    divert: str = ""


def as_is(text: str, divert: str = "") -> Attack:
    """A string that is a note like any other."""
    return Attack(text, text, divert)


ATTACKS = {
    "ami": Attack(f"x\r\n\r\n{ACTION}\r\n\r\n", f"x  {ACTION}".replace("\r\n", " "), "x"),
    "sip": Attack(HEADER, HEADER.replace("\r\n", " "), "x"),
    "shell": as_is(f"${{SHELL({TOUCH})}}"),
    "sum": as_is("$[1+1]"),
    "dial": as_is(",a&Local/9@x"),
    "quote": as_is(f'"),SHELL({TOUCH})'),
    "ssml": as_is('<speak><audio src="/etc/passwd"/></speak>'),
    "hidden": Attack('<audio src="file:///etc/passwd"/>', '<audio src="file:'),  # what follows // is never read
    "entity": as_is("]]></note><basic>open</basic>&xxe;<!--"),
    "option": as_is("--help", "--help"),
    "path": as_is("../../x"),
    "backtick": as_is(f"`{TOUCH}`;$({TOUCH})|{TOUCH}"),
    "astdb": as_is("1~en~UTC~1:0:0:x:c:1009|1~en~UTC~~1009~1009"),
    "long": Attack(WORD, "A" * 200),
    "bidi": Attack("\u202e\u2066Anna\u2069\u202c", "Anna", "Anna"),
    "format": Attack("%n%s{0}{extension}\x00\x1b[2J", "%n%s{0}{extension}[2J"),
}
PLACES = ("note", "divert", "untagged", "name")
AT = {(name, place): str(2000 + 10 * n + m) for n, name in enumerate(ATTACKS) for m, place in enumerate(PLACES)}
UNTAGGED = [extension for (_, place), extension in AT.items() if place == "untagged"]
PLAIN = "1000"
ANNA = "Anna Berg"
SETTINGS = """
log_level = "debug"
[organisation]
id = "acme"
name = "Acme"
zone = "{zone}"
working_hours = "around-the-clock"
notes_for_colleagues = true

[calendars.files]
kind = "ics"
url = "{folder}/{{extension}}.ics"

[switchboards.pbx]
kind = "asterisk"
port = {ami}
username = "{account}"
secret = "file:{folder}/ami"

[switchboards.presence]
kind = "sip_presence"
host = "127.0.0.1"
port = {sip}
domain = "127.0.0.1"
username = "{user}"
password = "file:{folder}/sip"

[switchboards.desk]
kind = "webhook"
url = "{url}"
secret = "file:{folder}/hook"
internal_hosts = ["127.0.0.1"]
"""


def told(text: str) -> str:
    """How a calendar tells it (RFC 5545 section 3.3.11), in lines of its own length (3.1)."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\r\n", "\\n")
    pieces = [escaped[at : at + 60] for at in range(0, len(escaped), 60)]
    return "\r\n ".join(pieces)


SUBJECTS: dict[str, Callable[[str], str]] = {
    "note": lambda text: f"m: {text}",
    "divert": lambda text: f"m: >{text} Budget",
    "untagged": lambda text: f"{text} Budget",
    "name": lambda text: "m: Budget",
}


@dataclass
class Found:
    """What there was in the end."""

    start: int
    end: int
    astdb: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    rung: list[str] = field(default_factory=list)
    presence: dict[str, bytes] = field(default_factory=dict)
    webhook: dict[str, Data] = field(default_factory=dict)
    sounds: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    rejected: dict[str, str] = field(default_factory=dict)
    added: Done = field(default_factory=lambda: Done(0, "", ""))
    log: str = ""
    asterisk: str = ""
    canaries: list[str] = field(default_factory=list)
    people: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    spoken: list[str] = field(default_factory=list)
    processed: int = 0
    sang: bool = False


SHELL = f"""
[shell]
exten => _X!,1,Set(LOCAL(said)=${{SHELL({TOUCH}-by-ourselves)}})
 same => n,Hangup(17)
"""


def asterisk_settings() -> AsteriskSettings:
    """With all that could be run by what is told: shell functions and applications are loaded."""
    accounts = {
        ACCOUNT.username: ManagerAccount(ACCOUNT.secret),
        OPERATOR.username: ManagerAccount(OPERATOR.secret, "all", "all"),
    }
    phones = {"trunk": "incoming", UNTAGGED[0]: "incoming", "shell": "shell"}
    return AsteriskSettings(dialplan() + SHELL, accounts, phones, sounds=spelling("en", CORE))


@contextmanager
def webhooks() -> Iterator[WebhookReceiver]:
    """A receiver in a thread of its own."""
    loop, receiver = asyncio.new_event_loop(), WebhookReceiver()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(receiver.open(), loop).result(10)
        yield receiver
        asyncio.run_coroutine_threadsafe(receiver.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Company(Shell):
    """Somebody for each string and place, all in a meeting, and Anna, of whom nothing is wrong."""

    def __init__(self, folder: Path, start: datetime) -> None:
        super().__init__(folder)
        self.start = start
        self.end = start + timedelta(hours=2)

    def configure(self, asterisk: PrivateAsterisk, kamailio: PrivateKamailio, receiver: WebhookReceiver) -> None:
        """Settings, and secrets beside them."""
        for name, secret in (("ami", ACCOUNT.secret), ("sip", PASSWORD), ("hook", SECRET)):
            (self.folder / name).write_text(secret)
        places = {"ami": asterisk.ami_port, "sip": kamailio.port, "url": receiver.url, "folder": self.folder}
        self.settings(SETTINGS.format(zone=HERE, account=ACCOUNT.username, user=USERNAME, **places))

    def book(self, extension: str, subject: str) -> None:
        """The one entry in somebody's calendar."""
        span = (f":{at:%Y%m%dT%H%M%SZ}" for at in (self.start, self.end))
        text = calendar(event(f"m-{extension}", *span, told(subject)))
        (self.folder / f"{extension}.ics").write_bytes(text)

    def staff(self) -> tuple[dict[str, str], Done]:
        """Take people in: the lines of those that were rejected with the reason, and what adding one by name said."""
        rows = [[PLAIN, ANNA, "", ""]]
        for (name, place), extension in AT.items():
            rows.append([extension, ATTACKS[name].text if place == "name" else f"Person {extension}", "", ""])
        for n, attack in enumerate(ATTACKS.values()):
            rows.append([str(5000 + n), f"Deputy {n}", attack.text, ""])
            rows.append([str(6000 + n), f"Number {n}", "", attack.text])
        file = io.StringIO()
        csv.writer(file).writerows([["extension", "name", "deputy", "ring_through"], *rows])
        (self.folder / "people.csv").write_text(file.getvalue().replace("\0", ""), newline="")
        self("apply", "--yes")
        report = self("people", "import", "people.csv", "--json", status=1).json
        added = self("people", "add", "3000", "--", f"${{SHELL({TOUCH})}}\r\n{ACTION}", status=1)
        rejected = {one["extension"]: one["because"] for one in report["rejected"]}
        return rejected, added


def attacked(
    company: Company, asterisk: PrivateAsterisk, kamailio: PrivateKamailio, receiver: WebhookReceiver
) -> Found:
    """Let it all happen."""
    found = Found(int(company.start.timestamp()), int(company.end.timestamp()))
    marks = [Path(CANARY), asterisk.chroot / CANARY[1:]]
    for mark in marks:
        mark.unlink(missing_ok=True)
    found.rejected, found.added = company.staff()
    company.book(PLAIN, "m: Budget")
    for (name, place), extension in AT.items():
        company.book(extension, SUBJECTS[place](ATTACKS[name].text))
    away = {PLAIN, *(extension for (_, place), extension in AT.items() if place != "untagged")} - found.rejected.keys()
    build(company, found)
    lay(asterisk, found.sounds)
    with company.running():
        company.until(lambda: away <= set(plans(asterisk)) and away <= set(receiver.states()))
        company.until(lambda: all(f"/CustomDevstate/backsoon-{one}" in astdb(asterisk) for one in away))
        found.astdb, found.webhook = astdb(asterisk), dict(receiver.people)
        found.presence = asyncio.run(published(kamailio, [PLAIN, *AT.values()]))
        found.calls, found.rung = asyncio.run(called(asterisk, [PLAIN, *AT.values()]))
        found.people = {one["extension"]: one for one in company("people", "list", "--json").json}
        found.notes = asyncio.run(noted(company, list(found.people)))
    found.log = (company.folder / "run.log").read_text()
    found.asterisk = (asterisk.folder / "log" / "messages").read_text() + (asterisk.folder / "log/console").read_text()
    found.processed = int(asterisk.cli("core show channels count").splitlines()[2].split()[0])
    found.canaries = [str(mark) for mark in marks if mark.exists()]
    found.sang = asyncio.run(singing(asterisk))
    return found


async def singing(asterisk: PrivateAsterisk) -> bool:
    """Whether a shell that the dialplan itself asks for leaves its mark where the others would have left theirs."""
    mark = asterisk.chroot / f"{CANARY[1:]}-by-ourselves"
    mark.unlink(missing_ok=True)
    async with calling(asterisk.sip_port, "1", "shell") as call:
        await call.ended()
    sang = mark.exists()
    mark.unlink(missing_ok=True)
    return sang


def astdb(asterisk: PrivateAsterisk) -> dict[str, str]:
    """All that is in Asterisk's database."""
    rows = (line.partition(":") for line in asterisk.cli("database show").splitlines() if line.startswith("/"))
    return {key.strip(): value.strip() for key, _, value in rows}


def plans(asterisk: PrivateAsterisk) -> list[str]:
    return [key.removeprefix("/backsoon/") for key in astdb(asterisk) if key.startswith("/backsoon/")]


async def published(kamailio: PrivateKamailio, extensions: list[str]) -> dict[str, bytes]:
    """What telephones that watch are told of each."""

    async def one(extension: str) -> bytes:
        async with watching(kamailio.port, extension, "watcher") as watcher:
            seen = asyncio.ensure_future(watcher.seen.get())
            empty = asyncio.ensure_future(watcher.empty.get())
            await asyncio.wait({seen, empty}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            empty.cancel()
            return (await seen).body if seen.done() else (seen.cancel() and b"") or b""

    return dict(zip(extensions, await asyncio.gather(*map(one, extensions)), strict=True))


async def called(
    asterisk: PrivateAsterisk, extensions: list[str]
) -> tuple[dict[str, tuple[int, list[str]]], list[str]]:
    """What a caller of each hears, and whose telephones rang."""
    gate = asyncio.Semaphore(10)

    async def one(extension: str) -> tuple[int, list[str]]:
        async with gate, calling(asterisk.sip_port, extension, "trunk") as call:
            heard = await call.ended()
            return call.status, heard

    async with ringing(asterisk.phone_port) as phones:
        calls = await asyncio.gather(*map(one, extensions))
        return dict(zip(extensions, calls, strict=True)), phones.rung


def lay(asterisk: PrivateAsterisk, sounds: set[str]) -> None:
    """Prompts where prompts were built, which say what they are called."""
    for name in sounds:
        file = asterisk.folder / "data" / "sounds" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".wav":
            file.write_bytes(spelled(name.removesuffix(".wav").replace("/backsoon/", "/", 1)))


async def noted(company: Company, extensions: list[str]) -> dict[str, str]:
    """The notes that Backsoon has."""
    remote = Remote(company.socket)
    return {one: (await remote.show(one, "acme"))["availability"].get("note") or "" for one in extensions}


def build(company: Company, found: Found) -> None:
    """Prompts of everybody's names, by a speech program that writes down what it is given to say."""
    said = company.folder / "said"
    said.mkdir()
    (company.folder / "tone.wav").write_bytes(spelled("tone"))
    script = company.folder / "speech"
    tone = company.folder / "tone.wav"
    script.write_text(f'#!/bin/sh\ncat > "{said}/$$"\nexec cat "{tone}"\n')
    script.chmod(0o755)
    before = set(company.folder.rglob("*"))
    company("voice", "build", "--to", "sounds", "--speech", str(script), "--language", "en")
    made = set(company.folder.rglob("*")) - before
    sounds = company.folder / "sounds"
    found.sounds = {str(path.relative_to(sounds)) for path in made if sounds in path.parents and path.is_file()}
    outside = [path for path in made if sounds not in path.parents and path != sounds and said not in path.parents]
    found.files = {str(path.relative_to(company.folder)) for path in outside}
    found.spoken = [path.read_text() for path in said.iterdir()]
