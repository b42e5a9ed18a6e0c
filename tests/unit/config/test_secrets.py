"""Secrets by reference: read when used, and never in what is shown, logged or raised."""

import tomllib
from pathlib import Path

import pytest

from backsoon.config import ConfigError, SecretError, Settings, describe, parse, secret, settings_of

TOLD = "hunter2"


def test_where_secrets_are(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(f"{TOLD}\n")
    assert secret("env:S", {"S": TOLD}) == TOLD
    assert secret(f"file:{tmp_path}/s", {}) == TOLD
    assert secret("credential:s", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == TOLD


@pytest.mark.parametrize(
    ("reference", "environment", "what"),
    [
        ("env:S", {}, "not set"),
        ("env:S", {"S": ""}, "not set"),
        ("file:/no/such/file", {}, "No such file"),
        ("credential:s", {}, "systemd"),
        ("credential:..", {"CREDENTIALS_DIRECTORY": "/"}, "systemd"),
        ("credential:../etc/passwd", {"CREDENTIALS_DIRECTORY": "/etc"}, "no reference"),
        (TOLD, {}, "no reference"),
    ],
)
def test_what_cannot_be_read_says_where_it_should_be(reference: str, environment: dict[str, str], what: str) -> None:
    with pytest.raises(SecretError, match=what) as caught:
        secret(reference, environment)
    assert caught.value.remedy
    assert TOLD not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff" + TOLD.encode(), TOLD.encode() * 20_000])
def test_files_that_hold_no_secret(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(SecretError) as caught:
        secret(f"file:{tmp_path}/s", {})
    assert TOLD not in str(caught.value)
    assert TOLD not in repr(caught.value)


def test_a_secret_written_into_the_settings_is_a_fault_that_does_not_quote_it() -> None:
    text = f"""
    [organisation]
    name = "Acme"
    zone = "UTC"
    [calendars.dav]
    kind = "caldav"
    url = "https://u:{TOLD}@example.com/"
    username = "u"
    password = "{TOLD}"
    [switchboards.pbx]
    kind = "asterisk"
    username = "u"
    secret = "{TOLD}"
    """
    with pytest.raises(ConfigError) as caught:
        parse(tomllib.loads(text), Path("/x/backsoon.toml"))
    fields = [p.field for p in caught.value.problems]
    assert fields == ["calendars.dav.url", "calendars.dav.password", "switchboards.pbx.secret"]
    assert TOLD not in f"{caught.value} {caught.value!r} {caught.value.problems!r}"


def test_settings_hold_references_only_and_differences_no_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", TOLD)
    text = """
    [organisation]
    name = "Acme"
    zone = "UTC"
    [calendars.feed]
    kind = "ics"
    url = "https://example.com/private-0123456789/basic.ics"
    username = "u"
    password = "env:S"
    """
    config = parse(tomllib.loads(text), Path("/x/backsoon.toml"))
    differences = describe(Settings(), settings_of(config))
    assert TOLD not in f"{config!r} {differences!r}"
    shown = {d.field: d.after for d in differences}
    assert shown["organisations.main.calendars.feed.settings.url"] == "https://example.com/..."
    assert shown["organisations.main.calendars.feed.settings.password"] == "env:S"
