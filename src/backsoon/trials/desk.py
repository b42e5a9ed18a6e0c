"""Where an administrator's page works on the settings: looks at them, tries a change, makes it, and has it in force.

All answers are plain values. No secret is among them, nor what stands in anybody's calendar.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from backsoon.config import Config, ConfigError
from backsoon.config.differences import Difference
from backsoon.config.judging import Wish
from backsoon.config.settingsfile import ELSEWHERE, Proposal, SettingsFile
from backsoon.domain.settingserrors import AlreadyTrying, Fault, SettingsFaulty
from backsoon.engine.timing import finished
from backsoon.trials.checking import Means
from backsoon.trials.countries import check_countries
from backsoon.trials.onepart import try_part

Json = dict[str, Any]
T = TypeVar("T")
Wishes = Sequence[Mapping[str, Any]]
"""Each `{"field": "calendars.main.url", "value": ...}`."""


class Desk:
    """The settings file, and what can be done with changes that are not in it yet."""

    def __init__(self, file: SettingsFile, means: Means, apply: Callable[..., Awaitable[Sequence[Difference]]]) -> None:
        """`apply(dry_run=...)` takes the file over; what differed from what is in force."""
        self._file = file
        self._means = means
        self._apply = apply
        self._turn = asyncio.Lock()
        self._trying: set[tuple[str, str]] = set()

    async def view(self, organisation: str) -> Json:
        """The settings as they stand in the file, and what of it is not in force. Raises `ConfigError`."""
        view = await asyncio.to_thread(self._file.view, organisation)
        ground = view.ground
        return {
            "etag": view.etag,
            "path": view.path,
            "writable": view.writable,
            "why_not": view.why_not or None,
            "remedy": view.remedy or None,
            "at": {
                "organisation": ".".join(ground.own),
                **{kind: ".".join(ground.parts(kind)) for kind in ("calendars", "switchboards", "directories")},
            },
            "fields": dict(view.fields),
            "secrets": {name: asdict(told) for name, told in view.secrets.items()},
            "fixed": dict(view.fixed),
            **await self._unapplied(organisation),
        }

    async def _unapplied(self, organisation: str) -> Json:
        try:
            found = await self._apply(dry_run=True)
        except ConfigError as error:
            return {"unapplied": [], "faults": [asdict(one) for one in _faults(error, organisation)]}
        begins = (f"organisations.{organisation}.", f"organisations.{organisation}")
        mine = [d for d in found if d.field == begins[1] or d.field.startswith(begins[0])]
        return {"unapplied": [{"field": d.field, "before": d.before, "after": d.after} for d in mine], "faults": []}

    async def check(self, organisation: str, etag: str, wishes: Wishes) -> Json:
        """What is wrong with changes, and what they would change; nothing is written.

        Raises `ConfigError`, `SettingsChanged`.
        """
        proposal = await asyncio.to_thread(self._file.propose, organisation, _wishes(wishes), etag)
        return _judged(proposal, await self._countries(proposal, organisation))

    async def write(self, organisation: str, etag: str, wishes: Wishes) -> Json:
        """Write changes into the file and put it into force. With no changes: only the latter.

        What was begun is finished, whoever asked for it and is gone. Raises `ConfigError`, `SettingsChanged`,
        `SettingsFaulty`, `NotWritable`, and what applying raises: then the file is written, and `view` says that it is
        not in force.
        """
        return await finished(self._written(organisation, etag, _wishes(wishes)))

    async def _written(self, organisation: str, etag: str, wishes: Sequence[Wish]) -> Json:
        async with self._turn:
            first = await asyncio.to_thread(self._file.propose, organisation, wishes, etag)
            if faults := [*first.faults, *await self._countries(first, organisation)]:
                raise SettingsFaulty(faults)
            proposal = await asyncio.to_thread(self._file.write, organisation, wishes, etag) if wishes else first
            applied = await self._apply(dry_run=False)
        view = await asyncio.to_thread(self._file.read)
        return {**_judged(proposal, ()), "applied": len(applied), "etag": view.etag}

    async def _countries(self, proposal: Proposal, organisation: str) -> Sequence[Fault]:
        """What only the calendar of public holidays knows."""
        if proposal.config is None:
            return ()
        try:
            await asyncio.to_thread(check_countries, proposal.config, self._means.holidays, self._means.now().year)
        except ConfigError as error:
            return [one for one in _faults(error, organisation) if one != ELSEWHERE]
        return ()

    async def try_part(self, organisation: str, what: str, wishes: Wishes, mailbox: str = "") -> Json:
        """What comes of trying one part, changes and all; nothing is written.

        `mailbox` is whose calendar to try, where none is known yet. Raises `ConfigError`, `SettingsFaulty`,
        `NothingToTry`, `AlreadyTrying`.
        """

        async def tried(config: Config) -> Json:
            found = await try_part(config, organisation, what, self._means, mailbox)
            return {"tried": [asdict(one) for one in found]}

        if (organisation, what) in self._trying:
            raise AlreadyTrying("this is being tried already")
        self._trying.add((organisation, what))
        try:
            return await self.with_changes(organisation, wishes, tried)
        finally:
            self._trying.discard((organisation, what))

    async def with_changes(self, organisation: str, wishes: Wishes, work: Callable[[Config], Awaitable[T]]) -> T:
        """Work with the settings as they would be. New secrets are in files of a folder that is gone afterwards.

        Raises `ConfigError`, `SettingsFaulty`.
        """
        proposal = await asyncio.to_thread(self._file.propose, organisation, _wishes(wishes))
        if proposal.faults or proposal.config is None:
            raise SettingsFaulty(proposal.faults)
        if not proposal.secrets:
            return await work(proposal.config)
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="backsoon-try-")
        try:
            config = await asyncio.to_thread(self._file.for_a_try, proposal, Path(folder.name))
            assert config is not None  # noqa: S101 - it had no fault
            return await work(config)
        finally:
            await asyncio.to_thread(folder.cleanup)


def _wishes(wishes: Wishes) -> list[Wish]:
    return [Wish(str(one["field"]), one["value"]) for one in wishes]


def _faults(error: ConfigError, organisation: str) -> list[Fault]:
    """What an administrator of the organisation may hear of faults: of others only that they have some."""
    told: dict[Fault, None] = {}
    for one in error.problems:
        of_others = one.field.startswith("organisations.") and not f"{one.field}.".startswith(
            f"organisations.{organisation}."
        )
        told[ELSEWHERE if of_others else Fault(one.field, one.what, one.remedy)] = None
    return list(told)


def _judged(proposal: Proposal, also: Sequence[Fault]) -> Json:
    return {
        "faults": [asdict(one) for one in (*proposal.faults, *also)],
        "differences": [asdict(one) for one in proposal.differences],
    }
