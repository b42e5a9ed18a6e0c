"""Reads `[api]`: where the network is listened to, and for whom."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from backsoon.config.fields import secured
from backsoon.config.model import Address, ApiConfig
from backsoon.config.table import Table

LISTEN = "127.0.0.1:8623"
"""Where nothing is said: this machine only."""
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})")
_PUBLIC = "write https://HOST"
_REMEDY = 'write ADDRESS:PORT, such as 127.0.0.1:8623 or [::1]:8623; "" for none'


def read_api(table: Table) -> ApiConfig:
    """The settings of the network."""
    certificate, key = table.path("certificate"), table.path("key")
    behind_proxy = table.flag("behind_proxy", False)
    if key is not None and certificate is None:
        table.fault("key", "is of no use without a certificate", "add certificate, or take key out")
    listen, lookup = _address(table, "listen", LISTEN), _address(table, "lookup", "")
    public, pages = _public(table, listen), _pages(table, listen, secure=certificate is not None)
    found = ApiConfig(listen, lookup, certificate, key, behind_proxy, public, pages)
    for field, address in (("listen", found.listen), ("lookup", found.lookup)):
        if address is not None and not address.loopback and certificate is None and not behind_proxy:
            what = f"{address} is not this machine's own address: tokens would be sent in the clear"
            table.fault(field, what, "add certificate and key, or behind_proxy = true where a proxy of yours has them")
    if found.listen is not None and found.listen.port and found.listen == found.lookup:
        table.fault("lookup", f"{found.lookup} is that of listen", "write another port")
    table.finish()
    return found


def _public(table: Table, listen: Address | None) -> str:
    """Where /hooks/ can be reached from outside; "" for nowhere."""
    address = "" if table.get("public") == "" else secured(table, "public", _PUBLIC).rstrip("/")
    if address and listen is None:
        table.fault("public", "nothing listens there", "notifications arrive at `listen`: write an address there")
    elif urlsplit(address).path:
        table.fault("public", "must end with the host", f"{_PUBLIC}: /hooks/graph and so on is added to it")
    return address


def _pages(table: Table, listen: Address | None, *, secure: bool) -> str:
    """Where browsers have the pages. By itself only where it can be known: on this machine. Never what a request says
    that it asked (`Host`): issuers send people back there."""
    if table.get("pages") not in (None, ""):
        address = secured(table, "pages", _PUBLIC).rstrip("/")
        if urlsplit(address).path:
            table.fault("pages", "must end with the host", f"{_PUBLIC}: the pages are at its root")
            return ""
        return address
    if listen is None or not listen.loopback or not listen.port:
        return ""
    return f"{'https' if secure else 'http'}://{listen}"


def _address(table: Table, key: str, usual: str) -> Address | None:
    value = table.get(key)
    text = usual if value is None else value
    if text == "":
        return None
    match = _ADDRESS.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or int(match["port"]) > 65535 or not _is_address(match["six"], 6):
        table.fault(key, "is no address to listen at", _REMEDY)
        return None
    return Address(match["six"] or match["host"], int(match["port"]))


def _is_address(text: str | None, version: int) -> bool:
    try:
        return text is None or ipaddress.ip_address(text).version == version
    except ValueError:
        return False
