"""Addresses that differ from person to person: `https://dav.example.com/{email}/`."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from backsoon.domain.organisation import Person

PLACEHOLDERS = ("email", "user", "extension")
"""What may stand in braces; `user` is the e-mail address up to its @."""
EVERYBODY, NAMED = "everybody", "named"
"""A connection's `people`: it reads everybody's calendar, or that of those of whom it was said by name."""


def has_placeholder(template: str) -> bool:
    """Whether the text differs from person to person."""
    return any(f"{{{name}}}" in template for name in PLACEHOLDERS)


def fits(template: str, person: Person) -> bool:
    """Whether the person has all that the template needs."""
    return all(value for name, value in _values(person).items() if f"{{{name}}}" in template)


def expand(template: str, person: Person, *, address: bool = True) -> str:
    """The template with the person's values. In an address they are percent-encoded (RFC 3986 section 2.1)."""
    for name, value in _values(person).items():
        template = template.replace(f"{{{name}}}", quote(value, safe="@+") if address else value)
    return template


def _values(person: Person) -> dict[str, str]:
    return {"email": person.email, "user": person.email.partition("@")[0], "extension": person.extension}


def origin(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address; None for anything else. webcal is https."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.hostname:
        return None
    return scheme, parts.hostname, port or {"http": 80, "https": 443}[scheme]


def this_machine(host: str) -> bool:
    """Whether a host can be nobody but this machine: what is said there is heard by nobody else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
