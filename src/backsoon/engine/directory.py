"""The organisations' settings in memory, and what follows from them for one person."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from backsoon.domain.errors import BacksoonError
from backsoon.domain.hours import WorkingHours, WorkingTime
from backsoon.domain.naming import known_zone
from backsoon.domain.organisation import Organisation, Person
from backsoon.store.base import Store

log = logging.getLogger(__name__)

Holidays = Callable[[str, int], frozenset[date]]
"""Public holidays of a country (ISO 3166-1 alpha-2, maybe with a subdivision) in one year."""


def no_holidays(country: str, year: int) -> frozenset[date]:
    """No country has public holidays."""
    return frozenset()


class UnknownOrganisation(BacksoonError):
    """There is no organisation of that name."""

    remedy = "the settings have its id: `id` in [organisation], or the ID of [organisations.ID]"


@dataclass(slots=True)
class Directory:
    """Settings by organisation, read from the store by `refresh`."""

    store: Store
    holidays: Holidays = no_holidays
    organisations: dict[str, Organisation] = field(default_factory=dict)
    _prepared: set[tuple[str, int]] = field(default_factory=set)

    async def refresh(self) -> None:
        """Read the settings anew."""
        self.organisations = {o.id: o for o in await self.store.organisations()}

    async def prepare(self, people: Iterable[Person], at: datetime) -> None:
        """Have the public holidays at hand by which these people are decided about around `at`.

        To look them up takes up to half a second, for which nothing else may wait.
        """
        years = range(at.year - 1, at.year + 4)
        wanted = {(country, year) for country in set(map(self._country_of, people)) if country for year in years}
        for country, year in sorted(wanted - self._prepared):
            await asyncio.to_thread(self.holidays, country, year)
        self._prepared |= wanted

    def _country_of(self, person: Person) -> str:
        organisation = self.organisations.get(person.organisation)
        return person.country or ("" if organisation is None else organisation.country)

    def organisation_of(self, person: Person) -> Organisation:
        """The person's organisation. Raises `UnknownOrganisation`."""
        return self.named(person.organisation)

    def named(self, organisation: str) -> Organisation:
        """The organisation of that id. Raises `UnknownOrganisation`."""
        try:
            return self.organisations[organisation]
        except KeyError:
            raise UnknownOrganisation(f"there is no organisation {organisation!r}") from None

    def zone_of(self, person: Person) -> ZoneInfo:
        """The zone in which the person lives; the organisation's where nobody knows theirs any more."""
        return _zone(person.zone, self.organisation_of(person).zone)

    def language_of(self, person: Person) -> str:
        """The language of the person's line."""
        return person.language or self.organisation_of(person).language

    def working_time_of(self, person: Person, at: datetime) -> WorkingTime:
        """The person's working hours with the public holidays of the year of `at` and the two that follow."""
        organisation = self.organisation_of(person)
        hours = organisation.hours if person.hours is None else person.hours
        country = self._country_of(person)
        zone = _zone(person.zone, organisation.zone)
        return _working_time(hours, zone, country, at.year, self.holidays)


@lru_cache(maxsize=1024)
def _zone(name: str, usual: str) -> ZoneInfo:
    if name and not known_zone(name):  # it was known when it was stored: other data came with an update or a move
        log.error("zone %r is not known here any more: taking %r", name, usual)
        return ZoneInfo(usual)
    return ZoneInfo(name or usual)


@lru_cache(maxsize=1024)
def _working_time(hours: WorkingHours, zone: ZoneInfo, country: str, year: int, holidays: Holidays) -> WorkingTime:
    days: frozenset[date] = frozenset()
    if country:
        days = frozenset().union(*(holidays(country, y) for y in range(year - 1, year + 3)))
    return WorkingTime(hours, zone, days)
