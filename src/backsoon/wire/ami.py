"""The framing of Asterisk's Manager Interface (AMI): bytes to messages and actions to bytes, without any I/O.

An action is lines of `Name: value` that end in CR LF, closed by an empty line; so are responses and events.
Whoever can put a line break into a value can therefore speak in our name: every break that any reader might
take for one is refused. Limits are those of Asterisk's `manager.c`: a line of 1,023 bytes, 128 headers.
See https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from backsoon.domain.errors import BacksoonError

MAX_LINE = 1022
"""The most bytes in a line, without its CR LF; Asterisk cuts what is longer."""
MAX_HEADERS = 128
"""The most headers in an action."""
MAX_MESSAGE = 256 * 1024
"""The most bytes that one message from the server may have before it is taken for nonsense."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# C0, DEL, C1 (NEL is one of them) and the two separators: all at which str.splitlines() or a terminal breaks a line.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_END = b"\r\n\r\n"
_BANNER = b"Asterisk Call Manager/"

Headers = Iterable[tuple[str, str]]


class AmiError(BacksoonError):
    """Something went wrong with Asterisk's manager interface."""


class AmiValueError(AmiError):
    """A header that must not be sent. The value itself is not in the text: it may be private."""

    def __init__(self, header: str, why: str) -> None:
        self.header = header
        super().__init__(f"header {header!r} refused: {why}")


class AmiLost(AmiError):
    """The connection to the manager interface could not be made, ended, went silent, or Asterisk restarted."""


class AmiGarbled(AmiLost):
    """What answers is not Asterisk's manager interface, or it no longer makes sense."""


class AmiDenied(AmiError):
    """The manager account was refused."""


class AmiRefused(AmiError):
    """Asterisk answered an action with an error. `said` is its message."""

    def __init__(self, action: str, said: str) -> None:
        self.action = action
        self.said = said
        super().__init__(f"{action}: {said}")


def encode(action: str, headers: Headers = (), action_id: str = "") -> bytes:
    """One action as bytes. Raises `AmiValueError` for anything that could be read as more than its one header."""
    pairs = [("Action", action), ("ActionID", action_id), *headers] if action_id else [("Action", action), *headers]
    if len(pairs) > MAX_HEADERS:
        raise AmiValueError(pairs[-1][0], f"more than {MAX_HEADERS} headers")
    lines = [f"{name}: {value}" for name, value in pairs if _is_name(name)]
    # Looked at together first: nearly always all are well, and this is done tens of thousands of times a second.
    together = "".join(lines)
    if len(together) > MAX_LINE or not together.isascii() or _BREAKS.search(together):
        for name, value in pairs:
            _check(name, value)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    if not _NAME.fullmatch(name):
        raise AmiValueError(name, "not a header's name")
    return True


def _check(name: str, value: str) -> None:
    if _BREAKS.search(value):
        raise AmiValueError(name, "control characters and line breaks are not allowed")
    try:
        length = len(f"{name}: {value}".encode())
    except UnicodeEncodeError:
        raise AmiValueError(name, "not valid Unicode") from None
    if length > MAX_LINE:
        raise AmiValueError(name, f"longer than {MAX_LINE} bytes")


class Message:
    """A response or an event: headers by name, the first one where a name is repeated."""

    __slots__ = ("_fields", "_text")

    def __init__(self, text: str) -> None:
        """`text` is the message's lines, with CR LF between them."""
        self._text = text
        self._fields: dict[str, str] | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        """All headers. Taken apart when first asked for: of most answers only the id and the outcome are read."""
        if self._fields is None:
            self._fields = _headers(self._text)
        return self._fields

    @property
    def action_id(self) -> str:
        """The action that it answers; "" for an event that answers none."""
        return self._text.partition("\r\nActionID: ")[2].partition("\r\n")[0]

    @property
    def event(self) -> str:
        """The event's name; "" for a response."""
        return self.fields.get("Event", "")

    @property
    def error(self) -> str | None:
        """What Asterisk said where it refused; `None` for everything else."""
        if not self._text.startswith("Response: Error"):
            return None
        return self.fields.get("Message", "no reason given")

    def __getitem__(self, name: str) -> str:
        """The header's value; "" where there is none, as Asterisk leaves empty headers out."""
        return self.fields.get(name, "")

    def __repr__(self) -> str:
        # Values may be private: an event carries names and numbers of whoever calls.
        return f"<Message {self.event or self['Response'] or '?'}: {', '.join(self.fields)}>"


def _headers(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon and name not in fields:
            fields[name] = value[1:] if value.startswith(" ") else value
    return fields


class Parser:
    """Bytes from the server to messages, however they are cut. `banner` is the greeting, `None` before it came."""

    def __init__(self) -> None:
        self.banner: str | None = None
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that became whole. Raises `AmiGarbled` for a wrong greeting or a message without an end."""
        self._buffer += data
        if self.banner is None and not self._greeting():
            return []
        end = self._buffer.rfind(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            self._bound(len(self._buffer))
            return []
        whole = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + len(_END)]
        self._searched = 0
        self._bound(len(self._buffer))
        return [Message(text) for text in whole.split("\r\n\r\n")]

    def _greeting(self) -> bool:
        """Take the greeting, which is one line without an empty line after it."""
        if not (self._buffer.startswith(_BANNER) or _BANNER.startswith(self._buffer)):
            raise AmiGarbled("what answers there is not Asterisk's manager interface")
        end = self._buffer.find(b"\r\n")
        if end < 0:
            self._bound(len(self._buffer) * 1000)
            return False
        self.banner = self._buffer[:end].decode("ascii", "replace")
        del self._buffer[: end + 2]
        return True

    @staticmethod
    def _bound(size: int) -> None:
        if size > MAX_MESSAGE:
            raise AmiGarbled(f"a message of more than {MAX_MESSAGE} bytes")
