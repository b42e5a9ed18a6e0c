"""Content lines (RFC 5545 section 3.1): unfolding, names, parameters, text.

Works on bytes, because a fold may fall inside a character; only what is kept is ever decoded.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_PARAMETER = re.compile(r';\s*([A-Za-z0-9-]+)\s*=\s*("[^"]*"?|[^;"]*)')
_CARET = re.compile(r"\^([\^n'])")
_CARET_MEANS = {"^": "^", "n": "\n", "'": '"'}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPE_MEANS = {"n": "\n", "N": "\n"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def unfold(data: bytes) -> bytes:
    """The content lines of a calendar, one a line that ends in LF.

    Takes CRLF, LF, and CR alone where there is no LF; a byte order mark; UTF-16 with its mark; white space
    before the first line; folds inside a character and after spaces or tabs.
    """
    if data.startswith(_UTF16):
        data = data.decode("utf-16", "replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    data = data.replace(b"\r", b"") if b"\n" in data else data.replace(b"\r", b"\n")
    return data.replace(b"\n ", b"").replace(b"\n\t", b"")


def value_after_name(line: bytes) -> bytes:
    """The value of a property: what follows the first colon outside quotes, or the first where a quote stays open."""
    line = line.strip(b"\n")
    head, colon, value = line.partition(b":")
    while head.count(b'"') % 2 and colon:
        more, colon, value = value.partition(b":")
        head += more
    return value if colon else line.partition(b":")[2]


def split_moment(line: bytes) -> tuple[bytes, bytes]:
    """Name with parameters, and the value, of a property whose value holds no colon (dates and durations).

    The last colon parts them, so that `DTSTART;TZID=(UTC+01:00) Amsterdam:20261122T090000`, which Exchange
    writes without quotes, is read as it is meant.
    """
    head, _, value = line.rpartition(b":")
    return head, value.strip()


@lru_cache(maxsize=2048)
def parameters(head: bytes) -> dict[str, str]:
    """The parameters behind a property's name, names in capitals, quotes taken off, RFC 6868 decoded."""
    text = head.decode("utf-8", "replace")
    return {
        name.upper(): _CARET.sub(lambda found: _CARET_MEANS[found[1]], value.strip().strip('"'))
        for name, value in _PARAMETER.findall(text)
    }


def text(value: bytes) -> str:
    """A TEXT value (section 3.3.11), unescaped; bytes that are not UTF-8 become U+FFFD, NUL is left out."""
    decoded = value.decode("utf-8", "replace").replace("\0", "").strip("\r\n")
    if "\\" not in decoded:
        return decoded
    return _ESCAPE.sub(lambda found: _ESCAPE_MEANS.get(found[1], found[1]), decoded)


def token(value: bytes) -> str:
    """A value that is one of a few words, in capitals; at most 64 characters."""
    return value[:64].decode("ascii", "replace").strip().upper()
