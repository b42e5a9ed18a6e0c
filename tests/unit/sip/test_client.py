"""The client of a SIP server, against one that loses, delays, repeats and refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count

import pytest

from backsoon.wire.sip import Headers, Request
from backsoon.wire.sip_client import (
    SipAccount,
    SipAddress,
    SipClient,
    SipDenied,
    SipLost,
    SipSilent,
    Transport,
    open_sip,
)
from backsoon.wire.sip_transaction import SipTimes
from tests.unit.sip.server import Answer, Script, answer, serving

QUICK = SipTimes(t1=0.01, t2=0.08, connect=2)
ACCOUNT = SipAccount("anna", "correct horse")
ASKED = 'WWW-Authenticate: Digest realm="r", nonce="{}", qop="auth", algorithm={}'
BOTH = [Transport.UDP, Transport.TCP]


async def ask(client: SipClient, body: bytes = b"") -> int:
    return (await client.request("PUBLISH", "sip:1001@example.com", "sip:us@example.com", (), body)).status


def header(request: Request, name: str) -> str:
    return Headers(tuple(request.fields)).get(name)


def losing(first: int) -> Script:
    """Hears nothing of the first requests."""
    numbers = count()
    return lambda request: [answer(request, 200) if next(numbers) >= first else None]


class TestTransactions:
    """Each request gets its own answer, once."""

    @pytest.mark.parametrize("transport", BOTH)
    async def test_many_at_once(self, transport: Transport) -> None:
        def by_length(request: Request) -> Iterable[Answer]:
            return [answer(request, 200 + len(request.body))]

        async with serving(by_length, transport) as (_, address), open_sip(address, None, QUICK) as client:
            assert await asyncio.gather(*(ask(client, b"x" * n) for n in range(50))) == [200 + n for n in range(50)]

    async def test_said_again_until_it_is_heard(self) -> None:
        async with serving(losing(3)) as (server, address), open_sip(address, None, QUICK) as client:
            assert await ask(client) == 200
            assert len({header(request, "via") for request in server.asked}) == 1
            assert len(server.asked) == 4

    async def test_given_up_at_last(self) -> None:
        async with serving(losing(10**6)) as (_, address), open_sip(address, None, QUICK) as client:
            with pytest.raises(SipSilent, match="did not answer"):
                await ask(client)

    async def test_provisional_answers_and_repeated_ones(self) -> None:
        def script(request: Request) -> list[Answer]:
            return [answer(request, 100), answer(request, 200), answer(request, 200), answer(request, 500)]

        async with serving(script) as (_, address), open_sip(address, None, QUICK) as client:
            assert [await ask(client) for _ in range(3)] == [200, 200, 200]

    async def test_what_is_no_answer_to_it_is_left_out(self) -> None:
        def script(request: Request) -> list[Answer]:
            right = answer(request, 200)
            return [
                b"nonsense", right.replace(b"z9hG4bK", b"z9hG4bKx", 1), right.replace(b"PUBLISH", b"OPTIONS"),
                b"OPTIONS sip:us SIP/2.0\r\n\r\n", right[:-2], right.replace(b"200 Said", b"404 Said"),
            ]  # fmt: skip

        async with serving(script) as (_, address), open_sip(address, None, QUICK) as client:
            assert await ask(client) == 404

    async def test_given_up_by_whoever_asked(self) -> None:
        async with serving(losing(10**6)) as (server, address), open_sip(address, None, QUICK) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask(client), 0.02)
            said = len(server.asked)
            assert not client._waiting
            with pytest.raises(SipSilent):
                await ask(client)
            first = {header(request, "via") for request in server.asked[:said]}
            assert first.isdisjoint(header(request, "via") for request in server.asked[said:])

    async def test_what_each_request_says(self) -> None:
        async with serving(losing(0)) as (server, address), open_sip(address, None, QUICK) as client:
            await ask(client, b"hello")
            await ask(client)
        one, two = server.asked
        assert header(one, "max-forwards") == "70"
        assert header(one, "from").startswith("<sip:us@example.com>;tag=")
        assert header(one, "to") == "<sip:1001@example.com>"
        assert ";rport" in header(one, "via")
        assert Headers(tuple(two.fields)).cseq[0] > Headers(tuple(one.fields)).cseq[0]


class TestLogin:
    """Digest: asked once, answered from then on."""

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    @pytest.mark.parametrize(
        ("status", "asks", "answers"),
        [(401, "WWW-Authenticate", "authorization"), (407, "Proxy-Authenticate", "proxy-authorization")],
    )
    async def test_asked_once(self, status: int, asks: str, answers: str, algorithm: str) -> None:
        def script(request: Request) -> list[Answer]:
            if header(request, answers):
                return [answer(request, 200)]
            return [answer(request, status, ASKED.replace("WWW-Authenticate", asks).format("n1", algorithm))]

        async with serving(script) as (server, address), open_sip(address, ACCOUNT, QUICK) as client:
            assert [await ask(client) for _ in range(3)] == [200, 200, 200]
        proofs = [header(request, answers) for request in server.asked]
        assert proofs[0] == ""
        assert [proof.partition("nc=")[2][:8] for proof in proofs[1:]] == ["00000001", "00000002", "00000003"]
        assert all(algorithm in proof for proof in proofs[1:])
        assert not any(b"horse" in str(request.fields).encode() for request in server.asked)

    async def test_a_server_and_a_proxy_before_it(self) -> None:
        def script(request: Request) -> list[Answer]:
            if not header(request, "proxy-authorization"):
                return [answer(request, 407, ASKED.replace("WWW", "Proxy").format("p", "MD5"))]
            if not header(request, "authorization"):
                return [answer(request, 401, ASKED.format("w", "MD5"))]
            return [answer(request, 200)]

        async with serving(script) as (server, address), open_sip(address, ACCOUNT, QUICK) as client:
            assert [await ask(client), await ask(client)] == [200, 200]
            assert len(server.asked) == 4

    @pytest.mark.parametrize("stale", ["", ", stale=true"])
    async def test_a_nonce_for_each_request(self, stale: str) -> None:
        good, numbers = set[str](), count()

        def script(request: Request) -> list[Answer]:
            nonce = header(request, "authorization").partition('nonce="')[2].partition('"')[0]
            if nonce in good:
                good.discard(nonce)
                return [answer(request, 200)]
            good.add(fresh := f"n{next(numbers)}")
            return [answer(request, 401, ASKED.format(fresh, "MD5") + stale)]

        async with serving(script) as (_, address), open_sip(address, ACCOUNT, QUICK) as client:
            assert await asyncio.gather(*(ask(client) for _ in range(20))) == [200] * 20

    @pytest.mark.parametrize("stale", ["", ", stale=true"])
    async def test_a_password_that_is_refused_is_not_tried_for_ever(self, stale: str) -> None:
        numbers = count()

        def script(request: Request) -> list[Answer]:
            return [answer(request, 401, ASKED.format(f"n{next(numbers)}", "MD5") + stale)]

        async with serving(script) as (server, address), open_sip(address, ACCOUNT, QUICK) as client:
            with pytest.raises(SipDenied, match="'anna'") as error:
                await ask(client)
            assert "horse" not in str(error.value)
            assert len(server.asked) <= 4

    @pytest.mark.parametrize(
        "asked", ["", 'WWW-Authenticate: Basic realm="r"', ASKED.format("n", "AKAv1-MD5"), ASKED.format("n", "SHA-512")]
    )
    async def test_other_kinds_are_refused_by_us(self, asked: str) -> None:
        async with (
            serving(lambda request: [answer(request, 401, *filter(None, [asked]))]) as (_, address),
            open_sip(address, ACCOUNT, QUICK) as client,
        ):
            with pytest.raises(SipDenied, match="digest"):
                await ask(client)


class TestConnection:
    """It knows when it is over."""

    async def test_nobody_listens(self) -> None:
        for transport in Transport:
            with pytest.raises(SipLost):
                async with open_sip(SipAddress("127.0.0.1", 1, transport), None, QUICK) as client:
                    await ask(client)

    @pytest.mark.parametrize("hurt", [b"SIP/2.0 200 OK\r\n\r\n", b"\xff\r\n\r\n"])
    async def test_a_stream_that_cannot_be_read_on(self, hurt: bytes) -> None:
        async with (
            serving(lambda _: [hurt], Transport.TCP) as (_, address),
            open_sip(address, None, QUICK) as client,
        ):
            with pytest.raises(SipLost, match="cannot be read"):
                await ask(client)
            assert isinstance(await client.lost(), SipLost)
            with pytest.raises(SipLost):
                await ask(client)

    async def test_a_connection_that_is_closed(self) -> None:
        async with serving(losing(10**6), Transport.TCP) as (server, address), open_sip(address, None, QUICK) as client:
            waiting = [asyncio.ensure_future(ask(client)) for _ in range(3)]
            while len(server.asked) < 3:
                await asyncio.sleep(0.001)
            for one in server.transports:
                one.close()
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one) for one in answers] == [SipLost] * 3
            assert "closed" in str(await client.lost())

    async def test_the_most_that_a_datagram_holds(self) -> None:
        async with serving(losing(0)) as (_, address), open_sip(address, None, QUICK) as client:
            assert client.most_bytes == 1300
        async with serving(losing(0), Transport.TCP) as (_, address), open_sip(address, None, QUICK) as client:
            assert client.most_bytes is None

    def test_where_nobody_reads_along(self) -> None:
        assert SipAddress("127.0.0.1").private
        assert SipAddress("sip.example.com", transport=Transport.TLS).private
        assert not SipAddress("sip.example.com", transport=Transport.TCP).private
        assert "horse" not in repr(ACCOUNT)
