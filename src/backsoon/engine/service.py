"""What people ask of Backsoon, one verb each: look, refer, come back, read calendars now.

The same verbs serve a running Backsoon (which decides and tells at once) and a command where none runs (which leaves
it in the
store, for the next start to find): the difference is what `settle` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from backsoon.domain.byhand import follows, refer, repeated, take_back
from backsoon.domain.errors import BacksoonError, BadOverride, UnknownReason
from backsoon.domain.freshness import Age, age_of
from backsoon.domain.model import Availability, CalendarReferral, Layer, Override
from backsoon.domain.organisation import Person
from backsoon.domain.timeline import Stretch, Timeline
from backsoon.engine.deciding import timeline_of
from backsoon.engine.directory import Directory
from backsoon.engine.hub import News
from backsoon.engine.recorded import joined, recorded
from backsoon.engine.settling import Cause
from backsoon.engine.timing import Clock, finished
from backsoon.engine.turns import Turns
from backsoon.engine.undoing import Acts, CannotUndo
from backsoon.store.base import Claims, ReadCalendar, Store, Trigger

Settle = Callable[[Iterable[int], Cause], Awaitable[None]]
Release = Callable[[Sequence[tuple[str, str]]], Awaitable[None]]
Announce = Callable[[Sequence[Person], News], None]


class NoSuchPerson(BacksoonError):
    """Nobody is called so."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"nobody has the extension, e-mail address or name {text!r}")


class SeveralPeople(BacksoonError):
    """More than one person is meant; `people` are some of them."""

    def __init__(self, text: str, people: tuple[Person, ...]) -> None:
        self.text = text
        self.people = people
        several = len({p.organisation for p in people}) > 1
        names = ", ".join(f"{p.name} ({p.extension}{f' of {p.organisation}' if several else ''})" for p in people[:5])
        how = "name the organisation (--organisation)" if several else "give the extension or the e-mail address"
        super().__init__(f"{text!r} may be {names}: {how}")


class SwitchedOff(BacksoonError):
    """Somebody who was switched off by name is available, and nobody refers them."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.remedy = f"switch them on first: backsoon people on {person.extension}"
        super().__init__(f"{person.name} ({person.extension}) is switched off")


@dataclass(frozen=True, slots=True)
class Shown:
    """One person as they stand at an instant.

    `timeline` tells what follows (None: they are switched off, or the instant has passed). `age` is that of their
    calendars now, or at an instant that has passed then; `problems` are those of their calendars, in words.
    """

    person: Person
    at: datetime
    availability: Availability
    next_change: datetime | None
    override: Override | None
    age: Age
    problems: tuple[str, ...] = ()
    timeline: Timeline | None = field(default=None, repr=False, compare=False)


class Service:
    """The verbs."""

    def __init__(self, store: Store, directory: Directory, clock: Clock, settle: Settle, release: Release) -> None:
        """`settle` is called with the people touched once something is stored; it returns when it has effect.

        `release` is called with (organisation, extension) pairs that nobody has any more.
        """
        self._store = store
        self._directory = directory
        self._clock = clock
        self._settle = settle
        self._release = release
        self.turns: Turns[int] = Turns()
        """One by one what is set by hand of a person: what is decided by what was there must still be there."""
        self.roster: Turns[str] = Turns()
        """One by one who takes people of an organisation in or out."""
        self.acts = Acts()
        """What was set by hand lately, and can be undone."""
        self.announce: Announce = _to_nobody
        """Called with people who were added, changed or taken out, once that has effect."""

    async def find(self, text: str, organisation: str | None = None) -> Person:
        """The one person meant by an extension, an e-mail address or (part of) a name.

        Raises `NoSuchPerson`, `SeveralPeople`.
        """
        found = await self._store.find_people(organisation, text, limit=20)
        wanted = text.strip().casefold()
        exact = [p for p in found if wanted in (p.extension.casefold(), p.email.casefold(), p.name.casefold())]
        people = tuple(exact or found)
        if not people:
            raise NoSuchPerson(text)
        if len(people) > 1:
            raise SeveralPeople(text, people)
        return people[0]

    async def show(self, person: Person, at: datetime | None = None) -> Shown:
        """The person at an instant (None: now): one that has passed as recorded. Raises `TooLongAgo`."""
        now = self._clock.now()
        at = now if at is None else at
        if at < now:
            return await self._shown_then(person, at, now)
        claims = await self._claims_of(person, at)
        calendars = await self._store.calendars(person=person.id)
        age = self._age(person, calendars, now)
        if not person.active:  # nobody reads their calendars, and nobody waits for it
            return Shown(person, at, Availability(), None, None, Age(age.calendars, age.confirmed_at))
        await self._directory.prepare([person], at)
        timeline = timeline_of(person, claims, self._directory, at)
        return Shown(
            person,
            at,
            timeline.at(at),
            timeline.next_change(at),
            claims.override if claims.override is not None and claims.override.covers(at) else None,
            age,
            tuple(c.health.problem for c in calendars if c.health.problem),
            timeline,
        )

    async def _shown_then(self, person: Person, at: datetime, now: datetime) -> Shown:
        """As they stood at an instant that has passed: as recorded, like `why` has it."""
        past = await recorded(self._store, person, at, now, now)
        ends = past[0].end if len(past) > 1 else (await self.show(person)).next_change
        known = (await self._store.grounds(person.id, at)).override
        calendars = await self._store.calendars(person=person.id)
        by_hand = known is not None and past[0].availability.layer is Layer.OVERRIDE  # else it was taken over later
        said = known.override if known is not None and by_hand else None
        return Shown(person, at, past[0].availability, ends, said, self._age(person, calendars, at))

    def _age(self, person: Person, calendars: Sequence[ReadCalendar], at: datetime) -> Age:
        within = self._directory.organisation_of(person).rules.confirmed_within
        return age_of(len(calendars), _confirmed(calendars), at, within)

    async def timeline(self, person: Person, start: datetime, end: datetime) -> list[Stretch]:
        """The decisions about a person from `start` to `end`: those that have passed as recorded (of very many the
        first), and those to come by all that is known. Raises `TooLongAgo`."""
        now = self._clock.now()
        past = await recorded(self._store, person, start, min(end, now), now) if start < now else []
        if past and (end <= now or past[-1].end != now):
            return past
        start = max(start, now)
        if not person.active:
            return joined(past, [Stretch(start, end, Availability())])
        claims = await self._claims_of(person, start)
        await self._directory.prepare([person], start)
        return joined(past, list(timeline_of(person, claims, self._directory, start).stretches(start, end)))

    async def referrals(self, person: Person) -> tuple[CalendarReferral, ...]:
        """The person's calendar referrals that are not over."""
        return (await self._store.claims([person.id], self._clock.now())).get(person.id, Claims()).referrals

    async def refer(
        self,
        person: Person,
        reason: str,
        *,
        until: datetime | None = None,
        lasting: timedelta | None = None,
        note: str = "",
        divert_to: str = "",
        by: str = "",
        through: str = "",
    ) -> Override:
        """Refer the person by hand from now on; it is stored durably when this returns, and has effect.

        What is in force then is returned. The same request again (see `byhand.repeated`) changes nothing.
        Raises `UnknownReason`, `BadOverride`, `SwitchedOff`.
        """
        if not person.active:
            raise SwitchedOff(person)
        if divert_to and divert_to == person.extension:
            remedy = "name another number, or none"
            raise BadOverride(f"calls to {divert_to} cannot be diverted to {divert_to}", remedy)
        if until is not None and lasting is not None:
            raise BadOverride("an end and a length are given both", "give one of them")
        reasons = self._directory.organisation_of(person).rules.reasons
        if reason not in reasons:
            raise UnknownReason(reason, tuple(reasons))
        async with self.turns.of(person.id):
            now = self._clock.now()
            await self._directory.prepare([person], now)
            working = self._directory.working_time_of(person, now)
            end = now + lasting if lasting is not None else until
            wanted = refer(
                now, reasons[reason], working, until=end, note=note, divert_to=divert_to, by=by, through=through
            )
            present = (await self._claims_of(person, now)).override
            return await self._made(person, present, wanted, explicit_end=lasting is None and until is not None, at=now)

    async def back(self, person: Person, *, by: str = "", through: str = "") -> Override | None:
        """Make the person available; it is stored durably when this returns, and has effect.

        While a meeting runs that is an override to the end of its block, which is returned. Where "available" is in
        force for as long already nothing changes.
        """
        async with self.turns.of(person.id):
            now = self._clock.now()
            claims = await self._claims_of(person, now)
            await self._directory.prepare([person], now)
            wanted = take_back(now, timeline_of(person, claims, self._directory, now), by=by, through=through)
            if wanted is not None:
                return await self._made(person, claims.override, wanted, explicit_end=False, at=now)
            return await self._taken_back(person, claims.override, Cause(Trigger.OVERRIDE, by, through), now)

    async def _claims_of(self, person: Person, at: datetime) -> Claims:
        return (await self._store.claims([person.id], at)).get(person.id, Claims())

    async def _made(
        self, person: Person, present: Override | None, wanted: Override, *, explicit_end: bool, at: datetime
    ) -> Override:
        cause = Cause(Trigger.OVERRIDE, wanted.by, wanted.through)
        if present is not None and repeated(present, wanted, explicit_end, at):
            await self._settle([person.id], cause)  # it may have failed the first time, which is why they ask again
            return present
        await finished(self._stored(partial(self._store.save_override, person.id, wanted), person, cause))
        self.acts.note(person.id, present, wanted, at)
        return wanted

    async def _taken_back(
        self, person: Person, present: Override | None, cause: Cause, at: datetime
    ) -> Override | None:
        """Nothing of the calendar's runs: an override that is in force, or still to come, goes. "Available" stays."""
        if present is None or (present.end is not None and present.end <= at):
            await self._settle([person.id], cause)
            return None
        if present.reason is None and present.covers(at):
            await self._settle([person.id], cause)
            return present
        taking_back = partial(self._store.remove_override, person.id, at, by=cause.by, through=cause.through)
        await finished(self._stored(taking_back, person, cause))
        self.acts.note(person.id, present, None, at)
        return None

    async def undo(self, person: Person, id: str, *, by: str = "", through: str = "") -> None:
        """Put back exactly what was set by hand before the act of that id; it is durable when this returns, and has
        effect.

        Raises `CannotUndo` where it is too long ago or something else was set since, by whatever way.
        """
        async with self.turns.of(person.id):
            now = self._clock.now()
            act = self.acts.named(person, id, now)
            present = (await self._claims_of(person, now)).override
            if not (act.left(present) and act.is_last(await self._store.overrides_since(person.id, act.at))):
                raise CannotUndo(f"something else was set of {person.name} ({person.extension}) since")
            before = act.before
            if before is None or (before.end is not None and before.end <= now):
                storing = partial(self._store.remove_override, person.id, now, by=by, through=through)
            else:
                storing = partial(self._store.restore_override, person.id, before, now, by=by, through=through)
            await finished(self._stored(storing, person, Cause(Trigger.OVERRIDE, by, through)))
            self.acts.drop(person.id)

    async def _stored(self, storing: Callable[[], Awaitable[None]], person: Person, cause: Cause) -> None:
        """To its end, whoever asked for it and is gone: what is stored has effect, and others wait for that."""
        await storing()
        await self._settle([person.id], cause)

    async def recorded(self) -> None:
        """Return once all that was announced until now is stored as decided. Raises `StoreError`."""
        await self._settle((_NOBODY,), Cause(Trigger.SETTINGS))  # its turn comes after those before it

    async def follows(self, person: Person, at: datetime | None = None) -> Stretch | None:
        """The next stretch in which the person is away for another reason, or available; None: nothing follows."""
        at = self._clock.now() if at is None else at
        if not person.active:
            return None
        await self._directory.prepare([person], at)
        timeline = timeline_of(person, await self._claims_of(person, at), self._directory, at)
        return follows(timeline, at, lambda reason: reason)

    async def save_people(self, people: Sequence[Person]) -> tuple[Person, ...]:
        """Add people (id 0) or change them, all or none; an extension that nobody has any more shows nothing.

        Raises `StoreConflict`, `NotStored`.
        """
        before = await self._store.people([p.id for p in people if p.id])
        saved = await self._store.save_people(people, at=self._clock.now())
        held = {(p.organisation, p.extension) for p in saved}
        gone = {(p.organisation, p.extension) for p in before.values()} - held
        await self._release(sorted(gone))
        await self._settle([p.id for p in saved], Cause(Trigger.SETTINGS))
        self.announce([p for p in saved if p.id not in before], News.ADDED)
        self.announce([p for p in saved if p.id in before and before[p.id] != p], News.CHANGED)
        await self._read_anew([p.id for p in saved if p.id in before and _reads_otherwise(before[p.id], p)])
        return saved

    async def _read_anew(self, people: Sequence[int]) -> None:
        """Have these people's calendars read whole."""
        calendars: list[int] = []
        for person in people:
            calendars += [c.calendar.id for c in await self._store.calendars(person=person)]
        if calendars:
            await self._store.read_soon(calendars, whole=True)

    async def remove_people(self, people: Sequence[Person]) -> None:
        """Take people out with all that is stored of them; their extensions show nothing any more.

        Who gets such an extension later is somebody else, and begins with nothing. Raises `StoreError`.
        """
        await self._store.remove_people([p.id for p in people])
        await self._settle([p.id for p in people], Cause(Trigger.SETTINGS))  # nothing of theirs is staged any more
        await self._release([(p.organisation, p.extension) for p in people])
        self.announce(people, News.REMOVED)

    async def read_now(self, person: Person | None = None, *, whole: bool = False) -> int:
        """Have calendars (of one person, or all) read at once; how many."""
        if person is None:
            return await self._store.read_soon(whole=whole)
        calendars = await self._store.calendars(person=person.id)
        return await self._store.read_soon([c.calendar.id for c in calendars], whole=whole)


_NOBODY = 0
"""The id of whoever is not stored."""


def _to_nobody(_people: Sequence[Person], _news: News) -> None:
    """Nobody listens."""


def _reads_otherwise(before: Person, after: Person) -> bool:
    """Whether entries that have not changed may mean something else now."""
    return (before.keywords, before.zone, before.email) != (after.keywords, after.zone, after.email)


def _confirmed(calendars: Sequence[ReadCalendar]) -> datetime | None:
    confirmed = [c.health.confirmed_at for c in calendars]
    known = [at for at in confirmed if at is not None]
    return min(known) if known and len(known) == len(confirmed) else None
