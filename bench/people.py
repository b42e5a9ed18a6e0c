"""Taking in everybody: 10,000 endpoints of a real Asterisk, as many entries of a real slapd; what others feel of it.

`stall_ms.max` is the longest time for which nothing else had its turn in the process.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from backsoon.directories.ldap import LdapPeople, LdapSettings, usual_filter
from backsoon.domain.organisation import Connection
from backsoon.engine.importing import ImportOptions, import_listing
from backsoon.switchboards.asterisk.driver import AsteriskSettings
from backsoon.switchboards.asterisk.people import AsteriskPeople
from backsoon.wire.ami_client import AmiAccount, AmiAddress
from backsoon.wire.ldap import LdapAccount, LdapAddress
from bench.common import folder, progress
from tests.unit.engine.world import acme, world
from tools.peers import Absent, find_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk
from tools.peers.recipe import PeerError
from tools.peers.slapd import PEOPLE, READER, READER_PASSWORD, PrivateSlapd, person

T = TypeVar("T")
PHONE = """[{n}]
type = endpoint
aors = {n}
auth = {n}
mailboxes = {n}@default
[{n}]
type = auth
username = {n}
password = {n}
[{n}]
type = aor
max_contacts = 1
"""


def run(options: Sequence[str]) -> dict[str, object]:
    """The figures."""
    parser = argparse.ArgumentParser(prog="people")
    parser.add_argument("--people", type=int, default=10_000)
    people = parser.parse_args(options).people
    numbers = range(10_000, 10_000 + people)
    asterisk, ldap = find_peer("asterisk"), find_peer("ldap")
    if isinstance(asterisk, Absent) or isinstance(ldap, Absent):
        raise PeerError("Asterisk and slapd are needed; `make peers` sets them up")
    mailboxes = "".join(f"{n} => 1,Person {n},p{n}@example.com\n" for n in numbers)
    board = ServerSettings(
        "[x]\nexten => 1,1,Hangup()\n",
        {"backsoon": ManagerAccount("s")},
        pjsip="".join(PHONE.format(n=n) for n in numbers),
        voicemail=f"[general]\nformat = wav\n[default]\n{mailboxes}",
    )
    entries = (person(f"p{n}", f"Person {n}", ipPhone=str(n), mail=f"p{n}@example.com") for n in numbers)
    progress(f"{people} endpoints and entries")
    with PrivateAsterisk(asterisk, board) as switchboard, PrivateSlapd(ldap, entries) as directory:
        figures = asyncio.run(_measure(switchboard, directory))
    return {"people": people, **figures}


async def _measure(switchboard: PrivateAsterisk, directory: PrivateSlapd) -> dict[str, object]:
    phones = AsteriskPeople(AsteriskSettings(AmiAddress(port=switchboard.ami_port), AmiAccount("backsoon", "s")))
    staff = LdapPeople(
        LdapSettings(
            LdapAddress("127.0.0.1", directory.port),
            PEOPLE,
            usual_filter(["ipPhone"]),
            LdapAccount(READER, READER_PASSWORD),
        )
    )
    figures: dict[str, object] = {}
    with folder() as path:
        async with world(path) as w:
            url = "https://dav.example.com/{email}/"
            dav = Connection("acme", "dav", "caldav", {"url": url, "people": "everybody"})
            await w.store.save_connections("acme", [dav])
            listing = await _timed("asterisk_read", phones.people, figures)
            await _timed("ldap_read", staff.people, figures)

            async def take_in() -> None:
                await import_listing(listing, acme(), w.store, w.service, ImportOptions())

            await _timed("first", take_in, figures)
            await _timed("again", take_in, figures)
    return figures


async def _timed(name: str, work: Callable[[], Awaitable[T]], figures: dict[str, object]) -> T:
    stalls: list[float] = []
    watching = asyncio.ensure_future(_watch(stalls))
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    try:
        return await work()
    finally:
        figures[f"{name}_s"] = round(time.perf_counter() - began, 2)
        await asyncio.sleep(0)
        watching.cancel()
        figures[f"{name}_stall_ms.max"] = round(1000 * max(stalls), 1)


async def _watch(stalls: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        stalls.append(time.perf_counter() - began - 0.001)
