"""From what the settings say of a presence server to how it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from backsoon.switchboards.sip_presence.pace import PaceSettings
from backsoon.switchboards.sip_presence.settings import Available, SipPresenceSettings
from backsoon.wire.sip_client import SipAccount, SipAddress, Transport
from backsoon.wire.tls import client_context

PORTS: Mapping[str, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}


def settings_of(told: Mapping[str, object], secret: Callable[[str], str]) -> SipPresenceSettings:
    """The settings of a `[switchboards.NAME]` of kind `sip_presence`; `secret` reads the password by its reference.

    Raises `ValueError`, `BacksoonError`, `OSError`.
    """

    def text(name: str, usual: str = "") -> str:
        return str(told.get(name, usual))

    def number(name: str, usual: int) -> int:
        return int(str(told.get(name, usual)))

    host, transport, ca_file = text("host", "127.0.0.1"), Transport(text("transport", "udp")), text("ca_file")
    tls = client_context(Path(ca_file) if ca_file else None) if transport is Transport.TLS else None
    account = SipAccount(text("username"), secret(text("password"))) if told.get("username") else None
    return SipPresenceSettings(
        SipAddress(host, number("port", PORTS[transport]), transport, tls),
        domain=text("domain", host),
        account=account,
        presentity=text("presentity", "sip:{extension}@{domain}"),
        own=text("own"),
        expires=number("expires", 3600),
        available=Available(text("available", "open")),
        pace=PaceSettings(limit=float(number("publishes_per_second", 1000))),
    )
