"""Attack strings from the calendar and the list of people to the call, through one whole Backsoon.

Each string stands in a note, in a number to divert to, in an untagged subject, and in a person's name; Asterisk, a
presence server and a receiver of webhooks are told, prompts are built, and calls are placed. What each of them was
told is compared with what may be left of the string; and nothing else has happened anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from backsoon.commands.remote import Remote
from backsoon.domain.spoken import name_key
from tests.acceptance.commands import Done, Shell, calendar, event
from tests.asterisk_server import ACCOUNT, OPERATOR
from tests.kamailio_server import kamailio_of
from tests.peers import require_peer
from tests.sip_phone import calling, ringing
from tests.sip_watcher import watching
from tests.spelled import spelled, spelling
from tests.spoken_server import CORE, dialplan
from tests.webhook_receiver import SECRET, Data, WebhookReceiver
from tools.peers.asterisk_server import AsteriskSettings, ManagerAccount, PrivateAsterisk
from tools.peers.kamailio_server import PASSWORD, USERNAME, PrivateKamailio

pytestmark = pytest.mark.xdist_group("attacks")

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
zone = "UTC"
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
        self.settings(SETTINGS.format(account=ACCOUNT.username, user=USERNAME, **places))

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


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """What one whole Backsoon did."""
    chroot = require_peer("asterisk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backsoon-")))  # sockets' paths are short
        asterisk = stack.enter_context(PrivateAsterisk(chroot, asterisk_settings()))
        kamailio = stack.enter_context(kamailio_of())
        receiver = stack.enter_context(webhooks())
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        company = Company(folder, start)
        company.configure(asterisk, kamailio, receiver)
        yield attacked(company, asterisk, kamailio, receiver)


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


def key_of(found: Found, extension: str) -> str:
    return name_key(found.people[extension]["name"])


def away(found: Found) -> list[str]:
    """Those who are in a meeting: all but whose entry has no keyword, and who was not taken in."""
    return [PLAIN, *(e for (_, place), e in AT.items() if place != "untagged" and e not in found.rejected)]


class TestNothingElseHappened:
    """On the whole machine, as far as a test can see."""

    def test_no_shell_ran(self, found: Found) -> None:
        assert found.canaries == []

    def test_a_shell_would_have_left_its_mark(self, found: Found) -> None:
        """What the attacks ask for is there for a dialplan that asks for it."""
        assert found.sang

    def test_whole_astdb(self, found: Found) -> None:
        """Each key and each value, but those of who diverts."""
        span = f"{found.start}:{found.end}:{found.end}:meeting:c:"
        lamp = base64.b64encode(text_of(found).encode()).decode()
        expected = {"/pbx/UUID": found.astdb["/pbx/UUID"]}
        for extension in away(found):
            divert = next((a.divert for n, a in ATTACKS.items() if AT[n, "divert"] == extension), "")
            expected[f"/backsoon/{extension}"] = f"1~en~UTC~{span}{divert}"
            expected[f"/backsoon-person/{extension}"] = f"1~en~UTC~{key_of(found, extension)}~~"
            expected[f"/CustomDevstate/backsoon-{extension}"] = "INUSE"
            expected[f"/CustomPresence/{extension}"] = f"dnd,bWVldGluZw==,{lamp},e"
        deputy = str(5000 + list(ATTACKS).index("option"))  # hyphens may be in an extension
        expected[f"/backsoon-person/{deputy}"] = f"1~en~UTC~{key_of(found, deputy)}~--help~"
        assert found.astdb == expected

    def test_asterisk_complains_of_nothing_but_telephones_that_are_not_there(self, found: Found) -> None:
        called = found.asterisk.partition("Unable to open key directory")[2]
        unknown = [line for line in called.splitlines() if "[" in line and not re.search(HARMLESS, line)]
        assert unknown == []

    def test_telephones_rang_of_none(self, found: Found) -> None:
        assert found.rung == [UNTAGGED[0]]

    def test_no_file_but_prompts(self, found: Found) -> None:
        assert found.files == set()
        assert all(re.fullmatch(r"en/backsoon/([a-z0-9-]+/)?[a-z0-9_-]+\.wav(16)?", name) for name in found.sounds)
        names = {name.partition("name/")[2].partition(".")[0] for name in found.sounds if "/name/" in name}
        assert names <= {name_key(one["name"]) for one in found.people.values()}

    def test_only_plain_words_were_spoken(self, found: Found) -> None:
        assert [text for text in found.spoken if not re.fullmatch(r"[\w .,'-]{1,200}\n?", text)] == []
        assert [text for text in found.spoken if text.startswith("-") or ".." in text] == []

    def test_nobody_else_is_told_of(self, found: Found) -> None:
        assert {e for e, data in found.webhook.items() if data["state"] != "available"} == set(away(found))
        assert {e for e, body in found.presence.items() if b"<r:meeting/>" in body} == set(away(found))


HARMLESS = (
    r"endpoint '20\d2' was not found|endpoint '20\d3' was not found|endpoint '21\d[23]' was not found|No route to"
)


def text_of(found: Found) -> str:
    """What colleagues read."""
    return f"In a meeting, back {datetime.fromtimestamp(found.end, UTC):%H:%M}"


@pytest.mark.parametrize("attack", ATTACKS)
class TestEach:
    """String by string."""

    def test_note_is_kept_as_one_plain_line(self, found: Found, attack: str) -> None:
        assert found.notes[AT[attack, "note"]] == ATTACKS[attack].note.strip()

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_webhook_is_told_exactly(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert extension not in found.webhook
            return
        data = found.webhook[extension]
        name = ATTACKS[attack].text if place == "name" else f"Person {extension}"
        assert (data["name"], data["text"]) == (name, text_of(found))
        assert data["divert_to"] == (ATTACKS[attack].divert if place == "divert" else "")
        assert data.keys() == found.webhook[PLAIN].keys()
        assert {k: data[k] for k in SAME} == {k: found.webhook[PLAIN][k] for k in SAME}

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_presence_is_that_of_everybody(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert found.presence[extension] == b""
            return
        assert elements(found.presence[extension], extension) == elements(found.presence[PLAIN], PLAIN)

    @pytest.mark.parametrize("place", ["note", "divert", "name"])
    def test_callers_hear_what_everybody_hears(self, found: Found, attack: str, place: str) -> None:
        extension = AT[attack, place]
        if extension in found.rejected:
            assert found.calls[extension] == (404, [])
            return
        status, heard = found.calls[extension]
        has_name = f"en/backsoon/name/{key_of(found, extension)}.wav" in found.sounds
        assert heard[0] == (f"en/name/{key_of(found, extension)}" if has_name else "en/person")
        assert (status, heard[1:]) == (200, found.calls[PLAIN][1][1:])

    def test_untagged_subject_leaves_no_trace(self, found: Found, attack: str) -> None:
        extension = AT[attack, "untagged"]
        assert extension not in found.webhook or found.webhook[extension]["state"] == "available"
        assert found.notes[extension] == ""
        assert not [key for key in found.astdb if key.endswith(extension)]

    def test_names_are_taken_whole_or_not_at_all(self, found: Found, attack: str) -> None:
        extension, text = AT[attack, "name"], ATTACKS[attack].text
        if text.isprintable() and len(text) <= 200:
            assert found.people[extension]["name"] == text
        else:
            assert found.rejected[extension] == "name: at most 200 printable characters may stand here"
            assert extension not in found.people

    def test_deputies_and_numbers_are_told_to_be_wrong(self, found: Found, attack: str) -> None:
        deputy, number = (str(start + list(ATTACKS).index(attack)) for start in (5000, 6000))
        assert found.rejected[number].startswith("ring_through: ")
        assert number not in found.people
        if attack == "option":
            assert found.people[deputy]["deputy"] == "--help"
        else:
            assert found.rejected[deputy].startswith("deputy: ")
            assert deputy not in found.people

    def test_log_has_no_line_of_it(self, found: Found, attack: str) -> None:
        """Debug messages included: one line of text could be taken for another message."""
        text = ATTACKS[attack].text
        assert text not in found.log
        assert ATTACKS[attack].note not in found.log


SAME = ("reason", "state", "told_callers", "since", "until", "back_at", "coming", "language", "zone", "email")


def elements(body: bytes, extension: str) -> list[tuple[str, str]]:
    """Each element and its text, with the person's own address and the instant left out."""
    root = etree.fromstring(body.replace(f"sip:{extension}@".encode(), b"sip:them@"))
    found = ((etree.QName(one).localname, (one.text or "").strip()) for one in root.iter())
    return [(tag, "" if tag == "timestamp" else text) for tag, text in found] + [("entity", root.get("entity") or "")]


def test_adding_somebody_by_hand_is_judged_alike(found: Found) -> None:
    assert found.added.err == "3000: name: at most 200 printable characters may stand here\n"
    assert "3000" not in found.people
