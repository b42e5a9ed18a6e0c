"""Taking people in by rows: the good ones are stored with their calendars, the others are named with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from backsoon.domain.organisation import Calendar, Organisation, Person
from backsoon.engine.assigning import Assignment, Place, calendars_of, named_among, named_in, wanted
from backsoon.engine.roster import BadField, Fitted, RejectedRow, Row, fit
from backsoon.engine.service import Service
from backsoon.store.base import Store

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of rows."""

    added: int
    changed: int
    unchanged: int
    rejected: tuple[RejectedRow, ...]


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


async def everybody(store: Store, organisation: str) -> list[Person]:
    """All people of an organisation."""
    people: list[Person] = []
    while page := await store.page_people(organisation, after=people[-1].id if people else 0, limit=PAGE):
        people += page
    return people


async def import_rows(
    rows: Iterable[Row],
    organisation: Organisation,
    store: Store,
    service: Service,
    *,
    known_country: Callable[[str], bool] = lambda _: True,
    dry_run: bool = False,
) -> Imported:
    """Take people in; those of a `dry_run` are only judged. Raises `StoreError`; then nobody was taken in."""
    present = await everybody(store, organisation.id)
    fitted = fit(rows, organisation, present, known_country)
    work = await _with_calendars(fitted, present, organisation.id, store)
    changing = [w for w in work if w.changes]
    if changing and not dry_run:
        await _store(changing, store, service)
    added = sum(1 for w in changing if w.stored is None)
    rejected = tuple(sorted(fitted.rejected, key=lambda r: r.number))
    return Imported(added, len(changing) - added, len(work) - len(changing), rejected)


async def _with_calendars(fitted: Fitted, present: Sequence[Person], organisation: str, store: Store) -> list[_Work]:
    connections = await store.connections(organisation)
    stored = {p.id: p for p in present}
    work: list[_Work] = []
    for row, person in fitted.people:
        held = await calendars_of(store, person)
        try:
            named = named_in(row, person, connections)
        except BadField as error:
            fitted.reject(row, str(error))
            continue
        places = wanted(person, named_among(held) if named is None else named, connections)
        work.append(_Work(person, stored.get(person.id), held, places))
    return work


async def _store(changing: Sequence[_Work], store: Store, service: Service) -> None:
    saved = await service.save_people([w.person for w in changing])
    assignment = Assignment()
    for one, person in zip(changing, saved, strict=True):
        one.person = person
        assignment.add(person, one.present, one.places)
    touched = await assignment.make(store)
    if touched:  # saved once more, they are decided anew: now without what their calendars said
        await service.save_people(list((await store.people(touched)).values()))


async def reassign(store: Store, organisation: str) -> frozenset[int]:
    """Give everybody the calendars that the connections in the store's settings say; who lost referrals by it."""
    connections = await store.connections(organisation)
    assignment = Assignment()
    for person in await everybody(store, organisation):
        held = await calendars_of(store, person)
        assignment.add(person, held, wanted(person, named_among(held), connections))
    return await assignment.make(store)
