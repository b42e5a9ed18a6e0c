"""SIP messages: what is built, what is read, and what is refused; nasty ones in the spirit of RFC 4475."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.wire.sip import (
    MAX_BODY,
    MAX_HEAD,
    Framer,
    Headers,
    Request,
    Response,
    SipGarbled,
    SipValueError,
    encode,
    encode_header,
    parse,
)

OK = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\nCSeq: 1 PUBLISH\r\n"


def response(*lines: str, body: bytes = b"") -> Response:
    found = parse("\r\n".join(["SIP/2.0 200 OK", *lines, "", ""]).encode() + body)
    assert isinstance(found, Response)
    return found


class TestBuilding:
    """Requests as they are sent."""

    def test_a_request(self) -> None:
        built = encode(Request("PUBLISH", "sip:1001@example.com", [("Event", "presence")], b"<x/>"))
        assert built == (b"PUBLISH sip:1001@example.com SIP/2.0\r\nEvent: presence\r\nContent-Length: 4\r\n\r\n<x/>")

    @pytest.mark.parametrize("bad", ["\r", "\n", "\r\n", "\0", "\x0b", "\x1f", "\x7f", "\x85", "\u2028", "\ud800"])
    def test_no_value_breaks_out_of_its_line(self, bad: str) -> None:
        with pytest.raises(SipValueError) as error:
            encode_header("Subject", f"a{bad}Contact: <sip:evil@example.com>")
        assert "evil" not in str(error.value)

    @pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä"])
    def test_no_name_does(self, name: str) -> None:
        with pytest.raises(SipValueError):
            encode_header(name, "x")

    @pytest.mark.parametrize("uri", ["", "sip:a b", "sip:a\r\nX: y", "sip:<a>", "sip:ä@example.com", "x" * 2000])
    def test_no_address_does(self, uri: str) -> None:
        with pytest.raises(SipValueError):
            encode(Request("PUBLISH", uri))

    def test_no_method_does(self) -> None:
        with pytest.raises(SipValueError):
            encode(Request("PUBLISH sip:x SIP/2.0\r\nX:", "sip:x"))

    @given(st.text(), st.binary(max_size=200))
    def test_what_is_built_is_read_again(self, value: str, body: bytes) -> None:
        try:
            data = encode(Request("PUBLISH", "sip:x", [("Subject", value)], body))
        except SipValueError:
            return
        found = parse(data)
        assert isinstance(found, Request)
        assert Headers(tuple(found.fields)).get("subject") == value.strip(" \t")
        assert found.body == body


class TestReading:
    """Lenient where the standard is."""

    def test_a_response(self) -> None:
        found = parse(OK + b"SIP-ETag: a1\r\nExpires: 60\r\nContent-Length: 2\r\n\r\nhi and more")
        assert isinstance(found, Response)
        assert (found.status, found.reason, found.body) == (200, "OK", b"hi")
        assert found.headers.get("sip-etag") == "a1"
        assert found.headers.branch == "z9hG4bK1"
        assert found.headers.cseq == (1, "PUBLISH")
        assert found.headers.seconds("expires") == 60

    def test_compact_names_any_case_and_blanks_around_the_colon(self) -> None:
        found = response(
            "v  :   SIP/2.0/UDP h;BRANCH = z9hG4bKx ; rport", "i: 5", "E \t: gzip", "l: 0", "CSEQ: 7  OPTIONS"
        )
        assert found.headers.branch == "z9hG4bKx"
        assert found.headers.get("call-id") == "5"
        assert found.headers.get("content-encoding") == "gzip"
        assert found.headers.cseq == (7, "OPTIONS")

    def test_folded_lines(self) -> None:
        found = response('WWW-Authenticate: Digest realm="a",', '  nonce="b",', "\t algorithm=MD5", "Expires:", " 9")
        assert found.headers.get("www-authenticate") == 'Digest realm="a", nonce="b", algorithm=MD5'
        assert found.headers.seconds("expires") == 9

    @pytest.mark.parametrize("first", ["SIP/2.0 100 ", "SIP/2.0 100", "sip/2.0 100 Trying"])
    def test_no_reason_phrase_and_any_case(self, first: str) -> None:
        found = parse(f"{first}\r\n\r\n".encode())
        assert isinstance(found, Response)
        assert found.status == 100

    def test_a_reason_phrase_in_any_script(self) -> None:
        found = parse("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто\r\n\r\n".encode())
        assert isinstance(found, Response)
        assert found.said.endswith("девяносто")

    def test_what_is_said_of_it_is_short_and_printable(self) -> None:
        found = Response(500, "x\u202e" * 200, Headers())
        assert found.said == f"500 {'x' * 80}"

    def test_the_topmost_via_counts_whether_in_one_line_or_two(self) -> None:
        assert response("Via: SIP/2.0/UDP a;branch=one, SIP/2.0/UDP b;branch=two").headers.branch == "one"
        assert response("Via: SIP/2.0/UDP a;branch=one", "Via: SIP/2.0/UDP b;branch=two").headers.branch == "one"

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("120", 120),
            ("120;duration=60", 120),
            ("18000 (in a meeting)", 18_000),
            ("99999999999", None),
            ("9999999999", 2**31 - 1),
            ("-5", None),
            ("", None),
            ("1e3", None),
            ("٣", None),
        ],
    )
    def test_seconds(self, value: str, seconds: int | None) -> None:
        assert response(f"Retry-After: {value}").headers.seconds("retry-after") == seconds

    @pytest.mark.parametrize("value", ["36893488147419103232 PUBLISH", "PUBLISH", "-1 PUBLISH", "1PUBLISH", "1 P U"])
    def test_a_sequence_that_is_none(self, value: str) -> None:
        assert response(f"CSeq: {value}").headers.cseq == (-1, "")

    def test_a_long_value_is_only_long(self) -> None:
        assert response("Unknown: " + "x" * 20_000).headers.get("unknown") == "x" * 20_000

    def test_a_request_of_the_server(self) -> None:
        found = parse(b"\r\n\r\nOPTIONS sip:us@127.0.0.1;unknown=%41 SIP/2.0\r\nContent-Length: 0\r\n\r\n")
        assert isinstance(found, Request)
        assert found.uri == "sip:us@127.0.0.1;unknown=%41"


NASTY = {
    "nothing": b"",
    "no end": OK,
    "only line feeds": OK.replace(b"\r\n", b"\n") + b"\n",
    "a version to come": b"SIP/7.0 200 OK\r\n\r\n",
    "a status beyond all": b"SIP/2.0 4294967301 better not\r\n\r\n",
    "a status of two digits": b"SIP/2.0 99 short\r\n\r\n",
    "a status of none": b"SIP/2.0 700 x\r\n\r\n",
    "digits of another script": "SIP/2.0 ٢٠٠ OK\r\n\r\n".encode(),
    "blanks around the address": b"OPTIONS  sip:a@example.com  SIP/2.0\r\n\r\n",
    "an address in brackets": b"OPTIONS <sip:a@example.com> SIP/2.0\r\n\r\n",
    "a blank in the address": b"OPTIONS sip:a b@example.com SIP/2.0\r\n\r\n",
    "a blank at the end": b"OPTIONS sip:a@example.com SIP/2.0 \r\n\r\n",
    "a header without a colon": OK + b"Nothing here\r\n\r\n",
    "a header without a name": OK + b": x\r\n\r\n",
    "folding before any header": b"SIP/2.0 200 OK\r\n X: y\r\nZ\r\n\r\n",
    "a zero byte": OK + b"X: a\0b\r\n\r\n",
    "a bare carriage return": OK + b"X: a\rSIP-ETag: evil\r\n\r\n",
    "a bare line feed": OK + b"X: a\nSIP-ETag: evil\r\n\r\n",
    "no UTF-8": OK + b"X: \xff\xfe\r\n\r\n",
    "a body that is not whole": OK + b"Content-Length: 9\r\n\r\nhi",
    "a length below nothing": OK + b"Content-Length: -9\r\n\r\nhi",
    "two lengths": OK + b"Content-Length: 2\r\nl: 3\r\n\r\nhi!",
    "a length of words": OK + b"Content-Length: two\r\n\r\nhi",
    "a length beyond all": OK + b"Content-Length: 99999999999999999999\r\n\r\nhi",
    "too long a body": OK + b"\r\n" + b"x" * (MAX_BODY + 1),
    "too many headers": OK + b"X: y\r\n" * 300 + b"\r\n",
    "too long a head": OK + b"X: " + b"y" * MAX_HEAD + b"\r\n\r\n",
    "HTTP": b"HTTP/1.1 200 OK\r\n\r\n",
    "TLS": bytes.fromhex("16030100f1010000ed0303"),
}


@pytest.mark.parametrize("data", NASTY.values(), ids=NASTY.keys())
def test_nasty_messages_are_refused(data: bytes) -> None:
    with pytest.raises(SipGarbled) as error:
        parse(data)
    assert "evil" not in str(error.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for whole in (data, OK + data, OK + data + b"\r\n\r\n"):
        with suppress(SipGarbled):
            assert isinstance(parse(whole), Request | Response)


class TestFraming:
    """Messages in a stream."""

    MESSAGES = b"".join(
        [
            OK + b"Content-Length: 2\r\n\r\nhi",
            b"\r\n\r\n",
            OK + b"l: 0\r\n\r\n",
            b"\r\n",
            b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
        ]
    )

    @given(st.lists(st.integers(0, len(MESSAGES)), max_size=20))
    def test_however_it_is_cut(self, cuts: list[int]) -> None:
        framer, last = Framer(), 0
        found: list[Request | Response] = []
        for cut in [*sorted(cuts), len(self.MESSAGES)]:
            found += framer.feed(self.MESSAGES[last:cut])
            last = cut
        assert [message.body for message in found] == [b"hi", b"", b"\r\n\r\n"]

    @pytest.mark.parametrize(
        "data",
        [OK + b"\r\n", OK + b"Content-Length: x\r\n\r\n", b"X: " + b"y" * (MAX_HEAD + 10), b"HTTP/1.1 200 OK\r\n\r\n"],
    )
    def test_where_the_next_begins_must_be_known(self, data: bytes) -> None:
        with pytest.raises(SipGarbled):
            list(Framer().feed(data))
