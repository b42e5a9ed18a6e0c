"""The document that is published: PIDF (RFC 3863) with RPID activities (RFC 4480) and timed status (RFC 4481).

Made by lxml's serializer only, so that no text can become markup. Elements' order is that of the schemas. The ids are
always the same ones: should a server ever hold two of our publications, its composition sees that they are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
SHORTEST = 60
"""Bytes of text that are told even where the document then is longer than it should be."""

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

    `most` bytes: of what is coming only the next ones that fit are told, then less of the text.
    """
    coming = told.coming(at.timestamp())
    body = _document(address, told, at, coming, None)
    if most is None:
        return body
    while len(body) > most and coming:
        coming.pop()
        body = _document(address, told, at, coming, None)
    shorter = 2 * SHORTEST * 2
    while len(body) > most and shorter > SHORTEST:
        shorter //= 2
        body = _document(address, told, at, (), shorter)
    return body


def _document(address: str, told: Told, at: datetime, coming: Sequence[Part], shorter: int | None) -> bytes:
    now = told.now or Now()
    text = now.text if shorter is None else displayable(now.text, shorter)
    root = etree.Element(f"{{{PIDF}}}presence", nsmap=_NAMES, entity=address)
    service = etree.SubElement(root, f"{{{PIDF}}}tuple", id="backsoon")
    status = etree.SubElement(service, f"{{{PIDF}}}status")
    etree.SubElement(status, f"{{{PIDF}}}basic").text = _basic(now.phone)
    for part in coming:
        _timed(service, part)
    etree.SubElement(service, f"{{{PIDF}}}contact").text = address
    _note(service, PIDF, text, now.language)
    etree.SubElement(service, f"{{{PIDF}}}timestamp").text = _instant(at.timestamp())
    if now.reason:
        person = etree.SubElement(root, f"{{{DATA_MODEL}}}person", id="person")
        _activities(person, now.reason, told.present(at.timestamp()))
        _note(person, DATA_MODEL, text, now.language)
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
