"""What the benches share: a store full of people, a lean switchboard, and figures in the field's words."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from backsoon.api.server import Listening, serve_app
from backsoon.config.model import Address, ApiConfig, Config
from backsoon.domain.access import Role
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import CalendarReferral, EntryKey, Rules, Span
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.store.base import CalendarHealth, ReferralChanges, Store
from backsoon.store.sqlite import SqliteStore
from backsoon.switchboards.asterisk.render import render
from backsoon.switchboards.base import NOTHING, Order, Presentation, Rendered, Session, Switchboard, SwitchboardError
from backsoon.wiring import Backsoon, SystemClock, answering_lookups, run_blocking

T = TypeVar("T")
ACME = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS), zone="Europe/Stockholm", country="SE")
FIRST_EXTENSION = 100_000
PAGE = 1000

Spans = Callable[[int], Sequence[tuple[datetime, datetime]]]
"""The spans of one person's referrals, by number."""


def progress(text: str) -> None:
    """Say on stderr what goes on."""
    print(f"  {text}", file=sys.stderr, flush=True)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="backsoon-bench-") as name:
        yield Path(name)


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def rss_mib() -> float:
    """Resident memory of this process now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def peak_rss_mib() -> float:
    """The most resident memory that this process ever had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def at_share(values: Sequence[float], share: float) -> float:
    """The value that `share` in a hundred of these do not pass."""
    ranked = sorted(values)
    return ranked[int((len(ranked) - 1) * share / 100)]


def spread(name: str, values: Sequence[float], digits: int = 1) -> dict[str, object]:
    """`name.p50`, `.p99` and `.max` of the values."""
    ranked = sorted(values)
    last = len(ranked) - 1
    picked = {"p50": ranked[last // 2], "p99": ranked[last * 99 // 100], "max": ranked[-1]}
    return {f"{name}.{key}": round(value, digits) for key, value in picked.items()}


def in_child(work: Callable[..., Any], *args: Any) -> Any:
    """What `work` (a function of a module) returns in a process of its own, whose memory and time are not ours."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


# -- people ---------------------------------------------------------------------------------------------------


def on_our_loop(work: Callable[[], Coroutine[None, None, T]]) -> T:
    """What the work comes to, on the event loop that `backsoon run` has."""
    found: list[T] = []

    async def kept() -> None:
        found.append(await work())

    run_blocking(kept)
    return found[0]


def extension(number: int) -> str:
    """The extension of a person by number."""
    return str(FIRST_EXTENSION + number)


def number_of(extension: str) -> int:
    """The person's number by extension."""
    return int(extension) - FIRST_EXTENSION


def anna(number: int) -> Person:
    """A person by number."""
    return Person(ACME.id, extension(number), f"Anna Berg {number}", f"anna.berg.{number}@acme.example")


async def fill_store(store: Store, people: int, spans: Spans, person: Callable[[int], Person] = anna) -> None:
    """Store `people` people of one organisation with one calendar each, whose entries have these spans.

    Their calendars are not due for reading.
    """
    await store.save_organisation(ACME)
    await store.save_connections(ACME.id, [Connection(ACME.id, "caldav", "memory")])
    await store.save_switchboards(ACME.id, [SwitchboardSettings(ACME.id, "pbx", "memory")])
    health = CalendarHealth("token", utc_now(), utc_now() + timedelta(days=1))
    for first in range(0, people, PAGE):
        numbers = range(first, min(first + PAGE, people))
        saved = await store.save_people([person(number) for number in numbers])
        made = await store.save_calendars([Calendar(p.id, ACME.id, "caldav", p.email) for p in saved])
        reads = (
            store.save_read(calendar.id, _read(calendar.id, spans(number)), health)
            for number, calendar in zip(numbers, made, strict=True)
        )
        await asyncio.gather(*reads)


def _read(calendar: int, spans: Sequence[tuple[datetime, datetime]]) -> ReferralChanges:
    return ReferralChanges(
        tuple(
            CalendarReferral(
                EntryKey(calendar, f"{calendar:08x}-{number:04x}-4b1d-9f5a-0c0ffee{calendar:05x}@acme.example"),
                Span(start, end),
                "meeting",
                note=f"Budget {number}",
                keyword="m",
                resource=f"{calendar:08x}-{number}.ics",
            )
            for number, (start, end) in enumerate(spans)
        ),
        complete=True,
    )


@asynccontextmanager
async def opened(folder: Path, *, full: bool = False) -> AsyncIterator[SqliteStore]:
    """The store in the folder; `full`: every commit waits for the disk."""
    store = await SqliteStore.open(folder / "backsoon.db", durable="full" if full else "mixed")
    try:
        yield store
    finally:
        await store.close()


class ShiftedClock(SystemClock):
    """The machine's clock, `by` seconds off."""

    def __init__(self, by: float) -> None:
        self._by = timedelta(seconds=by)

    def now(self) -> datetime:
        """The present instant there."""
        return super().now() + self._by


@asynccontextmanager
async def running(
    folder: Path,
    store: Store,
    board: Switchboard,
    clock: SystemClock | None = None,
    *,
    network: bool = False,
    prepare: Callable[[Backsoon], None] = lambda _: None,
) -> AsyncIterator[Backsoon]:
    """A whole Backsoon at work on the store in the folder: engine, API and one switchboard.

    `network`: the API and the process for look-ups listen on free ports, see `backsoon.config.api`.
    """
    stop, started = asyncio.Event(), asyncio.Event()
    settings = replace(config(folder), api=ApiConfig(_free(), _free())) if network else config(folder)
    backsoon = Backsoon(settings, store, clock or SystemClock(), make_switchboard=lambda _: board)
    prepare(backsoon)
    listen = settings.api.listen
    over = None if listen is None else Listening(listen.host, listen.port)
    async with answering_lookups(backsoon), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_app(backsoon, backsoon.config.socket, stop, over))
        tasks.create_task(backsoon.run(stop, started.set))
        await started.wait()
        yield backsoon
        stop.set()


def _free() -> Address:
    """An address that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return Address("127.0.0.1", probe.getsockname()[1])


async def token(backsoon: Backsoon, role: Role) -> str:
    """A token of that role."""
    return (await backsoon.tokens.issue(ACME.id, f"bench {role}", role)).text


async def told(backsoon: Backsoon) -> None:
    """Wait until the switchboard was compared with and all differences were told."""
    (publisher,) = backsoon.publishers[ACME.id]
    while not publisher.settled:
        await asyncio.sleep(0.02)
    await publisher.drained()


def config(folder: Path) -> Config:
    """The settings of a Backsoon whose store lies in the folder."""
    return Config(folder / "backsoon.toml", folder, "sqlite:backsoon.db", folder / "backsoon.sock", ())


# -- the switchboard ------------------------------------------------------------------------------------------


class StampingBoard:
    """A switchboard in memory that keeps the contract and stamps what it carries out; it renders as Asterisk's driver.

    `orders` counts what it carried out, `last` is when it was last told something; `lamps` has the instant (seconds
    since 1970) of each lamp that it changed, `lit` whose.
    """

    at_once = 1_000_000
    """It takes whatever it is told."""

    def __init__(self) -> None:
        self.orders = 0
        self.last = 0.0
        self.lamps = array("d")
        self.lit: list[str] = []
        self._held: dict[str, Rendered] = {}

    def render(self, presentation: Presentation) -> Rendered:
        """As Asterisk's driver."""
        return render(presentation)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """One that is never lost."""
        yield self

    async def read_back(self) -> Mapping[str, Rendered]:
        """What is held."""
        return {ext: rendered for ext, rendered in self._held.items() if rendered != NOTHING}

    async def show(self, orders: Sequence[Order]) -> None:
        """Carry out and stamp each order."""
        now, held = time.time, self._held
        for order in orders:
            held[order.extension] = order.after
            if order.before.lamp != order.after.lamp:
                self.lamps.append(now())
                self.lit.append(order.extension)
        self.orders += len(orders)
        self.last = now()
        await asyncio.sleep(0)

    async def lost(self) -> SwitchboardError:
        """Never."""
        await asyncio.Event().wait()
        raise AssertionError

    def forget_stamps(self) -> None:
        """Begin to stamp anew."""
        self.lamps, self.lit = array("d"), []


class LeanBoard(StampingBoard):
    """The same with what it holds in a file, so that the memory measured is Backsoon's, and a restart finds it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    async def read_back(self) -> Mapping[str, Rendered]:
        """What is held, read from the file, of whose lines the last about an extension counts."""
        held: dict[str, Rendered] = {}
        if self.path.exists():
            with self.path.open("rb") as lines:
                for line in lines:
                    held.update((ext, Rendered(lamp, plan)) for ext, lamp, plan in _ORDERS.decode(line))
        return {ext: rendered for ext, rendered in held.items() if rendered != NOTHING}

    async def show(self, orders: Sequence[Order]) -> None:
        """Carry out and stamp each order."""
        with self.path.open("ab") as file:
            file.write(_ENCODER.encode([(o.extension, o.after.lamp, o.after.plan) for o in orders]) + b"\n")
        await super().show(orders)
        self._held.clear()


_ENCODER = msgspec.json.Encoder()
_ORDERS = msgspec.json.Decoder(list[tuple[str, str, str]])
