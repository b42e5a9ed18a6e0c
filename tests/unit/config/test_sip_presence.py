"""Settings of presence servers, and the driver that is made of them."""

from __future__ import annotations

import pytest

from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.sip_presence import Available
from backsoon.switchboards.sip_presence.reading import settings_of
from backsoon.wire.sip_client import SipAccount, Transport
from tests.unit.config.test_load import LEAST, faults, read

BOARD = LEAST + '[switchboards.presence]\nkind = "sip_presence"\n'


def secret(reference: str) -> str:
    assert reference == "env:PW"
    return "correct horse"


def test_usual_ones() -> None:
    (board,) = read(BOARD).organisations[0].switchboards
    settings = settings_of(board.settings, secret)
    assert (settings.address.host, settings.address.port, settings.address.transport) == (
        "127.0.0.1",
        5060,
        Transport.UDP,
    )
    assert (settings.domain, settings.account, settings.expires) == ("127.0.0.1", None, 3600)
    assert (settings.available, settings.pace.limit) == (Available.OPEN, 1000)
    assert settings.address_of("1001", "") == "sip:1001@127.0.0.1"


def test_all_of_them() -> None:
    text = """
        host = "sip.example.com"
        transport = "tls"
        domain = "example.com"
        presentity = "sip:{email}"
        own = "sip:presence@example.com"
        username = "backsoon"
        password = "env:PW"
        expires = 600
        available = "withdraw"
        publishes_per_second = 50
        """
    (board,) = read(BOARD + text).organisations[0].switchboards
    assert "correct horse" not in str(board.settings)
    settings = settings_of(board.settings, secret)
    assert (settings.address.port, settings.address.transport) == (5061, Transport.TLS)
    assert settings.address.tls is not None
    assert settings.account == SipAccount("backsoon", "correct horse")
    assert (settings.own_address, settings.expires) == ("sip:presence@example.com", 600)
    assert (settings.available, settings.pace.limit) == (Available.WITHDRAW, 50)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('transport = "sctp"', "transport"),
        ('ca_file = "ca.pem"', "ca_file"),
        ('domain = "exa mple"', "domain"),
        ('presentity = "sip:everybody@example.com"', "presentity"),
        ('presentity = "sip:{extension}@{name}"', "presentity"),
        ('own = "backsoon"', "own"),
        ('username = "backsoon"', "password"),
        ('password = "env:PW"', "username"),
        ('username = "backsoon"\npassword = "horse"', "password"),
        ("expires = 5", "expires"),
        ('available = "busy"', "available"),
        ("publishes_per_second = 0", "publishes_per_second"),
        ('colour = "green"', "colour"),
    ],
)
def test_faults(line: str, field: str) -> None:
    assert set(faults(f"{BOARD}{line}\n")) == {f"switchboards.presence.{field}"}


def test_a_file_of_authorities_that_is_not_there() -> None:
    with pytest.raises(BacksoonError, match="no such file"):
        settings_of({"transport": "tls", "ca_file": "/nowhere/ca.pem"}, secret)
