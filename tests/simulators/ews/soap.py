"""SOAP as Exchange speaks it: versions, envelopes, answers of one request, faults."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from lxml import etree

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
T: Final = f"{{{TYPES}}}"
M: Final = f"{{{MESSAGES}}}"
S: Final = f"{{{SOAP}}}"

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Version:
    """A version of Exchange: how it calls its schema, and its build as `ServerVersionInfo` gives it."""

    name: str
    schema: str
    build: tuple[int, int, int, int]
    rank: int


_KNOWN = (
    ("2007", "Exchange2007", (8, 0, 685, 24)),
    ("2007_SP1", "Exchange2007_SP1", (8, 1, 436, 0)),
    ("2010", "Exchange2010", (14, 0, 639, 21)),
    ("2010_SP1", "Exchange2010_SP1", (14, 1, 438, 0)),
    ("2010_SP2", "Exchange2010_SP2", (14, 2, 390, 3)),
    ("2013", "Exchange2013", (15, 0, 516, 32)),
    ("2013_SP1", "Exchange2013_SP1", (15, 0, 1497, 2)),
    ("2016", "Exchange2016", (15, 1, 2507, 6)),
)
VERSIONS: Final = {name: Version(name, schema, build, rank) for rank, (name, schema, build) in enumerate(_KNOWN)}
BY_SCHEMA: Final = {version.schema: version for version in VERSIONS.values()} | {
    "Exchange2015": VERSIONS["2016"],
    "V2016_10_10": VERSIONS["2016"],
}


class Refused(Exception):
    """The whole request is refused by a SOAP fault."""

    def __init__(self, code: str, text: str, told: Iterable[tuple[str, str]] = (), status: int = 500) -> None:
        super().__init__(code)
        self.code, self.text, self.told, self.status = code, text, tuple(told), status


class Failed(Exception):
    """One thing that was asked for cannot be had: an answer with `ResponseClass="Error"`."""

    def __init__(self, code: str, text: str = "This cannot be done.", extra: str = "") -> None:
        super().__init__(code)
        self.code, self.text, self.extra = code, text, extra


def escape(text: str, *, raw: bool = False) -> str:
    """Text for an element or attribute. Characters that XML forbids go out as references, which no XML parser takes,
    or with `raw` as they are; real servers send both."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text if raw else _FORBIDDEN.sub(lambda found: f"&#x{ord(found[0]):X};", text)


@lru_cache(16_384)
def instant(at: datetime) -> str:
    """An instant, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def boolean(value: bool) -> str:
    """A boolean."""
    return "true" if value else "false"


def made_id(*parts: str) -> str:
    """An opaque id that holds these parts, with the characters of real ones."""
    return base64.b64encode("\0".join(("AAMk", *parts)).encode()).decode()


def parts_of(id: str) -> list[str]:
    """What an id holds; raises `Failed` for one that is none of ours."""
    try:
        kind, *parts = base64.b64decode(id, validate=True).decode().split("\0")
    except ValueError:
        kind, parts = "", []
    if kind != "AAMk":
        raise Failed("ErrorInvalidIdMalformed", "The id is malformed.")
    return parts


# -- answers -----------------------------------------------------------------------------------------------------------


def envelope(body: str, version: Version | None) -> bytes:
    """A whole answer. `version` None: without a header, as faults often come."""
    header = ""
    if version is not None:
        names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
        build = " ".join(f'{name}="{number}"' for name, number in zip(names, version.build, strict=True))
        header = f'<s:Header><h:ServerVersionInfo {build} Version="{version.schema}" xmlns:h="{TYPES}"/></s:Header>'
    begin = f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}">{header}'
    return f"{begin}<s:Body>{body}</s:Body></s:Envelope>".encode("utf-8", "surrogatepass")


def answer(operation: str, messages: Iterable[str]) -> str:
    """The answer to an operation: one message for each thing asked for."""
    return (
        f'<m:{operation}Response xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><m:ResponseMessages>{"".join(messages)}'
        f"</m:ResponseMessages></m:{operation}Response>"
    )


def well(operation: str, inner: str = "") -> str:
    """One message that says yes."""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{inner}'
        f"</m:{operation}ResponseMessage>"
    )


def badly(operation: str, failed: Failed) -> str:
    """One message that says no."""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Error">{told_badly(failed)}{failed.extra}'
        f"</m:{operation}ResponseMessage>"
    )


def told_badly(failed: Failed) -> str:
    """What stands in a message that says no."""
    return (
        f"<m:MessageText>{escape(failed.text)}</m:MessageText><m:ResponseCode>{failed.code}</m:ResponseCode>"
        "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
    )


def fault(refused: Refused) -> str:
    """A SOAP fault."""
    values = "".join(f'<t:Value Name="{name}">{escape(value)}</t:Value>' for name, value in refused.told)
    told = f'<t:MessageXml xmlns:t="{TYPES}">{values}</t:MessageXml>' if values else ""
    return (
        f'<s:Fault><faultcode xmlns:a="{TYPES}">a:{refused.code}</faultcode>'
        f'<faultstring xml:lang="en-US">{escape(refused.text)}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{ERRORS}">{refused.code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{ERRORS}">{escape(refused.text)}</e:Message>{told}</detail></s:Fault>'
    )


# -- requests ----------------------------------------------------------------------------------------------------------


def parsed(raw: bytes) -> etree._Element:
    """The envelope of a request; raises `Refused`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise Refused("ErrorInvalidRequest", "The request is no XML.", status=400) from error
    if root.tag != f"{S}Envelope" or root.find(f"{S}Body/*") is None:
        raise Refused("ErrorInvalidRequest", "The request is no SOAP envelope.", status=400)
    return root


def elements(parent: etree._Element, path: str) -> Iterator[etree._Element]:
    """The elements below, by a path with `t:` and `m:`."""
    yield from parent.iterfind(path, {"t": TYPES, "m": MESSAGES, "s": SOAP})


def element(parent: etree._Element, path: str) -> etree._Element | None:
    """The first of them."""
    return next(elements(parent, path), None)


def text(parent: etree._Element, path: str, otherwise: str = "") -> str:
    """The text of the first of them."""
    found = element(parent, path)
    return otherwise if found is None else (found.text or "").strip()


def attribute(element: etree._Element, name: str, otherwise: str = "") -> str:
    """An attribute."""
    value = element.get(name)
    return otherwise if value is None else value


def local(element: etree._Element) -> str:
    """The name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def read_instant(text: str) -> datetime:
    """A time of a request; one without a zone is UTC. Raises `Refused`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("ErrorSchemaValidation", "A time is no time.") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
