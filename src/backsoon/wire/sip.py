"""SIP messages (RFC 3261): building requests, reading responses, and framing them on a stream. No I/O.

Reading is strict where leniency would let one message pass for another (line ends, lengths, control characters) and
lenient where the standard is: compact names, folded lines, blanks around colons, any case, no reason phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backsoon.domain.errors import BacksoonError

VERSION = "SIP/2.0"
MAX_HEAD = 32 * 1024
"""The most bytes of start line and headers that are read."""
MAX_HEADERS = 256
MAX_BODY = 256 * 1024
MAX_DATAGRAM = 1300
"""The most bytes of a request over UDP where the path is not known (RFC 3261 section 18.1.1)."""

COMPACT: Mapping[str, str] = {
    "i": "call-id",
    "m": "contact",
    "e": "content-encoding",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
    "o": "event",
    "u": "allow-events",
}
"""Compact names (RFC 3261 section 7.3.3, RFC 6665 section 8.4)."""

_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"  # noqa: S105 -- the standard's word for a word
TOKEN = re.compile(_TOKEN)
_NAME_COLON = re.compile(rf"({_TOKEN})[ \t]*:[ \t]*")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([!-;=?-~]+) SIP/2\.0", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_LENGTH = re.compile(r"[0-9]{1,9}")
_BRANCH = re.compile(rf";[ \t]*branch[ \t]*=[ \t]*({_TOKEN})", re.IGNORECASE)
_CSEQ = re.compile(rf"([0-9]{{1,10}})[ \t]+({_TOKEN})")
_SECONDS = re.compile(r"([0-9]{1,10})(?=[ \t;(]|$)")
MAX_NUMBER = 2**31 - 1


class SipError(BacksoonError):
    """Something went wrong between us and a SIP server."""


class SipValueError(SipError):
    """A value cannot be said in SIP. The text names the header, never the value."""


class SipGarbled(SipError):
    """What arrived is no SIP message that is read here. The text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order; names in lower case and in full."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The first value of that name; "" where there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """All values of that name, a field each."""
        return [value for key, value in self.fields if key == name]

    def seconds(self, name: str) -> int | None:
        """A number of seconds (`Expires`, `Min-Expires`, `Retry-After`), whatever comment or parameter follows it.

        None where there is none, or none that is a number.
        """
        found = _SECONDS.match(self.get(name))
        return min(int(found[1]), MAX_NUMBER) if found else None

    @property
    def branch(self) -> str:
        """The branch of the topmost Via: by it a response finds its request."""
        found = _BRANCH.search(self.get("via").partition(",")[0])
        return found[1] if found else ""

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq; (-1, "") where it cannot be read."""
        found = _CSEQ.fullmatch(self.get("cseq"))
        return (int(found[1]), found[2]) if found and int(found[1]) <= MAX_NUMBER else (-1, "")


@dataclass(frozen=True, slots=True)
class Response:
    """A response. `reason` is the server's own phrase."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    @property
    def said(self) -> str:
        """Status and phrase, for people: printable and short."""
        phrase = "".join(c for c in self.reason if c.isprintable())[:80]
        return f"{self.status} {phrase}".strip()


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `fields` are sent in their order; Content-Length is added."""

    method: str
    uri: str
    fields: Sequence[tuple[str, str]] = ()
    body: bytes = field(default=b"", repr=False)


def encode(request: Request) -> bytes:
    """The request as it is sent. Raises `SipValueError`."""
    if not TOKEN.fullmatch(request.method):
        raise SipValueError("a method must be one word")
    if not re.fullmatch(r"[!-;=?-~]{1,1024}", request.uri):
        raise SipValueError("an address holds visible ASCII characters only, and no angle brackets")
    lines = [f"{request.method} {request.uri} {VERSION}".encode()]
    lines += [encode_header(name, value) for name, value in request.fields]
    lines.append(b"Content-Length: %d" % len(request.body))
    return b"\r\n".join([*lines, b"", request.body])


def encode_header(name: str, value: str) -> bytes:
    """One header line, without its end. The only way a value gets into a message. Raises `SipValueError`."""
    if not TOKEN.fullmatch(name):
        raise SipValueError("a header's name must be one word")
    if _CONTROL.search(value):
        raise SipValueError(f"{name} must not hold control characters or line breaks")
    try:
        return f"{name}: {value}".encode()
    except UnicodeEncodeError:
        raise SipValueError(f"{name} must be Unicode text") from None


def parse(datagram: bytes) -> Request | Response:
    """The one message in a datagram; what follows its body is not of it (RFC 3261 section 18.3).

    Raises `SipGarbled`.
    """
    head, found, rest = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not found or len(head) > MAX_HEAD:
        raise SipGarbled("a message without an end of its headers, or with too many")
    message = _head(head)
    length = _length(_headers_of(message))
    if length is None:
        return _with_body(message, rest)
    if length > len(rest):
        raise SipGarbled("a message that is shorter than its Content-Length says")
    return _with_body(message, rest[:length])


class Framer:
    """Cuts a stream into messages by Content-Length, which must be there (RFC 3261 section 18.3)."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._message: tuple[Request | Response, int] | None = None

    def feed(self, data: bytes) -> Iterator[Request | Response]:
        """Take in what arrived; the messages that are whole now.

        Raises `SipGarbled`: where the next message begins is not known any more, and the connection is of no use.
        """
        self._waiting += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Request | Response | None:
        if self._message is None:
            self._message = self._begun()
        if self._message is None or len(self._waiting) < self._message[1]:
            return None
        message, length = self._message
        body = bytes(self._waiting[:length])
        del self._waiting[:length]
        self._message = None
        return _with_body(message, body)

    def _begun(self) -> tuple[Request | Response, int] | None:
        blank = len(self._waiting) - len(self._waiting.lstrip(b"\r\n"))
        del self._waiting[:blank]  # keeps connections alive (RFC 5626 section 3.5.1), or follows a message
        end = self._waiting.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if len(self._waiting) > MAX_HEAD:
                raise SipGarbled("headers that do not end")
            return None
        message = _head(bytes(self._waiting[:end]))
        length = _length(_headers_of(message))
        if length is None:
            raise SipGarbled("a message without Content-Length in a stream")
        del self._waiting[: end + 4]
        return message, length


def _head(head: bytes) -> Request | Response:
    first, *lines = _unfolded(head)
    headers = Headers(tuple(_fields(lines)))
    if status := _STATUS_LINE.fullmatch(first):
        return Response(int(status[1]), status[2] or "", headers)
    if asked := _REQUEST_LINE.fullmatch(first):
        return Request(asked[1], asked[2], headers.fields)
    raise SipGarbled("a first line that is none of SIP 2.0")


def _unfolded(head: bytes) -> list[str]:
    """The lines, those that go on in the next joined by one blank (RFC 3261 section 7.3.1)."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        raise SipGarbled("headers that are not UTF-8") from None
    *parts, last = re.split(r"\r\n[ \t]+", text)  # not the blanks before as well: that takes their number squared
    lines = " ".join([*(part.rstrip(" \t") for part in parts), last]).split("\r\n")
    if any(_CONTROL.search(line) for line in lines):
        raise SipGarbled("control characters in headers")
    if len(lines) > MAX_HEADERS:
        raise SipGarbled("too many headers")
    return lines


def _fields(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _NAME_COLON.match(line)
        if found is None:
            raise SipGarbled("a header line without a name")
        name = found[1].lower()
        yield COMPACT.get(name, name), line[found.end() :].rstrip(" \t")


def _headers_of(message: Request | Response) -> Headers:
    return message.headers if isinstance(message, Response) else Headers(tuple(message.fields))


def _length(headers: Headers) -> int | None:
    said = set(headers.all("content-length"))
    if not said:
        return None
    if len(said) > 1 or not _LENGTH.fullmatch(text := said.pop()):
        raise SipGarbled("a Content-Length that is not one number")
    if int(text) > MAX_BODY:
        raise SipGarbled(f"a body of more than {MAX_BODY} bytes")
    return int(text)


def _with_body(message: Request | Response, body: bytes) -> Request | Response:
    if len(body) > MAX_BODY:
        raise SipGarbled(f"a body of more than {MAX_BODY} bytes")
    if isinstance(message, Response):
        return Response(message.status, message.reason, message.headers, body)
    return Request(message.method, message.uri, message.fields, body)
