"""What would change if settings were applied: shown before it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from backsoon.config.hours import AROUND_THE_CLOCK, DAYS
from backsoon.config.model import Config
from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Connection, Organisation, SwitchboardSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """What is compared: the settings of all organisations."""

    organisations: tuple[Organisation, ...] = ()
    connections: tuple[Connection, ...] = ()
    switchboards: tuple[SwitchboardSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; "" where there is none on that side."""

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.field} = {self.after}"
        return f"- {self.field} = {self.before}" if not self.after else f"~ {self.field}: {self.before} -> {self.after}"


def settings_of(config: Config) -> Settings:
    """The settings in a configuration."""
    return Settings(
        tuple(o.organisation for o in config.organisations),
        tuple(c for o in config.organisations for c in o.connections),
        tuple(s for o in config.organisations for s in o.switchboards),
    )


def describe(before: Settings, after: Settings) -> list[Difference]:
    """Every field that differs, in the order of their names; addresses that may be secrets as their origin only.

    An organisation that only `before` has is left out: it stays. Of a new one what is as usual is left out.
    """
    had, has = {o.id for o in before.organisations}, {o.id for o in after.organisations}
    usual = tuple(Organisation(name, "", Rules(KEYWORDS, REASONS)) for name in sorted(has - had))
    compared = replace(before, organisations=(*before.organisations, *usual))
    old, new = _flat(compared, had - has), _flat(after, frozenset())
    names = sorted(old.keys() | new.keys())
    return [Difference(f"organisations.{o.id}", "", "new") for o in usual] + [
        Difference(name, _shown(name, old.get(name)), _shown(name, new.get(name)))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _flat(settings: Settings, without: set[str] | frozenset[str]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for organisation in settings.organisations:
        if organisation.id not in without:
            flat.update(_leaves(f"organisations.{organisation.id}", organisation))
    for kind, several in (("calendars", settings.connections), ("switchboards", settings.switchboards)):
        for one in several:
            if one.organisation not in without:
                flat.update(_leaves(f"organisations.{one.organisation}.{kind}.{one.name}", one))
    return flat


def _leaves(where: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, WorkingHours):
        yield where, _hours(value)
    elif isinstance(value, timedelta):
        yield where, f"{int(value.total_seconds()) // 60} min"
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("id", "organisation", "code"):
                yield from _leaves(f"{where}.{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{where}.{key}", inner)
    elif value not in (None, ""):
        yield where, str(value)


def _hours(hours: WorkingHours) -> str:
    days = (f"{day} {_stretches(week)}" for day, week in zip(DAYS, hours.week, strict=True) if week)
    return AROUND_THE_CLOCK if hours.around_the_clock else ", ".join(days)


def _stretches(day: tuple[tuple[int, int], ...]) -> str:
    return " ".join(f"{s // 60:02}:{s % 60:02}-{e // 60:02}:{e % 60:02}" for s, e in day)


def _shown(name: str, value: str | None) -> str:
    if value is None:
        return ""
    if name.endswith(".settings.url") and "://" in value and "{" not in value:
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.netloc}/..."
    return value
