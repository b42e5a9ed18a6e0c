"""The HTTP client against servers that cut, swell, drip, redirect and lie."""

import asyncio
import gzip
import ssl
import subprocess
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.wire.auth import Credentials, Scheme
from backsoon.wire.http import (
    MAX_RETRY_AFTER,
    BadAddress,
    BadCertificate,
    BadRedirect,
    Cut,
    Http,
    HttpError,
    TimedOut,
    TooLarge,
    Unreachable,
    retry_after,
)
from backsoon.wire.tls import BadCaFile, client_context
from tests.hostile import answering, serving
from tools.ports import free_port

ANNA = Credentials("anna", "s3cret-pw")


def ok(body: bytes, *fields: str, length: int | None = None) -> bytes:
    """A whole HTTP answer."""
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


async def test_hands_back_status_headers_body_and_address() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        body = f"{request.method} {request.path_qs} {await request.text()}"
        return web.Response(status=207, text=body, headers={"X-One": "1", "ETag": '"7"'})

    async with serving(handler) as url, Http() as http:
        answer = await http.request("REPORT", f"{url}/a%20b/?q=1", body=b"hej")
    assert answer.status == 207
    assert answer.body == b"REPORT /a%20b/?q=1 hej"
    assert (answer.headers["x-one"], answer.headers["etag"]) == ("1", '"7"')
    assert answer.url == f"{url}/a%20b/?q=1"


async def test_the_given_headers_are_sent_and_percent_encoding_is_left_alone() -> None:
    seen: list[tuple[str, str | None]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.raw_path, request.headers.get("Content-Type")))
        return web.Response()

    async with serving(handler) as url, Http() as http:
        headers = {"Content-Type": "application/xml; charset=utf-8"}
        await http.request("PROPFIND", f"{url}/a%40b/%2F/", headers=headers, body=b"<x/>")
    assert seen == [("/a%40b/%2F/", "application/xml; charset=utf-8")]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare"])
async def test_compressed_answers_are_decoded(coding: str) -> None:
    plain = b"BEGIN:VCALENDAR\r\n" * 5_000
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = {
        "gzip": gzip.compress(plain),
        "deflate": zlib.compress(plain),
        "bare": bare.compress(plain) + bare.flush(),
    }[coding]
    name = "gzip" if coding == "gzip" else "deflate"
    async with answering(ok(packed, f"Content-Encoding: {name}")) as url, Http() as http:
        assert (await http.request("GET", url)).body == plain


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger() -> None:
    async with answering(ok(b"x" * 1_000)) as url, Http() as http:
        assert len((await http.request("GET", url, limit_bytes=1_000)).body) == 1_000
        with pytest.raises(TooLarge) as caught:
            await http.request("GET", url, limit_bytes=999)
    assert caught.value.limit == 999


async def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    async with answering(ok(bomb, "Content-Encoding: gzip")) as url, Http() as http:
        with pytest.raises(TooLarge):
            await http.request("GET", url, limit_bytes=1024 * 1024)


async def test_an_endless_chunked_answer_is_stopped_at_the_limit() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)

    async with serving(handler) as url, Http() as http:
        with pytest.raises(TooLarge):
            await http.request("GET", url, limit_bytes=1024 * 1024)


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"BEGIN:VCALENDAR", length=500),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nBEGIN",
        ok(gzip.compress(b"BEGIN:VCALENDAR" * 999)[:-20], "Content-Encoding: gzip"),
        ok(b"\x1f\x8b no gzip at all", "Content-Encoding: gzip"),
        ok(b"x", "Content-Encoding: br"),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ],
    ids=["length", "chunk", "gzip", "damaged", "unasked coding", "no http"],
)
async def test_a_cut_or_garbled_answer_is_an_error(answer: bytes) -> None:
    async with answering(answer) as url, Http() as http:
        with pytest.raises(Cut):
            await http.request("GET", url)


async def test_a_slow_drip_ends_at_the_deadline() -> None:
    async with answering(ok(b"x" * 10_000), drip=0.02) as url, Http(deadline=0.3) as http:
        with pytest.raises(TimedOut, match=r"within 0\.3 s"):
            await http.request("GET", url)


async def test_nobody_there_is_unreachable() -> None:
    async with Http() as http:
        with pytest.raises(Unreachable):
            await http.request("GET", f"http://127.0.0.1:{free_port()}/")


async def test_a_connection_that_closes_without_an_answer_is_tried_once_more() -> None:
    async with answering(b"", ok(b"second")) as url, Http() as http:
        assert (await http.request("PROPFIND", url)).body == b"second"
    async with answering(b"") as url, Http() as http:
        with pytest.raises(Unreachable, match="without an answer"):
            await http.request("PROPFIND", url)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://calendar.example/",
        "http:///nowhere",
        "http://calendar.example:99999/",
        "calendar.example",
        "http://calendar.example/a b",
        "http://calendar.example/å",
        "http://calendar.example/\r\nX: 1",
        "",
    ],
)
async def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    async with Http() as http:
        with pytest.raises(BadAddress) as caught:
            await http.request("GET", address)
    assert not address or address not in str(caught.value)


async def test_an_account_in_the_address_is_refused_and_not_repeated() -> None:
    async with Http() as http:
        with pytest.raises(BadAddress) as caught:
            await http.request("GET", "https://anna:s3cret-pw@calendar.example/x")
    assert "s3cret" not in str(caught.value)
    assert "anna" not in str(caught.value)


async def test_errors_name_the_origin_and_not_the_path() -> None:
    async with answering(ok(b"x", length=9)) as url, Http() as http:
        with pytest.raises(HttpError) as caught:
            await http.request("GET", f"{url}/private-s3cret/basic.ics?key=s3cret")
    assert caught.value.origin == url
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


class TestRedirects:
    async def test_are_answers_unless_asked_for(self) -> None:
        async with answering(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n") as url, Http() as http:
            assert (await http.request("GET", url)).status == 302

    async def test_within_the_origin_are_followed_with_method_and_body(self) -> None:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            if request.path == "/.well-known/caldav":
                return web.Response(status=301, headers={"Location": "../dav/"})
            return web.Response(text=f"{request.method} {request.path} {await request.text()}")

        async with serving(handler) as url, Http() as http:
            answer = await http.request("PROPFIND", f"{url}/.well-known/caldav", body=b"<x/>", follow=True)
        assert answer.body == b"PROPFIND /dav/ <x/>"
        assert answer.url == f"{url}/dav/"

    async def test_five_and_no_more(self) -> None:
        asked: list[int] = []

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            number = int(request.path[1:])
            asked.append(number)
            return web.Response(status=307, headers={"Location": f"/{number + 1}"}) if number else web.Response()

        async with serving(handler) as url, Http() as http:
            with pytest.raises(BadRedirect, match="more than 5"):
                await http.request("GET", f"{url}/1", follow=True)
        assert asked == [1, 2, 3, 4, 5, 6]

    async def test_to_another_port_nothing_is_sent(self) -> None:
        caught: list[str] = []

        async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
            caught.append(request.headers.get("Authorization", ""))
            return web.Response()

        async with serving(elsewhere) as other:

            async def handler(request: web.BaseRequest) -> web.StreamResponse:
                return web.Response(status=302, headers={"Location": f"{other}/x"})

            async with serving(handler) as url, Http() as http:
                with pytest.raises(BadRedirect) as error:
                    await http.request("GET", url, auth=ANNA, follow=True)
        assert error.value.location == other
        assert caught == []

    @pytest.mark.parametrize(
        "location",
        [
            "http://evil.127.0.0.1.example/",
            "http://localhost:{port}/",
            "https://127.0.0.1:{port}/",
            "//127.0.0.2:{port}/x",
            "http://anna@127.0.0.1:{port}/",
            "file:///etc/passwd",
            "http://[",
        ],
    )
    async def test_to_another_host_scheme_or_account_are_refused(self, location: str) -> None:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            port = request.url.port
            return web.Response(status=302, headers={"Location": location.format(port=port)})

        async with serving(handler) as url, Http() as http:
            with pytest.raises(BadRedirect):
                await http.request("GET", url, auth=ANNA, follow=True)


class TestRetryAfter:
    NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    LATER = "Sun, 22 Nov 2026 12:01:30 GMT"

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, None),
            ({"retry-after": "120"}, 120.0),
            ({"retry-after": " 0 "}, 0.0),
            ({"retry-after": "99999999999"}, MAX_RETRY_AFTER),
            ({"retry-after": "-5"}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "²"}, None),
            ({"retry-after": LATER}, 90.0),
            ({"retry-after": LATER, "date": "Sun, 22 Nov 2026 12:01:00 GMT"}, 30.0),
            ({"retry-after": "Sun, 22 Nov 2020 12:01:30 GMT"}, 0.0),
            ({"retry-after": "Sun, 99 Nov 2020 12:01:30 GMT"}, None),
        ],
    )
    def test_seconds_or_a_date_within_bounds(self, headers: dict[str, str], expected: float | None) -> None:
        assert retry_after(headers, self.NOW) == expected

    def test_a_date_with_nothing_to_count_from_says_nothing(self) -> None:
        assert retry_after({"retry-after": self.LATER}) is None


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
        "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class TestTls:
    async def test_a_named_authority_is_believed_and_another_is_not(self, tmp_path: Path) -> None:
        certificate, key = make_certificate(tmp_path, "calendar")
        stranger, _ = make_certificate(tmp_path, "stranger")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text="safe")

        async with serving(handler, server) as url:
            async with Http(tls=client_context(certificate)) as http:
                assert (await http.request("GET", url)).body == b"safe"
                with pytest.raises(BadCertificate):
                    await http.request("GET", url.replace("127.0.0.1", "localhost"))
            for context in (client_context(stranger), None):
                async with Http(tls=context) as http:
                    with pytest.raises(BadCertificate):
                        await http.request("GET", url)

    async def test_plain_http_behind_https_is_unreachable(self) -> None:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response()

        async with serving(handler) as url, Http() as http:
            with pytest.raises(Unreachable):
                await http.request("GET", url.replace("http", "https"))

    def test_a_file_without_certificates_is_named(self, tmp_path: Path) -> None:
        empty = tmp_path / "ca.pem"
        empty.write_text("not a certificate")
        for path, said in ((empty, "no certificate"), (tmp_path / "gone.pem", "no such file")):
            with pytest.raises(BadCaFile, match=said) as caught:
                client_context(path)
            assert caught.value.path == path


async def test_few_connections_to_a_host_kept_alive() -> None:
    peers: set[object] = set()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    async with serving(handler) as url, Http(limit_per_host=2) as http:
        await asyncio.gather(*(http.request("GET", url) for _ in range(20)))
    assert 1 <= len(peers) <= 2


async def test_an_account_goes_only_where_it_is_given_and_no_cookie_in_its_place() -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.headers.get("Authorization"), request.headers.get("Cookie")))
        return web.Response(headers={"Set-Cookie": "session=1"})

    async with serving(handler) as url, Http() as http:
        url = url.replace("127.0.0.1", "localhost")  # jars keep no cookies for bare addresses
        await http.request("GET", url, auth=ANNA)
        await http.request("GET", url)
    assert seen == [("Basic YW5uYTpzM2NyZXQtcHc=", None), (None, None)]


def test_a_password_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Credentials("anna", "s3cret", Scheme.DIGEST))
