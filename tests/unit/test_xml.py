"""XML from strangers."""

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.wire.xml import MAX_DEPTH, BadXml, parse_xml

BOMB = b"".join(
    [b"<!DOCTYPE a [<!ENTITY a0 'ha'>"]
    + [f"<!ENTITY a{n} '&a{n - 1};&a{n - 1};&a{n - 1};&a{n - 1};'>".encode() for n in range(1, 12)]
    + [b"]><a>&a11;</a>"]
)


def test_reads_namespaces_text_and_cdata() -> None:
    root = parse_xml(
        b'<?xml version="1.0"?>\n<!-- c --><D:a xmlns:D="DAV:"><D:b>x&amp;&#13;<![CDATA[<!DOCTYPE z>]]></D:b></D:a>'
    )
    assert root.tag == "{DAV:}a"
    assert root.findtext("{DAV:}b") == "x&\r<!DOCTYPE z>"


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\xef\xbb\xbf",
        b"  \n",
        b"<?xml version='1.0'?>",
        b"<!-- <a> -->\n<?pi x?> ",
        b"<?xml version='1.0' encoding='utf-16'?>",
    ],
)
@pytest.mark.parametrize("word", [b"<!DOCTYPE", b"<!doctype"])
def test_a_doctype_is_refused_wherever_it_may_stand(before: bytes, word: bytes) -> None:
    with pytest.raises(BadXml, match="DOCTYPE"):
        parse_xml(before + word + b" a SYSTEM 'file:///etc/passwd'><a/>")


def test_a_billion_laughs_and_an_external_entity_are_refused() -> None:
    for body in (BOMB, b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>"):
        with pytest.raises(BadXml, match="DOCTYPE"):
            parse_xml(body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_no_other_encoding_hides_a_doctype(encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"
    body = text.replace("<!", "+ADwAIQ-").encode("ascii") if encoding == "utf-7" else codecs.encode(text, encoding)
    with pytest.raises(BadXml):
        parse_xml(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<a>",
        b"<a></b>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b"<a>&secret;</a>",
        b"<a/><!DOCTYPE a>",
        b"plain",
    ],
)
def test_what_is_not_well_formed_is_refused_without_being_quoted(body: bytes) -> None:
    with pytest.raises(BadXml) as caught:
        parse_xml(body)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_depth_is_bounded_and_breadth_is_not() -> None:
    def nested(levels: int) -> bytes:
        return b"<a>" * levels + b"</a>" * levels

    assert parse_xml(nested(MAX_DEPTH)).tag == "a"
    for levels in (MAX_DEPTH + 1, 200, 100_000):
        with pytest.raises(BadXml):
            parse_xml(nested(levels))
    assert len(parse_xml(b"<a>" + b"<b/>" * 10_000 + b"</a>")) == 10_000


def test_size_is_bounded() -> None:
    assert parse_xml(b"<a/>", 4) is not None
    with pytest.raises(BadXml, match="3 bytes"):
        parse_xml(b"<a/>", 3)


def test_a_prolog_without_end_takes_no_time() -> None:
    for body in (b"<!-- " * 200_000, b" " * 2_000_000, b"<?x " * 200_000, b"<!---->" * 200_000 + b"<!DOCTYPE a><a/>"):
        with pytest.raises(BadXml):
            parse_xml(body)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(BadXml):
        parse_xml(body)
