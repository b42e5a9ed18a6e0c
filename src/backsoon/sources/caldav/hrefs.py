"""Names of things on a CalDAV server: absolute paths, percent-encoded in one way only."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from yarl import URL

from backsoon.sources.base import SourceBroken

MAX_LENGTH: Final = 2_048
_SAFE: Final = "!$&'()*+,;=:@~"  # RFC 3986: what a path segment may hold unencoded, beside letters and digits


def normal_path(path: str) -> str:
    """The one spelling of an absolute path, so that two that mean one resource are equal (RFC 3986 section 6.2.2).

    An encoded slash stays one. Raises `ValueError` for a relative path, dot segments and more than 2,048 characters.
    """
    segments = [unquote_to_bytes(segment) for segment in path.split("/")]
    if segments[0] != b"" or any(segment in (b".", b"..") for segment in segments):
        raise ValueError("no absolute path without dot segments")
    normal = "/".join(quote(segment, safe=_SAFE) for segment in segments)
    if len(normal) > MAX_LENGTH:
        raise ValueError(f"a path of more than {MAX_LENGTH} characters")
    return normal


def read_href(href: str, base: URL) -> str:
    """The path that a `DAV:href` names, on the server at `base` and nowhere else.

    Scheme and port of an absolute address are passed over: servers behind a proxy name their inner ones.
    Raises `SourceBroken` for another host and for what is no address.
    """
    try:
        parts = urlsplit(href.strip())
        host = parts.hostname
        path = parts.path if parts.path.startswith("/") or host else f"{base.raw_path.rpartition('/')[0]}/{parts.path}"
        normal = normal_path(path or "/")
    except ValueError:
        raise SourceBroken("the server names something by what is no address") from None
    if host is not None and host.lower() != (base.host or "").lower():
        raise SourceBroken(
            f"the server points to another host, {host[:253]!r}: configure an address there if it is right"
        )
    if parts.query or parts.fragment:
        raise SourceBroken("the server names something by an address with a query")
    return normal


def is_beneath(path: str, collection: str) -> bool:
    """Whether the resource is inside the collection (whose path ends in a slash)."""
    return path.startswith(collection) and path != collection


def as_collection(path: str) -> str:
    """The path with the slash at its end that collections have (RFC 4918 section 5.2)."""
    return path if path.endswith("/") else f"{path}/"
