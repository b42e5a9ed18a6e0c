"""Reading XML from strangers: no DOCTYPE, no entities, no network, bounded in size and depth.

Only UTF-8 is read, whatever the declaration says, so that no other encoding can hide a DOCTYPE from the check.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from backsoon.domain.errors import BacksoonError

MAX_DEPTH: Final = 64
MAX_BYTES: Final = 8 * 1024 * 1024

# What may stand before the root element: a byte order mark, blanks, comments, processing instructions.
_PROLOG: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t\r\n]+|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_TOO_DEEP: Final = etree.XPath(f"boolean(/{'/'.join('*' * (MAX_DEPTH + 1))})")


class BadXml(BacksoonError):
    """The bytes are not XML that is read here. The text says why and quotes nothing of them."""


def parse_xml(body: bytes, limit_bytes: int = MAX_BYTES) -> etree._Element:
    """The root element. Raises `BadXml`."""
    if len(body) > limit_bytes:
        raise BadXml(f"more than {limit_bytes} bytes of XML")
    prolog = _PROLOG.match(body)
    start = prolog.end() if prolog else 0
    if body[start : start + 9].upper() == b"<!DOCTYPE":
        raise BadXml("a DOCTYPE, which is refused")
    try:
        root = etree.fromstring(body, _parser())
    except etree.XMLSyntaxError as error:
        raise BadXml(f"no well-formed XML (line {error.lineno})") from None
    except ValueError:
        raise BadXml("no well-formed XML") from None
    if _TOO_DEEP(root):
        raise BadXml(f"elements nested deeper than {MAX_DEPTH}")
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
