"""A Radicale of the demonstration's own: on loopback, on a free port, in a folder that goes with it."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backsoon.commands.demoing.company import Booking, icalendar
from backsoon.domain.errors import BacksoonError

SERVICE = "backsoon"
"""The account that reads everybody's calendar."""
START_SECONDS = 30.0
END_SECONDS = 5.0

CONFIG = """[server]
hosts = 127.0.0.1:{port}
[auth]
type = none
[rights]
type = authenticated
[storage]
filesystem_folder = {folder}
[logging]
level = warning
"""
COLLECTION = """<?xml version="1.0" encoding="utf-8"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><D:displayname>Calendar</D:displayname></D:prop></D:set></C:mkcalendar>"""


class NoRadicale(BacksoonError):
    """The demonstration needs a calendar server and found none."""

    remedy = "run it by `make demo`, which sets Radicale up, or `pip install radicale` and name it by --radicale"


def find(given: Path | None) -> Path:
    """The program: the one given, that of `make peers`, or the one on the path. Raises `NoRadicale`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    peers = Path(os.environ.get("BACKSOON_PEERS") or cache / "backsoon" / "peers")
    candidates = [given] if given else [peers / "caldav" / "bin" / "radicale", Path(sys.executable).parent / "radicale"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    on_path = shutil.which("radicale")
    if given or on_path is None:
        raise NoRadicale(f"there is no Radicale at {given}" if given else "Radicale was not found")
    return Path(on_path)


@asynccontextmanager
async def running(program: Path, folder: Path, port: int = 0) -> AsyncIterator[str]:
    """Run it until the context ends; its address. `port` 0: any that is free. Raises `NoRadicale`."""
    port = port or _free_port()
    config = _configured(folder, port)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(program), "--config", str(config), stdin=DEVNULL, stdout=log, stderr=STDOUT
        )
        try:
            await _answering(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            await _ended(process)


async def _ended(process: Process) -> None:
    """Have it end. It waits for what its threads are at, so it is not asked for ever."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _configured(folder: Path, port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config"
    config.write_text(CONFIG.format(port=port, folder=folder / "collections"))
    return config


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answering(process: Process, port: int) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pass
    raise NoRadicale("Radicale does not start")


def make_calendar(address: str, user: str) -> None:
    """A calendar of the user's own."""
    _request(address, "MKCALENDAR", f"/{user}/calendar/", COLLECTION, user, "application/xml; charset=utf-8")


def book(address: str, booking: Booking, uid: str) -> None:
    """Put an entry into its user's calendar, as their own program does."""
    path = f"/{booking.user}/calendar/{uid}.ics"
    _request(address, "PUT", path, icalendar(booking, uid), booking.user, "text/calendar; charset=utf-8")


def _request(address: str, method: str, path: str, body: str, user: str, kind: str) -> None:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        account = b64encode(f"{user}:demo".encode()).decode()
        connection.request(method, path, body.encode(), {"Content-Type": kind, "Authorization": f"Basic {account}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 201, 204):
            raise NoRadicale(f"Radicale answered {answer.status} to {method} {path}")
    except OSError as error:
        raise NoRadicale(f"the demonstration's Radicale does not answer at {address}: is it running?") from error
    finally:
        connection.close()
