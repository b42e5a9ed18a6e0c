"""Processor time for reading one mailbox at Exchange, beside exchangelib's, from the same simulated server.

The whole call is counted: the request, the answer's way through HTTP and XML, the entries. Both read four weeks with
50 and with 200 entries, the same properties, one mailbox after another, each with its connection open and its account
known; Backsoon without the automatic reply, which exchangelib does not read either (`cpu_ms.with_reply` has it).
What exchangelib costs where nobody tells it which properties are wanted is `exchangelib_all`: FindItem and GetItem.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backsoon.sources.base import Window
from backsoon.sources.ews import EwsAccount, EwsSettings
from backsoon.wire.http import Http
from backsoon.wiring import run_blocking
from bench.calendars.serving import ROOT, Served, served
from bench.common import in_child, progress, utc_now
from tests.simulators.ews.crowd import DAYS, address
from tools.peers import Absent, ensure_peer, peers_home
from tools.peers.registry import recipe_of

START = datetime(2026, 11, 23, tzinfo=UTC)
WINDOW = Window(START - timedelta(days=1), START + timedelta(days=DAYS + 1))
WARM = 20
"""Mailboxes that are read before anything is counted."""
ROUNDS = 5
"""They take turns, so that both meet the same machine; the least of the rounds counts."""
SAME = (
    "subject", "start", "end", "uid", "recurrence_id", "original_start", "is_all_day", "legacy_free_busy_status",
    "sensitivity", "is_cancelled", "my_response_type", "type",
)  # fmt: skip
"""The properties that Backsoon asks for."""


def run(asked: argparse.Namespace) -> dict[str, object]:
    """Milliseconds of processor time for a mailbox, and the ratio."""
    figures: dict[str, object] = {}
    for entries in (50, 200):
        count = 6 if asked.quick else 3000 // entries
        arguments = ["--mailboxes", str(count + WARM), "--entries", str(entries), "--start", f"{START:%Y-%m-%d}"]
        with served("ews", arguments) as server:
            figures |= _compared(server, entries, count, 1 if asked.quick else ROUNDS)
    return figures


def _compared(server: Served, entries: int, count: int, rounds: int) -> dict[str, object]:
    mailboxes = [address(number) for number in range(count + WARM)]
    told = server.told
    best: dict[str, float] = {}
    for number in range(rounds):
        progress(f"{entries} entries, {count} mailboxes, round {number + 1}")
        found = {
            "backsoon": in_child(_ours, told, mailboxes, entries, False),
            "with_reply": in_child(_ours, told, mailboxes, entries, True),
            "exchangelib": _theirs(told, mailboxes, entries, only=SAME),
        }
        if number < 2:
            found["exchangelib_all"] = _theirs(told, mailboxes, entries)
        best |= {name: min(cpu, best.get(name, cpu)) for name, cpu in found.items()}
    figures: dict[str, object] = {f"cpu_ms.{name}.{entries}": round(cpu * 1000, 2) for name, cpu in best.items()}
    return figures | {
        f"cpu_ratio_to_{name}.{entries}": round(best["backsoon"] / best[name], 4)
        for name in ("exchangelib", "exchangelib_all")
    }


def _ours(told: dict[str, Any], mailboxes: list[str], entries: int, replies: bool) -> float:
    spent: list[float] = []

    async def read() -> None:
        spent.append(await _read(told, mailboxes, entries, replies))

    run_blocking(read)
    return spent[0]


async def _read(told: dict[str, Any], mailboxes: list[str], entries: int, replies: bool) -> float:
    settings = EwsSettings(
        url=told["url"], username=told["account"], password=told["password"], automatic_replies=replies, push=False
    )
    async with Http() as http:
        account = EwsAccount(settings, http, utc_now)
        cpu = 0.0
        for number, mailbox in enumerate(mailboxes):
            if number == WARM:
                cpu = time.process_time()
            source = account.source(mailbox, zone="Europe/Stockholm", owner=frozenset({mailbox}))
            changes = await source.changes(WINDOW, None)
            assert changes.complete
            assert len(changes.entries) == entries, len(changes.entries)
            await source.close()
        spent = (time.process_time() - cpu) / (len(mailboxes) - WARM)
        await account.close()
        return spent


def _theirs(told: dict[str, Any], mailboxes: list[str], entries: int, **more: Any) -> float:
    python = _exchangelib() / "bin" / "python"
    program = ROOT / "tests" / "simulators" / "ews" / "exchangelib_client.py"
    order = {key: told[key] for key in ("url", "account", "password")} | more
    order |= {"do": "cpu", "mailboxes": mailboxes, "warm": WARM, "build": [15, 1, 2507, 6]}
    order |= {"start": WINDOW.start.isoformat(), "end": WINDOW.end.isoformat()}
    done = subprocess.run([str(python), "-I", str(program), json.dumps(order)], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found.get("entries") == entries, found
    return float(found["cpu_s"])


def _exchangelib() -> Path:
    found = ensure_peer(recipe_of("exchangelib"), peers_home(), progress)
    if isinstance(found, Absent):
        raise SystemExit(f"exchangelib cannot be set up: {found.reason}")
    return found
