"""The store in one SQLite file: one thread writes, short reads run on the event loop, large ones in a thread.

Measured: a look-up by index costs 8 microseconds on the loop and 113 by way of a thread, so what is short stays on the
loop; it has a connection of its own, which never waits for a lock. WAL lets readers and the writer work side by side.
Nothing of this shows in the contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from secrets import token_bytes
from typing import Concatenate, Literal, ParamSpec, Self, TypeVar

from backsoon.domain.messages import Message
from backsoon.domain.model import CalendarReferral, Override
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.store import codec, rows
from backsoon.store.base import (
    BEGINNING,
    AvailabilityChange,
    CalendarHealth,
    CalendarProblem,
    Claims,
    ConnectionHealth,
    Freshness,
    Grounds,
    KnownOverride,
    Lane,
    NotStored,
    PersonState,
    ReadCalendar,
    ReferralChanges,
    Store,
    StoreUnavailable,
    Subscription,
    Token,
    Told,
)
from backsoon.store.sqlite import calendars as reading
from backsoon.store.sqlite import deciding, reads, settings
from backsoon.store.sqlite import messages as left
from backsoon.store.sqlite import people as staff
from backsoon.store.sqlite import subscriptions as ordering
from backsoon.store.sqlite.accounts import StoredAccounts, forget_sessions
from backsoon.store.sqlite.database import Database, Locked
from backsoon.store.sqlite.migrate import prepare
from backsoon.store.sqlite.pieces import encoded
from backsoon.store.sqlite.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")

SHORT = 100
"""Up to how many rows a read stays on the event loop."""
EVERY = 2**62
"""More rows than there are."""
FIRST_DUE = (-(2**63), 0)
"""Before everybody who is due."""


class SqliteStore(StoredAccounts, Store):
    """`backsoon.store.base.Store` in one file; several processes may open it at once.

    With `durable="mixed"` what can be derived again (reads, decisions, what switchboards were told) is committed
    without waiting for the disk: a power cut may take the last of it back, whole transactions only, and it is read or
    decided again. Whatever somebody was told is saved waits for the disk (`synchronous=FULL`) and takes all that was
    committed before along, since the log is one file in order. With "full" everything waits.
    """

    def __init__(self, path: Path, *, durable: Literal["full", "mixed"], wait: float) -> None:
        """For `open`, which prepares the file."""
        self.path = path
        self._always_durable = durable == "full"
        self._near = Database(path, wait=0)
        self._far = Database(path, wait=wait)
        self._far_thread = ThreadPoolExecutor(1, thread_name_prefix="backsoon-store-reader")
        self._writer = Writer(Database(path, wait=wait, cache=8192))
        self._closed = False

    @classmethod
    async def open(
        cls, path: Path, *, durable: Literal["full", "mixed"] = "mixed", wait: float = 5.0, backups: int = 3
    ) -> Self:
        """Open the file, made if there is none, at the schema of this version.

        `wait` is how long another process's lock is waited for, in seconds; `backups` how many copies from before
        migrations stay beside the file. Raises `StoreError` for a file of a later version or a damaged one,
        `StoreUnavailable` where it cannot be opened.
        """
        await asyncio.to_thread(prepare, path, wait=wait, backups=backups)
        return cls(path, durable=durable, wait=wait)

    @property
    def errors(self) -> int:
        """How many statements failed since it was opened."""
        return self._near.errors + self._far.errors + self._writer.errors

    async def close(self) -> None:
        """Finish what was begun and release the file. What is called later raises `StoreUnavailable`."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._far_thread.shutdown)
            self._near.close()
            self._far.close()
        await self._writer.close()

    async def _read(
        self, work: Callable[Concatenate[Database, P], T], short: bool, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._closed:
            raise StoreUnavailable(f"{self.path}: the store is closed")
        if short:
            try:
                return work(self._near, *args, **kwargs)
            except Locked:  # rare (recovery after a crash): the thread may wait
                pass
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._far_thread, lambda: work(self._far, *args, **kwargs))

    async def _write(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.run(lambda database: work(database, *args, **kwargs), durable=True)

    async def _write_again(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Store what can be derived again."""
        durable = self._always_durable
        return await self._writer.run(lambda database: work(database, *args, **kwargs), durable=durable)

    async def _write_with_others(
        self, work: Callable[[Database, Sequence[V]], Sequence[T | BaseException]], value: V, key: Hashable
    ) -> T:
        """The same by work that is done for many values in one call: see `Writer.run_with_others`."""
        return await self._writer.run_with_others(work, value, key, durable=self._always_durable)

    # -- settings ---------------------------------------------------------------------------------------------

    async def organisations(self) -> tuple[Organisation, ...]:
        return await self._read(settings.organisations, True)

    async def save_organisation(self, organisation: Organisation) -> None:
        await self._write(settings.save_organisation, organisation)

    async def connections(self, organisation: str | None = None) -> tuple[Connection, ...]:
        return await self._read(settings.connections, True, organisation)

    async def save_connections(self, organisation: str, connections: Sequence[Connection]) -> None:
        await self._write(settings.save_connections, organisation, tuple(connections))

    async def switchboards(self, organisation: str | None = None) -> tuple[SwitchboardSettings, ...]:
        return await self._read(settings.switchboards, True, organisation)

    async def save_switchboards(self, organisation: str, switchboards: Sequence[SwitchboardSettings]) -> None:
        await self._write(settings.save_switchboards, organisation, tuple(switchboards))

    # -- people -----------------------------------------------------------------------------------------------

    async def save_people(self, people: Sequence[Person], *, at: datetime | None = None) -> tuple[Person, ...]:
        return await self._write(staff.save_people, tuple(people), codec.maybe_micros(at) or 0)

    async def people(self, ids: Iterable[int]) -> dict[int, Person]:
        wanted = tuple(ids)
        return await self._read(staff.people, len(wanted) <= SHORT, wanted)

    async def page_people(
        self, organisation: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> tuple[Person, ...]:
        return await self._read(staff.page_people, limit <= SHORT, organisation, after, limit)

    async def search_people(
        self,
        organisation: str | None = None,
        text: str = "",
        *,
        department: str = "",
        by_email: bool = True,
        after: int = 0,
        limit: int = 1000,
    ) -> tuple[Person, ...]:
        return await self._read(staff.search_people, False, organisation, text, department, by_email, after, limit)

    async def find_people(self, organisation: str | None, text: str, limit: int = 20) -> tuple[Person, ...]:
        return await self._read(staff.find_people, False, organisation, text, limit)

    async def departments(self, organisation: str) -> tuple[str, ...]:
        return await self._read(staff.departments, False, organisation)

    async def by_extension(self, organisation: str, extension: str) -> Person | None:
        return await self._read(staff.by_extension, True, organisation, extension)

    async def first_claim(
        self, organisation: str, extension: str, at: datetime
    ) -> tuple[Person, datetime | None] | None:
        return await self._read(staff.first_claim, True, organisation, extension, codec.micros(at))

    async def held_since(self, organisation: str, extension: str) -> datetime | None:
        return await self._read(staff.held_since, True, organisation, extension)

    async def remove_people(self, ids: Iterable[int]) -> None:
        await self._write(staff.remove_people, tuple(ids))

    async def count_people(self, organisation: str | None = None) -> int:
        return await self._read(staff.count_people, False, organisation)

    # -- calendars --------------------------------------------------------------------------------------------

    async def save_calendars(self, calendars: Sequence[Calendar]) -> tuple[Calendar, ...]:
        return await self._write(reading.save_calendars, tuple(calendars))

    async def remove_calendars(self, ids: Iterable[int]) -> frozenset[int]:
        return await self._write(reading.remove_calendars, tuple(ids))

    async def calendars(
        self, *, person: int | None = None, after: int = 0, limit: int = 1000
    ) -> tuple[ReadCalendar, ...]:
        short = person is not None or limit <= SHORT
        return await self._read(reading.calendars, short, person, after, limit)

    async def owned(self, calendar: int) -> tuple[Calendar, Person] | None:
        return await self._read(reading.owned, True, calendar)

    async def calendars_at(
        self, organisation: str, connection: str, *, after: int = 0, limit: int = 1000
    ) -> tuple[ReadCalendar, ...]:
        return await self._read(reading.calendars_at, limit <= SHORT, organisation, connection, after, limit)

    async def calendars_due(
        self,
        now: datetime,
        limit: int,
        *,
        without: Iterable[tuple[str, str]] = (),
        beyond: datetime | None = None,
        but: Iterable[int] = (),
    ) -> tuple[ReadCalendar, ...]:
        skipped = tuple(but)
        short, at = limit - len(skipped) <= SHORT // 10, codec.micros(now)
        after = codec.maybe_micros(beyond)
        after = at if after is None else after
        return await self._read(reading.calendars_due, short, at, limit, list(without), after, skipped)

    async def next_read(self, *, without: Iterable[tuple[str, str]] = ()) -> datetime | None:
        return await self._read(reading.next_read, True, list(without))

    async def freshness(self, people: Sequence[int]) -> dict[int, Freshness]:
        return await self._read(reading.freshness, len(people) <= SHORT, tuple(people))

    async def confirmed_between(
        self, after: datetime, until: datetime, limit: int = 1000, *, beyond: int = 0
    ) -> tuple[tuple[int, int], ...]:
        span = codec.micros(after), codec.micros(until)
        return await self._read(reading.confirmed_between, False, *span, beyond, limit)

    async def connections_health(self, organisation: str, confirmed_before: datetime) -> tuple[ConnectionHealth, ...]:
        before = codec.micros(confirmed_before)
        return await self._read(reading.connections_health, False, organisation, before)

    async def calendar_problems(self, organisation: str, limit: int) -> tuple[CalendarProblem, ...]:
        return await self._read(reading.calendar_problems, False, organisation, limit)

    async def remarkable_calendars(self, organisation: str, limit: int) -> tuple[ReadCalendar, ...]:
        return await self._read(reading.remarkable_calendars, False, organisation, limit)

    async def referrals_of(self, calendar: int) -> tuple[CalendarReferral, ...]:
        found = await self._read(reading.referrals_of, True, calendar, SHORT)
        if len(found) < SHORT:
            return found
        return await self._read(reading.referrals_of, False, calendar, EVERY)

    async def save_read(self, calendar: int, changes: ReferralChanges, health: CalendarHealth) -> frozenset[int]:
        brought = reads.Brought(
            codec.micros(health.confirmed_at or BEGINNING),
            rows.referral_rows(calendar, changes.referrals),
            rows.passed_rows(calendar, changes.passed),
            None if changes.complete else frozenset(map(codec.clean, changes.touched)),
        )
        return await self._save_read(reads.Read(rows.health_row(calendar, health), brought))

    async def save_health(self, calendar: int, health: CalendarHealth) -> None:
        with suppress(NotStored):
            await self._save_read(reads.Read(rows.health_row(calendar, health)))

    async def _save_read(self, read: reads.Read) -> frozenset[int]:
        return await self._write_with_others(reads.save_reads, read, read.calendar)

    async def read_soon(self, calendars: Iterable[int] | None = None, *, whole: bool = False) -> int:
        ids = None if calendars is None else tuple(calendars)
        return await self._write(reading.read_soon, ids, whole)

    async def confirm(self, calendars: Iterable[int], at: datetime) -> int:
        return await self._write_again(reading.confirm, tuple(calendars), codec.micros(at))

    async def hint(self, calendars: Iterable[int], lane: Lane, now: datetime) -> int:
        return await self._write(reading.hint, tuple(calendars), lane, codec.micros(now))

    # -- subscriptions ----------------------------------------------------------------------------------------

    async def key(self, name: str) -> bytes:
        held = await self._read(ordering.key, True, name)
        return await self._write(ordering.make_key, name, token_bytes(32)) if held is None else held

    async def subscriptions(self, ids: Iterable[str]) -> dict[str, Subscription]:
        wanted = tuple(ids)
        return await self._read(ordering.subscriptions, len(wanted) <= SHORT, wanted)

    async def page_subscriptions(
        self, organisation: str, connection: str, *, after: str = "", limit: int = 1000
    ) -> tuple[Subscription, ...]:
        return await self._read(ordering.page_subscriptions, limit <= SHORT, organisation, connection, after, limit)

    async def subscriptions_to_renew(
        self, organisation: str, connection: str, now: datetime, limit: int
    ) -> tuple[Subscription, ...]:
        at, short = codec.micros(now), limit <= SHORT
        return await self._read(ordering.subscriptions_to_renew, short, organisation, connection, at, limit)

    async def next_renewal(self, organisation: str, connection: str) -> datetime | None:
        return await self._read(ordering.next_renewal, True, organisation, connection)

    async def unsubscribed(
        self, organisation: str, connection: str, now: datetime, *, after: int = 0, limit: int = 1000
    ) -> tuple[Calendar, ...]:
        at = codec.micros(now)
        return await self._read(ordering.unsubscribed, False, organisation, connection, at, after, limit)

    async def save_subscriptions(self, subscriptions: Sequence[Subscription]) -> None:
        last = {codec.clean(each.id): each for each in subscriptions}
        await self._write(ordering.save_subscriptions, await encoded(list(last.values()), rows.subscription_row, None))

    async def remove_subscriptions(self, ids: Iterable[str]) -> None:
        await self._write(ordering.remove_subscriptions, tuple(ids))

    # -- overrides --------------------------------------------------------------------------------------------

    async def save_override(self, person: int, override: Override) -> None:
        await self._write(staff.save_override, rows.override_row(person, override))

    async def remove_override(self, person: int, at: datetime, *, by: str = "", through: str = "") -> None:
        await self._write(staff.remove_override, person, codec.micros(at), codec.clean(by), codec.clean(through))

    async def restore_override(
        self, person: int, override: Override, at: datetime, *, by: str = "", through: str = ""
    ) -> None:
        row, micros = rows.override_row(person, override), codec.micros(at)
        await self._write(staff.restore_override, row, micros, codec.clean(by), codec.clean(through))

    async def grounds(self, person: int, at: datetime) -> Grounds:
        return await self._read(deciding.grounds, False, person, codec.micros(at))

    async def overrides_since(self, person: int, since: datetime) -> tuple[KnownOverride, ...]:
        return await self._read(deciding.overrides_since, False, person, codec.micros(since))

    # -- deciding ---------------------------------------------------------------------------------------------

    async def claims(self, people: Sequence[int], since: datetime, most: int | None = None) -> dict[int, Claims]:
        short = len(people) <= SHORT // 10
        return await self._read(deciding.claims, short, tuple(people), codec.micros(since), most)

    async def states(self, people: Sequence[int]) -> dict[int, PersonState]:
        return await self._read(deciding.states, len(people) <= SHORT, tuple(people))

    async def due(
        self, before: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> tuple[tuple[datetime, int], ...]:
        first = FIRST_DUE if after is None else (codec.micros(after[0]), after[1])
        return await self._read(deciding.due, limit <= SHORT, codec.micros(before), first, limit)

    async def save_states(self, states: Sequence[PersonState], changes: Sequence[AvailabilityChange] = ()) -> None:
        decided = await encoded(states, rows.state_row, 1)
        changed = await encoded(changes, rows.change_row, None)
        await self._write_again(deciding.save_states, decided, changed)

    async def history(
        self, person: int, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[AvailabilityChange, ...]:
        span = codec.micros(since), codec.micros(until)
        return await self._read(deciding.history, limit <= SHORT, person, *span, limit)

    async def forget(self, before: datetime) -> int:
        gone, last = await self._write_again(deciding.forget_tokens, codec.micros(before)), 0
        gone += await self._write_again(forget_sessions, codec.micros(before))
        while True:
            deleted, end = await self._write_again(deciding.forget, codec.micros(before), last)
            if end is None:
                return gone
            gone, last = gone + deleted, end

    # -- what switchboards were told --------------------------------------------------------------------------

    async def told(
        self, organisation: str, switchboard: str, extensions: Sequence[str] | None = None
    ) -> Mapping[str, Told]:
        wanted = None if extensions is None else tuple(extensions)
        short = wanted is not None and len(wanted) <= SHORT
        return await self._read(settings.told, short, organisation, switchboard, wanted)

    async def extensions_told(self, organisation: str, switchboard: str) -> frozenset[str]:
        return await self._read(settings.extensions_told, False, organisation, switchboard)

    async def save_told(self, organisation: str, switchboard: str, told: Sequence[Told]) -> None:
        last = {codec.clean(each.extension): each for each in told}
        gone = [each for each in last.values() if not (each.lamp or each.plan)]
        held = [each for each in last.values() if each.lamp or each.plan]
        pieces = await encoded(held, rows.told_row, None)
        out = await encoded(gone, rows.told_row, None)
        names = codec.to_json([each.extension for each in gone])
        await self._write_again(settings.save_told, organisation, switchboard, pieces, out, names)

    async def lamps_told(self, organisation: str, switchboard: str, extension: str, at: datetime) -> Told | None:
        return await self._read(settings.lamp_told, True, organisation, switchboard, extension, codec.micros(at))

    async def kept(self, organisation: str, switchboard: str) -> Mapping[str, str]:
        return await self._read(settings.kept, False, organisation, switchboard)

    async def save_kept(self, organisation: str, switchboard: str, values: Mapping[str, str | None]) -> None:
        held = codec.to_json([[key, value] for key, value in values.items() if value is not None])
        gone = codec.to_json([key for key, value in values.items() if value is None])
        await self._write(settings.save_kept, organisation, switchboard, held, gone)

    # -- tokens -----------------------------------------------------------------------------------------------

    async def tokens(self, organisation: str | None = None) -> tuple[Token, ...]:
        return await self._read(staff.tokens, False, organisation)

    async def token(self, digest: str) -> Token | None:
        return await self._read(staff.token, True, digest)

    async def save_token(self, token: Token) -> Token:
        return await self._write(staff.save_token, token)

    async def remove_token(self, organisation: str, id: int) -> bool:
        return await self._write(staff.remove_token, organisation, id)

    # -- messages ---------------------------------------------------------------------------------------------

    async def messages(self, person: int, writer: str | None = None) -> tuple[Message, ...]:
        return await self._read(left.messages, False, person, writer)

    async def save_message(self, message: Message) -> Message:
        return await self._write(left.save_message, message)

    async def read_message(self, person: int, id: int, at: datetime | None) -> bool:
        return await self._write(left.read_message, person, id, codec.maybe_micros(at))

    async def remove_message(self, person: int, id: int) -> bool:
        return await self._write(left.remove_message, person, id)

    async def forget_messages(self, read_before: datetime, left_before: datetime) -> int:
        return await self._write(left.forget_messages, codec.micros(read_before), codec.micros(left_before))
