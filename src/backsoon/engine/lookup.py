"""What a call to an extension meets now: compiled answers, kept until they may change.

An answer is bytes, made from the person's timeline, and holds until its stretch ends: that the future comes needs no
message. Whoever changes claims names the people (`touched`), whoever changes settings says so (`forget`). Whatever
happens, nothing is kept longer than `LASTS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from backsoon.domain.model import Availability, local_instant
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience, seen_by, sentence
from backsoon.engine.deciding import MOST_CLAIMS, decide
from backsoon.engine.directory import Directory
from backsoon.engine.timing import Clock
from backsoon.store.base import Claims, Store, StoreError

LASTS = timedelta(seconds=60)
"""How long an answer is kept at most."""
MOST = 20_000
"""How many are: some 10 MiB."""
LONGEST = 64
"""Characters of an extension; a longer one is nobody's."""
_FAR = datetime(9000, 1, 1, tzinfo=UTC)


class Found(msgspec.Struct, frozen=True):
    """What a call meets, in the words of the dialplan's variables. What callers may know is in it, and no more.

    `phone` is "closed" (answer by the referral), "open" (ring; it only informs those inside) or "". `reason` is a code,
    "" where calls ring; `until` and `back_at` are instants in UTC (None: further notice, or there is no referral).
    """

    phone: str
    reason: str
    words: str
    until: str | None
    back_at: str | None
    divert_to: str
    language: str
    zone: str


class _Kept(NamedTuple):
    """An answer that holds in [`since`, `ends`), and need not be made anew before `fresh`."""

    body: bytes
    since: datetime
    fresh: datetime
    ends: datetime
    person: int


Key = tuple[str, str]
"""Organisation, and extension casefolded."""
_encode = msgspec.json.Encoder().encode


class Lookup:
    """Answers by organisation and extension."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, *, most: int = MOST) -> None:
        """At most `most` answers are kept."""
        self._store = store
        self._directory = directory
        self._clock = clock
        self._most = most
        self._answers: dict[Key, _Kept] = {}
        self._keys: dict[int, Key] = {}
        self._nobodys: dict[Key, _Kept] = {}
        """Of extensions that nobody has: until anybody is touched, who may have been given one."""
        self._changes = 0

    def kept(self, organisation: str, extension: str) -> bytes | None:
        """The answer, where it is at hand."""
        key = organisation, extension.casefold()
        kept = self._answers.get(key) or self._nobodys.get(key)
        if kept is not None and kept.since <= self._clock.now() < kept.fresh:
            return kept.body
        return None

    async def answer(self, organisation: str, extension: str) -> bytes:
        """JSON of a `Found`; of an extension that nobody has the same as of somebody available.

        Raises `UnknownOrganisation`; `StoreError` where nothing is known that still holds.
        """
        body = self.kept(organisation, extension)
        if body is not None:
            return body
        try:
            return await self._made(organisation, extension)
        except StoreError:
            kept = self._answers.get((organisation, extension.casefold()))
            if kept is not None and kept.since <= self._clock.now() < kept.ends:
                return kept.body
            raise

    def touched(self, people: Iterable[int]) -> None:
        """What is stored of these people has changed; they may be new, or gone."""
        self._changes += 1
        self._nobodys.clear()
        for person in people:
            key = self._keys.pop(person, None)
            if key is not None:
                self._answers.pop(key, None)

    def forget(self) -> None:
        """Anything may have changed."""
        self._changes += 1
        for each in (self._answers, self._keys, self._nobodys):
            each.clear()

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._answers) + len(self._nobodys)

    async def _made(self, organisation: str, extension: str) -> bytes:
        changes, store = self._changes, self._store
        asked = extension if len(extension) <= LONGEST else ""
        found = await store.by_extension(organisation, asked)
        person = found or Person(organisation, asked, "")
        now = self._clock.now()
        claims = await store.claims([person.id], now, MOST_CLAIMS)
        await self._directory.prepare([person], now)
        kept = _compiled(person, claims.get(person.id, Claims()), self._directory, now)
        if changes == self._changes and asked:  # else it may be of before the change
            self._keep((organisation, extension.casefold()), kept)
        return kept.body

    def _keep(self, key: Key, kept: _Kept) -> None:
        answers = self._answers if kept.person else self._nobodys
        if key not in answers and len(answers) >= self._most:
            gone = answers.pop(next(iter(answers)))
            self._keys.pop(gone.person, None)
        answers[key] = kept
        if kept.person:
            self._keys[kept.person] = key


def _compiled(person: Person, claims: Claims, directory: Directory, now: datetime) -> _Kept:
    decision = decide(person, claims, directory, now, shown=False)
    zone = directory.zone_of(person)
    ends = min(decision.due or _FAR, _next_day(now, zone))  # "back 10:00" is "back Tue 10:00" from midnight on
    body = _found(person, decision.availability, directory, now)
    return _Kept(body, now, min(ends, now + LASTS), ends, person.id)


def _next_day(now: datetime, zone: ZoneInfo) -> datetime:
    """The midnight that comes next in the zone, in UTC."""
    return local_instant(datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time()), zone)


def _found(person: Person, availability: Availability, directory: Directory, now: datetime) -> bytes:
    rules = directory.organisation_of(person).rules
    zone, language = directory.zone_of(person), directory.language_of(person)
    view = seen_by(Audience.CALLER, availability, rules)
    closed = availability.referred
    return _encode(
        Found(
            phone="closed" if closed else "open" if availability.informing else "",
            reason=view.reason or "",
            words=sentence(view, rules, now, zone, language, Audience.CALLER),
            until=_instant(availability.until) if closed else None,
            back_at=_instant(view.back_at),
            divert_to=availability.divert_to if closed else "",
            language=language,
            zone=zone.key,
        )
    )


def _instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
