"""Signing in by an issuer: there and back, and everything that does not prove who somebody is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from backsoon.api.cookies import GOING, SESSION
from backsoon.domain import signin
from backsoon.domain.access import Role
from backsoon.engine.logins import MOST_PENDING
from backsoon.engine.signingin import LASTS, OneTimeCodes, local_path, opened, sealed
from backsoon.store.base import Account, AccountState
from tests.simulators.issuer import Issuer, key_for, unsigned
from tests.unit.api.browsing import Browser, browser
from tests.unit.api.serving import Serving, serving

TENANT = "6f0c7c1e-28e2-4b57-9e5a-0a1d3f7f4b11"
PAGES = "https://pages.example"
TEXTS = (
    "javascript:alert(1)",
    "<svg onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "\u2066\u2067",
    "a\nb\r\nSet-Cookie: x=1",
    "\0",
    "x" * 65_536,
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one
        await one.parts.signing_in.close()


@pytest.fixture
async def page(api: Serving) -> AsyncIterator[Browser]:
    async with browser(api) as one:
        yield one


async def issuing(api: Serving, path: str = "", **more: Any) -> AsyncIterator[Issuer]:
    async with Issuer(lambda: api.world.clock.now().timestamp(), path) as made:
        settings = signin.Issuer("corp", "acme", made.url, "client", "env:S", "Corp", **more)
        api.parts.secrets["env:S"] = "s3cr:t"
        api.parts.sign_in = signin.SignIn((settings,), PAGES)
        yield made


@pytest.fixture
async def issuer(api: Serving) -> AsyncIterator[Issuer]:
    async for one in issuing(api):
        yield one


@pytest.fixture
async def entra(api: Serving) -> AsyncIterator[Issuer]:
    async for one in issuing(api, f"/{TENANT}/v2.0"):
        one.claims |= {"tid": TENANT, "oid": "00000000-0000-0000-0000-00000000000A"}
        yield one


def configured(api: Serving, **more: Any) -> signin.Issuer:
    """The issuer with other settings."""
    (one,) = api.parts.sign_in.issuers
    changed = replace(one, **more)
    api.parts.sign_in = signin.SignIn((changed,), PAGES)
    return changed


async def there(page: Browser, to: str = "/me") -> str:
    status, _, headers = await page.ask("GET", f"/sign-in/corp?to={to}", headers={"Sec-Fetch-Site": "same-origin"})
    assert status == 303
    return headers["Location"]


async def back(page: Browser, address: str) -> str:
    """Where the browser ends up after it was sent back; it comes from another site."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    parts = urlsplit(address)
    status, _, answered = await page.ask("GET", f"{parts.path}?{parts.query}", headers=headers)
    assert status == 303
    assert answered["Cache-Control"] == "no-store"
    assert answered["Referrer-Policy"] == "no-referrer"
    return answered["Location"]


async def through(page: Browser, issuer: Issuer, to: str = "/me") -> str:
    """All of it."""
    return await back(page, issuer.consent(await there(page, to)))


async def known(api: Serving, issuer: Issuer, subject: str = "s-1") -> Account:
    """An account of the issuer's that may come in."""
    account = Account(
        "acme", "Anna B", frozenset({Role.ATTENDANT}), api.world.clock.now(), issuer=issuer.url, subject=subject
    )
    return await api.world.store.save_account(account)


class TestThereAndBack:
    async def test_a_browser_that_came_in_before_is_not_kept_out_by_others(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        await known(api, issuer)
        assert await through(page, issuer) == "/me"
        async with browser(api) as other:
            for _ in range(10):
                state = parse_qs(urlsplit(await there(other)).query)["state"][0]
                assert await back(other, f"/sign-in/corp/callback?code=no&state={state}") == "/me?sign-in=failed"
            assert await there(other) == "/me?sign-in=failed", "the address is slowed"
        assert await through(page, issuer) == "/me"

    async def test_what_is_asked_for(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        address = await there(page)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"http://127.0.0.1:{issuer.port}/authorize?")
        assert asked["redirect_uri"] == f"{PAGES}/sign-in/corp/callback", "whatever Host says"
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == (
            "code",
            "client",
            "openid profile email",
        )
        assert asked["code_challenge_method"] == "S256"
        assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        cookie = page.set[GOING]
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "lax")
        again = parse_qs(urlsplit(await there(page)).query)
        assert all(again[name][0] != asked[name] for name in ("state", "nonce", "code_challenge"))

    async def test_who_is_known_is_signed_in(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        made = await known(api, issuer)
        planted = page.cookies[SESSION] = "A" * 43
        assert await through(page, issuer) == "/me"
        assert GOING not in page.cookies
        assert page.cookies[SESSION] != planted
        status, said, _ = await page.ask("GET", "/api/v1/session")
        assert (status, said["name"], said["user"], said["local"]) == (200, "Anna B", None, False)
        assert issuer.forms[0]["client_secret"] == "s3cr:t"
        found = await api.world.store.account(made.id)
        assert found is not None
        assert found.signed_in_at == api.world.clock.now()

    @pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
    async def test_each_signature_that_is_believed(
        self, api: Serving, page: Browser, issuer: Issuer, algorithm: str
    ) -> None:
        await known(api, issuer)
        issuer.algorithm, issuer.key = algorithm, key_for(algorithm, "two")
        issuer.published = [key_for("RS256", "other"), issuer.key]
        assert await through(page, issuer) == "/me"

    async def test_a_secret_by_header_where_the_issuer_knows_no_other_way(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        await known(api, issuer)
        issuer.document["token_endpoint_auth_methods_supported"] = None
        assert await through(page, issuer) == "/me"
        assert "client_secret" not in issuer.forms[0]
        assert issuer.authorizations[0].startswith("Basic ")

    async def test_a_public_client_has_none(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        configured(api, client_secret="")
        assert await through(page, issuer) == "/me"
        assert issuer.forms[0].keys() & {"client_secret"} == set()
        assert issuer.forms[0]["client_id"] == "client"

    async def test_ways_that_there_are(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        said = {"local": True, "issuers": [{"name": "corp", "label": "Corp"}], "organisation": "Acme"}
        assert (await page.ask("GET", "/api/v1/sign-in"))[:2] == (200, said)
        for path in ("/sign-in/other", "/sign-in/other/callback?code=1&state=2", "/sign-in/demo/code"):
            assert (await page.ask("GET", path))[0] == 404


class TestNotProved:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "http://127.0.0.1/other"},
            {"iss": None},
            {"aud": "another"},
            {"aud": ["another"]},
            {"aud": None},
            {"aud": ["client", "another"]},
            {"aud": ["client", "another"], "azp": "another"},
            {"azp": "another"},
            {"nonce": "another"},
            {"nonce": None},
            {"nonce": 17},
            {"sub": None},
            {"sub": ""},
            {"sub": 17},
            {"exp": None},
            {"exp": "soon"},
            {"exp": True},
            {"exp": float("1e300")},
            {"iat": None},
            {"exp": 1},
            {"iat": 1},
            {"iat": 4_000_000_000, "exp": 4_000_000_300},
            {"nbf": 4_000_000_000},
        ],
        ids=repr,
    )
    async def test_claims(self, api: Serving, page: Browser, issuer: Issuer, claims: dict[str, Any]) -> None:
        await known(api, issuer)
        issuer.claims |= claims
        assert await through(page, issuer) == "/me?sign-in=failed"
        assert SESSION not in page.cookies

    @pytest.mark.parametrize(("field", "seconds"), [("exp", -59), ("iat", 59), ("iat", -600)])
    async def test_clocks_may_be_a_minute_apart(
        self, api: Serving, page: Browser, issuer: Issuer, field: str, seconds: int
    ) -> None:
        await known(api, issuer)
        now = int(api.world.clock.now().timestamp())
        issuer.claims[field] = now + seconds
        assert await through(page, issuer) == "/me"

    async def test_two_audiences_and_the_party_that_is_meant(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        issuer.claims |= {"aud": ["client", "another"], "azp": "client"}
        assert await through(page, issuer) == "/me"

    async def _forged(self, page: Browser, issuer: Issuer, forge: Callable[[str], str]) -> None:
        issuer.token = forge
        assert await through(page, issuer) == "/me?sign-in=failed"
        issuer.token = str
        assert await through(page, issuer) == "/me", "and it was that"

    async def test_no_signature(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        for name in ("none", "None", "NONE"):
            await self._forged(page, issuer, lambda token, name=name: unsigned(token, alg=name))  # type: ignore[misc]

    async def test_a_public_key_as_a_secret(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        """What everybody knows signs nothing (RFC 8725 section 2.1)."""
        await known(api, issuer)
        assert isinstance(issuer.key, RSAKey)
        secrets = (issuer.key.as_pem(private=False), b"s3cr:t", b"")

        def forge(token: str, key: bytes) -> str:
            payload = token.split(".")[1]
            head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
            mac = hmac.new(key, f"{head}.{payload}".encode(), hashlib.sha256).digest()
            return f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

        for key in secrets:
            await self._forged(page, issuer, lambda token, key=key: forge(token, key))  # type: ignore[misc]

    async def test_somebody_elses_key(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        other = key_for("RS256", "one")

        def forge(token: str) -> str:
            payload = jws.extract_compact(token.encode()).payload
            return jws.serialize_compact({"alg": "RS256", "kid": "one"}, payload, other, algorithms=["RS256"])

        await self._forged(page, issuer, forge)

    async def test_a_key_that_the_token_brings(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        other = key_for("RS256", "mine")
        header = {"alg": "RS256", "kid": "mine", "jwk": other.as_dict(private=False)}

        def forge(token: str) -> str:
            payload = jws.extract_compact(token.encode()).payload
            return jws.serialize_compact(header, payload, other, algorithms=["RS256"])

        await self._forged(page, issuer, forge)

    @pytest.mark.parametrize(
        "forge",
        [
            lambda token: "",
            lambda token: "a.b",
            lambda token: token + ".x",
            lambda token: token[:-4] + "AAAA",
            lambda token: "å" + token,
            lambda token: token.replace(".", ".e30", 1),
            lambda token: unsigned(token, alg="RS256", kid="one"),
            lambda token: unsigned(token, alg=["RS256"]),
            lambda token: unsigned(token, alg="RS256", crit=["x"]),
            lambda token: "x" * 300_000,
        ],
    )
    async def test_tokens_that_are_none(
        self, api: Serving, page: Browser, issuer: Issuer, forge: Callable[[str], str]
    ) -> None:
        await known(api, issuer)
        await self._forged(page, issuer, forge)

    async def test_a_weak_key_is_none(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        with pytest.warns(SecurityWarning):
            weak = RSAKey.generate_key(1024, {"kid": "weak"}, private=True)
        issuer.published, issuer.key = [weak, *issuer.published], weak
        assert await through(page, issuer) == "/me?sign-in=failed"


class TestKeys:
    async def test_new_keys_are_asked_for_when_they_turn_up(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        assert await through(page, issuer) == "/me"
        await api.world.clock.move_to(api.world.clock.now() + timedelta(seconds=61))
        issuer.key = key_for("RS256", "two")
        issuer.published = [issuer.key]
        assert await through(page, issuer) == "/me"
        assert issuer.keys_asked == 2
        assert await through(page, issuer) == "/me"
        assert issuer.keys_asked == 2

    async def test_unknown_keys_cause_no_storm(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        issuer.key = key_for("RS256", "unknown")
        for _ in range(8):
            assert await through(page, issuer) == "/me?sign-in=failed"
        assert issuer.keys_asked <= 2

    async def test_a_key_taken_out_is_believed_an_hour_at_most(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        await known(api, issuer)
        assert await through(page, issuer) == "/me"
        issuer.published = [key_for("RS256", "new")]
        assert await through(page, issuer) == "/me"
        await api.world.clock.move_to(api.world.clock.now() + timedelta(hours=1))
        assert await through(page, issuer) == "/me?sign-in=failed"


class TestState:
    async def test_an_answer_to_nobody(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        """Nobody is signed in as somebody else by a link (RFC 6749 section 10.12)."""
        await known(api, issuer)
        address = issuer.consent(await there(page))
        async with browser(api) as victim:
            assert await back(victim, address) == "/?sign-in=expired"
            await there(victim)
            assert await back(victim, address) == "/me?sign-in=expired"
            assert SESSION not in victim.cookies
        assert await back(page, address) == "/me"

    async def test_an_answer_is_good_once(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        address = issuer.consent(await there(page))
        assert await back(page, address) == "/me"
        assert await back(page, address) == "/?sign-in=expired"

    async def test_one_that_comes_late(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        address = issuer.consent(await there(page))
        await api.world.clock.move_to(api.world.clock.now() + LASTS)
        assert await back(page, address) == "/me?sign-in=expired"

    async def test_one_by_another_name(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        (one,) = api.parts.sign_in.issuers
        api.parts.sign_in = signin.SignIn((one, replace(one, name="two", client_id="c2")), PAGES)
        address = issuer.consent(await there(page))
        assert await back(page, address.replace("/corp/", "/two/")) == "/me?sign-in=expired"

    async def test_what_the_browser_keeps_is_ours_alone_to_make(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        await there(page)
        text, key = page.cookies[GOING].strip('"'), await api.world.store.key("sign-in")
        going = opened(text, key)
        assert going is not None
        assert sealed(going, key) == text
        for wrong in (sealed(going, b"x" * 32), text[:-1] + "x", "x" + text, "", ".", "å.å", text * 20):
            assert opened(wrong, key) is None

    @pytest.mark.parametrize(
        ("answer", "where"),
        [
            ({"iss": "https://attacker.example"}, "failed"),
            ({"error": "access_denied", "code": ""}, "refused"),
            ({"error": "<script>alert(1)</script>", "code": ""}, "failed"),
            ({"code": ""}, "failed"),
            ({"state": ""}, "expired"),
            ({"state": "å"}, "expired"),
            ({"code": "x" * 20_000}, "failed"),
        ],
    )
    async def test_other_answers(
        self, api: Serving, page: Browser, issuer: Issuer, answer: dict[str, str], where: str
    ) -> None:
        await known(api, issuer)
        issuer.answer = answer
        assert await through(page, issuer) == f"/me?sign-in={where}"

    async def test_an_issuer_that_names_itself_must(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        """RFC 9207: against answers of another issuer that is mixed in."""
        await known(api, issuer)
        issuer.document["authorization_response_iss_parameter_supported"] = True
        assert await through(page, issuer) == "/me?sign-in=failed"
        issuer.answer = {"iss": issuer.url}
        assert await through(page, issuer) == "/me"

    async def test_twice_the_same_is_neither(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        address = issuer.consent(await there(page))
        assert await back(page, f"{address}&code=other") == "/me?sign-in=expired"

    async def test_who_fails_often_is_slowed(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await known(api, issuer)
        issuer.claims["aud"] = "another"
        for _ in range(14):
            address = await there(page)
            if address != "/me?sign-in=failed":  # whoever has to wait is not sent to the issuer
                await back(page, issuer.consent(address))
        assert len(issuer.forms) == len(issuer.asked) == 10
        issuer.claims.pop("aud")
        await api.world.clock.move_to(api.world.clock.now() + timedelta(seconds=10))
        assert await through(page, issuer) == "/me"


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("/me", "/me"),
        ("/?q=1&x=2#y", "/?q=1&x=2#y"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/\u202e", "/"),
        ("me", "/"),
        ("", "/"),
        ("/" + "a" * 300, "/"),
    ],
)
def test_where_to_go_is_here(to: str, where: str) -> None:
    assert local_path(to) == where


class TestDiscovery:
    @pytest.mark.parametrize(
        "document",
        [
            {"issuer": "http://127.0.0.1/another"},
            {"issuer": None},
            {"token_endpoint": "http://issuer.example/token"},
            {"jwks_uri": "http://192.0.2.1/keys"},
            {"jwks_uri": "https://user:pass@issuer.example/keys"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": 17},
            {"code_challenge_methods_supported": ["plain"]},
            {"id_token_signing_alg_values_supported": ["HS256", "none"]},
        ],
        ids=repr,
    )
    async def test_what_cannot_be_used(
        self, api: Serving, page: Browser, issuer: Issuer, document: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        issuer.document |= document
        status, _, headers = await page.ask("GET", "/sign-in/corp?to=/me")
        assert (status, headers["Location"]) == (303, "/me?sign-in=failed")
        assert "sign-in by corp" in caplog.text

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
    @pytest.mark.parametrize("answer", [(500, b""), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b"x" * 600_000)])
    async def test_answers_that_are_none(
        self, api: Serving, page: Browser, issuer: Issuer, path: str, answer: tuple[int, bytes]
    ) -> None:
        await known(api, issuer)
        issuer.broken[path] = answer
        status, _, headers = await page.ask("GET", "/sign-in/corp?to=/me")
        where = headers["Location"]
        if not where.startswith("/"):
            where = await back(page, issuer.consent(where))
        assert (status, where) == (303, "/me?sign-in=failed")
        issuer.broken.clear()
        assert await through(page, issuer) == "/me"

    @pytest.mark.parametrize(
        ("to", "where"),
        [
            ("/admin", "/admin"),
            ("/me?x=1#y", "/me"),
            ("//evil.example", "/"),
            ("https://evil.example/me", "/"),
            ("", "/"),
        ],
    )
    async def test_back_to_the_page_that_was_wanted(
        self, api: Serving, page: Browser, issuer: Issuer, to: str, where: str
    ) -> None:
        await known(api, issuer)
        issuer.claims["aud"] = "another"
        assert await through(page, issuer, quote(to, safe="")) == f"{where}?sign-in=failed"
        issuer.broken["/.well-known/openid-configuration"] = (503, b"")
        api.parts.sign_in = signin.SignIn((replace(api.parts.sign_in.issuers[0], client_id="c2"),), PAGES)
        assert await there(page, quote(to, safe="")) == f"{where}?sign-in=failed"

    async def test_one_that_does_not_answer_is_not_asked_again_and_again(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        issuer.broken["/.well-known/openid-configuration"] = (503, b"")
        for _ in range(14):
            assert (await page.ask("GET", "/sign-in/corp"))[2]["Location"] == "/?sign-in=failed"
        assert issuer.documents_asked == 10

    async def test_a_secret_that_cannot_be_read(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        from backsoon.config import SecretError

        class Unreadable(dict[str, str]):
            def __getitem__(self, reference: str) -> str:
                raise SecretError(reference, "not there", "put it there")

        api.parts.signing_in._secret = Unreadable().__getitem__
        assert (await page.ask("GET", "/sign-in/corp"))[2]["Location"] == "/?sign-in=failed"


class TestWhoItIs:
    async def test_who_is_nobody_yet_waits(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        issuer.claims |= {"email": "anna@example.com", "email_verified": True}
        await api.world.person("101", "Anna", email="anna@example.com")
        for _ in range(2):
            assert await through(page, issuer) == "/me?sign-in=unknown"
        (waits,) = await api.world.store.accounts("acme")
        assert (waits.state, waits.roles, waits.person) == (AccountState.PENDING, frozenset(), 0)
        assert (waits.name, waits.email, waits.subject) == ("Anna Berg", "anna@example.com", "s-1")
        assert SESSION not in page.cookies

    async def test_approved_by_an_administrator(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        await through(page, issuer)
        (waits,) = await api.world.store.accounts("acme")
        token = await api.token(Role.ADMINISTRATOR)
        async with api.network(token) as admin:
            body = {"state": "active", "roles": ["attendant"]}
            async with admin.patch(f"/api/v1/users/{waits.id}", json=body) as answer:
                assert (answer.status, (await answer.json())["state"]) == (200, "active")
            async with admin.patch(f"/api/v1/users/{waits.id}", json={"new_password": True}) as answer:
                assert answer.status == 409, "it has none here"
        assert await through(page, issuer) == "/me"
        noted = [e.what for e in await api.parts.audit.search("acme")]
        assert noted == ["session.began", "account.approved", "account.pending"]

    async def test_switched_off(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        made = await known(api, issuer)
        await api.parts.logins.change(made, state=AccountState.OFF)
        assert await through(page, issuer) == "/me?sign-in=refused"

    async def test_another_subject_with_the_same_address_is_another(
        self, api: Serving, page: Browser, issuer: Issuer
    ) -> None:
        made = await known(api, issuer)
        await api.world.store.save_account(replace(made, email="anna@example.com"))
        issuer.claims |= {"sub": "s-2", "email": "anna@example.com", "email_verified": True}
        assert await through(page, issuer) == "/me?sign-in=unknown"

    async def test_the_list_of_those_who_wait_has_an_end(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        for number in range(MOST_PENDING):
            waiting = Account(
                "acme", "x", frozenset(), api.world.clock.now(), AccountState.PENDING,
                issuer=issuer.url, subject=f"n-{number}",
            )  # fmt: skip
            await api.world.store.save_account(waiting)
        assert await through(page, issuer) == "/me?sign-in=unknown"
        assert len(await api.world.store.accounts("acme")) == MOST_PENDING
        await known(api, issuer)
        assert await through(page, issuer) == "/me"

    @pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
    async def test_hostile_claims(
        self, api: Serving, page: Browser, issuer: Issuer, text: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        issuer.claims |= {"name": text, "email": text, "preferred_username": text, "hd": text}
        with caplog.at_level(logging.DEBUG):
            assert await through(page, issuer) == "/me?sign-in=unknown"
        (waits,) = await api.world.store.accounts("acme")
        assert len(waits.name) <= 64
        assert len(waits.email) <= 254
        assert not any(c in waits.name + waits.email for c in "\0\n\u202e\u2066\ud800")
        (noted,) = await api.parts.audit.search("acme")
        assert len(noted.about) <= 200
        assert len(text) < 4 or text not in caplog.text

    async def test_half_a_character_is_no_claim(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        issuer.claims["name"] = "\ud800"
        assert await through(page, issuer) == "/me?sign-in=failed"

    async def test_a_subject_without_end(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        issuer.claims["sub"] = "s" * 65_536
        assert await through(page, issuer) == "/me?sign-in=unknown"
        assert await api.world.store.accounts("acme") == ()


class TestTrustedDomains:
    @pytest.mark.parametrize(
        ("claims", "linked"),
        [
            ({"email": "Anna@Example.com", "email_verified": True}, True),
            ({"email": "anna@example.com", "email_verified": "true"}, True),
            ({"email": "anna@example.com"}, False),
            ({"email": "anna@example.com", "email_verified": False}, False),
            ({"email": "anna@example.com", "email_verified": "false"}, False),
            ({"email": "anna@other.example", "email_verified": True}, False),
            ({"email": "anna@example.com.evil.example", "email_verified": True}, False),
            ({"email": "nobody@example.com", "email_verified": True}, False),
            ({"email": "Anna Berg", "email_verified": True}, False),
            ({"email": "101", "email_verified": True}, False),
            ({"email": "ann\u0430@example.com", "email_verified": True}, False),
        ],
    )
    async def test_whose_verified_address_it_is(
        self, api: Serving, page: Browser, issuer: Issuer, claims: dict[str, Any], linked: bool
    ) -> None:
        anna = await api.world.person("101", "Anna Berg", email="anna@example.com")
        configured(api, trusted_domains=frozenset({"example.com"}))
        issuer.claims |= claims
        assert await through(page, issuer) == ("/me" if linked else "/me?sign-in=unknown")
        (made,) = await api.world.store.accounts("acme")
        assert (made.person, made.roles) == ((anna.id, frozenset({Role.PERSON})) if linked else (0, frozenset()))

    async def test_from_then_on_the_subject_alone_counts(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        anna = await api.world.person("101", "Anna Berg", email="anna@example.com")
        configured(api, trusted_domains=frozenset({"example.com"}))
        issuer.claims |= {"email": "anna@example.com", "email_verified": True}
        assert await through(page, issuer) == "/me"
        issuer.claims |= {"email": "bo@example.com"}
        assert await through(page, issuer) == "/me"
        assert (await page.ask("GET", "/api/v1/session"))[1]["person"]["id"] == anna.id
        issuer.claims |= {"sub": "s-2", "email": "anna@example.com"}
        assert await through(page, issuer) == "/me?sign-in=unknown", "who has the address later is not Anna"

    def test_google_answers_for_addresses_it_hosts_only(self) -> None:
        assert signin.Issuer("g", "acme", "https://accounts.google.com", "c").answers_for_addresses_it_hosts_only
        assert not signin.Issuer("g", "acme", "https://accounts.example", "c").answers_for_addresses_it_hosts_only


class TestEntra:
    async def test_tenant_and_object_are_who_it_is(self, api: Serving, page: Browser, entra: Issuer) -> None:
        await known(api, entra, f"{TENANT}:00000000-0000-0000-0000-00000000000a")
        assert await through(page, entra) == "/me"
        entra.claims["sub"] = "pairwise, and another in each application"
        assert await through(page, entra) == "/me"

    @pytest.mark.parametrize(
        "claims",
        [{"tid": "11111111-1111-1111-1111-111111111111"}, {"tid": None}, {"oid": None}, {"oid": ""}],
    )
    async def test_another_tenant(self, api: Serving, page: Browser, entra: Issuer, claims: dict[str, Any]) -> None:
        await known(api, entra, f"{TENANT}:00000000-0000-0000-0000-00000000000a")
        entra.claims |= claims
        assert await through(page, entra) == "/me?sign-in=failed"

    async def test_an_address_is_verified_where_its_domain_is(self, api: Serving, page: Browser, entra: Issuer) -> None:
        await api.world.person("101", "Anna Berg", email="anna@example.com")
        configured(api, trusted_domains=frozenset({"example.com"}))
        entra.claims |= {"email": "anna@example.com"}
        assert await through(page, entra) == "/me?sign-in=unknown"
        entra.claims |= {"xms_edov": True, "oid": "another"}
        assert await through(page, entra) == "/me"


class TestOneTimeCodes:
    async def test_each_once(self, api: Serving, page: Browser, issuer: Issuer) -> None:
        made = await known(api, issuer)
        codes = api.parts.one_time_codes = OneTimeCodes(api.world.clock)
        code = codes.make(made)
        assert await back(page, f"/sign-in/demo/{code}") == "/"
        assert (await page.ask("GET", "/api/v1/session"))[0] == 200
        assert await back(page, f"/sign-in/demo/{code}") == "/?sign-in=expired"
        late = codes.make(made)
        await api.world.clock.move_to(api.world.clock.now() + LASTS)
        assert await back(page, f"/sign-in/demo/{late}") == "/?sign-in=expired"

    async def test_not_where_there_is_no_demo(self, api: Serving, page: Browser) -> None:
        assert (await page.ask("GET", "/sign-in/demo/anything"))[0] == 404
