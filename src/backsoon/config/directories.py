"""Reads where people are listed beside the switchboard: `[directories.NAME]`."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from backsoon.config.connections import pattern, read_kinds
from backsoon.config.faults import suggestion
from backsoon.config.table import Table
from backsoon.domain.address import this_machine
from backsoon.domain.organisation import DirectorySettings

PORTS = {"ldap": 389, "ldaps": 636}
FIELDS = ("extension", "name", "email", "department", "title", "zone", "language", "country", "competences")
"""What attributes may be read for."""
URL_REMEDY = "write ldaps://HOST, or ldap://HOST for StartTLS"
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}|[0-9]+(\.[0-9]+)+")
"""RFC 4512 section 2.5: a short name, or a number."""


def read_directories(table: Table, organisation: str) -> tuple[DirectorySettings, ...]:
    """The directories of an organisation."""
    found = read_kinds(table, "directories", {"ldap": _ldap})
    return tuple(DirectorySettings(organisation, name, kind, settings) for name, kind, settings in found)


def _ldap(table: Table) -> dict[str, object]:
    address = _address(table)
    username, password = table.text("username"), table.reference("password")
    if ("username" in table.values) != ("password" in table.values):
        missing = "password" if "username" in table.values else "username"
        table.fault(missing, "is missing: an account is a username and a password", f"add {missing}, or take both out")
    if username and address and not (address["tls"] or address["start_tls"] or this_machine(str(address["host"]))):
        table.fault("start_tls", "is needed: the password would be sent in the clear", URL_REMEDY)
    ca_file = table.path("ca_file")
    settings: dict[str, object] = {
        **address,
        "username": username,
        "password": password,
        "ca_file": None if ca_file is None else str(ca_file),
        "base": table.text("base", needed='write where people are, such as "ou=people,dc=example,dc=com"'),
        "filter": _filter(table),
        "extension": pattern(table, "extension"),
        "page_size": table.number("page_size", 500, 1, 10_000),
        "attributes": _attributes(table.table("attributes")),
    }
    return {key: value for key, value in settings.items() if value not in (None, "", {})}


def _address(table: Table) -> dict[str, object]:
    text = table.text("url", needed=URL_REMEDY)
    try:
        parts = urlsplit(text)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        parts, host, port, user = urlsplit(""), None, None, None
    tls = parts.scheme == "ldaps"
    start_tls = table.flag("start_tls", not tls and not this_machine(host or ""))
    if not text:
        return {}
    if user is not None:
        table.fault("url", "holds an account", "take it out of the address: write username and password")
    elif parts.scheme not in PORTS or not host or parts.path.strip("/") or parts.query:
        table.fault("url", "is no address of a directory", f"{URL_REMEDY}; what it holds is named by base and filter")
    elif tls and start_tls:
        table.fault("start_tls", "is of no use: ldaps:// is TLS already", "take it out")
    else:
        return {"host": host, "port": port or PORTS[parts.scheme], "tls": tls, "start_tls": start_tls}
    return {}


def _filter(table: Table) -> str:
    text = table.text("filter")
    if text:
        from backsoon.wire.ldap import check_filter  # not read for whoever has no directory

        fault = check_filter(text) if text.startswith("(") else "it must stand in brackets"
        if fault is not None:
            table.fault("filter", f"is no filter: {fault}", 'write "(objectClass=person)", or "(&(...)(...))" for both')
            return ""
    return text


def _attributes(table: Table) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def read(key: str, value: object) -> None:
        names = [value] if isinstance(value, str) else value
        if key not in FIELDS:
            return table.fault(key, "is no field of a person that is read", suggestion(key, FIELDS))
        if not isinstance(names, list) or not all(isinstance(n, str) and _ATTRIBUTE.fullmatch(n) for n in names):
            return table.fault(key, "names no attributes", 'write a name in quotes, or ["one", "or another"]')
        found[key] = [str(name) for name in names]

    table.each(read)
    return found
