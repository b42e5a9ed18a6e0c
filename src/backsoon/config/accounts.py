"""Reads accounts that read many mailboxes: `kind` `ews`, `graph` and `google`.

Whether a file that is named is there and in order is found out by `backsoon check`: whoever loads the settings may not
be allowed to read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from backsoon.config.fields import filled, poll, secured, template
from backsoon.config.table import Table
from backsoon.domain.address import EVERYBODY, NAMED, has_placeholder

CLOUDS = ("global", "us_gov", "us_dod", "china")
"""Where a tenant of Microsoft's lives; the addresses of each are the source's."""
VERSIONS = {
    **{v: v for v in ("auto", "2007_sp1", "2010", "2010_sp1", "2010_sp2", "2013", "2013_sp1", "2016")},
    "2019": "2016",
    "se": "2016",
}
"""Versions of Exchange by the schema that is spoken with them: later ones speak that of 2016."""
_URL = "write https://HOST/PATH"
_EWS_URL = "write https://HOST/EWS/Exchange.asmx, or take url out to have it found (autodiscover)"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_TENANT = "write the tenant's id from the app's overview, or its domain: example.onmicrosoft.com"
_CLIENT = "write the Application (client) id from the app's overview"
_MAILBOX_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_MAILBOX = 'write "{email}", or what the addresses are made of: "{user}@example.com"'


def _mailboxes(table: Table, at_once: int) -> dict[str, object]:
    """What all three have: whose calendars are read, how often, and how many at once."""
    people = table.choice("people", EVERYBODY, {EVERYBODY: EVERYBODY, NAMED: NAMED})
    ca_file = table.path("ca_file")
    return {
        "mailbox": _mailbox(table, people),
        "people": people,
        "at_once": table.number("at_once", at_once, 1, 500),
        "automatic_replies": table.flag("automatic_replies", True),
        "push": table.flag("push", True),
        **poll(table),
        "ca_file": None if ca_file is None else str(ca_file),
    }


def _mailbox(table: Table, people: str) -> str:
    text = template(table, "mailbox", "{email}")
    sample = text.replace("{email}", "a@b").replace("{user}", "a").replace("{extension}", "1")
    if people == EVERYBODY and not has_placeholder(text) and "{" not in text:
        table.fault("mailbox", "is the same for everybody", _MAILBOX)
    elif "{" not in sample and not _MAILBOX_ADDRESS.fullmatch(sample):
        table.fault("mailbox", "makes no addresses of mailboxes", _MAILBOX)
    return text


# -- Exchange --------------------------------------------------------------------------------------------------------


def _ews(table: Table) -> dict[str, object]:
    sign_in = table.choice("sign_in", "auto", _words("auto", "basic", "ntlm", "oauth"))
    account = _application(table, _SIGNED_IN) if sign_in == "oauth" else _service_account(table)
    url = secured(table, "url", _EWS_URL)
    if "url" not in table.values and (sign_in == "oauth" or "@" not in (account["username"] or "@")):
        what = "is missing: autodiscover asks the domain of a username such as name@example.com"
        table.fault("url", what, "write https://HOST/EWS/Exchange.asmx")
    return filled(
        url=url,
        sign_in=sign_in,
        access=table.choice("access", "impersonation", _words("impersonation", "delegate")),
        version=table.choice("version", "auto", VERSIONS),
        **account,
        **_mailboxes(table, 24),
    )


_SIGNED_IN = ("username", "password")
_APPLICATION = ("tenant", "client_id", "client_secret", "certificate", "cloud")


def _service_account(table: Table) -> dict[str, str]:
    _unused(table, _APPLICATION, "is of no use with a username", 'take it out, or write sign_in = "oauth"')
    return {
        "username": table.text("username", needed="write the account that reads: DOMAIN\\name, or name@example.com"),
        "password": table.reference("password", needed="write env:NAME, file:PATH or credential:NAME"),
    }


# -- Microsoft 365 ---------------------------------------------------------------------------------------------------


def _graph(table: Table) -> dict[str, object]:
    return filled(
        **_application(table, ()),
        url=secured(table, "url", _URL),
        sign_in_url=secured(table, "sign_in_url", _URL),
        outside=_address(table, "outside"),
        **_mailboxes(table, 128),
    )


def _application(table: Table, unused: tuple[str, ...]) -> dict[str, str]:
    """An application that is registered in a tenant, with a secret or a certificate of its own."""
    _unused(table, unused, "is of no use to an application", 'take it out, or take sign_in = "oauth" out')
    secret, certificate = table.reference("client_secret"), table.path("certificate")
    both = "client_secret" in table.values and "certificate" in table.values
    if both:
        table.fault(
            "certificate", "stands beside client_secret", "write one of the two; a certificate is the safer one"
        )
    elif "client_secret" not in table.values and "certificate" not in table.values:
        what = "is missing: an application shows a certificate or a secret"
        table.fault("certificate", what, "write certificate = PATH (PEM), or client_secret = env:NAME or file:PATH")
    return {
        "tenant": _tenant(table),
        "client_id": _shaped(table, "client_id", _GUID, "is no id of an application", _CLIENT),
        "client_secret": secret,
        "certificate": "" if certificate is None else str(certificate),
        "cloud": table.choice("cloud", "global", _words(*CLOUDS)),
    }


def _tenant(table: Table) -> str:
    text = table.text("tenant", needed=_TENANT)
    if text.lower() in ("common", "organizations", "consumers"):
        table.fault("tenant", f"{text!r} is no tenant: an application signs in to one", _TENANT)
    elif text and not (_GUID.fullmatch(text) or _DOMAIN.fullmatch(text)):
        table.fault("tenant", "is no tenant", _TENANT)
    return text


# -- Google ----------------------------------------------------------------------------------------------------------


def _google(table: Table) -> dict[str, object]:
    needed = "write the path of the JSON file of a service account, or the one that `calendars sign-in` shall write"
    table.text("credentials", needed=needed)
    credentials = table.path("credentials") if isinstance(table.values.get("credentials"), str) else None
    return filled(
        credentials=None if credentials is None else str(credentials),
        access=table.choice("access", "shared", _words("shared", "delegation")),
        requests_per_minute=table.number("requests_per_minute", 600, 1, 1_000_000),
        url=secured(table, "url", _URL),
        **_mailboxes(table, 96),
    )


# -- small things ----------------------------------------------------------------------------------------------------


def _words(*words: str) -> Mapping[str, str]:
    return {word: word for word in words}


def _shaped(table: Table, key: str, pattern: re.Pattern[str], what: str, remedy: str) -> str:
    """A text that must look like something. It is not quoted: it may be a secret that went astray."""
    text = table.text(key, needed=remedy)
    if text and not pattern.fullmatch(text):
        table.fault(key, what, remedy)
    return text


def _address(table: Table, key: str) -> str:
    text = table.text(key)
    if text and not _MAILBOX_ADDRESS.fullmatch(text):
        table.fault(key, "is no address of a mailbox", "write one, such as ceo@example.com")
    return text


def _unused(table: Table, keys: tuple[str, ...], what: str, remedy: str) -> None:
    for key in keys:
        if table.get(key) is not None:
            table.fault(key, what, remedy)


ACCOUNTS: Mapping[str, Callable[[Table], dict[str, object]]] = {"ews": _ews, "graph": _graph, "google": _google}
"""The kinds, each with what reads it."""
