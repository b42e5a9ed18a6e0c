"""An issuer of OpenID Connect that says whatever a test wants: what a real one never does, emulate does not either."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tools.ports import free_port

Key = RSAKey | ECKey | OKPKey | OctKey


def key_for(algorithm: str, kid: str = "one") -> Key:
    """A new key that signs so."""
    options: Any = {"kid": kid}
    if algorithm.startswith("ES"):
        return ECKey.generate_key("P-256", options, private=True)
    if algorithm.startswith("Ed"):
        return OKPKey.generate_key("Ed25519", options, private=True)
    return RSAKey.generate_key(2048, options, private=True)


class Issuer:
    """Answers on loopback. Everything that a test may want otherwise is an attribute."""

    def __init__(self, now: Callable[[], float], path: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{path}"
        self.now = now
        self.algorithm = "RS256"
        self.key = key_for("RS256")
        self.published: list[Key] = [self.key]
        self.document: dict[str, Any] = {}
        self.claims: dict[str, Any] = {"sub": "s-1", "name": "Anna Berg"}
        self.header: dict[str, Any] = {}
        self.answer: dict[str, str] = {}
        """What comes back beside `code` and `state`; "" takes one out."""
        self.token: Callable[[str], str] = str
        """Makes another token of the one that was signed."""
        self.asked: list[dict[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self.authorizations: list[str] = []
        self.keys_asked = self.documents_asked = 0
        self.broken: dict[str, tuple[int, bytes]] = {}
        """By path: what is answered instead."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        base = urlsplit(self.url).path
        app.router.add_get(f"{base}/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def consent(self, address: str) -> str:
        """Where the browser is sent back to once somebody has consented at the address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(asked)
        said = {"code": f"code-{len(self.asked)}", "state": asked["state"], **self.answer}
        return f"{asked['redirect_uri']}?{urlencode({name: value for name, value in said.items() if value})}"

    async def _discovery(self, request: web.Request) -> web.Response:
        self.documents_asked += 1
        if broken := self._broken(request):
            return broken
        origin = f"http://127.0.0.1:{self.port}"
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "jwks_uri": f"{origin}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.document,
        }
        return web.json_response({name: value for name, value in document.items() if value is not None})

    async def _keys(self, request: web.Request) -> web.Response:
        self.keys_asked += 1
        if broken := self._broken(request):
            return broken
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.authorizations.append(unquote(request.headers.get("Authorization", "")))
        if broken := self._broken(request):
            return broken
        asked = self.asked[int(form["code"].rpartition("-")[2]) - 1]
        if not _fits(form["code_verifier"], asked["code_challenge"]):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": self.token(self.signed(asked["nonce"], asked["client_id"]))})

    def _broken(self, request: web.Request) -> web.Response | None:
        found = self.broken.get(request.path)
        return None if found is None else web.Response(status=found[0], body=found[1])

    def signed(self, nonce: str, client: str) -> str:
        """An ID token."""
        now = int(self.now())
        usual = {"iss": self.url, "aud": client, "nonce": nonce, "iat": now, "exp": now + 300}
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # issuers do use names and keys that are warned of
            return jws.serialize_compact(header, json.dumps(claims), self.key, algorithms=[self.algorithm])


def _fits(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def unsigned(token: str, **header: Any) -> str:
    """The same claims with another header and no signature."""
    said = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{said}.{token.split('.')[1]}."
