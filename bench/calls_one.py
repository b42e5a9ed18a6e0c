"""Calls one after the other by a caller and a telephone of our own, whose set-up is timed to some microseconds.

SIPp stamps by a clock that it reads once in a turn of its loop; here a blocking socket is read, and nothing else runs.
Set-up is from the INVITE to the ringing that the caller is told of (RFC 6076 section 4.3.1, session request delay).
"""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.common import progress

WITHIN = 10.0
INVITE = """INVITE sip:{called}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{id}
From: <sip:{account}@127.0.0.1:{own}>;tag={id}
To: <sip:{called}@127.0.0.1:{port}>
Call-ID: {id}
CSeq: 1 INVITE
Contact: <sip:{account}@127.0.0.1:{own}>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 118

v=0
o=bench 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""
ACK = """ACK sip:{called}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{id}
From: <sip:{account}@127.0.0.1:{own}>;tag={id}
To: {to}
Call-ID: {id}
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

"""
_KEPT = re.compile(rb"^(?:Via|From|Call-ID|CSeq):.*$", re.MULTILINE)
_TO = re.compile(rb"^To: *(.*?)\r?$", re.MULTILINE)


@dataclass(frozen=True)
class Kind:
    """Calls of one kind: the account that calls, which decides the dialplan, and who is called."""

    name: str
    account: str
    called: str


class OneByOne:
    """Places calls to the SIP server at `port`, whose telephones are all at `phone_port`."""

    def __init__(self, port: int, phone_port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._caller, self._phone = _bound(0), _bound(phone_port)
        self._own = int(self._caller.getsockname()[1])
        self._number = 0

    def close(self) -> None:
        """Give the ports back."""
        self._caller.close()
        self._phone.close()

    def call(self, kind: Kind) -> float:
        """Place a call that rings and is declined; the set-up in ms. Raises `TimeoutError` where it does not ring."""
        self._number += 1
        names = {"called": kind.called, "account": kind.account, "port": self._to[1], "own": self._own}
        names["id"] = f"bench-{self._own}-{self._number}"
        text = _wire(INVITE.format(**names))
        call = str(names["id"]).encode()
        began = time.perf_counter()
        self._caller.sendto(text, self._to)
        rung = _until(self._phone, b"INVITE ")
        self._phone.sendto(self._answer(rung, b"180 Ringing"), self._to)
        _until(self._caller, b"SIP/2.0 180", call)
        took = time.perf_counter() - began
        self._phone.sendto(self._answer(rung, b"486 Busy Here"), self._to)
        final = _TO.search(_until(self._caller, b"SIP/2.0 486", call))
        assert final is not None
        self._caller.sendto(_wire(ACK.format(**names, to=final[1].decode())), self._to)
        _until(self._phone, b"ACK ")
        return took * 1000

    def _answer(self, invite: bytes, status: bytes) -> bytes:
        kept = [line.rstrip(b"\r") for line in _KEPT.findall(invite.partition(b"\r\n\r\n")[0])]
        to = _TO.search(invite)
        assert to is not None
        contact = f"Contact: <sip:phone@127.0.0.1:{self._phone.getsockname()[1]}>".encode()
        lines = [b"SIP/2.0 " + status, *kept, b"To: " + to[1] + b";tag=phone", contact, b"Content-Length: 0", b"", b""]
        return b"\r\n".join(lines)


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", port))
    made.settimeout(WITHIN)
    return made


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _until(where: socket.socket, begins: bytes, has: bytes = b"") -> bytes:
    while True:
        data = where.recv(8192)
        if data.startswith(begins) and has in data:
            return data


def interleaved(port: int, phone_port: int, kinds: Sequence[Kind], rounds: int) -> dict[str, list[float]]:
    """Set-up in ms of each kind's calls; in each round every kind once, in an order picked anew."""
    took: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    chance = random.Random(5)
    calls = OneByOne(port, phone_port)
    try:
        for kind in [*kinds] * 20:  # the first ones are slower
            calls.call(kind)
        for _ in range(rounds):
            for kind in chance.sample(kinds, len(kinds)):
                took[kind.name].append(calls.call(kind))
    finally:
        calls.close()
    progress(f"{rounds} rounds of {len(kinds)} calls, one after the other")
    return took
