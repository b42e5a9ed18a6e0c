"""Telephones for tests: one that calls, hears which prompts are played and presses keys; some that are called.

Just enough of SIP (RFC 3261) for one Asterisk on the same machine, of RTP (RFC 3550) and of keys within it (RFC 4733).
"""

import asyncio
import itertools
import re
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from tests.spelled import FRAME, SILENCE, names_in

WITHIN = 30.0
"""Seconds after which a call that does not get on is a failure."""
KEYS = "0123456789*#"
SDP = """v=0
o=phone 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {media} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
"""
INVITE = """INVITE sip:{called}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{id}
From: <sip:{account}@127.0.0.1:{own}>;tag={id}
To: <sip:{called}@127.0.0.1:{port}>
Call-ID: {id}@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:{account}@127.0.0.1:{own}>
{identity}Max-Forwards: 70
Content-Type: application/sdp
"""
WITHIN_DIALOG = """{method} {target} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{branch}
From: <sip:{account}@127.0.0.1:{own}>;tag={id}
To: {to}
Call-ID: {id}@127.0.0.1
CSeq: {number} {method}
Max-Forwards: 70
Content-Length: 0

"""


class _Datagrams(asyncio.DatagramProtocol):
    """Hands datagrams on."""

    def __init__(self) -> None:
        self.hear = lambda data, address: None
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.hear(data, addr)

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])


async def _bound(port: int = 0) -> _Datagrams:
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(_Datagrams, ("127.0.0.1", port))
    return protocol


def _wire(text: str, body: str = "") -> bytes:
    if body:
        text += f"Content-Length: {len(body.encode()) + body.count(chr(10))}\n\n{body}"
    return text.replace("\n", "\r\n").encode()


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


@dataclass
class Call:
    """A call that was placed. `status` is the final answer's once there is one."""

    called: str
    account: str
    number: str
    port: int
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    status: int = 0
    statuses: list[int] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when either side has ended it."""

    def __post_init__(self) -> None:
        self._news = asyncio.Event()
        self._heard = bytearray()
        self._to = self._target = ""
        self._towards: tuple[str, int] | None = None
        self._sequence = itertools.count(1)
        self._stamp = 0

    async def _place(self) -> None:
        self._sip, self._media = await _bound(), await _bound()
        self._sip.hear, self._media.hear = self._signalled, self._sounded
        identity = f"P-Asserted-Identity: <sip:{self.number}@127.0.0.1>\n" if self.number else ""
        self._invite(INVITE.format(**self._names(), identity=identity), 0.5)

    def _invite(self, text: str, again: float) -> None:
        """Send it, and again until there is any answer (RFC 3261 section 17.1.1.2)."""
        if not self.statuses and not self._sip.transport.is_closing():
            self._send(text, SDP.format(media=self._media.port))
            asyncio.get_running_loop().call_later(again, self._invite, text, 2 * again)

    def _names(self) -> dict[str, object]:
        own = self._sip.port
        return {"called": self.called, "account": self.account, "port": self.port, "own": own, "id": self.id}

    def _send(self, text: str, body: str = "") -> None:
        self._sip.transport.sendto(_wire(text, body), ("127.0.0.1", self.port))

    @property
    def heard(self) -> list[str]:
        """The prompts that were heard to the end of their names, in order: `en/reason/meeting`."""
        return names_in(bytes(self._heard))

    @property
    def answered(self) -> bool:
        """Whether somebody has answered."""
        return 200 <= self.status < 300

    async def until(self, prompt: str, times: int = 1) -> None:
        """Wait until a prompt was heard so often. Raises `TimeoutError`, `AssertionError` where the call ends first."""
        async with asyncio.timeout(WITHIN):
            while self.heard.count(prompt) < times:
                assert not self.over.is_set(), f"{prompt} was not heard, but {self.heard}"
                await self._more()

    async def ended(self) -> list[str]:
        """Wait until the other side ends the call; the prompts that were heard."""
        async with asyncio.timeout(WITHIN):
            await self.over.wait()
        return self.heard

    async def status_known(self) -> int:
        """Wait for the final answer."""
        async with asyncio.timeout(WITHIN):
            while not self.status:
                await self._more()
        return self.status

    def press(self, keys: str) -> None:
        """Press keys: events of 100 ms in RTP."""
        assert self._towards is not None, "nobody listens yet"
        self._breathe()
        for key in keys:
            code = KEYS.index(key)
            for number, (end, length) in enumerate([(0, 160), (0, 480), (0x80, 800), (0x80, 800), (0x80, 800)]):
                self._rtp(101, struct.pack("!BBH", code, end | 10, length), marker=number == 0)
            self._stamp += 1600

    def _rtp(self, kind: int, payload: bytes, *, stamp: int = 0, marker: bool = False) -> None:
        head = struct.pack("!BBHII", 0x80, marker << 7 | kind, next(self._sequence), self._stamp, 0x5EED)
        self._media.transport.sendto(head + payload, self._towards)
        self._stamp += stamp

    async def hang_up(self) -> None:
        """End it from this side, answered or not."""
        if not self.over.is_set() and not self.answered:
            await self._cancel()
        if not self.over.is_set():
            self._within("BYE", 2, secrets.token_hex(8))
            self.over.set()

    async def _cancel(self) -> None:
        """Take the call back. Whoever answered meanwhile is told by BYE (RFC 3261 section 9.1)."""
        async with asyncio.timeout(WITHIN):
            while not self.statuses:
                await self._more()
        if self.status:
            return
        target = f"sip:{self.called}@127.0.0.1:{self.port}"
        names = self._names() | {"method": "CANCEL", "target": target, "branch": self.id, "to": f"<{target}>"}
        self._send(WITHIN_DIALOG.format(**names, number=1))
        await self.status_known()

    async def _more(self) -> None:
        """Wait for anything that comes."""
        self._news.clear()
        await self._news.wait()

    def _within(self, method: str, number: int, branch: str) -> None:
        target = self._target if self.answered else f"sip:{self.called}@127.0.0.1:{self.port}"
        names = self._names() | {"method": method, "target": target, "branch": branch, "to": self._to}
        self._send(WITHIN_DIALOG.format(**names, number=number))

    def _signalled(self, data: bytes, _address: object) -> None:
        message = data.decode("utf-8", "replace")
        if message.startswith("SIP/2.0 "):
            if "INVITE" in _header(message, "CSeq"):
                self._told(int(message[8:11]), message)
        elif message.startswith("BYE "):
            self._sip.transport.sendto(_answer(message, "200 OK"), ("127.0.0.1", self.port))
            self.over.set()
        self._news.set()

    def _told(self, status: int, message: str) -> None:
        self.statuses.append(status)
        if found := re.search(r"^m=audio (\d+)", message, re.MULTILINE):
            self._towards = ("127.0.0.1", int(found[1]))
        if status < 200:
            return
        self._to = _header(message, "To")
        contact = re.search(r"<(.*?)>", _header(message, "Contact"))
        self._target = contact[1] if contact else ""
        self.status = status
        self._within("ACK", 1, secrets.token_hex(8) if self.answered else self.id)
        if self.answered:
            self._breathe()  # Asterisk waits for the first sound, half a second at most
        else:
            self.over.set()

    def _breathe(self) -> None:
        """Some silence, by which Asterisk learns where we are."""
        for _ in range(4):
            self._rtp(0, SILENCE * FRAME, stamp=FRAME)

    def _sounded(self, data: bytes, _address: object) -> None:
        if data[1] & 0x7F == 0:
            self._heard += data[12:]
            self._news.set()

    def _close(self) -> None:
        self._sip.transport.close()
        self._media.transport.close()


def _answer(message: str, status: str, tag: str = "", more: str = "", body: str = "") -> bytes:
    vias = "".join(f"Via: {via}\n" for via in re.findall(r"^Via: *(.*?)\r?$", message, re.MULTILINE))
    to = _header(message, "To")
    to += f";tag={tag}" if tag and "tag=" not in to else ""
    text = f"SIP/2.0 {status}\n{vias}From: {_header(message, 'From')}\nTo: {to}\n"
    text += f"Call-ID: {_header(message, 'Call-ID')}\nCSeq: {_header(message, 'CSeq')}\n{more}"
    return _wire(text, body) if body else _wire(text + "Content-Length: 0\n\n")


@asynccontextmanager
async def calling(port: int, called: str, account: str = "caller", number: str = "") -> AsyncIterator[Call]:
    """Call somebody at the SIP server of that port; hangs up at the end. `number` is the caller id claimed."""
    call = Call(called, account, number, port)
    await call._place()
    try:
        yield call
    finally:
        await call.hang_up()
        call._close()


@dataclass
class Phones:
    """Everybody's telephones. They ring and say busy; those in `answering` are answered, and stay."""

    answering: set[str] = field(default_factory=set)
    rung: list[str] = field(default_factory=list)
    talking: list[str] = field(default_factory=list)

    def hear(self, sip: _Datagrams, data: bytes, address: tuple[str, int]) -> None:
        """One SIP message."""
        message = data.decode("utf-8", "replace")
        method, _, rest = message.partition(" ")
        name = rest.removeprefix("sip:").partition("@")[0]
        if method == "INVITE":
            self.rung.append(name)
            contact = f"Contact: <sip:{name}@127.0.0.1:{sip.port}>\n"
            sip.transport.sendto(_answer(message, "180 Ringing", "ring", contact), address)
            if name not in self.answering:
                sip.transport.sendto(_answer(message, "486 Busy Here", "ring"), address)
                return
            contact += "Content-Type: application/sdp\n"
            sip.transport.sendto(_answer(message, "200 OK", "ring", contact, SDP.format(media=9)), address)
            self.talking.append(name)
        elif method in {"BYE", "CANCEL"}:
            sip.transport.sendto(_answer(message, "200 OK"), address)


@asynccontextmanager
async def ringing(port: int, *answering: str) -> AsyncIterator[Phones]:
    """Telephones at that port for as long as it lasts."""
    sip, phones = await _bound(port), Phones(set(answering))
    sip.hear = lambda data, address: phones.hear(sip, data, address)
    try:
        yield phones
    finally:
        sip.transport.close()
        await asyncio.sleep(0)  # by then the port is free again
