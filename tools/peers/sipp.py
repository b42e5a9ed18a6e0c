"""Calls to a private Asterisk, placed and answered by SIPp out of the same chroot."""

import itertools
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tools.peers.asterisk_server import PrivateAsterisk
from tools.peers.recipe import PeerError
from tools.ports import free_port

_INVITE = """<send retrans="500"><![CDATA[

INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:@CALLER@@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:@CALLER@@[local_ip]:[local_port]>
@IDENTITY@Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio @MEDIA@ RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>"""

_REQUEST = """<send @RETRANS@><![CDATA[

@METHOD@ [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:@CALLER@@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: @CSEQ@ @METHOD@
Max-Forwards: 70
Content-Length: 0

]]></send>"""

# Final answers other than 200 are acknowledged within the transaction: same branch, request URI as invited.
_ACK_FAILURE = """<send><![CDATA[

ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-@STEPS@]
From: <sip:@CALLER@@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>"""

_HANG_UP = [
    _REQUEST.replace("@METHOD@", "BYE").replace("@CSEQ@", "2").replace("@RETRANS@", 'retrans="500"'),
    '<recv response="200" next="2"/>',
]
_WAIT_FOR_BYE = [
    '<recv request="BYE"/>',
    """<send next="2"><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>""",
]

FAILURES = (302, 403, 404, 480, 484, 486, 488, 500, 503, 603)

PHONE_SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="phone">
<recv request="INVITE"/>
<send><![CDATA[

SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[

SIP/2.0 486 Busy Here
[last_Via:]
[last_From:]
[last_To:];tag=[pid]-[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
"""


def caller_scenario(caller: str, pretending: str = "", media_port: int = 0) -> str:
    """A call that ends as soon as it is answered; it succeeds with any final answer.

    `pretending` is a caller id that it claims to have (P-Asserted-Identity, RFC 3325). With a `media_port`, to which
    RTP goes, it waits until the other side hangs up.
    """
    identity = f"P-Asserted-Identity: <sip:{pretending}@127.0.0.1>\n" if pretending else ""
    failures = "".join(f'<recv response="{code}" optional="true" next="1" rrs="true"/>' for code in FAILURES)
    steps = 4 + len(FAILURES) + 1  # from the INVITE to the ACK behind the label
    parts = [
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="caller">',
        _INVITE,
        '<recv response="100" optional="true"/><recv response="180" optional="true"/>',
        '<recv response="183" optional="true"/>',
        failures,
        '<recv response="200" rtd="true" rrs="true"/>',
        _REQUEST.replace("@METHOD@", "ACK").replace("@CSEQ@", "1").replace("@RETRANS@", ""),
        *(_WAIT_FOR_BYE if media_port else _HANG_UP),
        '<label id="1"/>',
        _ACK_FAILURE.replace("@STEPS@", str(steps + 4)),
        '<label id="2"/>',
        "</scenario>",
    ]
    whole = "\n".join(parts).replace("@IDENTITY@", identity).replace("@CALLER@", caller)
    return whole.replace("@MEDIA@", str(media_port or "[media_port]"))


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call ended: the final status, the statuses on the way, and where it was sent instead (302)."""

    status: int
    statuses: tuple[int, ...]
    contact: str = ""

    @property
    def moved_to(self) -> str:
        """The user part of the address that a 302 names."""
        found = re.search(r"sip:([^@>]*)@", self.contact)
        return found[1] if found and self.status == 302 else ""


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """How many calls of a load went through and how many messages had to be sent again."""

    calls: int
    succeeded: int
    failed: int
    retransmitted: int


class Calls:
    """Places calls to a private Asterisk."""

    def __init__(self, asterisk: PrivateAsterisk) -> None:
        self._asterisk = asterisk
        self._numbers = itertools.count(1)

    def place(
        self, extension: str, caller: str = "caller", within: float = 20, pretending: str = "", media_port: int = 0
    ) -> CallOutcome:
        """One call, to its end. Raises `PeerError` where there was no final answer.

        `extension` is the user part of the Request-URI as it is sent: `%23` for `#` (RFC 3261 section 25.1).
        """
        log = self._new("messages")
        options = ["-m", "1", "-timeout", f"{within:g}s", "-trace_msg", "-message_file", self._asterisk.inside(log)]
        port = free_port()
        process = self._start(port, extension, caller, options, pretending, media_port)
        process.wait(within + 10)
        answers = _answers(log)
        finals = [answer for answer in answers if answer[0] >= 200]
        if not finals:
            codes = [code for code, _ in answers]
            raise PeerError(
                f"the call to {extension} got no final answer; it got {codes}; {self._why(process, port, log)}"
            )
        return CallOutcome(finals[0][0], tuple(code for code, _ in answers), finals[0][1])

    def listen(self, extension: str, caller: str = "caller") -> tuple[CallOutcome, bytes]:
        """One call that stays until the other side hangs up, and what was heard: G.711 mu-law, 8,000 a second."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
            media.bind(("127.0.0.1", 0))
            media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            outcome = self.place(extension, caller, media_port=media.getsockname()[1])
            media.setblocking(False)
            heard = bytearray()
            while True:
                try:
                    heard += media.recv(2048)[12:]  # behind the header of RTP (RFC 3550 section 5.1)
                except BlockingIOError:
                    return outcome, bytes(heard)

    def load(self, extension: str, *, rate: int, calls: int, caller: str = "caller") -> "Load":
        """Start placing calls at a steady rate; `finish` tells how they went."""
        stats = self._new("stats")
        options = ["-m", str(calls), "-r", str(rate), "-l", str(max(50, rate)), "-trace_stat"]
        options += ["-stf", self._asterisk.inside(stats), "-fd", "1"]
        return Load(self._start(free_port(), extension, caller, options), stats, calls / rate + 60)

    def _start(
        self, port: int, extension: str, caller: str, options: Sequence[str], pretending: str = "", media_port: int = 0
    ) -> subprocess.Popen[bytes]:
        scenario = self._asterisk.folder / f"caller-{caller}-{pretending}-{media_port}.xml"
        if not scenario.exists():
            scenario.write_text(caller_scenario(caller, pretending, media_port), encoding="ascii")
        to = f"127.0.0.1:{self._asterisk.sip_port}"
        whole = ["-sf", self._asterisk.inside(scenario), "-s", extension, *options, to]
        return start_sipp(self._asterisk, port, whole)

    def _why(self, process: subprocess.Popen[bytes], port: int, log: Path) -> str:
        """What each side has to say of a call without an answer: SIPp may never have sent it, Asterisk never got it."""
        sent = _text(log).count("message sent")
        said = _text(_said(self._asterisk, port)).strip()[-300:]
        logged = _text(self._asterisk.folder / "log" / "messages").strip()[-500:]
        return f"SIPp sent {sent} messages, ended with {process.returncode} and said {said!r}; Asterisk: {logged!r}"

    def _new(self, kind: str) -> Path:
        return self._asterisk.folder / f"sipp-{kind}-{next(self._numbers)}"


class Load:
    """A load that is running."""

    def __init__(self, process: subprocess.Popen[bytes], stats: Path, within: float) -> None:
        self._process = process
        self._stats = stats
        self._within = within

    @property
    def running(self) -> bool:
        """Whether calls are still being placed."""
        return self._process.poll() is None

    def finish(self) -> LoadOutcome:
        """Wait for the last call. Raises `PeerError` where SIPp left no figures."""
        try:
            self._process.wait(self._within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        rows = [line.rstrip(";").split(";") for line in self._stats.read_text(encoding="utf-8").splitlines()]
        if len(rows) < 2:
            raise PeerError("SIPp left no figures of its load")
        last = dict(zip(rows[0], rows[-1], strict=False))
        return LoadOutcome(
            calls=int(last["TotalCallCreated"]),
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmitted=int(last["Retransmissions(C)"]),
        )


class Telephones:
    """Everybody's telephone: rings, and says busy. Use as a context manager; `rung` names whose rang, in order."""

    def __init__(self, asterisk: PrivateAsterisk) -> None:
        self._asterisk = asterisk
        self._log = asterisk.folder / "telephones"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Telephones":
        scenario = self._asterisk.folder / "telephones.xml"
        scenario.write_text(PHONE_SCENARIO, encoding="ascii")
        options = ["-sf", self._asterisk.inside(scenario), "-trace_msg", "-message_file"]
        options += [self._asterisk.inside(self._log)]
        self._process = start_sipp(self._asterisk, self._asterisk.phone_port, options)
        _wait_bound(self._asterisk.phone_port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def rung(self) -> list[str]:
        """The names of the telephones that were called, in order."""
        text = _text(self._log)
        seen: dict[str, str] = {}
        for found in re.finditer(r"INVITE sip:([^@]+)@.*?Call-ID: (\S+)", text, re.DOTALL):
            seen.setdefault(found[2], found[1])
        return list(seen.values())


def start_sipp(asterisk: PrivateAsterisk, port: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start SIPp in the chroot, bound to 127.0.0.1. What it says of errors is in the folder of Asterisk."""
    command = ["chroot", str(asterisk.chroot), "/usr/bin/env", "TERM=vt100", "/usr/bin/sipp"]
    command += ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port), "-nostdin", *options]
    with _said(asterisk, port).open("wb") as said:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)


def _said(asterisk: PrivateAsterisk, port: int) -> Path:
    return asterisk.folder / f"sipp-said-{port}"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _wait_bound(port: int, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.02)
    raise PeerError(f"SIPp does not listen on port {port}")


def _answers(log: Path) -> list[tuple[int, str]]:
    """The answers to the INVITE in a log of messages: status and Contact."""
    text = _text(log)
    answers: list[tuple[int, str]] = []
    for message in re.findall(r"^SIP/2\.0 .*?(?:\r?\n){2}", text, re.DOTALL | re.MULTILINE):
        if "INVITE" in (re.search(r"CSeq:.*", message) or [""])[0]:
            contact = re.search(r"^Contact: *(.*?)\r?$", message, re.MULTILINE)
            answers.append((int(message.split()[1]), contact[1] if contact else ""))
    return answers
