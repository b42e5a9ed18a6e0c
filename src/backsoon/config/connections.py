"""Reads how calendars and switchboards are reached. Settings come out as plain JSON values, secrets by reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from backsoon.config.accounts import ACCOUNTS
from backsoon.config.faults import suggestion
from backsoon.config.fields import filled, poll, template
from backsoon.config.plugins import PLACE, SOURCES, SWITCHBOARDS, names, source_reader, switchboard_reader
from backsoon.config.secrets import is_reference, secret
from backsoon.config.table import Table
from backsoon.config.webhook import read_webhook
from backsoon.domain.address import EVERYBODY, NAMED, has_placeholder
from backsoon.domain.naming import NAME, NAME_REMEDY
from backsoon.domain.organisation import Connection, SwitchboardSettings

Reader = Callable[[Table], dict[str, object]]
"""What makes settings of a table, noting its faults."""
SCHEMES = {"caldav": ("https", "http"), "ics": ("https", "http", "webcal", "webcals")}

_URL_REMEDY = {
    "caldav": "write https://HOST/PATH, for example https://dav.example.com/{email}/",
    "ics": "write https://HOST/PATH, webcal://HOST/PATH or the path of a file",
}

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]")
_SIP_ADDRESS = re.compile(r"sips?:[!-;=?A-~]+@[A-Za-z0-9.:\[\]-]+")


def is_hidden_address(address: str) -> bool:
    """Whether the address is a reference to one (`env:`, `credential:`; `file:` is the calendar itself)."""
    return address.startswith(("env:", "credential:")) and is_reference(address)


def plain_address(address: str) -> str:
    """The address itself, also where it is kept as a secret. Raises `SecretError`."""
    return secret(address) if is_hidden_address(address) else address


def read_connections(table: Table, organisation: str) -> tuple[Connection, ...]:
    """The calendars of an organisation: `[calendars.NAME]`."""
    readers: dict[str, Reader] = {"caldav": _caldav, "ics": _ics, **ACCOUNTS}
    found = read_kinds(table, "calendars", readers, Foreign(SOURCES, source_reader))
    return tuple(Connection(organisation, name, kind, settings) for name, kind, settings in found)


def read_switchboards(table: Table, organisation: str) -> tuple[SwitchboardSettings, ...]:
    """The switchboards of an organisation: `[switchboards.NAME]`."""
    readers: dict[str, Reader] = {"asterisk": _asterisk, "sip_presence": _sip_presence, "webhook": read_webhook}
    found = read_kinds(table, "switchboards", readers, Foreign(SWITCHBOARDS, switchboard_reader))
    for name, kind, settings in found:
        if kind not in readers:  # whatever a plug-in calls its settings: without a word from it, each is one of its own
            settings.setdefault(PLACE, f"{organisation}/{name}")
    return tuple(SwitchboardSettings(organisation, name, kind, settings) for name, kind, settings in found)


@dataclass(frozen=True, slots=True)
class Foreign:
    """Kinds that plug-ins bring: their group of entry points, and what reads a table of such a kind (None: no such)."""

    group: str
    reader_of: Callable[[str], Reader | None]


def read_kinds(
    table: Table, key: str, readers: dict[str, Reader], foreign: Foreign | None = None
) -> list[tuple[str, str, dict[str, object]]]:
    """The named tables in a table of tables: name, kind and what the reader of that kind makes of each.

    Plug-ins are asked for kinds that are not ours: none of theirs stands in for one of ours.
    """
    found = []
    for name, one in table.tables(key):
        if not NAME.fullmatch(name):
            one.faults.add(one.where, "is no name that can be used", NAME_REMEDY)
        kind = one.text("kind", needed=f"write kind = {' or '.join(repr(k) for k in readers)}")
        reader = readers.get(kind)
        if reader is None and foreign is not None and kind:
            reader = foreign.reader_of(kind)
        if reader is not None:
            found.append((name, kind, reader(one)))
            one.finish()
        elif kind:
            brought = names(foreign.group) if foreign is not None else frozenset()
            remedy = f"{suggestion(kind, brought | readers.keys())} (a plug-in brings its own once it is installed)"
            one.fault("kind", f"{kind!r} is not known", remedy)
    return found


def _caldav(table: Table) -> dict[str, object]:
    if "url" not in table.values:
        table.fault("url", "is missing", _URL_REMEDY["caldav"])
    url = _url(table, "caldav")
    return filled(url=url, **_reading(table, url))


def _ics(table: Table) -> dict[str, object]:
    url = _url(table, "ics")
    return filled(url=url, **_reading(table, url))


def _reading(table: Table, url: str) -> dict[str, object]:
    people = table.choice("people", EVERYBODY if has_placeholder(url) else NAMED, {EVERYBODY: EVERYBODY, NAMED: NAMED})
    if people == EVERYBODY and "url" not in table.values:
        table.fault("url", "is missing: everybody's calendar needs an address", _URL_REMEDY["caldav"])
    ca_file = table.path("ca_file")
    return {
        **_account(table, url),
        "ca_file": None if ca_file is None else str(ca_file),
        "people": people,
        **poll(table),
        "max_mib": table.number("max_mib", 16, 1, 512),
    }


def _account(table: Table, url: str) -> dict[str, object]:
    username, password = template(table, "username"), table.reference("password")
    _check_whole(table)
    if username and not url and "url" not in table.values:
        table.fault("url", "is missing: an account is told to one server only", "write the server's address")
    sign_in = table.choice("sign_in", "auto", {"auto": "auto", "basic": "basic", "digest": "digest"})
    return {"username": username, "password": password, "sign_in": sign_in}


def _check_whole(table: Table) -> None:
    if ("username" in table.values) != ("password" in table.values):
        missing = "password" if "username" in table.values else "username"
        table.fault(missing, "is missing: an account is a username and a password", f"add {missing}, or take both out")


def _url(table: Table, kind: str) -> str:
    """The address. It may be a reference: a subscribed calendar's address is often its password."""
    text = template(table, "url")
    if is_hidden_address(text) or not text:
        return text
    if kind == "ics" and (text.startswith("file:") or "://" not in text):
        return str(table.folder / Path(text.removeprefix("file:").removeprefix("//")).expanduser())
    return text if _good_url(table, kind, text) else ""


def _good_url(table: Table, kind: str, text: str) -> bool:
    try:
        parts = urlsplit(text)
        user, host = parts.username, parts.hostname
    except ValueError:
        parts, user, host = urlsplit(""), None, None
    if user is not None:
        table.fault("url", "holds an account", "take it out of the address: write username and password")
    elif parts.scheme not in SCHEMES[kind] or not host:
        table.fault("url", "is no address of a calendar", _URL_REMEDY[kind])
    else:
        return True
    return False


def _asterisk(table: Table) -> dict[str, object]:
    tls = table.flag("tls", False)
    ca_file = table.path("ca_file")
    if ca_file is not None and not tls:
        table.fault("ca_file", "is of no use without TLS", "add tls = true, or take ca_file out")
    return filled(
        host=table.text("host", "127.0.0.1"),
        port=table.number("port", 5039 if tls else 5038, 1, 65535),
        username=table.text("username", needed="write the account's name in manager.conf"),
        secret=table.reference("secret", needed="write env:NAME, file:PATH or credential:NAME"),
        tls=tls,
        ca_file=None if ca_file is None else str(ca_file),
        lamps_per_second=table.number("lamps_per_second", 1000, 1, 100_000),
        extensions=pattern(table, "extensions"),
    )


def _sip_presence(table: Table) -> dict[str, object]:
    transport = table.choice("transport", "udp", {name: name for name in ("udp", "tcp", "tls")})
    ca_file = table.path("ca_file")
    if ca_file is not None and transport != "tls":
        table.fault("ca_file", "is of no use without TLS", 'write transport = "tls", or take ca_file out')
    username, password = table.text("username"), table.reference("password")
    _check_whole(table)
    return filled(
        host=table.text("host", "127.0.0.1"),
        port=table.number("port", 5061 if transport == "tls" else 5060, 1, 65535),
        transport=transport,
        ca_file=None if ca_file is None else str(ca_file),
        domain=table.checked("domain", "", _HOST, "write the part of people's addresses behind the @"),
        presentity=_presentity(table),
        own=table.checked("own", "", _SIP_ADDRESS, "write sip:NAME@DOMAIN, an address that is nobody's"),
        username=username,
        password=password,
        expires=table.number("expires", 3600, 60, 86_400),
        available=table.choice("available", "open", {name: name for name in ("open", "withdraw")}),
        publishes_per_second=table.number("publishes_per_second", 1000, 1, 100_000),
    )


def _presentity(table: Table) -> str:
    from backsoon.switchboards.sip_presence.settings import template_fault

    text = table.text("presentity", "sip:{extension}@{domain}")
    if fault := template_fault(text):
        table.fault("presentity", fault, "write sip:{extension}@{domain}, or sip:{email}")
        return ""
    return text


def pattern(table: Table, key: str) -> str:
    """A regular expression; "" where there is none."""
    text = table.text(key)
    try:
        re.compile(text)
    except re.error as error:
        table.fault(key, f"is no pattern: {error}", "write a regular expression for the whole, such as '[0-9]{3,5}'")
        return ""
    return text
