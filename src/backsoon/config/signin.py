"""Reads `[sign_in]` and `[sign_in.NAME]`: who is asked about people that sign in, and how long they stay so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from backsoon.config.fields import secured
from backsoon.config.table import Table
from backsoon.domain.naming import NAME, NAME_REMEDY
from backsoon.domain.signin import RESERVED, Issuer, SignIn

_PLAIN = ("local", "idle_hours", "longest_days")
_ISSUER = "write the issuer's address as it says it itself: https://accounts.google.com"
_TENANT = "write https://login.microsoftonline.com/TENANT/v2.0 with the tenant's id (a GUID) from the app's overview"
_CLIENT = "write the client id that the issuer gave for Backsoon"
_PAGES = "write the https address of the pages: issuers send people back there"
_MICROSOFT = re.compile(r"login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net")
_EVERY_TENANT = frozenset({"common", "organizations", "consumers"})
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_DOMAINS = 'write domains that are yours alone: ["example.com"]'
_SHOWN = re.compile(r"[^\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]{1,40}")


def read_sign_in(table: Table, organisations: Sequence[str], pages: str) -> SignIn:
    """How people sign in; `pages` is where browsers have the pages, "" where that is not known."""
    local = table.flag("local", True)
    idle = timedelta(hours=table.number("idle_hours", 12, 1, 720))
    longest = timedelta(days=table.number("longest_days", 7, 1, 90))
    issuers = [_issuer(table, name, organisations) for name in table.values if name not in _PLAIN]
    if issuers and not pages:
        table.faults.add("api.pages", f"is missing, and [{table.where}] has an issuer", _PAGES)
    return SignIn(tuple(each for each in issuers if each is not None), pages, local, idle, longest)


def _issuer(outer: Table, name: str, organisations: Sequence[str]) -> Issuer | None:
    if not isinstance(outer.get(name), dict):
        outer.fault(name, "is not a setting", f"write [{outer.place(name)}] for an issuer of that name")
        return None
    if not NAME.fullmatch(name) or name in RESERVED:
        outer.fault(name, f"{name!r} cannot be used", NAME_REMEDY)
    table = outer.table(name)
    ca_file = table.path("ca_file")
    found = Issuer(
        name,
        _organisation(table, organisations),
        _url(table),
        table.text("client_id", needed=_CLIENT),
        table.reference("client_secret"),
        table.checked("label", name.capitalize(), _SHOWN, "write what the button says, at most 40 characters"),
        _domains(table),
        "" if ca_file is None else str(ca_file),
    )
    table.finish()
    return found


def _organisation(table: Table, organisations: Sequence[str]) -> str:
    only = organisations[0] if len(organisations) == 1 else ""
    needed = "" if only or not organisations else f"write whose people sign in here: {', '.join(organisations)}"
    said = table.text("organisation", only, needed=needed)
    if said and organisations and said not in organisations:
        table.fault("organisation", f"there is no organisation {said!r}", f"known are {', '.join(organisations)}")
    return said


def _url(table: Table) -> str:
    if table.get("issuer") is None:
        table.fault("issuer", "is missing", _ISSUER)
    url = secured(table, "issuer", _ISSUER)
    parts = urlsplit(url)
    if _MICROSOFT.fullmatch(parts.hostname or ""):
        tenant = parts.path.strip("/").partition("/")[0]
        if tenant.lower() in _EVERY_TENANT:
            table.fault("issuer", f"{tenant!r} lets in people of every tenant in the world", _TENANT)
        elif not Issuer("", "", url, "").tenant:
            table.fault("issuer", "is no issuer of one tenant", _TENANT)
    return url


def _domains(table: Table) -> frozenset[str]:
    value = table.get("trusted_domains")
    if value is None:
        return frozenset()
    named = [each.strip().lower() for each in value if isinstance(each, str)] if isinstance(value, list) else []
    if not named or not isinstance(value, list) or len(named) != len(value):
        table.fault("trusted_domains", "must be a list of domains", _DOMAINS)
    elif not all(map(_DOMAIN.fullmatch, named)):
        table.fault("trusted_domains", "holds something that is no domain", _DOMAINS)
    return frozenset(named)
