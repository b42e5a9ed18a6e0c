"""Server-sent events on the wire (WHATWG HTML, section 9.2.5), in chunks of HTTP/1.1 (RFC 9112, section 7.1)."""

from __future__ import annotations

import msgspec

MEDIA_TYPE = "text/event-stream"
_encode = msgspec.json.Encoder().encode  # JSON without line ends: they are escaped in strings


def event(name: str, id: str, data: object) -> bytes:
    """One event; `data` is any JSON value."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), id.encode(), _encode(data))


def nameless(name: str, data: object) -> bytes:
    """One event that leaves the last id as it is: whoever is cut off after it hears it again."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))


def up_to(id: str) -> bytes:
    """No event, but what has been heard up to now."""
    return b"id: %s\n\n" % id.encode()


def coming_again(retry: int) -> bytes:
    """What a stream begins with that cannot go on where it was: in how many milliseconds to come again."""
    return b"retry: %d\n\n" % retry


def beginning(id: str, retry: int) -> bytes:
    """What another stream begins with: the same, and after which event it goes on.

    An id without data is no event, and remembered by whoever reads it.
    """
    return b"retry: %d\nid: %s\n: listening after %s\n\n" % (retry, id.encode(), id.encode())


def quiet(id: str) -> bytes:
    """A sign of life, and what has been heard up to now: also what was not for this listener."""
    return b": quiet\nid: %s\n\n" % id.encode()


def chunk(body: bytes) -> bytes:
    """The body as one chunk; nothing for an empty one, which would end the message."""
    return b"%x\r\n%s\r\n" % (len(body), body) if body else b""


def unchunked(chunk: bytes) -> bytes:
    """The body of one chunk."""
    return chunk[chunk.index(b"\r\n") + 2 : -2] if chunk else b""
