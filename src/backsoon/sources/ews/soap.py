"""SOAP as Exchange speaks it: envelopes out, checked answers back. Pure: no network, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from backsoon.sources.base import SourceBroken
from backsoon.sources.ews.failures import EwsFailure, with_remedy
from backsoon.sources.ews.settings import of_build
from backsoon.wire.xml import BadXml, parse_xml

TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
T: Final = f"{{{TYPES}}}"
M: Final = f"{{{MESSAGES}}}"
S: Final = f"{{{SOAP}}}"

# What XML 1.0 (section 2.2) forbids and Exchange sends all the same: control characters, surrogates and U+FFFE/FFFF,
# raw or as character references.
_FORBIDDEN: Final = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xed[\xa0-\xbf][\x80-\xbf]|\xef\xbf[\xbe\xbf]"
    rb"|&#(?:x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]|[dD][89a-fA-F][0-9a-fA-F]{2}|[fF]{3}[eEfF])"
    rb"|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]|5529[6-9]|55[3-9]\d{2}|56\d{3}|57[0-2]\d{2}|573[0-3]\d|5734[0-3]|6553[45]));"
)


def envelope(body: str, *, version: str, act_for: str = "") -> bytes:
    """A request: `body` is the operation's element, `act_for` the mailbox in whose name it is made ("": our own).

    Times are asked for in UTC: Exchange 2010 and later do that by `TimeZoneContext`, 2007 always.
    """
    header = f'<t:RequestServerVersion Version="{version}"/>'
    if act_for:
        address = escape(act_for)
        header += (
            "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>"
            f"{address}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
        )
    if version != "Exchange2007_SP1":
        header += '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext>'
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def text_of(text: str) -> str:
    """Text as an element's content."""
    return escape(text)


def parse(body: bytes) -> etree._Element:
    """The answer's envelope. Characters that XML forbids are replaced, and only where there are such.

    Raises `SourceBroken` for what is no SOAP, `BadXml` for what is no XML.
    """
    try:
        root = parse_xml(body)
    except BadXml:
        mended, found = _FORBIDDEN.subn("\N{REPLACEMENT CHARACTER}".encode(), body)
        if not found:
            raise
        root = parse_xml(mended)
    if root.tag != S + "Envelope":
        raise not_ews()
    return root


def not_ews() -> SourceBroken:
    """The error for an answer that is none of Exchange Web Services."""
    error = SourceBroken("the answer is none of Exchange Web Services")
    with_remedy(error, "url must be https://HOST/EWS/Exchange.asmx, and a proxy before it must not ask for a sign-in")
    return error


def server_version(root: etree._Element) -> str:
    """The schema that the server speaks by its `ServerVersionInfo`; "" where it says nothing readable."""
    info = root.find(f"{S}Header/{T}ServerVersionInfo")
    if info is None:
        return ""
    said = [info.get(name, "") for name in ("MajorVersion", "MinorVersion", "MajorBuildNumber")]
    if not all(n.isascii() and n.isdigit() and len(n) < 6 for n in said):
        return ""
    return of_build(int(said[0]), int(said[1]), int(said[2]))


def operation(root: etree._Element) -> etree._Element:
    """What the body holds. Raises `EwsFailure` for a fault, `SourceBroken` for an empty one."""
    body = root.find(f"{S}Body")
    inner = body[0] if body is not None and len(body) else None
    if inner is None:
        raise not_ews()
    if inner.tag == f"{S}Fault":
        raise _fault(inner)
    return inner


def messages(inner: etree._Element) -> Iterator[etree._Element]:
    """The response messages in an answer."""
    found = inner.find(f"{M}ResponseMessages")
    if found is None or not len(found):
        raise not_ews()
    yield from found


def checked(message: etree._Element) -> etree._Element:
    """A response message that is no error. Raises `EwsFailure`.

    A warning is a failure as well: it says that what follows was not done (`ErrorBatchProcessingStopped`).
    """
    code = message.findtext(f"{M}ResponseCode", "")
    if message.get("ResponseClass") != "Success" or code not in ("NoError", ""):
        raise EwsFailure(code, back_off(message))
    return message


def only(inner: etree._Element) -> etree._Element:
    """The one response message of an answer to one question, checked. Raises `EwsFailure`, `SourceBroken`."""
    found = list(messages(inner))
    if len(found) != 1:
        raise not_ews()
    return checked(found[0])


def back_off(element: etree._Element) -> float | None:
    """The seconds that `BackOffMilliseconds` asks for."""
    for value in element.iter(f"{T}Value"):
        text = (value.text or "").strip()
        if value.get("Name") == "BackOffMilliseconds" and text.isascii() and text.isdigit() and len(text) < 12:
            return int(text) / 1000
    return None


def _fault(fault: etree._Element) -> EwsFailure:
    """A fault names its code in `detail/ResponseCode` (in one of two namespaces) or in `faultcode`, with a prefix."""
    for element in fault.iter("{*}ResponseCode"):
        return EwsFailure(element.text or "", back_off(fault))
    return EwsFailure((fault.findtext("faultcode") or "").rpartition(":")[2], back_off(fault))
