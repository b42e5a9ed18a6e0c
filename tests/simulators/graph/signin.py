"""Microsoft's sign-in: OpenID metadata, and tokens for an app by its secret or by an assertion that its key signed.

Answers are as Entra's v2.0 endpoint gives them; errors carry their AADSTS number.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import secrets
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulators.graph.protocol import Answer

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RESOURCES: Final = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)


class SignInRefused(Exception):
    """A request for a token that is answered with an error."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        body = {
            "error": error,
            "error_description": f"AADSTS{number}: {text} Trace ID: simulated Correlation ID: simulated",
            "error_codes": [number],
            "timestamp": "2026-11-22 12:00:00Z",
            "trace_id": "simulated",
            "correlation_id": "simulated",
        }
        self.answer = Answer(status, body)
        super().__init__(number)


@dataclass
class Registration:
    """An app in a tenant, as an administrator has set it up."""

    tenant: str = "6f0c7c1e-28e2-4b57-9e5a-0a1d3f7f4b11"
    domain: str = "example.onmicrosoft.com"
    client_id: str = "0d5b9b3c-6a1f-4e57-9d0a-4a0e6d5f2c77"
    client_secret: str = "sim~not-a-secret"
    roles: tuple[str, ...] = ("Calendars.Read", "MailboxSettings.Read")
    """Application permissions that were consented to."""
    life: int = 3599
    """Seconds that a token lasts."""
    secret_expired: bool = False
    certificates: dict[str, Any] = field(default_factory=dict)
    """Public keys by thumbprint: SHA-1 and SHA-256, base64url without padding."""


class SignIn:
    """Gives tokens and knows those that are good."""

    def __init__(self, registration: Registration, now: Callable[[], dt.datetime]) -> None:
        self.registration = registration
        self.now = now
        self.given = 0
        self._key = secrets.token_bytes(32)
        self._number = 0
        self._read: dict[str, dict[str, Any]] = {}
        """Tokens that were looked into."""

    def metadata(self, tenant: str, base: str) -> Answer:
        """The OpenID metadata of a tenant."""
        if not self._known(tenant):
            text = f"Tenant '{tenant}' not found."
            return SignInRefused(400, "invalid_tenant", 90002, text).answer
        here = f"{base}/{self.registration.tenant}"
        return Answer(
            200,
            {
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": f"{here}/discovery/v2.0/keys",
                "issuer": f"{here}/v2.0",
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "response_types_supported": ["code"],
                "tenant_region_scope": "EU",
                "msgraph_host": "graph.microsoft.com",
            },
        )

    def token(self, tenant: str, form: Mapping[str, str], endpoint: str) -> Answer:
        """A token for an app (`client_credentials`). Raises `SignInRefused`."""
        if not self._known(tenant):
            raise SignInRefused(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            raise SignInRefused(400, "unsupported_grant_type", 70003, "only apps sign in here.")
        if form.get("client_id") != self.registration.client_id:
            raise SignInRefused(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        resource, _, scope = form.get("scope", "").rpartition("/")
        if scope != ".default" or resource not in RESOURCES:
            raise SignInRefused(400, "invalid_scope", 1002012, "the scope must be a resource's /.default.")
        self._prove(form, endpoint)
        return Answer(200, self._give(resource))

    def roles(self, token: str) -> tuple[str, ...] | None:
        """What a token allows; None where it is not, or no longer, good."""
        told = self._read.get(token)
        if told is None:
            try:
                told = self._read[token] = jwt.decode(
                    token, self._key, algorithms=["HS256"], options={"verify_aud": False, "verify_exp": False,
                    "verify_iat": False, "verify_nbf": False},
                )  # fmt: skip
            except jwt.InvalidTokenError:
                return None
        good = told["exp"] > self.now().timestamp() and told["number"] > self._number - 1
        return tuple(told["roles"]) if good else None

    def forget(self) -> None:
        """No token that has been given is good any more."""
        self._number = self.given + 1

    def _known(self, tenant: str) -> bool:
        return tenant.lower() in (self.registration.tenant, self.registration.domain)

    def _prove(self, form: Mapping[str, str], endpoint: str) -> None:
        if form.get("client_assertion_type") == ASSERTION:
            self._assertion(form.get("client_assertion", ""), endpoint)
        elif "client_secret" not in form:
            raise SignInRefused(401, "invalid_client", 7000218, "client_assertion or client_secret is needed.")
        elif self.registration.secret_expired:
            raise SignInRefused(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
        elif form["client_secret"] != self.registration.client_secret:
            raise SignInRefused(401, "invalid_client", 7000215, "Invalid client secret provided.")

    def _assertion(self, assertion: str, endpoint: str) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
            key = self.registration.certificates[str(header.get("x5t#S256") or header.get("x5t")).rstrip("=")]
            told = jwt.decode(
                assertion, key, algorithms=["RS256", "PS256"], audience=endpoint, issuer=self.registration.client_id,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
        except (jwt.InvalidTokenError, KeyError) as error:
            raise SignInRefused(401, "invalid_client", 700027, "The certificate is not registered.") from error
        now = self.now().timestamp()
        if not told.get("nbf", 0) - 300 <= now <= told["exp"] + 300:
            text = "Client assertion is not within its valid time range."
            raise SignInRefused(401, "invalid_client", 700024, text)

    def _give(self, resource: str) -> dict[str, Any]:
        now = int(self.now().timestamp())
        self.given += 1
        told = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{self.registration.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.registration.life,
            "appid": self.registration.client_id,
            "tid": self.registration.tenant,
            "idtyp": "app",
            "roles": list(self.registration.roles),
            "number": self.given,
        }
        token = jwt.encode(told, self._key, algorithm="HS256")
        life = self.registration.life
        return {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}


def thumbprints(certificate_pem: bytes) -> dict[str, Any]:
    """The thumbprints of a certificate, as assertions name them, with its public key."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    raw = certificate.public_bytes(serialization.Encoding.DER)
    names = (hashlib.sha1(raw, usedforsecurity=False).digest(), hashlib.sha256(raw).digest())
    return {jwt.utils.base64url_encode(each).decode(): certificate.public_key() for each in names}


@dataclass(frozen=True)
class Tls:
    """How this machine proves that it is 127.0.0.1, and the file with which clients can tell."""

    context: ssl.SSLContext
    ca_file: Path
    folder: tempfile.TemporaryDirectory[str]


@cache
def tls() -> Tls:
    """An authority of our own and a certificate that it signed; made once in a process."""
    folder = tempfile.TemporaryDirectory(prefix="backsoon-simulator-")
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Simulators' authority", authority_key, None, authority_key)
    own = _certificate("127.0.0.1", key, authority, authority_key)
    ca_file, chain = Path(folder.name) / "ca.pem", Path(folder.name) / "server.pem"
    ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + own.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Tls(context, ca_file, folder)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed_by = signer.public_key()
    root = issuer is None
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by), critical=False)
        .add_extension(_usage(root), critical=True)
    )
    if not root:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(signer, hashes.SHA256())


def _usage(root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not root, key_cert_sign=root, crl_sign=root, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
