"""What `init` asks of an account at Exchange, Microsoft 365 or Google."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from backsoon.commands import output

NAMES = {"exchange": "ews", "microsoft365": "graph", "office365": "graph", "m365": "graph"}
"""What people call the kinds, too."""
_BEFORE = {
    "ews": "An account that may read others' calendars is needed: docs/guides/exchange.md has the steps.",
    "graph": "An application with Calendars.Read is needed: docs/guides/microsoft365.md has the steps.",
    "google": "A service account, or a user to whom all share, is needed: docs/guides/google.md has the steps.",
}
Fields = dict[str, object]


class Asks(Protocol):
    """Who is asked; see `asking.Given`."""

    path: Path
    values: dict[str, str | None]
    yes: bool

    def ask(self, key: str, question: str, usual: str, check: Callable[[str], str] = ...) -> str: ...


Secret = Callable[[str, str, str], str]
"""Asks for a secret: the option, the file that keeps it, the question. Gives a reference."""


def ask_account(kind: str, given: Asks, secret: Secret) -> Fields:
    """The fields of the connection's table."""
    if not given.yes:
        output.say(_BEFORE[kind])
    asked = {"ews": _ews, "graph": _graph, "google": _google}[kind](given, secret)
    asked["ca_file"] = given.values.get("calendar_ca_file") or ""
    return {"kind": kind, **{key: value for key, value in asked.items() if value not in ("", "none")}}


def _ews(given: Asks, secret: Secret) -> Fields:
    url = given.ask("calendar_url", "The address of EWS (none: it is found by autodiscover)", "none")
    username = given.ask(
        "calendar_username",
        "The account that reads (DOMAIN\\name, name@example.com)",
        "",
        _needed("an account is needed"),
    )
    password = secret("calendar_password", "calendar.secret", "Its password")
    access = _one_of(given, "How it reads others' calendars", ("impersonation", "delegate"))
    return {"url": url, "username": username, "password": password, "access": access}


def _graph(given: Asks, secret: Secret) -> Fields:
    tenant = given.ask("calendar_tenant", "The tenant's id or domain", "", _needed("a tenant is needed"))
    client = given.ask("calendar_client_id", "The application's (client) id", "", _needed("an id is needed"))
    found: Fields = {"tenant": tenant, "client_id": client}
    usual = "none" if given.values.get("calendar_client_secret") is not None else "backsoon.pem"
    certificate = given.ask("calendar_certificate", "Its certificate with the key, a PEM file (none: a secret)", usual)
    if certificate in ("none", ""):
        found["client_secret"] = secret(
            "calendar_client_secret", "calendar.secret", "Its secret (the value, not the id)"
        )
    else:
        found["certificate"] = certificate
    found["outside"] = given.ask("calendar_outside", "A mailbox that it must not be able to read (none)", "none")
    found["cloud"] = given.values.get("calendar_cloud") or ""
    return found | _elsewhere(given)


def _google(given: Asks, secret: Secret) -> Fields:
    credentials = given.ask(
        "calendar_credentials", "The JSON file of the account (`calendars sign-in` can write one)", "google.json"
    )
    access = _one_of(given, "Calendars are shared with it, or it acts for each mailbox", ("shared", "delegation"))
    return {"credentials": credentials, "access": access} | _elsewhere(given)


def _elsewhere(given: Asks) -> Fields:
    """An address other than the vendor's is never asked for."""
    return {"url": given.values.get("calendar_url") or ""}


def _one_of(given: Asks, question: str, words: tuple[str, ...]) -> str:
    known = ", ".join(words)
    wrong = f"write one of: {known}"
    return given.ask("calendar_access", f"{question} ({known})", words[0], lambda a: "" if a in words else wrong)


def _needed(why: str) -> Callable[[str], str]:
    return lambda answer: "" if answer.strip() else why


def ask_public(given: Asks) -> str:
    """The address at which notifications arrive; "" for none."""
    question = (
        "The https address at which /hooks/ can be reached from outside, to be told of changes (none: by polling)"
    )
    answer = given.ask("public", question, "none")
    return "" if answer == "none" else answer
