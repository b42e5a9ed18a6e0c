"""Countries of organisations: whether their public holidays are known, which the settings alone cannot say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date

from backsoon.config import Config, ConfigError, Problem
from backsoon.domain.naming import COUNTRY_REMEDY

Holidays = Callable[[str, int], Collection[date]]
"""The public holidays of a country in a year; none where it is not known."""


def check_countries(config: Config, holidays: Holidays, year: int) -> None:
    """Raise `ConfigError` for countries whose public holidays are not known."""
    several = len(config.organisations) > 1
    problems = []
    for one in config.organisations:
        country = one.organisation.country
        if country and not holidays(country, year):
            field = f"organisations.{one.organisation.id}.country" if several else "organisation.country"
            what = f"the public holidays of {country!r} are not known"
            problems.append(Problem(str(config.path), field, what, COUNTRY_REMEDY))
    if problems:
        raise ConfigError(problems)
