"""What a call to an extension meets now: compiled answers, kept until they may change.

An answer is bytes, made from the person's timeline, and holds until its stretch ends: that the future comes needs no
message. Whoever changes claims names the people (`touched`), whoever changes settings says so (`forget`). Whatever
happens, nothing is kept longer than `LASTS`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from backsoon.domain.model import AVAILABLE, Availability, Rules, local_instant
from backsoon.domain.organisation import Person
from backsoon.domain.phrase import Audience, reason_words, seen_by, sentence
from backsoon.engine.deciding import MOST_CLAIMS, timeline_of
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.engine.timing import Clock
from backsoon.store.base import Claims, Store, StoreError

log = logging.getLogger(__name__)

LASTS = timedelta(seconds=60)
"""How long an answer is kept at most."""
MOST = 20_000
"""How many are: some 10 MiB."""
LONGEST = 64
"""Characters of an extension; a longer one is nobody's."""
_FAR = datetime(9000, 1, 1, tzinfo=UTC)
_NO_RULES = Rules({}, {})


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


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """An answer that holds in [`since`, `ends`), and need not be made anew before `fresh`.

    Nor has it or its key to be looked at for cycles: among 100,000 of them, that is a call that waits.
    """

    body: bytes
    since: datetime
    fresh: datetime
    ends: datetime
    person: int


Key = str
"""Made by `_key`."""
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
        key = _key(organisation, extension)
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
            kept = self._answers.get(_key(organisation, extension))
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
        now = self._clock.now()
        person, first = await store.first_claim(organisation, asked, now) or (Person(organisation, asked, ""), None)
        availability, ends = AVAILABLE, first or _FAR
        if person.active and ends <= now:
            claims = (await store.claims([person.id], now, MOST_CLAIMS)).get(person.id, Claims())
            await self._directory.prepare([person], now)
            availability, ends = _standing(person, claims, self._directory, now)
        kept = _compiled(person, availability, ends, self._directory, now)
        if changes == self._changes and asked:  # else it may be of before the change
            self._keep(_key(organisation, extension), kept)
        return kept.body

    def _keep(self, key: Key, kept: _Kept) -> None:
        answers = self._answers if kept.person else self._nobodys
        if key not in answers and len(answers) >= self._most:
            gone = answers.pop(next(iter(answers)))
            self._keys.pop(gone.person, None)
        answers[key] = kept
        if kept.person:
            self._keys[kept.person] = key


def _key(organisation: str, extension: str) -> Key:
    """One text for both, whatever is in them; the extension without regard to case."""
    return f"{len(organisation)} {organisation} {extension.casefold()}"


def _compiled(person: Person, availability: Availability, ends: datetime, directory: Directory, now: datetime) -> _Kept:
    zone = directory.zone_of(person)
    ends = min(ends, _next_day(now, zone))  # "back 10:00" is "back Tue 10:00" until midnight
    if availability is AVAILABLE:
        body = _nothing(directory.language_of(person), zone.key)
    else:
        body = _found(person, availability, directory, now)
    return _Kept(body, now, min(ends, now + LASTS), ends, person.id)


def _standing(person: Person, claims: Claims, directory: Directory, now: datetime) -> tuple[Availability, datetime]:
    """How the person stands, and until when that surely holds.

    Somebody about whom a defect keeps us from deciding is available, as everywhere: the call rings.
    """
    ends = _next_edge(claims, now)
    try:
        return timeline_of(person, claims, directory, now).at(now, warned=False), ends
    except Exception as error:
        log.error("person %d: nothing could be decided: %s", person.id, where(error))
        return AVAILABLE, ends


def _next_edge(claims: Claims, now: datetime) -> datetime:
    """The first instant after `now` at which any claim begins or ends: until then nothing changes."""
    spans = [(r.span.start, r.span.end) for r in claims.referrals]
    if claims.override is not None:
        spans.append((claims.override.start, claims.override.end or _FAR))
    edges = [start if start > now else end for start, end in spans]
    if len(claims.referrals) >= MOST_CLAIMS:  # there may be more, which start after these
        edges.append(max(now, *(r.span.start for r in claims.referrals)))
    return min((edge for edge in edges if edge > now), default=_FAR)


def _next_day(now: datetime, zone: ZoneInfo) -> datetime:
    """The midnight that comes next in the zone, in UTC."""
    today = now.date()  # in UTC: it may be yesterday or tomorrow there
    return next(at for day in range(3) if (at := _midnight(zone, today + timedelta(days=day))) > now)


@lru_cache(maxsize=4096)
def _midnight(zone: ZoneInfo, day: date) -> datetime:
    """The beginning of a day in the zone, in UTC."""
    return local_instant(datetime.combine(day, time()), zone)


@lru_cache(maxsize=1024)
def _nothing(language: str, zone: str) -> bytes:
    """Where there is no referral."""
    words = reason_words(None, _NO_RULES, language, Audience.CALLER)
    return _encode(Found("", "", words, None, None, "", language, zone))


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
