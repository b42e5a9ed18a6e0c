"""Who is asked about people that sign in: issuers of OpenID Connect, and how long somebody stays signed in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

RESERVED = frozenset({"demo", "local", "idle_hours", "longest_days"})
"""Names that no issuer may have: they mean something else in the settings or in addresses."""
_TENANT = re.compile(r"https?://[^/]+/(?P<tenant>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/v2\.0")
_GOOGLE = "https://accounts.google.com"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer of OpenID Connect, for one organisation.

    `name` is the one in addresses, `label` the one on the button. `url` is the issuer exactly as it says it itself.
    `client_secret` is a reference, never the secret; "": a public client. `trusted_domains` (lower case): whose
    verified e-mail address of such a domain is a person's is that person at their first sign-in. `ca_file`: the
    authority (PEM) that signed its certificate, "" for the usual ones.
    """

    name: str
    organisation: str
    url: str
    client_id: str
    client_secret: str = ""
    label: str = ""
    trusted_domains: frozenset[str] = frozenset()
    ca_file: str = ""

    @property
    def tenant(self) -> str:
        """Of Entra ID: the id of the one tenant that it speaks for, in lower case; "" for any other issuer.

        Its subjects are of one application only; tenant (`tid`) and object (`oid`) are what stays (Microsoft identity
        platform, "ID token claims reference").
        """
        match = _TENANT.fullmatch(self.url)
        return match["tenant"].lower() if match else ""

    @property
    def answers_for_addresses_it_hosts_only(self) -> bool:
        """Whether `email_verified` counts only together with `hd`: anybody may have an account at Google with an
        address that another server receives mail for."""
        return self.url == _GOOGLE


@dataclass(frozen=True, slots=True)
class SignIn:
    """How people sign in. `pages` is the address of the pages as browsers have it, without a / at its end; "": none.

    `local`: whether user names and passwords are taken. A session ends `idle` after it was used last, and `longest`
    after it began.
    """

    issuers: tuple[Issuer, ...] = ()
    pages: str = ""
    local: bool = True
    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=7)

    def named(self, name: str) -> Issuer | None:
        """The issuer of that name."""
        return next((each for each in self.issuers if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Claims:
    """What an issuer says of somebody. `subject` is what they are known by; the rest is as claimed, and any length."""

    subject: str
    name: str = ""
    email: str = ""
    email_verified: bool = False
    hosted: str = ""
    """The domain that hosts the account (`hd`), where the issuer says it."""
