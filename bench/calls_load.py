"""Calls to a private Asterisk at a steady rate, placed and answered by two SIPp; each to its end.

A call is placed, rings (or is answered by the referral), is answered, and its caller hangs up. The load is open: a call
that takes long keeps no other one from being placed.

Both stand for machines of their own. Where they may they run in the real-time class, before Asterisk, so that what is
measured is how long Asterisk takes and not how long they wait for a processor. A virtual machine is made to wait at
times by the one that it runs on, for seconds and by more than what is to be measured: Linux knows how much ("steal",
proc_stat(5)), so calls of half-seconds in which it was more than a little can be left out.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tools.peers.asterisk_server import PrivateAsterisk
from tools.peers.recipe import PeerError
from tools.ports import free_port

PRIORITY = 20
"""Within the class; Asterisk's is 10."""
HALF = 0.5
"""Seconds between two looks at what was stolen."""
STOLEN = 0.04
"""Of a half-second of all processors: what is more disturbs."""
_numbers = itertools.count(1)
_HEADERS = """From: <sip:@ACCOUNT@@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: <sip:[field0]@[remote_ip]:[remote_port]>@TAG@
Call-ID: [call_id]
CSeq: @CSEQ@
Contact: <sip:@ACCOUNT@@[local_ip]:[local_port]>
Max-Forwards: 70
"""
_SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"


def _request(method: str, target: str, number: int, attributes: str, tag: str = "[peer_tag_param]") -> str:
    headers = _HEADERS.replace("@TAG@", tag).replace("@CSEQ@", f"{number} {method}")
    body = _SDP if method == "INVITE" else "Content-Length: 0\n\n"
    return f"<send {attributes}><![CDATA[\n\n{method} {target} SIP/2.0\n{_VIA}{headers}{body}\n]]></send>\n"


def _response(status: str, attributes: str = "", *, tag: str = ";tag=[pid]-[call_number]", sdp: bool = False) -> str:
    headers = f"[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
    body = _SDP if sdp else "Content-Length: 0\n\n"
    contact = "Contact: <sip:[local_ip]:[local_port]>\n"
    return f"<send {attributes}><![CDATA[\n\nSIP/2.0 {status}\n{headers}{contact}{body}\n]]></send>\n"


_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="bench">\n'
CALLER = (
    _HEAD
    + _request("INVITE", "sip:[field0]@[remote_ip]:[remote_port]", 1, 'retrans="500" start_rtd="1"', tag="")
    + '<recv response="100" optional="true"/>\n<recv response="180" optional="true" rtd="1"/>\n'
    + '<recv response="183" optional="true"/>\n<recv response="200" rrs="true"/>\n'
    + _request("ACK", "[next_url]", 1, "")
    + _request("BYE", "[next_url]", 2, 'retrans="500"')
    + '<recv response="200"/>\n</scenario>\n'
)
PHONE = (
    _HEAD
    + '<recv request="INVITE"/>\n'
    + _response("180 Ringing")
    + _response("200 OK", 'retrans="500"', sdp=True)
    + '<recv request="ACK"/>\n<recv request="BYE"/>\n'
    + _response("200 OK", tag="")
    + "</scenario>\n"
)


@dataclass(frozen=True)
class Loaded:
    """How a load went: calls meant and ended well, messages the caller sent again, seconds, set-up of each in ms.

    `undisturbed_ms` are the set-ups of those that rang while the machine had its processors for itself.
    """

    calls: int
    succeeded: int
    retransmitted: int
    seconds: float
    setup_ms: tuple[float, ...]
    undisturbed_ms: tuple[float, ...]

    @property
    def lost(self) -> int:
        """Calls that did not reach their end."""
        return self.calls - self.succeeded

    @property
    def told(self) -> int:
        """Calls that did not ring: the referral answered them."""
        return self.succeeded - len(self.setup_ms)


class Loads:
    """Loads of calls to one Asterisk by one account, while the telephones are there."""

    def __init__(self, server: PrivateAsterisk, called: Sequence[str]) -> None:
        self._server = server
        self._called = _file(server, "called.csv", "SEQUENTIAL\n" + "".join(f"{one};\n" for one in called))

    @contextmanager
    def telephones(self) -> Iterator[None]:
        """Everybody's telephone rings and is answered at once, for as long as it lasts."""
        scenario = _file(self._server, "phone.xml", PHONE)
        process = _sipp(self._server, self._server.phone_port, scenario, [])
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def run(self, account: str, rate: float, seconds: float) -> Loaded:
        """Place calls at that rate for so long, and wait for their ends. Raises `PeerError`."""
        folder = self._server.folder / f"load-{next(_numbers)}"
        folder.mkdir()
        scenario = _file(self._server, f"caller-{account}.xml", CALLER.replace("@ACCOUNT@", account))
        calls = round(rate * seconds)
        stats = folder / "stats"
        options = ["-inf", self._server.inside(self._called), "-m", str(calls), "-r", str(rate), "-l", str(calls)]
        options += ["-trace_stat", "-stf", self._server.inside(stats), "-fd", "1", "-trace_rtt", "-rtt_freq", "1"]
        options += ["-recv_timeout", "20000", f"127.0.0.1:{self._server.sip_port}"]
        began = time.monotonic()
        process = _sipp(self._server, free_port(), scenario, options, folder)
        looks = [(time.time(), _stolen())]
        while process.poll() is None and time.monotonic() < began + seconds + 60:
            with suppress(subprocess.TimeoutExpired):
                process.wait(HALF)
            looks.append((time.time(), _stolen()))
        process.kill()
        process.wait()
        return _read(calls, stats, folder, time.monotonic() - began, looks)


def _stolen() -> float:
    """Seconds of processor time, of all processors together, that whoever runs this machine gave to others so far."""
    return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / os.sysconf("SC_CLK_TCK")


def is_disturbed(at: float, looks: Sequence[tuple[float, float]]) -> bool:
    """Whether much was stolen in the half-second of that instant. `looks`: instants, and what was stolen up to each."""
    later = bisect_left(looks, (at, 0.0))
    if not 0 < later < len(looks):
        return False
    (before, stolen_before), (after, stolen_after) = looks[later - 1], looks[later]
    return stolen_after - stolen_before > STOLEN * (after - before) * (os.cpu_count() or 1)


def _read(calls: int, stats: Path, folder: Path, seconds: float, looks: Sequence[tuple[float, float]]) -> Loaded:
    rows = [line.rstrip(";").split(";") for line in stats.read_text().splitlines()] if stats.exists() else []
    if len(rows) < 2:
        raise PeerError("SIPp left no figures of its load")
    last = dict(zip(rows[0], rows[-1], strict=False))
    began = float(last["StartTime"].split()[-1])
    lines = [row.split(";") for file in folder.glob("*_rtt.csv") for row in file.read_text().splitlines()[1:]]
    setups = [(began + float(line[0]) / 1000, float(line[1])) for line in lines]
    calm = tuple(ms for at, ms in setups if not is_disturbed(at, looks))
    succeeded, again = int(last["SuccessfulCall(C)"]), int(last["Retransmissions(C)"])
    return Loaded(calls, succeeded, again, seconds, tuple(ms for _, ms in setups), calm)


def _file(server: PrivateAsterisk, name: str, text: str) -> Path:
    path = server.folder / name
    path.write_text(text, encoding="ascii")
    return path


def _sipp(
    server: PrivateAsterisk, port: int, scenario: Path, options: Sequence[str], folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """In the chroot, bound to 127.0.0.1; what it writes by names of its own lies in the folder."""
    command = ["chroot", str(server.chroot), "/usr/bin/env", f"--chdir={server.inside(folder or server.folder)}"]
    command += ["TERM=vt100", "/usr/bin/sipp", "-sf", server.inside(scenario), "-i", "127.0.0.1", "-mi", "127.0.0.1"]
    command += ["-p", str(port), "-nostdin", *options]
    none = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=none, stdout=none, stderr=none)
    with suppress(PermissionError):
        os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(PRIORITY))
    return process
