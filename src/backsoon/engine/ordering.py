"""Orders notifications by HTTP for the calendars of one connection, and prolongs them.

Each round compares what is ordered with what is wanted: whatever happened between two steps, to us or to the vendor,
the next round finds it. What is ordered is in the store before it is relied upon.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from backsoon.domain.organisation import Calendar
from backsoon.engine.cancelling import Cancelling
from backsoon.engine.comparing import Compared, compared
from backsoon.engine.hearing import proposed_id
from backsoon.engine.heeding import Heeding
from backsoon.engine.orders import (
    COMPARE_EVERY,
    LONGEST_ALONE,
    LOOK_EVERY,
    MOST_AT_A_TIME,
    OVERLAP,
    UNSURE,
    Failures,
    Pause,
    Site,
    at_a_time,
    calendar_of,
    groups,
    later,
    ordered_of,
    renew_at,
)
from backsoon.engine.several import several
from backsoon.engine.timing import Clock, until_set
from backsoon.sources.account import Ordered, Wanted, Webhooks
from backsoon.sources.base import SourceBusy, SourceError, SourceMissing, SourceUnavailable
from backsoon.store.base import BEGINNING, Store, StoreError, Subscription

log = logging.getLogger(__name__)
T = TypeVar("T")
Step = Callable[[], Coroutine[Any, Any, None]]


class Ordering:
    """One connection's notifications."""

    def __init__(self, store: Store, clock: Clock, webhooks: Webhooks, site: Site) -> None:
        self._store = store
        self._clock = clock
        self._webhooks = webhooks
        self._site = site
        self.pending = 0
        """How many orders are under way: while it is one, the vendor may try our address."""
        self.problem: SourceError | None = None
        self.woken = asyncio.Event()
        self.heeding = Heeding(store, clock, site, self.woken)
        self._cancelling = Cancelling(store, clock, webhooks, site)
        self._compare_at = BEGINNING
        self._fresh: set[str] = set()
        """Ids that were ordered since the vendor's list was asked for."""
        self._alone: dict[int, tuple[int, datetime]] = {}
        """Calendars that failed: how often in a row, and when each is tried again."""
        self._pauses = {self._compare: Pause(), self._renew: Pause(), self._order: Pause()}

    async def run(self) -> None:
        """Keep what is ordered as it is wanted, until cancelled."""
        started = False
        while True:
            try:
                if not started:
                    await self._begin()
                    started = True
                await self.round()
                wait = await self._next()
            except StoreError as error:
                log.error("the store failed, trying again: %s", error)
                wait = self._clock.now() + timedelta(seconds=5)
            await until_set(self.woken, self._clock, wait)

    async def _begin(self) -> None:
        """Take over what is in the store. What was told while nobody listened is not known: everything is compared."""
        now, after = self._clock.now(), ""
        while rows := await self._store.page_subscriptions(*self._site.place, after=after):
            for row in rows:
                if self._counts(row, now):
                    self._site.trust.cover(row.calendar, row.expires_at, now)
            after = rows[-1].id

    def _counts(self, row: Subscription, now: datetime) -> bool:
        return not row.replaced and row.calendar > 0 and row.expires_at > now and row.url == self._site.url

    async def round(self) -> None:
        """Compare, prolong, order: each goes on where another one fails."""
        for step, pause in self._pauses.items():
            if not pause.over(self._clock.now()):
                continue
            try:
                await step()
            except SourceError as error:
                self._failed(pause, error)
            else:
                if pause.failures:
                    self.problem = None
                pause.went_well()
        lost = self._site.trust.expired(self._clock.now())
        await self._site.urge(lost, self._clock.now())

    def _failed(self, pause: Pause, error: SourceError) -> None:
        if self.problem is None:
            log.warning("connection %s: notifications: %s", self._site.place[1], error)
        self.problem = error
        concerned = self._pauses.values() if isinstance(error, SourceBusy) else (pause,)
        for each in concerned:
            each.failed(self._clock.now(), error.retry_after)

    async def _next(self) -> datetime:
        """When there is something to do again."""
        now = self._clock.now()
        renewal, end = await self._store.next_renewal(*self._site.place), self._site.trust.next_end()
        times = [now + LOOK_EVERY, self._held(self._compare, self._compare_at)]
        times += [] if renewal is None else [self._held(self._renew, renewal)]
        times += [] if end is None else [end]
        return max(min(times), now + timedelta(seconds=1))

    def _held(self, step: Step, at: datetime) -> datetime:
        """When a step that is due then may be taken."""
        return max(at, self._pauses[step].until or at)

    # -- comparing with the vendor's list ----------------------------------------------------------------------------

    async def _compare(self) -> None:
        now = self._clock.now()
        if now < self._compare_at:
            return
        listed = await self._webhooks.listed()
        wanted = await self._wanted() if self._site.url else {}
        rows: list[Subscription] = []
        while page := await self._store.page_subscriptions(*self._site.place, after=rows[-1].id if rows else ""):
            rows += page
        elsewhere = await self._store.subscriptions({o.id for o in listed or ()} - {row.id for row in rows})
        found = compared(
            rows,
            None if listed is None else [o for o in listed if o.id not in elsewhere],
            wanted,
            self._site.url,
            now,
        )
        await self._act(found, now)
        self._fresh.clear()  # what was new may not have been in the list yet
        self._compare_at = now + COMPARE_EVERY

    async def _wanted(self) -> dict[int, str]:
        """The calendars that there are, with their mailboxes ("": it has none)."""
        found: dict[int, str] = {}
        after = 0
        while page := await self._store.calendars_at(*self._site.place, after=after):
            addresses = await self._site.addresses([read.calendar for read in page])
            found.update((read.calendar.id, addresses.get(read.calendar.id, "")) for read in page)
            after = page[-1].calendar.id
        return found

    async def _act(self, found: Compared, now: datetime) -> None:
        adopted = [self._row(Wanted(c, "", o.id, o.url, ""), o, now) for c, o in found.adopt]
        changed = [replace(row, replaced=True, renew_at=now) for row in found.drop]
        prolonged = [replace(row, expires_at=o.expires_at) for row, o in found.differ]
        if adopted or changed or prolonged:
            await self._store.save_subscriptions([*adopted, *changed, *prolonged])
        for row in (*found.kept, *adopted, *prolonged):
            self._site.trust.cover(row.calendar, row.expires_at, now)
        gone = [row for row in found.gone if row.id not in self._fresh]
        await self._store.remove_subscriptions([row.id for row in gone])
        left = {row.calendar for row in (*found.kept, *adopted, *prolonged, *found.gone) if row not in gone}
        await self._uncovered(self._site.trust.others(left), now)
        await self._site.urge([row.calendar for row in adopted], now)
        if gone or adopted:
            name = self._site.place[1]
            log.info("connection %s: %d notifications were gone, %d found again", name, len(gone), len(adopted))
        await self._cancelling.cancel(found.cancel)

    async def _uncovered(self, calendars: Iterable[int], now: datetime) -> None:
        await self._site.urge(self._site.trust.uncover(calendars), now)

    # -- prolonging ---------------------------------------------------------------------------------------------------

    async def _renew(self) -> None:
        count = Failures()
        while True:
            now = self._clock.now()
            rows = await self._store.subscriptions_to_renew(*self._site.place, now, MOST_AT_A_TIME)
            if not rows:
                return
            dead = [row for row in rows if row.expires_at <= now]
            over = [row for row in rows if row.expires_at > now and (row.replaced or not row.calendar)]
            live = [row for row in rows if row.expires_at > now and not row.replaced and row.calendar]
            await self._bury(dead, now)
            await self._prolong(live, count)
            await self._cancelling.rows(over)

    async def _bury(self, rows: Sequence[Subscription], now: datetime) -> None:
        """Forget what has ended. Of one that we do not know to exist nothing is left to cancel but what is listed."""
        await self._store.remove_subscriptions([row.id for row in rows])
        await self._site.urge(self._site.trust.expired(now), now)

    async def _prolong(self, rows: Sequence[Subscription], count: Failures) -> None:
        if not self._webhooks.renewable:
            await self._replace(rows, count)
            return

        async def work(group: Sequence[Subscription]) -> None:
            answers = await self._webhooks.renew([ordered_of(row) for row in group])
            await self._renewed(group, answers)
            count.add(answers)

        await self._each(groups(rows, self._webhooks.together), work, count)

    async def _replace(self, rows: Sequence[Subscription], count: Failures) -> None:
        """Order new ones in the place of these, which last until then."""
        calendars = {row.calendar: await calendar_of(self._store, row) for row in rows}
        nobodys = [replace(row, replaced=True) for row in rows if calendars[row.calendar] is None]
        made = await self._make([c for c in calendars.values() if c is not None], count, rows)
        now = self._clock.now()
        failed = [later(row, now) for row in rows if row.calendar not in made and calendars[row.calendar] is not None]
        if nobodys or failed:
            await self._store.save_subscriptions([*nobodys, *failed])

    async def _renewed(self, rows: Sequence[Subscription], answers: Sequence[Ordered | SourceError]) -> None:
        now = self._clock.now()
        save: list[Subscription] = []
        gone: list[Subscription] = []
        for row, answer in zip(rows, answers, strict=True):
            if isinstance(answer, Ordered):
                save.append(replace(row, expires_at=answer.expires_at, renew_at=renew_at(now, answer.expires_at)))
            elif isinstance(answer, SourceMissing):
                gone.append(row)
            else:
                save.append(later(row, now))
        await self._store.save_subscriptions(save)
        for row in save:
            self._site.trust.cover(row.calendar, row.expires_at, now)
        await self._store.remove_subscriptions([row.id for row in gone])
        await self._uncovered([row.calendar for row in gone], now)

    # -- ordering ----------------------------------------------------------------------------------------------------

    async def _order(self) -> None:
        after, count = 0, Failures()
        while self._site.url:
            now = self._clock.now()
            calendars = await self._store.unsubscribed(*self._site.place, now, after=after, limit=MOST_AT_A_TIME)
            if not calendars:
                return
            after = calendars[-1].id
            await self._uncovered([c.id for c in calendars], now)  # such as those whose mailbox is another one now
            await self._make([c for c in calendars if self._may(c.id, now)], count)

    def _may(self, calendar: int, now: datetime) -> bool:
        failed = self._alone.get(calendar)
        return failed is None or now >= failed[1]

    async def _make(self, calendars: Sequence[Calendar], count: Failures, old: Iterable[Subscription] = ()) -> set[int]:
        """Order for these calendars; `old` are what new ones take the place of. Those that got one."""
        replaced, made = {row.calendar: row for row in old}, set[int]()

        async def work(group: Sequence[Wanted]) -> None:
            with self.heeding.not_of(wanted.id for wanted in group):
                answers = await self._ordered(group)
                made.update(await self._made(group, answers, replaced))
            count.add(answers)

        await self._each(groups(await self._proposals(calendars), self._webhooks.together), work, count)
        return made

    async def _ordered(self, group: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        if not self._webhooks.renewable:  # whoever dies now finds it in the store
            await self._store.save_subscriptions([self._unsure(wanted) for wanted in group])
        self.pending += 1
        try:
            return await self._webhooks.order(group)
        except SourceBusy:
            if not self._webhooks.renewable:  # none was tried
                await self._store.remove_subscriptions([wanted.id for wanted in group])
            raise
        finally:
            self.pending -= 1

    async def _each(self, items: Iterable[T], work: Callable[[T], Awaitable[None]], count: Failures) -> None:
        """Several at a time, as soon as one has worked: where nothing works, little is tried."""
        rest = iter(items)
        while not count.worked and (first := next(rest, None)) is not None:
            await work(first)
        await several(rest, work, at_a_time(self._webhooks))

    async def _proposals(self, calendars: Sequence[Calendar]) -> list[Wanted]:
        site = self._site
        addresses = await site.addresses(calendars)
        for calendar in calendars:
            if calendar.id not in addresses:
                self._failed_alone(calendar.id)
        return [
            Wanted(
                c.id,
                addresses[c.id],
                proposed_id(c.id, random.randbytes(16)),
                site.url,
                site.secrets.of(*site.place, c.id),
            )
            for c in calendars
            if c.id in addresses
        ]

    def _unsure(self, wanted: Wanted) -> Subscription:
        at = self._clock.now() + UNSURE
        return Subscription(
            *self._site.place, wanted.calendar, wanted.id, BEGINNING, at, url=wanted.url, address=wanted.address
        )

    async def _made(
        self, group: Sequence[Wanted], answers: Sequence[Ordered | SourceError], old: dict[int, Subscription]
    ) -> set[int]:
        now = self._clock.now()
        save: list[Subscription] = []
        never: list[str] = []
        for wanted, answer in zip(group, answers, strict=True):
            if isinstance(answer, Ordered):
                self._alone.pop(wanted.calendar, None)
                self._fresh.add(answer.id)
                save.append(self._row(wanted, answer, now))
                if wanted.calendar in old:
                    save.append(replace(old[wanted.calendar], replaced=True, renew_at=now + OVERLAP))
            else:
                if not isinstance(answer, SourceBusy):
                    self._failed_alone(wanted.calendar)
                if not isinstance(answer, SourceUnavailable):
                    never.append(wanted.id)
        await self._store.save_subscriptions(save)
        if not self._webhooks.renewable:
            await self._store.remove_subscriptions(never)
        rows = [row for row in save if not row.replaced]
        new = [row.calendar for row in rows if self._site.trust.cover(row.calendar, row.expires_at, now)]
        await self._site.urge(new, now)
        return {row.calendar for row in rows}

    def _row(self, wanted: Wanted, ordered: Ordered, now: datetime) -> Subscription:
        return Subscription(
            *self._site.place,
            wanted.calendar,
            ordered.id,
            ordered.expires_at,
            renew_at(now, ordered.expires_at),
            ordered.resource,
            self._site.url,
            address=wanted.address or ordered.address.lower(),
        )

    def _failed_alone(self, calendar: int) -> None:
        failures = self._alone.get(calendar, (0, BEGINNING))[0] + 1
        seconds = min(60.0 * 2 ** min(failures, 12), LONGEST_ALONE)
        self._alone[calendar] = failures, self._clock.now() + timedelta(seconds=seconds)
