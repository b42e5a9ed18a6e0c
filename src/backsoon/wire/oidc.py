"""OpenID Connect for whoever relies on it: discovery, the authorization code with PKCE, and the proof of who it is.

Sources: OpenID Connect Core 1.0 (sections 3.1.2 to 3.1.3), Discovery 1.0 (section 4), RFC 7636 (PKCE, S256), RFC 9207
(`iss` in the answer), RFC 9700 (best current practice), RFC 7517 (keys), RFC 8725 (JWT best practice). Signatures are
joserfc's; what is asked and what is believed stands here. Nothing that an issuer sends is quoted in an error.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from backsoon.domain.address import this_machine
from backsoon.domain.errors import BacksoonError
from backsoon.wire.http import Http, HttpError, Response

if TYPE_CHECKING:  # a third of a second of importing: only where somebody signs in by an issuer
    from joserfc import jws
    from joserfc.jwk import ECKey, OKPKey, RSAKey

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""The signatures that are believed: each by a key of which only the issuer has the secret half."""
SCOPE: Final = "openid profile email"
LEEWAY: Final = timedelta(seconds=60)
"""How far the issuer's clock and ours may be apart."""
OLDEST: Final = timedelta(minutes=10)
"""A token that was made longer ago is of no sign-in that is going on."""
FRESH: Final = timedelta(hours=1)
"""How long a discovery document and its keys are used."""
REFETCH: Final = timedelta(seconds=60)
"""Keys are asked for again for a token with an unknown one, and no more often than this."""
_LIMIT: Final = 512 * 1024
_TOKEN_LIMIT: Final = 512 * 1024
SMALLEST, LARGEST = 2048, 8192
"""Bits of RSA keys: fewer are no proof (NIST SP 800-131A), more take long."""
_KEYS: Final = 64
"""Keys of one issuer that are looked at."""
_FAMILY: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
_FITTING: Final = {"EdDSA": {"EdDSA", "Ed25519"}, "Ed25519": {"EdDSA", "Ed25519"}}
Key: TypeAlias = "RSAKey | ECKey | OKPKey"


class OidcError(BacksoonError):
    """An issuer could not be used, or did not prove who somebody is. `code`: `failed`, `refused`, `expired`."""

    code = "failed"
    remedy = "see Backsoon's log, and try `backsoon check`"


class IssuerUnusable(OidcError):
    """What the issuer says of itself cannot be used, or it does not answer."""


class NotProved(OidcError):
    """The proof of who somebody is does not hold."""


class Denied(OidcError):
    """The issuer, or whoever sits before it, said no."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to an issuer. `url` is the issuer exactly as it says it; `secret` "": a public client."""

    url: str
    client_id: str
    secret: str = field(default="", repr=False)


class _Document(msgspec.Struct):
    """What discovery yields, as far as it matters (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False


class _Answered(msgspec.Struct):
    id_token: str


_DOCUMENT = msgspec.json.Decoder(_Document)
_ANSWERED = msgspec.json.Decoder(_Answered)
_ANYTHING = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in that is going on: what must come back, and what proves that it was begun here."""

    state: str
    nonce: str
    verifier: str = field(repr=False)


def attempt() -> Attempt:
    """A new one, from chance (256 bits each)."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Provider:
    """One issuer. Its document and keys are remembered; everything else is said anew each time."""

    def __init__(self, client: Client, http: Http) -> None:
        self._client = client
        self._http = http
        self._document: tuple[_Document, datetime] | None = None
        self._keys: tuple[list[Key], datetime] | None = None

    # -- what it says of itself ------------------------------------------------------------------------------------

    async def discover(self, now: datetime) -> None:
        """See that the issuer can be used. Raises `IssuerUnusable`."""
        document = await self._discovered(now)
        await self._keys_of(document, now)

    async def _discovered(self, now: datetime) -> _Document:
        if self._document is not None and timedelta(0) <= now - self._document[1] < FRESH:
            return self._document[0]
        url = self._client.url
        body = await self._get(f"{url.rstrip('/')}/.well-known/openid-configuration", "its discovery document")
        try:
            document = _DOCUMENT.decode(body)
        except (msgspec.MsgspecError, ValueError):
            raise IssuerUnusable(f"{_origin(url)}: its discovery document is none") from None
        self._check(document)
        self._document = (document, now)
        return document

    def _check(self, document: _Document) -> None:
        where = _origin(self._client.url)
        if document.issuer != self._client.url:
            raise IssuerUnusable(f"{where}: it calls itself by another address than the settings do")
        loopback = this_machine(urlsplit(self._client.url).hostname or "")
        for endpoint in (document.authorization_endpoint, document.token_endpoint, document.jwks_uri):
            if not is_safe(endpoint, loopback=loopback):
                raise IssuerUnusable(f"{where}: one of its addresses is not https")
        methods = document.code_challenge_methods_supported
        if methods is not None and "S256" not in methods:
            raise IssuerUnusable(f"{where}: it does not know PKCE with S256")
        if not set(ALGORITHMS) & set(document.id_token_signing_alg_values_supported):
            raise IssuerUnusable(f"{where}: it signs in no way that is believed here ({', '.join(ALGORITHMS)})")

    async def _keys_of(self, document: _Document, now: datetime, *, again: bool = False) -> list[Key]:
        known = self._keys
        if known is not None and timedelta(0) <= now - known[1] < (REFETCH if again else FRESH):
            return known[0]
        keys = _keys(await self._get(document.jwks_uri, "its keys"))
        if not keys:
            raise IssuerUnusable(f"{_origin(self._client.url)}: it has no keys that can be used")
        self._keys = (keys, now)
        return keys

    async def _get(self, url: str, what: str) -> bytes:
        try:
            answer = await self._http.request("GET", url, limit_bytes=_LIMIT, deadline=15)
        except HttpError as error:
            raise IssuerUnusable(str(error)) from None
        if answer.status != 200:
            raise IssuerUnusable(f"{_origin(url)}: {what} is answered with status {answer.status}")
        return answer.body

    # -- there and back --------------------------------------------------------------------------------------------

    async def address(self, attempt: Attempt, redirect: str, now: datetime) -> str:
        """Where to send somebody. Raises `IssuerUnusable`."""
        document = await self._discovered(now)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect,
            "scope": SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(document.authorization_endpoint).query else "?"
        return f"{document.authorization_endpoint}{joint}{urlencode(asked)}"

    async def claims(
        self, attempt: Attempt, redirect: str, answer: Mapping[str, str], now: datetime
    ) -> Mapping[str, Any]:
        """What the issuer proves of whoever came back with `answer` (the query, its `state` compared already).

        Raises `Denied`, `NotProved`, `IssuerUnusable`.
        """
        document = await self._discovered(now)
        said = answer.get("iss")
        if said != document.issuer if said is not None else document.authorization_response_iss_parameter_supported:
            raise NotProved("the answer is not of the issuer that was asked (RFC 9207)")
        if "error" in answer:
            raise Denied("the issuer refused") if answer["error"] == "access_denied" else NotProved("it failed there")
        code = answer.get("code", "")
        if not code:
            raise NotProved("the answer holds no code")
        token = await self._exchanged(document, code, attempt.verifier, redirect)
        claims = await self._verified(document, token, now)
        check_claims(claims, self._client, attempt.nonce, now)
        return claims

    async def _exchanged(self, document: _Document, code: str, verifier: str, redirect: str) -> str:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        secret = self._client.secret
        if secret and "client_secret_post" not in document.token_endpoint_auth_methods_supported:
            pair = f"{quote(self._client.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749 section 2.3.1
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._client.client_id} | ({"client_secret": secret} if secret else {})
        answer = await self._post(document.token_endpoint, headers, urlencode(form).encode())
        try:
            return _ANSWERED.decode(answer.body).id_token
        except (msgspec.MsgspecError, ValueError):
            raise NotProved(f"{_origin(document.token_endpoint)}: its answer holds no ID token") from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        try:
            answer = await self._http.request("POST", url, headers=headers, body=body, limit_bytes=_TOKEN_LIMIT)
        except HttpError as error:
            raise IssuerUnusable(str(error)) from None
        if answer.status != 200:
            raise NotProved(f"{_origin(url)}: the code was refused, status {answer.status}{_error_of(answer.body)}")
        return answer

    async def _verified(self, document: _Document, token: str, now: datetime) -> Mapping[str, Any]:
        found = verified(token, await self._keys_of(document, now))
        if found is None:  # signed with a key that is new: ask for keys once more, and no more often than every minute
            found = verified(token, await self._keys_of(document, now, again=True))
        if found is None:
            raise NotProved("the ID token is signed with a key that is none of the issuer's")
        return found


# -- what is believed ----------------------------------------------------------------------------------------------


def is_safe(url: str, *, loopback: bool = False) -> bool:
    """Whether secrets may be told to an address: https, or this machine where that is meant."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment or not url.isascii():
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and this_machine(parts.hostname))


def _keys(body: bytes) -> list[Key]:
    """The keys that signatures may be looked at with; all others are passed over (RFC 7517 section 5)."""
    try:
        listed = _ANYTHING.decode(body).get("keys")
    except (msgspec.MsgspecError, ValueError):
        return []
    found = (_key(each) for each in listed[:_KEYS] if isinstance(each, dict)) if isinstance(listed, list) else ()
    return [key for key in found if key is not None]


def _key(value: dict[str, Any]) -> Key | None:
    from joserfc import jwk
    from joserfc.errors import JoseError

    kind = value.get("kty")
    if value.get("use", "sig") != "sig" or not isinstance(kind, str) or value.get("crv") != _CURVES.get(kind, ""):
        return None
    public: Any = {name: said for name, said in value.items() if name in _PUBLIC and isinstance(said, str)}
    try:
        if kind == "RSA" and not SMALLEST <= int.from_bytes(_decoded(public["n"])).bit_length() <= LARGEST:
            return None
        key = jwk.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey) else None


_CURVES: Final = {"RSA": None, "EC": "P-256", "OKP": "Ed25519"}
_PUBLIC: Final = frozenset({"kty", "n", "e", "crv", "x", "y", "kid", "alg", "use"})


def verified(token: str, keys: list[Key]) -> Mapping[str, Any] | None:
    """The claims of a token signed by one of the keys; None where it names none of them. Raises `NotProved`."""
    header = _header(token)
    algorithm, kid = header["alg"], header.get("kid")
    fitting = [key for key in keys if _fits(key, algorithm)]
    named = [key for key in fitting if kid is None or key.kid == kid]
    if not named:
        return None
    for key in named[:8]:
        payload = _payload(token, key, algorithm)
        if payload is not None:
            return payload
    if kid is None:
        return None  # it may be by a new one
    raise NotProved("the ID token's signature does not hold")


def _header(token: str) -> dict[str, Any]:
    try:
        header = _ANYTHING.decode(_decoded(token.split(".")[0]))
    except (ValueError, msgspec.MsgspecError):
        raise NotProved("the ID token is none") from None
    if token.count(".") != 2 or header.get("alg") not in ALGORITHMS or "crit" in header:
        raise NotProved("the ID token is signed in a way that is not believed")
    return header


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _fits(key: Key, algorithm: str) -> bool:
    if key.key_type != _FAMILY[algorithm]:
        return False
    meant = key.alg
    return meant is None or meant == algorithm or meant in _FITTING.get(algorithm, ())


def _payload(token: str, key: Key, algorithm: str) -> Mapping[str, Any] | None:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `EdDSA` is an old name of Ed25519, the one curve that is let in
            checked = jws.deserialize_compact(token.encode("ascii"), key, registry=_registry(algorithm))
        return _ANYTHING.decode(checked.payload)
    except (JoseError, ValueError, TypeError, msgspec.MsgspecError):
        return None


def _registry(algorithm: str) -> jws.JWSRegistry:
    """One that reads a token with the 200 groups that Entra ID may name, and whatever the answer's limit lets in."""
    from joserfc import jws

    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)  # those unknown are passed over
    registry.max_header_length = registry.max_payload_length = registry.max_signature_length = _TOKEN_LIMIT
    return registry


def check_claims(claims: Mapping[str, Any], client: Client, nonce: str, now: datetime) -> None:
    """OpenID Connect Core 1.0 section 3.1.3.7. Raises `NotProved`, which quotes nothing of them."""
    if claims.get("iss") != client.url:
        raise NotProved("the ID token is another issuer's")
    _check_audience(claims, client.client_id)
    if not secrets.compare_digest(_text(claims, "nonce").encode("utf-8", "replace"), nonce.encode()):
        raise NotProved("the ID token is of another sign-in")
    if not _text(claims, "sub"):
        raise NotProved("the ID token says nothing of whom it is about")
    issued, ends = _instant(claims, "iat"), _instant(claims, "exp")
    seconds = now.timestamp()
    if ends + LEEWAY.total_seconds() <= seconds:
        raise NotProved("the ID token is over: see that the clocks are right")
    if not seconds - (OLDEST + LEEWAY).total_seconds() <= issued <= seconds + LEEWAY.total_seconds():
        raise NotProved("the ID token was made at another time: see that the clocks are right")
    if "nbf" in claims and _instant(claims, "nbf") > seconds + LEEWAY.total_seconds():
        raise NotProved("the ID token does not hold yet: see that the clocks are right")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if client_id not in several:
        raise NotProved("the ID token is for somebody else")
    if claims.get("azp", client_id) != client_id or (len(several) > 1 and "azp" not in claims):
        raise NotProved("the ID token is for somebody else's use")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e11:
        raise NotProved(f"the ID token does not say `{name}`")
    return float(value)


def _error_of(body: bytes) -> str:
    """The word of RFC 6749 section 5.2, if it is one."""
    try:
        word = _ANYTHING.decode(body).get("error")
    except (msgspec.MsgspecError, ValueError):
        return ""
    return f" ({word})" if word in _WORDS else ""


_WORDS: Final = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
