"""A new administrator of Exchange, Microsoft 365 or Google: from `init` to a calendar that refers."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.acceptance.commands import PROGRAM, Done, Shell
from tests.simulators.ews import EwsSimulator
from tests.simulators.google import GoogleSimulator
from tests.simulators.graph import GraphSimulator
from tests.simulators.model import Mailbox, Meeting, World

ANNA, BO, BOSS = (f"{name}@example.com" for name in ("anna", "bo", "boss"))
NETWORK = {"BACKSOON_API__LISTEN": "127.0.0.1:0"}


def world() -> World:
    """Anna is in a meeting now; Bo has shared nothing, and nobody shall read the boss."""
    made = World([Mailbox(ANNA), Mailbox(BO, access="none"), Mailbox(BOSS, access="none")])
    now = datetime.now(UTC).replace(tzinfo=None)
    start, end = now - timedelta(hours=1), now + timedelta(hours=2)
    made[ANNA].put(Meeting("u1", start, end, "m: Budget // Xylophone", "UTC"))
    made[ANNA].put(Meeting("u2", start, end, "Quetzalcoatl", "UTC"))
    return made


@dataclass
class Vendor:
    """A simulator that runs, and what `init` is told of it."""

    kind: str
    options: list[str]
    environment: dict[str, str]
    files: dict[str, str]
    read: str
    """What `check` says of Anna's calendar."""


@asynccontextmanager
async def exchange() -> AsyncIterator[Vendor]:
    async with EwsSimulator(world()) as sim:
        options = ["--calendar-url", sim.url, "--calendar-username", sim.account, "--calendar-password", "env:EWS"]
        yield Vendor("ews", options, {"EWS": sim.password}, {}, f"{ANNA}: the calendar can be read")


@asynccontextmanager
async def microsoft365() -> AsyncIterator[Vendor]:
    async with GraphSimulator(world()) as sim:
        app = sim.registration
        options = ["--calendar-tenant", app.tenant, "--calendar-client-id", app.client_id, "--calendar-url", sim.url]
        options += ["--calendar-client-secret", "env:GRAPH", "--calendar-outside", BOSS]
        options += ["--calendar-ca-file", sim.ca_file, "--calendar-cloud", "us_gov"]
        environment = {"BACKSOON_CALENDARS__MAIN__SIGN_IN_URL": sim.sign_in_url}
        yield Vendor("graph", options, {"GRAPH": app.client_secret, **environment}, {}, f"{ANNA} can be read")


@asynccontextmanager
async def google() -> AsyncIterator[Vendor]:
    async with GoogleSimulator(world()) as sim:
        yield Vendor(
            "google", ["--calendar-url", sim.url], {}, {"google.json": sim.service_account()}, f"{ANNA}: can be"
        )


VENDORS = {"exchange": exchange, "microsoft365": microsoft365, "google": google}


@pytest.fixture(params=VENDORS)
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Vendor]:
    async with VENDORS[request.param]() as made:
        yield made


@pytest.fixture
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as folder:  # the path of a socket must be short
        yield Shell(Path(folder))


async def typed(shell: Shell, *arguments: str, status: int = 0) -> Done:
    """Run a command while the simulator goes on."""
    return await asyncio.to_thread(lambda: shell(*arguments, status=status))


async def prepared(shell: Shell, vendor: Vendor) -> Done:
    """A folder in which `init` has been done."""
    shell.environment |= NETWORK | vendor.environment
    for name, content in vendor.files.items():
        (shell.folder / name).write_text(content)
    kind = ["--calendar-kind", vendor.kind, "--try-email", ANNA]
    return await typed(shell, "init", "--yes", "--zone", "Europe/Oslo", *kind, *vendor.options)


async def test_from_nothing_to_a_calendar_that_refers(shell: Shell, vendor: Vendor) -> None:
    said = (await prepared(shell, vendor)).err
    assert vendor.read in said
    written = (shell.folder / "backsoon.toml").read_text()
    assert ('cloud = "us_gov"\nurl' in written, "\nca_file = " in written) == ((vendor.kind == "graph",) * 2)
    assert f"calendar {ANNA}: read; 2 entries" in said
    await typed(shell, "people", "add", "101", "Anna Berg", "--email", ANNA)
    checked = await typed(shell, "check", "--json")
    assert any(vendor.read in one["text"] for one in checked.json)
    assert not [one for one in checked.json if one["level"] == "error"]
    (row,) = [r for r in (await typed(shell, "preview", "101", "--json")).json if r["outcome"] == "referral"]
    assert (row["uid"], row["reason"], row["note"]) == ("u1", "meeting", "Budget")
    await asyncio.to_thread(_refers, shell)
    kept = b"".join(path.read_bytes() for path in (shell.folder / "backsoon-data").iterdir() if path.is_file())
    kept += (shell.folder / "run.log").read_bytes()
    assert b"Budget" in kept, "what is looked for could be found"
    assert b"Quetzalcoatl" not in kept
    assert b"Xylophone" not in kept


def _refers(shell: Shell) -> None:
    with shell.running():
        shell.until(lambda: "In a meeting" in shell("show", "101").out)


async def test_a_calendar_that_is_not_shared_is_named_with_what_to_do(shell: Shell, vendor: Vendor) -> None:
    await prepared(shell, vendor)
    await typed(shell, "people", "add", "101", "Anna Berg", "--email", ANNA)
    await typed(shell, "people", "add", "102", "Bo Ek", "--email", BO)
    checked = (await typed(shell, "check", "--json", status=1)).json
    (wrong,) = [one for one in checked if one["level"] == "error"]
    assert BO in wrong["text"]
    assert wrong["remedy"]
    found = await typed(shell, "calendars", "discover", "--json")
    (main,) = found.json
    assert [(c["address"], c["person"]["extension"], c["by"]) for c in main["calendars"]] == [(ANNA, "101", "read")]
    assert [p["extension"] for p in main["without"]] == ["102"]


async def test_a_mailbox_outside_is_proved_to_be_refused(shell: Shell, vendor: Vendor) -> None:
    await prepared(shell, vendor)
    await typed(shell, "people", "add", "101", "Anna Berg", "--email", ANNA)
    checked = (await typed(shell, "check", "--outside", BOSS, "--json")).json
    (found,) = [one for one in checked if BOSS in one["text"]]
    assert found["level"] == ("warning" if vendor.kind == "google" else "ok"), (
        "Google does not tell refused from missing"
    )
    checked = (await typed(shell, "check", "--outside", ANNA, "--mailbox", ANNA, "--json", status=1)).json
    (found,) = [one for one in checked if one["level"] == "error"]
    assert ANNA in found["text"]


@pytest.mark.parametrize(
    ("made", "secret", "what"),
    [
        (exchange, "EWS", "401"),
        (microsoft365, "GRAPH", "AADSTS7000215"),
        (google, "google.json", "invalid_grant"),
    ],
)
async def test_a_wrong_secret_has_its_sentence_and_is_not_shown(
    shell: Shell, made: Any, secret: str, what: str
) -> None:
    async with made() as vendor:
        await prepared(shell, vendor)
        if secret in shell.environment:
            shell.environment[secret] = "hunter2"
        else:
            other = json.loads((shell.folder / secret).read_text()) | {
                "private_key": _another_key(),
                "private_key_id": "hunter2",
            }
            (shell.folder / secret).write_text(json.dumps(other))
        await typed(shell, "people", "add", "101", "Anna Berg", "--email", ANNA)
        done = await typed(shell, "check", "--json", status=1)
        wrong = [one for one in done.json if one["level"] == "error"]
        assert any(what in one["text"] for one in wrong), wrong
        assert all(one["remedy"] for one in wrong)
        assert "hunter2" not in done.out + done.err


def _another_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode()


async def test_what_was_shared_under_other_addresses_is_taken_in(shell: Shell) -> None:
    async with google() as vendor:
        await prepared(shell, vendor)
        await typed(shell, "people", "add", "101", "Anna", "--email", "a.berg@elsewhere.example.com")
        await typed(shell, "people", "add", "102", "Bo", "--email", BO)
        rows = (await typed(shell, "calendars", "discover", "--csv")).out
        assert rows == "extension,calendar,connection\n"
    shared = GoogleSimulator(world())
    shared.listed_for_service_account = True
    async with shared as sim:
        shell.environment["BACKSOON_CALENDARS__MAIN__URL"] = sim.url
        (shell.folder / "google.json").write_text(sim.service_account())
        rows = (await typed(shell, "calendars", "discover", "--csv")).out
        assert rows == f"extension,calendar,connection\n101,{ANNA},main\n"
        (shell.folder / "found.csv").write_text(rows)
        await typed(shell, "people", "import", "found.csv")
        found = (await typed(shell, "calendars", "discover", "--json")).json[0]["calendars"]
        assert [(c["address"], c["by"]) for c in found] == [(ANNA, "read")]


async def test_signing_in_at_google(shell: Shell) -> None:
    async with GoogleSimulator(world()) as sim:
        vendor = Vendor("google", ["--calendar-url", sim.url, "--no-try"], {}, {}, "")
        await prepared(shell, vendor)
        client = shell.folder / "client_secret.json"
        client.write_text(sim.signing.client(sim.origin))
        written = await _signed_in(shell)
        assert written["credentials"] == str(shell.folder / "google.json")
        assert "calendar.events.readonly" in written["rights"]
        told = json.loads((shell.folder / "google.json").read_text())
        assert told["type"] == "authorized_user"
        await typed(shell, "people", "add", "101", "Anna Berg", "--email", ANNA)
        found = (await typed(shell, "calendars", "discover", "--json")).json
        assert [c["address"] for c in found[0]["calendars"]] == [ANNA]


async def _signed_in(shell: Shell) -> Any:
    """What the command says once somebody has consented in a browser."""
    environment = shell._environment()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "calendars", "sign-in", "--json", cwd=shell.folder, env=environment, stdout=pipe, stderr=pipe
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while not (line := (await process.stderr.readline()).decode()).startswith("http"):
            assert line, "it ended without an address"
        async with aiohttp.ClientSession() as browser, browser.get(line.strip()) as answer:
            assert answer.status == 200
        out, err = await process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


async def test_signing_in_needs_a_connection_to_google(shell: Shell) -> None:
    shell.settings()
    done = await typed(shell, "calendars", "sign-in", status=1)
    assert "no connection of kind google" in done.err
    assert "no connection of kind ews or graph or google" in (await typed(shell, "calendars", "discover", status=1)).err
