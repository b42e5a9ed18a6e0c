"""Reads how a receiver of webhooks is reached: `[switchboards.NAME]` with kind = "webhook"."""

from __future__ import annotations

import re

from backsoon.config.fields import filled, split
from backsoon.config.secrets import is_reference
from backsoon.config.table import Table

_REMEDY = "write https://HOST/PATH, or env:NAME, file:PATH or credential:NAME where the path is a secret"
_HOST = re.compile(r"[0-9A-Za-z_.-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?")
_HOSTS_REMEDY = 'write a list of names or addresses, such as ["switch.office.example", "10.1.2.3"]'


def read_webhook(table: Table) -> dict[str, object]:
    """The settings of one receiver, as plain values."""
    hosts = _hosts(table)
    ca_file = table.path("ca_file")
    return filled(
        url=_url(table, hosts),
        secret=table.reference("secret", needed="write env:NAME, file:PATH or credential:NAME"),
        secret_before=table.reference("secret_before"),
        internal_hosts=hosts or None,
        at_once=table.number("at_once", 8, 1, 256),
        ca_file=None if ca_file is None else str(ca_file),
    )


def _hosts(table: Table) -> list[str]:
    value = table.get("internal_hosts")
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(host, str) and _HOST.fullmatch(host) for host in value):
        return [str(host) for host in value]
    table.fault("internal_hosts", "is no list of hosts", _HOSTS_REMEDY)
    return []


def _url(table: Table, hosts: list[str]) -> str:
    if is_reference(str(table.values.get("url", ""))):
        return table.reference("url")
    text = table.text("url", needed=_REMEDY)
    if not text:
        return ""
    parts = split(text)
    host = (parts.hostname or "").rstrip(".")
    if parts.username is not None or parts.password is not None:
        table.fault("url", "holds an account", "take it out of the address: messages are signed")
    elif parts.scheme not in ("https", "http") or not host or not text.isascii() or not text.isprintable():
        table.fault("url", "is no address that can stand here", _REMEDY)
    elif parts.scheme == "http" and host not in {one.lower().strip("[]").rstrip(".") for one in hosts}:
        what = "is not https: everybody's whereabouts would be sent in the clear"
        table.fault("url", what, f"write https, or internal_hosts = [{host!r}] where it is yours")
    else:
        return text
    return ""
