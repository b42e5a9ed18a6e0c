"""Signing in at Exchange: Basic, NTLM, bearer tokens; what `check` says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from backsoon.sources.base import SourceDenied, SourceMissing, SourceUnavailable
from backsoon.sources.ews.settings import EwsSettings
from backsoon.sources.ews.stream import EwsStream
from backsoon.sources.ews.tokens import Tokens, credential, refused
from backsoon.sources.ews.transport import Transport, chosen
from backsoon.wire.http import Response
from backsoon.wire.ntlm import channel_bindings
from tests.simulators.model import AutomaticReply
from tests.unit.ews.server import ANNA, BERIT, Answer, Ear, meeting, office, scripted, until

BASIC = frozenset({"basic"})
NTLM = frozenset({"ntlm"})


@pytest.mark.parametrize("offered", [BASIC, NTLM, BASIC | NTLM])
async def test_how_to_sign_in_is_found_out_once(offered: frozenset[str]) -> None:
    async with office(sim={"sign_in": offered}, automatic_replies=False) as made:
        made.anna.put(meeting("a"))
        for _ in range(2):
            assert (await made.read()).sync_token
        assert made.sim.gate.handshakes == (0 if "basic" in offered else 1)


async def test_ntlm_signs_connections_in_and_keeps_them() -> None:
    async with office(sim={"sign_in": NTLM, "latency": 0.02}, sign_in="ntlm") as made:
        await asyncio.gather(*(made.read(address) for address in [ANNA, BERIT] * 6))
        assert 2 <= made.sim.gate.handshakes <= 12
        before = made.sim.gate.handshakes
        for _ in range(5):
            await made.read()
        assert made.sim.gate.handshakes == before


async def test_a_stream_by_ntlm() -> None:
    async with office(sim={"sign_in": NTLM}, sign_in="ntlm") as made:
        stream, ear = EwsStream(made.account._client, first_pause=0.01), Ear()
        stream.want({ANNA, BERIT})
        task = asyncio.create_task(stream.run(ear))
        await until(lambda: ear.live == {ANNA, BERIT})
        made.anna.put(meeting("a"))
        await until(lambda: ear.told.count(ANNA) == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("sign_in", ["auto", "basic", "ntlm"])
async def test_a_wrong_password_is_tried_once(sign_in: str) -> None:
    async with office(sign_in=sign_in, password="wrong") as made:
        with pytest.raises(SourceDenied):
            await made.read()
        assert made.sim.gate.handshakes <= 1


@pytest.mark.parametrize("sign_in", ["basic", "ntlm"])
async def test_a_password_that_was_changed_is_read_anew(sign_in: str) -> None:
    stored = {"password": "as before"}
    async with office(
        sim={"password": "as before"}, sign_in=sign_in, password="as before", anew=lambda name: stored[name]
    ) as made:
        await made.read()
        made.sim.password = "another"
        made.sim.gate.signed_out()
        with pytest.raises(SourceDenied):
            await made.read()
        stored["password"] = "another"
        await asyncio.gather(*(made.read(address) for address in [ANNA, BERIT] * 6))


async def test_a_password_that_is_changed_without_a_word_is_not_shown_by_everybody_at_once() -> None:
    async with office(sign_in="basic") as made:
        await made.read()
        made.sim.password = "another"
        made.account._client._good_until = 0.0  # a minute later
        before = made.account._client.counts.total()
        results = await asyncio.gather(*(made.read(address) for address in [ANNA, BERIT] * 6), return_exceptions=True)
        assert all(isinstance(each, SourceDenied) for each in results)
        assert made.account._client.counts.total() - before == 3


async def test_who_is_locked_out_for_a_while_comes_in_with_a_new_password_at_once() -> None:
    stored = {"password": "wrong"}
    async with office(password="wrong", anew=lambda name: stored[name]) as made:
        for _ in range(4):
            with pytest.raises(SourceDenied):
                await made.read()
        stored["password"] = made.sim.password
        await made.read()


async def test_an_applications_new_secret_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    class Application:
        def __init__(self, *_: object, client_credential: object, **__: object) -> None:
            shown.append(client_credential)

        def acquire_token_for_client(self, _: list[str]) -> Mapping[str, Any]:
            return {"access_token": "a"} if shown[-1] == "new" else {"error_codes": [7000222]}

    monkeypatch.setattr("msal.ConfidentialClientApplication", Application)
    stored = {"client_secret": "old"}
    tokens = Tokens(replace(OAUTH, anew=lambda name: stored[name]))
    with pytest.raises(SourceDenied):
        await tokens.header("https://mail.example.com/")
    stored["client_secret"] = "new"
    assert await tokens.header("https://mail.example.com/") == "Bearer a"


async def test_a_server_that_wants_something_else() -> None:
    async with office(sim={"sign_in": frozenset({"bearer"})}) as made:
        with pytest.raises(SourceDenied, match="neither Basic") as caught:
            await made.read()
        assert "oauth" in caught.value.remedy


@pytest.mark.parametrize(
    ("address", "status", "offered", "scheme"),
    [
        ("https://mail.example.com", 401, 'Negotiate, NTLM, Basic realm="x"', "basic"),
        ("https://mail.example.com", 401, "Negotiate, NTLM", "ntlm"),
        ("https://mail.example.com", 401, "Negotiate", "ntlm"),
        ("https://mail.example.com", 200, "", "basic"),
        ("http://mail.example.com", 401, 'NTLM, Basic realm="x"', "ntlm"),
        ("http://mail.example.com", 401, 'Basic realm="x"', ""),
        ("http://mail.example.com", 200, "", ""),
        ("https://mail.example.com", 401, "Bearer", ""),
    ],
)
def test_a_password_is_not_shown_to_whoever_listens(address: str, status: int, offered: str, scheme: str) -> None:
    response = Response(status, {"www-authenticate": offered} if offered else {}, b"", address)
    if scheme:
        assert chosen(URL(address), response) == scheme
    else:
        with pytest.raises(SourceDenied):
            chosen(URL(address), response)


# -- bearer tokens -----------------------------------------------------------------------------------------------------


OAUTH = EwsSettings(sign_in="oauth", tenant="example.onmicrosoft.com", client_id="app", client_secret="ZQ-SECRET")


async def test_a_token_is_shown_and_its_scope_is_the_server() -> None:
    scopes: list[str] = []

    def acquire(_: EwsSettings, scope: str) -> Mapping[str, Any]:
        scopes.append(scope)
        return {"access_token": "a-bearer-token"}

    async with office(sign_in="oauth", tenant="t", client_id="c", client_secret="s") as made:
        client = made.account._client
        client.transport = Transport(client.settings, client.transport._http, Tokens(client.settings, acquire))
        made.anna.put(meeting("a"))
        assert (await made.read()).entries
        assert set(scopes) == {f"{made.sim.base}/.default"}
        found = await made.account.busy(["nobody@example.com", ANNA], _day())
        assert isinstance(found["nobody@example.com"], SourceMissing)
        assert isinstance(found[ANNA], tuple)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"error_codes": [7000222], "error_description": "ZQ-SECRET"}, "expired"),
        ({"error_codes": [90002]}, "tenant"),
        ({"error_codes": [1]}, "client_id"),
        ({}, "client_id"),
        ({"access_token": "two\nlines"}, "client_id"),
    ],
)
async def test_a_token_that_is_not_given_has_its_remedy(found: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceDenied) as caught:
        await Tokens(OAUTH, lambda *_: found).header("https://mail.example.com/EWS/Exchange.asmx")
    assert words in caught.value.remedy
    assert "ZQ-SECRET" not in f"{caught.value}{caught.value.remedy}"
    assert isinstance(refused(found), SourceDenied)


async def test_a_token_is_fetched_once_while_it_lasts() -> None:
    asked: list[str] = []

    def acquire(_: EwsSettings, scope: str) -> Mapping[str, Any]:
        asked.append(scope)
        return {"access_token": f"token-{len(asked)}", "expires_in": 3600 if len(asked) == 1 else 60}

    tokens = Tokens(OAUTH, acquire)
    one, other = "https://mail.example.com/EWS/Exchange.asmx", "https://else.example.com/EWS/Exchange.asmx"
    assert {await tokens.header(one) for _ in range(5)} == {"Bearer token-1"}
    assert [await tokens.header(other) for _ in range(2)] == ["Bearer token-2", "Bearer token-3"]
    assert len(asked) == 3


async def test_where_tokens_are_given_out_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """msal waits for ever unless it is told for how long."""
    given: dict[str, Any] = {}

    class Application:
        def __init__(self, *_: object, **told: Any) -> None:
            given.update(told)

        def acquire_token_for_client(self, _: list[str]) -> Mapping[str, Any]:
            return {"access_token": "a"}

    monkeypatch.setattr("msal.ConfidentialClientApplication", Application)
    await Tokens(OAUTH).header("https://mail.example.com/")
    assert 0 < given["timeout"] <= 30


@pytest.mark.parametrize(("error", "kind"), [(FileNotFoundError(), SourceDenied), (OSError(), SourceUnavailable)])
async def test_what_keeps_from_asking(error: Exception, kind: type[Exception]) -> None:
    def acquire(*_: object) -> Mapping[str, Any]:
        raise error

    with pytest.raises(kind):
        await Tokens(OAUTH, acquire).header("https://mail.example.com/")


def test_what_an_application_shows(tmp_path: Path) -> None:
    assert credential(OAUTH) == "ZQ-SECRET"
    pem = tmp_path / "app.pem"
    pem.write_text("PEM")
    shown = credential(EwsSettings(sign_in="oauth", tenant="t", client_id="c", certificate=str(pem)))
    assert shown == {"private_key": "PEM", "public_certificate": "PEM"}


# -- the binding to the server's certificate ---------------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "size"), [(hashes.SHA256(), 32), (hashes.SHA384(), 48), (hashes.SHA512(), 64)])
def test_the_binding_is_the_hash_that_signed_the_certificate(algorithm: Any, size: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    start = datetime(2027, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, algorithm)
    )
    bindings = channel_bindings(made.public_bytes(serialization.Encoding.DER))
    assert bindings is not None
    assert bindings.application_data is not None
    head, digest = bindings.application_data[:21], bindings.application_data[21:]
    assert head == b"tls-server-end-point:"
    assert digest == made.fingerprint(algorithm)
    assert len(digest) == size


def test_what_is_no_certificate_binds_to_nothing() -> None:
    assert channel_bindings(b"none") is None


# -- what `check` says -------------------------------------------------------------------------------------------------


def _day() -> Any:
    from backsoon.sources.base import Window

    return Window(datetime(2027, 3, 2, tzinfo=UTC), datetime(2027, 3, 3, tzinfo=UTC))


async def test_check_of_what_is_in_order() -> None:
    async with office() as made:
        findings = await made.account.check([ANNA, BERIT])
        assert [f.level for f in findings] == ["ok"] * 3
        assert "2016" in findings[0].text


async def test_check_of_typical_mistakes() -> None:
    async with office("2007_SP1", access="delegate") as made:
        made.anna.reply = AutomaticReply("alwaysEnabled")
        made.sim.world[BERIT].access = "freeBusyReader"
        findings = await made.account.check([ANNA, BERIT, "nobody@example.com"])
        said = [(f.level, f.text) for f in findings]
        assert said[0] == ("ok", "the server is Exchange 2007, asked as it wants to be")
        assert said[1][0] == "warning"
        assert "once a minute" in said[1][1]
        assert said[2] == ("ok", f"{ANNA}: the calendar can be read")
        assert "automatic reply" in said[3][1]
        assert "keywords cannot" in said[4][1]
        assert said[5][0] == "error"
        assert "ErrorNonExistentMailbox" in said[5][1]
        assert all(f.remedy for f in findings if f.level != "ok")


async def test_check_without_the_role() -> None:
    async with office(sim={"impersonation": False}) as made:
        findings = await made.account.check([ANNA])
        assert findings[-1].level == "error"
        assert "ApplicationImpersonation" in findings[-1].remedy
        assert (await made.account.check([]))[0].level == "warning"


@pytest.mark.parametrize(("status", "words"), [(403, "EwsEnabled"), (404, "EWS/Exchange.asmx"), (302, "Outlook")])
async def test_check_of_what_is_not_exchange(status: int, words: str) -> None:
    def answer(_: web.Request, __: bytes) -> Answer:
        return status, b"<html>", {"Location": "https://elsewhere.example/owa"}

    async with scripted(answer) as account:
        findings = await account.check([ANNA])
        assert findings[-1].level == "error"
        assert words in findings[-1].remedy


async def test_discover_tells_who_shares_what() -> None:
    async with office(access="delegate") as made:
        made.sim.world[BERIT].access = "freeBusyReader"
        found = await made.account.discover([ANNA, BERIT, "nobody@example.com"])
        assert [(s.address, s.details) for s in found] == [(ANNA, True), (BERIT, False)]
