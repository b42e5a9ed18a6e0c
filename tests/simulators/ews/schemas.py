"""Microsoft's schemas of EWS, where the folder of `BACKSOON_DATA` has them: what a message breaks of them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

FOLDERS: Final = {
    "2007_SP1": "Exchange2007_SP1",
    "2010_SP1": "Exchange2010_SP1",
    "2010_SP2": "Exchange2010_SP2",
    "2013_SP1": "Exchange2013_SP1",
    "2016": "Exchange2016_V2016_10",
    "2019": "Exchange2019_15.2.2562.17",
    "online": "ExchangeOnline_V2018_01",
}
"""The sets that there are, by version."""
_EWS: Final = "{http://schemas.microsoft.com/exchange/services/2006/"
_XML_IMPORT = re.compile(
    rb'<xs:import\s+(schemaLocation="[^"]*"\s+)?namespace="http://www.w3.org/XML/1998/namespace"\s*/>'
)
_NAMED = b'<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>'
_AMBIGUOUS = re.compile(rb'<xs:element ref="t:\w+Transition" minOccurs="0" maxOccurs="unbounded" />')
"""In the set of 2016: kinds of `t:Transition`, which stands there as well; libxml2 takes no schema with that."""


@cache
def schema(version: str) -> etree.XMLSchema:
    """The schema of that version; skips the test where there are none."""
    data = os.environ.get("BACKSOON_DATA")
    if not data:
        pytest.skip("BACKSOON_DATA names no folder with Microsoft's schemas")
    schemas = Path(data) / "ews" / "schemas"
    with tempfile.TemporaryDirectory(prefix="backsoon-ews-") as made:
        for path in (schemas / FOLDERS[version]).iterdir():
            if path.suffix == ".xsd":
                text = _AMBIGUOUS.sub(b"", _XML_IMPORT.sub(_NAMED, path.read_bytes()))
                (Path(made) / path.name.lower()).write_bytes(text)
        shutil.copy(schemas / "xml.xsd", made)
        return etree.XMLSchema(etree.parse(str(Path(made) / "messages.xsd")))


def messages(raw: bytes) -> Iterator[etree._Element]:
    """The elements of EWS in an envelope: headers and what is asked or answered. Faults have no schema."""
    root = etree.fromstring(raw)
    for part in root:
        for element in part:
            if isinstance(element.tag, str) and element.tag.startswith(_EWS):
                yield etree.fromstring(etree.tostring(element))


def violations(version: str, raw: bytes) -> list[str]:
    """What a message breaks of that version's schema."""
    checker = schema(version)
    found: list[str] = []
    for element in messages(raw):
        if not checker.validate(element):
            found += [f"{etree.QName(element).localname}: {error.message}" for error in checker.error_log]
    return found
