"""Takes in what vendors tell: each notification is tried, what is good is stored, and only then it is acknowledged.

All that comes in while one transaction is under way shares the next one, so that a storm of them costs few commits.
What is forged costs neither a write nor a request to anybody.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Final

from backsoon.engine.timing import Clock
from backsoon.store.base import Lane, Store, StoreError, Subscription

Place = tuple[str, str]
"""An organisation and one of its connections."""
LONGEST_ID: Final = 128
MOST: Final = 20_000
"""The most notifications that may wait for the store; further ones are told to come again."""
GATHER: Final = 0.003
"""Seconds in which others may join a transaction: vendors wait for up to three."""
_PREFIX: Final = "bs-"


class Event(StrEnum):
    """What is told."""

    CHANGED = "changed"
    BEGAN = "began"
    """It is told from now on; nothing changed."""
    MISSED = "missed"
    """Notifications were lost on the way."""
    RENEW = "renew"
    """It ends soon unless it is prolonged."""
    REMOVED = "removed"
    """It has ended."""


class Verdict(StrEnum):
    """What became of a notification."""

    GOOD = "good"
    UNKNOWN = "unknown"
    FORGED = "forged"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification: the vendor's id of what was ordered, the secret that it brought. `resource` and `expires_at`
    where the vendor says them with each (Google)."""

    id: str
    secret: str = field(repr=False)
    event: Event = Event.CHANGED
    resource: str = ""
    expires_at: datetime | None = None


class Secrets:
    """The secrets that notifications must bring: they follow from one key, so that nothing of them is stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, organisation: str, connection: str, calendar: int) -> str:
        """The secret of a calendar's notifications: 43 characters (HMAC-SHA256, RFC 2104, in base64url)."""
        return self._digest(f"{organisation}/{connection}/{calendar}")

    def tag(self, place: Place) -> str:
        """What tells the address at which a connection's notifications arrive from the others': 11 characters."""
        return self._digest(f"at {place[0]}/{place[1]}")[:11]

    def verifies(self, secret: str, organisation: str, connection: str, calendar: int) -> bool:
        """Whether it is the one; takes as long whatever is wrong with it."""
        return hmac.compare_digest(
            self.of(organisation, connection, calendar).encode(), secret.encode("utf-8", "replace")
        )

    def _digest(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, text.encode(), sha256)).rstrip(b"=").decode()


def proposed_id(calendar: int, chance: bytes) -> str:
    """An id for what is to be ordered that says for whom, at most 64 characters of `A-Za-z0-9-_`."""
    return f"{_PREFIX}{calendar}-{base64.urlsafe_b64encode(chance).rstrip(b'=').decode()}"


def calendar_of(id: str) -> int:
    """The calendar that such an id names; 0: it is another's."""
    number = id[len(_PREFIX) :].partition("-")[0] if id.startswith(_PREFIX) else ""
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0


class Listener:
    """Who is told of what was taken in. The methods return at once."""

    def told(self, subscriptions: Collection[Subscription], now: datetime) -> None:
        """These calendars are stored as due."""

    def asked(self, event: Event, subscription: Subscription) -> None:
        """The vendor says that it ends soon, or has ended."""

    def learnt(self, subscription: Subscription, notice: Notice) -> None:
        """The vendor says of something that we ordered what it calls it; we did not know."""

    def stray(self, calendar: int, notice: Notice, verifies: Callable[[str, str, int], bool]) -> bool:
        """Nothing of that id is known, but it may be ours: whether one of our connections is it that its secret
        verifies for."""
        return False


@dataclass(slots=True, eq=False)
class _Asked:
    notices: Sequence[Notice]
    answer: asyncio.Future[list[Verdict]]


class Hearing:
    """What is told over HTTP."""

    def __init__(
        self, store: Store, clock: Clock, listener: Listener, hinted: Callable[[Collection[int]], None]
    ) -> None:
        """`hinted` is called with calendars that are due now because of it."""
        self._store = store
        self._clock = clock
        self._listener = listener
        self._hinted = hinted
        self._secrets: Secrets | None = None
        self._waiting: list[_Asked] = []
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def secrets(self) -> Secrets:
        """The key is the store's. Raises `StoreError`."""
        if self._secrets is None:
            self._secrets = Secrets(await self._store.key("hooks"))
        return self._secrets

    async def take(self, notices: Sequence[Notice]) -> list[Verdict]:
        """Take in one request's notifications; what is good of them is stored durably when it returns.

        Raises `StoreError`: nothing was stored, and whoever told it may tell it again.
        """
        notices = [n for n in notices if 0 < len(n.id) <= LONGEST_ID]
        if not notices:
            return []
        if self._count + len(notices) > MOST:
            raise TooMany("more is told than can be stored")
        asked = _Asked(notices, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._count += len(notices)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(asked.answer)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        """Take in groups until nothing waits. Owned by `close`; whatever happens, everybody gets an answer."""
        while self._waiting:
            await asyncio.sleep(GATHER)
            group, self._waiting, self._count = self._waiting, [], 0
            try:
                verdicts = await self._together([notice for asked in group for notice in asked.notices])
            except BaseException as error:
                _refuse(group, error)
                if not isinstance(error, Exception):
                    raise
                continue
            _answer(group, verdicts)

    async def _together(self, notices: Sequence[Notice]) -> dict[int, Verdict]:
        """Verdicts by the identity of each notification."""
        secrets = await self.secrets()
        known = await self._store.subscriptions({n.id for n in notices})
        verdicts = {id(n): self._verdict(n, known.get(n.id), secrets) for n in notices}
        good = [(n, known[n.id]) for n in notices if verdicts[id(n)] is Verdict.GOOD]
        due = {s.calendar: s for n, s in good if n.event not in (Event.RENEW, Event.BEGAN) and s.calendar}
        if due:
            now = self._clock.now()
            await self._store.hint(due, Lane.CHANGED, now)
            self._listener.told(due.values(), now)
            self._hinted(due)
        self._tell(good)
        return verdicts

    def _verdict(self, notice: Notice, known: Subscription | None, secrets: Secrets) -> Verdict:
        if known is None:
            calendar = calendar_of(notice.id)
            verifies = partial(secrets.verifies, notice.secret)
            # Who takes our proposals names a resource, and tells one at a time: many at once cost no search.
            ours = bool(calendar and notice.resource) and self._listener.stray(calendar, notice, verifies)
            return Verdict.UNKNOWN if ours or not calendar else Verdict.FORGED
        good = secrets.verifies(notice.secret, known.organisation, known.connection, known.calendar)
        return Verdict.GOOD if good else Verdict.FORGED

    def _tell(self, good: Iterable[tuple[Notice, Subscription]]) -> None:
        for notice, subscription in good:
            if notice.event in (Event.RENEW, Event.REMOVED):
                self._listener.asked(notice.event, subscription)
            elif notice.resource and not subscription.resource:
                self._listener.learnt(subscription, notice)


class TooMany(StoreError):
    """The store cannot take in more notifications now."""

    remedy = "see whether the disk is slow"


def _answer(group: Iterable[_Asked], verdicts: dict[int, Verdict]) -> None:
    for asked in group:
        if not asked.answer.done():
            asked.answer.set_result([verdicts[id(notice)] for notice in asked.notices])


def _refuse(group: Iterable[_Asked], error: BaseException) -> None:
    why = error if isinstance(error, StoreError) else StoreError(f"internal error ({type(error).__name__})")
    for asked in group:
        if not asked.answer.done():
            asked.answer.set_exception(why)
