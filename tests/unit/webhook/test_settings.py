"""What may stand in the settings of a receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from backsoon.config.faults import Faults
from backsoon.config.table import Table
from backsoon.config.webhook import read_webhook
from backsoon.domain.organisation import SwitchboardSettings
from backsoon.drivers import Unusable, switchboard_of
from backsoon.switchboards.webhook import WebhookSettings, WebhookSwitchboard
from backsoon.switchboards.webhook.settings import BadReceiver, settings_of
from tests.webhook_receiver import SECRET, around

URL = "https://x.example/hook"


def read(**values: object) -> tuple[dict[str, object], list[str]]:
    faults = Faults("b.toml")
    table = Table({"kind": "webhook", "secret": "env:SECRET", **values}, "switchboards.desk", faults, Path("/etc/b"))
    table.get("kind")
    found = read_webhook(table)
    table.finish()
    return found, [str(fault) for fault in faults.problems]


def test_the_least_that_works() -> None:
    found, faults = read(url=URL)
    assert found == {"url": URL, "secret": "env:SECRET", "at_once": 8}
    assert faults == []


def test_all_of_it_becomes_settings() -> None:
    given = {"secret_before": "env:OLD", "internal_hosts": ["switch.lan"], "at_once": 2, "ca_file": "ca.pem"}
    found, faults = read(url="http://switch.lan:8080/hook", **given)
    assert faults == []
    assert settings_of(SwitchboardSettings("acme", "desk", "webhook", found), str) == WebhookSettings(
        "acme",
        "desk",
        "http://switch.lan:8080/hook",
        "env:SECRET",
        "env:OLD",
        ("switch.lan",),
        2,
        Path("/etc/b/ca.pem"),
    )


def test_an_address_may_be_a_secret() -> None:
    found, faults = read(url="env:HOOK")
    assert (found["url"], faults) == ("env:HOOK", [])
    made = settings_of(SwitchboardSettings("acme", "desk", "webhook", found), {"env:HOOK": URL}.__getitem__)
    assert made.url == URL
    assert URL not in repr(made)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "url"),
        ({"url": "ftp://x.example/"}, "url"),
        ({"url": "https://user:pw@x.example/"}, "account"),
        ({"url": "http://x.example/"}, "https"),
        ({"url": "http://127.0.0.1:8000/"}, "internal_hosts"),
        ({"url": "http://x.example/", "internal_hosts": ["y.example"]}, "https"),
        ({"url": "https://x.example:port/"}, "url"),
        ({"url": URL, "internal_hosts": "x.example"}, "internal_hosts"),
        ({"url": URL, "internal_hosts": ["https://x.example"]}, "internal_hosts"),
        ({"url": URL, "at_once": 0}, "at_once"),
        ({"url": URL, "secret": "the secret itself"}, "secret"),
        ({"url": URL, "secret_before": "the secret itself"}, "secret_before"),
        ({"url": URL, "timeout": 3}, "timeout"),
    ],
)
def test_every_fault_is_named(values: dict[str, object], said: str) -> None:
    _, faults = read(**values)
    assert len(faults) == 1
    assert said in faults[0]
    assert "the secret itself" not in faults[0]
    assert "pw" not in faults[0]


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://x.example/", "https://u@x.example/"])
def test_a_receiver_that_cannot_be(url: str) -> None:
    with pytest.raises(BadReceiver):
        WebhookSettings("acme", "desk", url, "env:SECRET")


def test_a_driver_is_made_of_settings() -> None:
    found, _ = read(url=URL)
    made = switchboard_of(SwitchboardSettings("acme", "desk", "webhook", found), around(secret=SECRET))
    assert isinstance(made, WebhookSwitchboard)
    assert made.settings.url == URL


def test_settings_that_cannot_be_used_harm_nobody() -> None:
    made = switchboard_of(SwitchboardSettings("acme", "desk", "webhook", {"url": "http://x.example/"}), around())
    assert isinstance(made, Unusable)
    assert "https" in str(made.why)
