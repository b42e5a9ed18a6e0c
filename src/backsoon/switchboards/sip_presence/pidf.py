"""The document that is published: PIDF (RFC 3863) with RPID activities (RFC 4480) and timed status (RFC 4481).

Made by lxml's serializer only, so that no text can become markup. Elements' order is that of the schemas. The ids are
always the same ones: should a server ever hold two of our publications, its composition sees that they are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from lxml import etree

from backsoon.switchboards.sip_presence.render import CLOSED, Now, Part, Told, displayable

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
TIMED = "urn:ietf:params:xml:ns:pidf:timed-status"
_NAMES = {None: PIDF, "d": DATA_MODEL, "r": RPID, "t": TIMED}
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
CONTENT_TYPE = "application/pidf+xml"
SHORTER = (240, 120, 60)
"""Bytes of text that are told where it is too long; the last even if the document then is longer than it should be."""

ACTIVITIES: Mapping[str, str] = {
    "meeting": "meeting",
    "course": "meeting",
    "business_travel": "travel",
    "travel": "travel",
    "holiday": "vacation",
    "leave": "vacation",
    "lunch": "meal",
    "busy": "busy",
    "left": "permanent-absence",
    "retired": "permanent-absence",
}
"""The RPID activity of a reason; `away` for every other one (RPID has none for being ill, or gone for the day)."""


def document(address: str, told: Told, at: datetime, most: int | None = None) -> bytes:
    """What is published of the address at that instant (UTC).

    `most` bytes: of what is coming only the next ones that fit are told, then nothing twice, then less of the text.
    """
    body = b""
    for coming, lean, text in _shorter_and_shorter(told, at):
        body = _document(address, told, at, coming, lean, text)
        if most is None or len(body) <= most:
            break
    return body


def _shorter_and_shorter(told: Told, at: datetime) -> Iterator[tuple[Sequence[Part], bool, str]]:
    """What is coming, whether to leave out what is said twice, and the text."""
    coming, text = told.coming(at.timestamp()), (told.now or Now()).text
    for count in range(len(coming), -1, -1):
        yield coming[:count], False, text
    yield (), True, text
    for most in SHORTER:
        yield (), True, displayable(text, most)


def _document(address: str, told: Told, at: datetime, coming: Sequence[Part], lean: bool, text: str) -> bytes:
    now = told.now or Now()
    root = etree.Element(f"{{{PIDF}}}presence", nsmap=_NAMES, entity=address)
    service = etree.SubElement(root, f"{{{PIDF}}}tuple", id="backsoon")
    status = etree.SubElement(service, f"{{{PIDF}}}status")
    etree.SubElement(status, f"{{{PIDF}}}basic").text = _basic(now.phone)
    for part in coming:
        _timed(service, part)
    etree.SubElement(service, f"{{{PIDF}}}contact").text = address
    _note(service, PIDF, text, now.language)
    if not lean:
        etree.SubElement(service, f"{{{PIDF}}}timestamp").text = _instant(at.timestamp())
    if now.reason:
        person = etree.SubElement(root, f"{{{DATA_MODEL}}}person", id="person")
        _activities(person, now.reason, told.present(at.timestamp()))
        _note(person, DATA_MODEL, "" if lean else text, now.language)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _timed(parent: etree._Element, part: Part) -> None:
    timed = etree.SubElement(parent, f"{{{TIMED}}}timed-status", _span(part))
    etree.SubElement(timed, f"{{{TIMED}}}basic").text = _basic(part.phone)
    _activities(timed, part.reason, None)


def _activities(parent: etree._Element, reason: str, span: Part | None) -> None:
    found = etree.SubElement(parent, f"{{{RPID}}}activities", {} if span is None else _span(span))
    etree.SubElement(found, f"{{{RPID}}}{ACTIVITIES.get(reason, 'away')}")


def _note(parent: etree._Element, space: str, text: str, language: str) -> None:
    if text:
        note = etree.SubElement(parent, f"{{{space}}}note", {_LANG: language} if language else {})
        note.text = text


def _span(part: Part) -> dict[str, str]:
    until = {"until": _instant(part.end)} if part.end else {}
    return {"from": _instant(part.start), **until}


def _basic(phone: str) -> str:
    return "closed" if phone == CLOSED else "open"


def _instant(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
