"""Signing in: the RFCs' own examples, and a server that three clients agree about."""

import asyncio
import shutil
from collections.abc import Sequence

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from backsoon.wire.auth import Authenticator, BadCredentials, Credentials, Scheme, may_show_password
from backsoon.wire.digest import Challenge, Digest, choose, parse_challenges
from backsoon.wire.http import Http
from tests.digest_server import DigestServer
from tests.hostile import serving

ANNA = Credentials("anna", "pässword: 1")

# RFC 7616 section 3.9.1
RFC_7616 = {
    "realm": "http-auth@example.org",
    "qop": "auth, auth-int",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = Challenge("digest", {**RFC_7616, "algorithm": algorithm})
    digest = Digest(challenge, "Mufasa", "Circle of Life", lambda: RFC_7616_CNONCE)
    [sent] = parse_challenges(digest.authorization("GET", "/dir/index.html"))
    assert sent.parameters["response"] == response
    assert sent.parameters["nc"] == "00000001"
    assert {name: sent.parameters[name] for name in ("realm", "nonce", "opaque")} == {
        name: RFC_7616[name] for name in ("realm", "nonce", "opaque")
    }


def test_the_example_of_rfc_2617_and_of_rfc_2069_without_qop() -> None:
    old = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    for extra, response in (
        ({"qop": "auth"}, "6629fae49393a05397450978507c4ef1"),
        ({}, "670fd8c2df070c60b045671b8b24ff02"),
    ):
        digest = Digest(Challenge("digest", old | extra), "Mufasa", "Circle Of Life", lambda: "0a4f113b")
        [sent] = parse_challenges(digest.authorization("GET", "/dir/index.html"))
        assert sent.parameters["response"] == response
        assert ("cnonce" in sent.parameters) == bool(extra)


def test_a_name_beyond_ascii_is_written_as_rfc_8187_has_it() -> None:
    digest = Digest(Challenge("digest", {"nonce": "n"}), "åsa:x", "pw")
    assert "username*=UTF-8''%C3%A5sa%3Ax, " in digest.authorization("GET", "/")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ('Basic realm="a, b=\\"c\\""', [("basic", {"realm": 'a, b="c"'})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        (
            'Digest realm="x", nonce="1,2" , qop=auth,  Basic realm="y"',
            [("digest", {"realm": "x", "nonce": "1,2", "qop": "auth"}), ("basic", {"realm": "y"})],
        ),
        ("NTLM", [("ntlm", {})]),
        ('Basic realm="open', [("basic", {}), ("realm", {})][:1]),
    ],
)
def test_challenges_are_read_as_rfc_9110_writes_them(
    header: str, expected: Sequence[tuple[str, dict[str, str]]]
) -> None:
    assert [(c.scheme, c.parameters) for c in parse_challenges(header)] == list(expected)


@given(st.text(max_size=200))
def test_no_challenge_makes_the_reader_fail(header: str) -> None:
    choose(parse_challenges("Digest " + header))


@pytest.mark.parametrize(
    ("offers", "algorithm"),
    [
        (["MD5", "SHA-256"], "SHA-256"),
        (["MD5"], "MD5"),
        (["SHA-512-256", "MD5"], "MD5"),
        (["SHA-256-sess"], None),
    ],
)
def test_the_strongest_that_can_be_answered_is_chosen(offers: list[str], algorithm: str | None) -> None:
    chosen = choose([Challenge("digest", {"nonce": "n", "algorithm": offer}) for offer in offers])
    assert (chosen and chosen.parameters["algorithm"]) == algorithm


@pytest.mark.parametrize(
    "parameters",
    [{}, {"nonce": "n", "qop": "auth-int"}, {"nonce": "n\r\nX: 1"}, {"nonce": "n", "opaque": "\udcff"}],
)
def test_what_cannot_be_answered_is_not_chosen(parameters: dict[str, str]) -> None:
    assert choose([Challenge("digest", parameters)]) is None


class TestAgainstTheServer:
    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    async def test_one_challenge_then_the_nonce_serves_on(self, algorithm: str) -> None:
        server = DigestServer(ANNA.user, ANNA.password, algorithm)
        account = Credentials(ANNA.user, ANNA.password, Scheme.DIGEST)
        async with serving(server) as url, Http() as http:
            for path in ("/a%20b/?q=1", "/c", "/d"):
                assert (await http.request("PROPFIND", url + path, auth=account, body=b"x")).body == b"in"
        assert server.served == ["PROPFIND /a%20b/?q=1", "PROPFIND /c", "PROPFIND /d"]
        assert server.asked == 1

    async def test_a_stale_nonce_costs_one_more_challenge(self) -> None:
        server = DigestServer(ANNA.user, ANNA.password, uses=2)
        async with serving(server) as url, Http() as http:
            for _ in range(5):
                assert (await http.request("GET", url, auth=ANNA)).status == 200
        assert (len(server.served), server.asked) == (5, 3)

    async def test_a_wrong_password_is_a_401_and_no_loop(self) -> None:
        server = DigestServer(ANNA.user, "another", also=('Basic realm="x"',))
        async with serving(server) as url, Http() as http:
            for _ in range(2):
                assert (await http.request("GET", url, auth=ANNA)).status == 401
        assert server.served == []
        assert server.asked <= 4

    async def test_requests_at_once_are_all_served(self) -> None:
        server = DigestServer(ANNA.user, ANNA.password)
        async with serving(server) as url, Http(limit_per_host=1) as http:
            await http.request("GET", url, auth=ANNA)
            answers = await asyncio.gather(*(http.request("GET", url, auth=ANNA) for _ in range(10)))
        assert {answer.status for answer in answers} == {200}

    async def test_aiohttps_own_client_agrees_with_the_server(self) -> None:
        server = DigestServer(ANNA.user, ANNA.password, qop="auth")  # it would take auth-int
        digest = aiohttp.DigestAuthMiddleware(ANNA.user, ANNA.password)
        async with serving(server) as url, aiohttp.ClientSession(middlewares=(digest,)) as session:
            for path in ("/a", "/b"):
                async with session.get(url + path) as answer:
                    assert answer.status == 200
        assert server.served == ["GET /a", "GET /b"]

    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
    async def test_curl_agrees_with_the_server(self) -> None:
        server = DigestServer(ANNA.user, ANNA.password, "MD5")
        async with serving(server) as url:
            account = f"{ANNA.user}:{ANNA.password}"
            command = ["curl", "-s", "--digest", "-u", account, f"{url}/a?b=c", f"{url}/d"]
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
        assert out == b"inin"
        assert server.served == ["GET /a?b=c", "GET /d"]


class TestWhatIsSentUnasked:
    SAFE = URL("https://calendar.example/x")
    CLEAR = URL("http://calendar.example/x")

    def test_basic_goes_at_once_only_where_nobody_can_read_it(self) -> None:
        sent = Authenticator()
        assert sent.header(self.SAFE, "GET", ANNA) is not None
        assert sent.header(self.CLEAR, "GET", ANNA) is None
        assert sent.header(self.CLEAR, "GET", Credentials("anna", "x", Scheme.BASIC)) == "Basic YW5uYTp4"
        assert sent.header(self.SAFE, "GET", Credentials("anna", "x", Scheme.DIGEST)) is None

    def test_in_clear_text_the_server_has_to_ask_for_the_password(self) -> None:
        sent = Authenticator()
        assert sent.learn(self.CLEAR, ANNA, 'Basic realm="x"', None)
        assert str(sent.header(self.CLEAR, "GET", ANNA)).startswith("Basic ")
        assert not sent.learn(self.CLEAR, ANNA, 'Basic realm="x"', "Basic ...")

    def test_a_server_that_knows_digest_never_gets_the_password(self) -> None:
        sent = Authenticator()
        assert sent.learn(self.CLEAR, ANNA, 'Basic realm="x", Digest realm="x", nonce="n"', None)
        assert not sent.learn(self.CLEAR, ANNA, 'Basic realm="x"', "Digest ...")
        assert str(sent.header(self.CLEAR, "GET", ANNA)).startswith("Digest ")

    def test_a_nonce_that_was_refused_is_not_answered_again(self) -> None:
        """A wrong password would be sent for ever, and lock the account."""
        sent = Authenticator()
        assert sent.learn(self.CLEAR, ANNA, 'Digest realm="x", nonce="n"', None)
        assert not sent.learn(self.CLEAR, ANNA, 'Digest realm="x", nonce="n"', "Digest ...")
        assert sent.learn(self.CLEAR, ANNA, 'Digest realm="x", nonce="m"', "Digest ...")

    def test_digest_only_is_digest_only(self) -> None:
        sent, account = Authenticator(), Credentials("anna", "x", Scheme.DIGEST)
        assert not sent.learn(self.SAFE, account, 'Basic realm="x"', None)

    def test_another_origin_learns_nothing(self) -> None:
        sent = Authenticator()
        sent.learn(self.CLEAR, ANNA, 'Basic realm="x"', None)
        for other in ("http://calendar.example:8080/x", "http://other.example/x"):
            assert sent.header(URL(other), "GET", ANNA) is None

    @pytest.mark.parametrize(
        ("address", "safe"),
        [
            ("https://calendar.example/", True),
            ("http://localhost:5232/", True),
            ("http://127.0.0.9/", True),
            ("http://[::1]/", True),
            ("http://192.168.1.2/", False),
            ("http://localhost.example/", False),
        ],
    )
    def test_which_addresses_nobody_else_can_read(self, address: str, safe: bool) -> None:
        assert may_show_password(URL(address)) is safe

    @pytest.mark.parametrize("user", ["an:na", "an\r\nna", "anna\x00"])
    def test_a_name_that_cannot_be_sent_is_refused(self, user: str) -> None:
        with pytest.raises(BadCredentials):
            Credentials(user, "x")


async def test_a_server_that_asks_for_digest_after_basic_gets_digest() -> None:
    server = DigestServer(ANNA.user, ANNA.password)
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization", "none").split(" ")[0])
        return await server(request)

    async with serving(handler) as url, Http() as http:
        for _ in range(2):
            assert (await http.request("GET", url, auth=ANNA)).status == 200
    assert seen == ["Basic", "Digest", "Digest"]
