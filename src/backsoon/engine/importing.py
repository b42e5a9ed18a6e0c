"""Taking people in by rows: the good ones are stored with their calendars, the others are named with the reason.

Who has an extension that passes to somebody else goes with all that is stored of them, and the new one starts with
nothing but their row. Who is in no row is told as gone, and taken out where that is asked for (`prune`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from backsoon.domain.errors import BacksoonError
from backsoon.domain.listing import LeftOut, Listing
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person
from backsoon.engine.assigning import Assignment, Place, calendars_of, named_among, wanted
from backsoon.engine.matching import Match, Matched, match
from backsoon.engine.roster import RejectedRow, Row
from backsoon.engine.service import Service
from backsoon.engine.timing import finished
from backsoon.store.base import Store

PAGE = 1000
ONE_BY_ONE = 100
"""Calendars of more people than these are read with everybody's, page by page."""
MANY_REPLACED = 3
"""So many extensions pass on in one import only when it is confirmed, where they are most of all there are."""


class Doubtful(BacksoonError):
    """More people would be taken out than is likely to be meant. Nothing was stored."""

    remedy = "look at it with --dry-run; if that is what is meant, do it with --force"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How rows are taken in.

    `everybody`: the rows are all people there are, so that who is in none of them is gone; `prune`: take these out, but
    for those who were switched off by name; `force`: also where that is doubtful; `rename`: who has a row's extension
    is meant by it under another name too; `dry_run`: only judge; `files`: rows may name files of this machine.
    """

    everybody: bool = False
    prune: bool = False
    force: bool = False
    rename: bool = False
    dry_run: bool = False
    files: bool = True


USUAL = ImportOptions()


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of rows; of a dry run, what would.

    `added`: rows that became somebody new. `replaced`: whoever went because their extension passed to somebody else.
    `gone`: who is in no row; `removed` of them were taken out. `kept_off`: who was switched off by name and stays so.
    `doubts`: why it is done only by `force`.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    replaced: tuple[tuple[Person, Person], ...] = ()
    """Who went, and who has the extension now."""
    gone: tuple[Person, ...] = ()
    removed: tuple[Person, ...] = ()
    kept_off: tuple[Person, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Work:
    """A person as the row wants them, as they are stored (None: not yet), and their calendars."""

    person: Person
    stored: Person | None
    present: Sequence[Calendar]
    places: set[Place]

    @property
    def changes(self) -> bool:
        held = {(c.connection, c.address) for c in self.present}
        return self.person != self.stored or held != self.places


@dataclass(slots=True)
class _Plan:
    """What is to be done, whole, before anything of it is."""

    matched: Matched
    work: list[_Work]
    removed: list[Person]
    kept_off: list[Person]
    changing: list[_Work]
    doubts: list[str] = field(default_factory=list)


def rows_of(listing: Listing) -> list[Row]:
    """What a source lists, as rows in its order."""
    return [Row(number, one.values, one.label) for number, one in enumerate(listing.people, 1)]


async def everybody(store: Store, organisation: str) -> list[Person]:
    """All people of an organisation."""
    people: list[Person] = []
    while page := await store.page_people(organisation, after=people[-1].id if people else 0, limit=PAGE):
        people += page
    return people


async def import_listing(
    listing: Listing,
    organisation: Organisation,
    store: Store,
    service: Service,
    options: ImportOptions = USUAL,
    known_country: Callable[[str], bool] = lambda _: True,
) -> Imported:
    """Take in who a source lists, which is everybody there. Raises `Doubtful`, `StoreError`."""
    options = replace(options, everybody=True)
    rows = rows_of(listing)
    there = frozenset(one.email.casefold() for one in listing.left_out if one.email)
    found = await import_rows(
        rows,
        organisation,
        store,
        service,
        options,
        known_country,
        doubts=listing.doubts,
        blurred=listing.blurred,
        there=there,
    )
    return replace(found, left_out=listing.left_out, notes=listing.notes)


async def import_rows(
    rows: Iterable[Row],
    organisation: Organisation,
    store: Store,
    service: Service,
    options: ImportOptions = USUAL,
    known_country: Callable[[str], bool] = lambda _: True,
    *,
    doubts: Sequence[str] = (),
    blurred: Sequence[str] = (),
    there: Set[str] = frozenset(),
) -> Imported:
    """Take people in; those of a dry run are only judged. `doubts` say why people may be missing among the rows,
    `blurred` why names and addresses may be other ones than usual;
    `there` are e-mail addresses, casefolded, of those who are in none of them and are not gone.

    Raises `Doubtful`, and then nothing was stored; `StoreError`.
    """
    rows = list(rows)
    async with service.roster.of(organisation.id):
        present = await everybody(store, organisation.id)
        connections = await store.connections(organisation.id)
        # In a thread: of tens of thousands it takes a second, in which the clock and the switchboards must go on.
        work_out = partial(match, rename=options.rename, files=options.files)
        matched = await asyncio.to_thread(work_out, rows, organisation, present, connections, known_country)
        matched.gone = [p for p in matched.gone if p.email.casefold() not in there]
        work = await _with_calendars(matched.matches, connections, store)
        plan = await asyncio.to_thread(_plan, matched, work, options)
        plan.doubts += _doubts(plan, rows, present, doubts if options.prune else ())
        if matched.replaced:
            several = f"{len(matched.replaced)} extensions would pass to somebody else"
            plan.doubts += [f"{several}, but {why}" for why in blurred]
        if plan.doubts and not (options.force or options.dry_run):
            raise Doubtful("; ".join(plan.doubts))
        if not options.dry_run:
            await finished(_carry_out(plan, store, service))  # never half, whoever asked and is gone
    return _told(plan, options)


def _plan(matched: Matched, work: list[_Work], options: ImportOptions) -> _Plan:
    if not options.everybody:
        matched.gone = []
    out = [p for p in matched.gone if p.active] if options.prune else []
    stay = [m.person for m in matched.matches if m.stored is not None and not m.person.active]
    kept = [p for p in stay if p.id] + [p for p in matched.gone if not p.active]
    return _Plan(matched, work, out, sorted(kept, key=lambda p: p.id), [w for w in work if w.changes])


def _doubts(plan: _Plan, rows: Sequence[Row], present: Sequence[Person], told: Sequence[str]) -> list[str]:
    """Why it may not be meant. A source that is broken must not empty the switchboard."""
    doubts: list[str] = []
    replaced = len(plan.matched.replaced)
    if replaced >= MANY_REPLACED and 2 * replaced > len(present):
        doubts.append(f"{replaced} of {len(present)} extensions would pass to somebody else")
    if not plan.removed:
        return doubts
    out, active = f"{len(plan.removed)} people would be taken out", sum(p.active for p in present)
    if 2 * len(rows) < len(present):
        listed = "1 person is" if len(rows) == 1 else f"{len(rows)} people are"
        doubts.append(f"{out}: {listed} listed where there were {len(present)}")
    elif 2 * len(plan.removed) > active:  # nobody who is switched off is among them
        doubts.append(f"{out}, of {active}")
    if plan.matched.nameless:
        doubts.append(f"{out}, and {plan.matched.nameless} rows that do not fit may be some of them")
    return doubts + [f"{out}, but {why}" for why in told]


async def _with_calendars(matches: Sequence[Match], connections: Sequence[Connection], store: Store) -> list[_Work]:
    held = await _calendars(store, [m.stored for m in matches if m.stored is not None])
    work: list[_Work] = []
    for number, one in enumerate(matches):
        if number % PAGE == 0:
            await asyncio.sleep(0)
        present = held.get(one.person.id, ()) if one.stored else ()
        named = named_among(present) if one.named is None else one.named
        work.append(_Work(one.person, one.stored, present, wanted(one.person, named, connections)))
    return work


async def _calendars(store: Store, people: Sequence[Person]) -> Mapping[int, list[Calendar]]:
    """These people's calendars."""
    if len(people) <= ONE_BY_ONE:
        return {p.id: await calendars_of(store, p) for p in people}
    found: dict[int, list[Calendar]] = {p.id: [] for p in people}
    after = 0
    while page := await store.calendars(after=after, limit=PAGE):
        after = page[-1].calendar.id
        for read in page:
            if read.calendar.person in found:
                found[read.calendar.person].append(read.calendar)
    return found


async def _carry_out(plan: _Plan, store: Store, service: Service) -> None:
    """First who goes, so that extensions are free; then everybody else at once."""
    out = [r.person for r in plan.matched.replaced] + plan.removed
    if out:
        await service.remove_people(out)
    if plan.changing:
        await _store(plan.changing, store, service)


async def _store(changing: Sequence[_Work], store: Store, service: Service) -> None:
    saved = await service.save_people([w.person for w in changing])
    assignment = Assignment()
    for one, person in zip(changing, saved, strict=True):
        assignment.add(person, one.present, one.places)
    touched = await assignment.make(store)
    if touched:  # saved once more, they are decided anew: now without what their calendars said
        await service.save_people(list((await store.people(touched)).values()))


def _told(plan: _Plan, options: ImportOptions) -> Imported:
    changing, matched = plan.changing, plan.matched
    added = sum(1 for w in changing if w.stored is None)
    now = {m.person.extension.casefold(): m.person for m in matched.matches}
    return Imported(
        added=added,
        changed=len(changing) - added,
        unchanged=len(plan.work) - len(changing),
        replaced=tuple((r.person, now[r.person.extension.casefold()]) for r in matched.replaced),
        gone=tuple(matched.gone),
        removed=tuple(plan.removed),
        kept_off=tuple(plan.kept_off),
        rejected=tuple(matched.rejected),
        doubts=() if options.force else tuple(plan.doubts),
    )


async def reassign(store: Store, organisation: str) -> frozenset[int]:
    """Give everybody the calendars that the connections in the store's settings say; who lost referrals by it."""
    connections = await store.connections(organisation)
    assignment = Assignment()
    people = await everybody(store, organisation)
    held = await _calendars(store, people)
    for person in people:
        calendars = held[person.id]
        assignment.add(person, calendars, wanted(person, named_among(calendars), connections))
    return await assignment.make(store)
