"""From settings to objects: what cannot be used is told, and harms no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backsoon.accounts import AT_ONCE
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Connection, Organisation, Person, SwitchboardSettings
from backsoon.drivers import passing, switchboard_of
from backsoon.factories import Sources, WrongSettings
from backsoon.sources.base import SourceError
from backsoon.sources.caldav import CalDavSource
from backsoon.sources.ews import EwsAccount
from backsoon.sources.google import GoogleAccount
from backsoon.sources.graph import GraphAccount
from backsoon.sources.ics import IcsSource
from backsoon.store.sqlite import SqliteStore
from backsoon.switchboards.asterisk import AsteriskSwitchboard
from backsoon.switchboards.base import SwitchboardError
from backsoon.wiring import SystemClock

ANNA = Person("acme", "1001", "Anna Berg", "anna@example.com")


@pytest.fixture
async def sources(tmp_path: Path) -> AsyncIterator[Sources]:
    store = await SqliteStore.open(tmp_path / "backsoon.db")
    await store.save_organisation(Organisation("acme", "Acme", Rules({}, {}), hours=WorkingHours()))
    made = Sources(store, lambda: datetime.now(UTC))
    await made.refresh()
    yield made
    await made.close()
    await store.close()


def connection(kind: str = "caldav", **settings: object) -> Connection:
    return Connection("acme", "dav", kind, {"url": "https://dav.example.com/{user}/", **settings})


async def test_each_kind_has_its_source(sources: Sources) -> None:
    assert isinstance(sources.make(connection(), "", ANNA), CalDavSource)
    assert isinstance(sources.make(connection("ics"), "", ANNA), IcsSource)


@pytest.mark.parametrize(
    ("kind", "settings", "vendor"),
    [
        ("ews", {"url": "https://mail.example.com/ews", "username": "EXAMPLE\\b", "password": "env:WORD"}, EwsAccount),
        ("graph", {"tenant": "t", "client_id": "c", "client_secret": "env:WORD"}, GraphAccount),
        ("google", {"credentials": "{}"}, GoogleAccount),
    ],
)
async def test_each_kind_of_account_is_its_vendors(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, kind: str, settings: dict[str, object], vendor: type
) -> None:
    monkeypatch.setenv("WORD", "hidden")
    made = sources.account(
        Connection("acme", "cloud", kind, {**settings, "at_once": 6, "mailbox": "{user}@example.com"})
    )
    assert isinstance(made, vendor)
    assert 0 < made.at_once < min(AT_ONCE.values()), "as is set, and not as is usual"


def test_an_account_brings_its_own_vendor_only() -> None:
    """The commands must begin at once: what another vendor needs is not imported."""
    script = """
import sys
from backsoon.domain.organisation import Connection
from backsoon.factories import Sources
assert not [name for name in sys.modules if name.startswith("backsoon.sources.ews")]
Sources(None, None).account(Connection("acme", "ex", "ews", {"url": "https://a.example.com", "username": "b"}))
print(*sorted({name.split(".")[2] for name in sys.modules if name.startswith("backsoon.sources.")}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "ews" in done.stdout.split(), done.stderr
    assert not {"graph", "google", "caldav"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("wrong", "address"),
    [
        (connection("notes"), ""),
        (connection(username="service", password="env:BACKSOON_NO_SUCH_SECRET"), ""),
        (connection(ca_file="/no/such/file"), ""),
        (connection(url="gopher://dav.example.com/"), ""),
        (Connection("acme", "cloud", "graph", {}), ""),
    ],
)
async def test_what_cannot_be_used_is_a_source_error_with_a_remedy(
    sources: Sources, wrong: Connection, address: str
) -> None:
    with pytest.raises(WrongSettings) as error:
        sources.make(wrong, address, ANNA)
    assert error.value.remedy


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example.net/anna/", "http://dav.example.com/", "https://dav.example.com:444/"]
)
async def test_an_account_is_told_to_its_own_server_only(
    sources: Sources, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAV_PASSWORD", "pw")
    account = connection(username="service", password="env:DAV_PASSWORD")
    assert isinstance(sources.make(account, "https://dav.example.com/other/", ANNA), CalDavSource)
    with pytest.raises(SourceError, match="another server"):
        sources.make(account, elsewhere, ANNA)


def test_asterisk_has_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMI_SECRET", "pw")
    settings = SwitchboardSettings("acme", "pbx", "asterisk", {"secret": "env:AMI_SECRET", "port": 5039})
    driver = switchboard_of(settings, passing(SystemClock().now))
    assert isinstance(driver, AsteriskSwitchboard)
    assert driver.settings.address.port == 5039


@pytest.mark.parametrize(
    "settings",
    [
        SwitchboardSettings("acme", "pbx", "semaphore"),
        SwitchboardSettings("acme", "pbx", "asterisk", {"secret": "env:BACKSOON_NO_SUCH_SECRET"}),
    ],
)
async def test_a_switchboard_that_cannot_be_used_is_down_and_says_why(settings: SwitchboardSettings) -> None:
    driver = switchboard_of(settings, passing(SystemClock().now))
    with pytest.raises(SwitchboardError, match=r"semaphore|BACKSOON_NO_SUCH_SECRET") as error:
        async with driver.session():
            pass
    assert "semaphore" in str(error.value) or "set BACKSOON_NO_SUCH_SECRET" in error.value.remedy
