"""Dry runs that are under way or done: one for each organisation, in memory, gone after an hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from backsoon.config import Config
from backsoon.domain.model import Mode
from backsoon.domain.organisation import Organisation
from backsoon.domain.settingserrors import AlreadyTrying, NoDryRun, NotInTheFile
from backsoon.engine.defects import where
from backsoon.engine.directory import Directory
from backsoon.sources.base import Window
from backsoon.trials.checking import Means
from backsoon.trials.desk import Desk, Wishes
from backsoon.trials.dryrun import DryRun, Found, Plan
from backsoon.trials.words import in_utc

if TYPE_CHECKING:
    from backsoon.factories import Sources

log = logging.getLogger(__name__)

TOGETHER = 2
"""Organisations whose dry runs are under way together; others wait."""
KEPT = timedelta(hours=1)
PAGE = 200
"""The most people in one answer."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to compare: a mode with what else would change, so many days from now, whose calendars (None: all)."""

    mode: Mode
    wishes: Wishes = ()
    days: int = 7
    people: frozenset[int] | None = None


@dataclass(slots=True)
class _Job:
    asked: Asked
    window: Window
    state: str = "waiting"
    """`none`, `waiting`, `running`, `done`, `stopped` or `failed`."""
    because: str = ""
    ended_at: datetime | None = None
    found: Found | None = None
    task: asyncio.Task[None] | None = None


class DryRuns:
    """Begins dry runs, says how far they are, and stops them. `run` is what they live in."""

    def __init__(self, desk: Desk, means: Means, directory: Directory, beside: Callable[[], Sources]) -> None:
        """`beside` makes what reads by connections that are not in force; each dry run has its own."""
        self._desk = desk
        self._means = means
        self._directory = directory
        self._beside = beside
        self._jobs: dict[str, _Job] = {}
        self._free = asyncio.Semaphore(TOGETHER)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Live until cancelled; dry runs end with it."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None
                for job in self._jobs.values():
                    if job.task is not None:
                        job.task.cancel()

    async def start(
        self, organisation: str, mode: Mode, wishes: Wishes = (), *, days: int = 7, people: Sequence[int] | None = None
    ) -> Json:
        """Begin one. Raises `AlreadyTrying`, `SettingsFaulty`, `ConfigError`."""
        asked = Asked(mode, wishes, days, None if people is None else frozenset(people))
        present = self._jobs.get(organisation)
        if self._tasks is None or (present is not None and present.state in ("waiting", "running")):
            raise AlreadyTrying("a dry run is under way")
        now = self._means.now()
        job = self._jobs[organisation] = _Job(asked, Window(now, now + timedelta(days=asked.days)))
        try:
            await self._desk.with_changes(organisation, asked.wishes, _nothing)  # faults are told at once
        except BaseException:
            del self._jobs[organisation]
            raise
        job.task = self._tasks.create_task(self._work(organisation, job))
        return self.told(organisation)

    async def _work(self, organisation: str, job: _Job) -> None:
        async def compare(config: Config) -> None:
            await self._compare(organisation, config, job)

        try:
            async with self._free:
                job.state = "running"
                await self._desk.with_changes(organisation, job.asked.wishes, compare)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "stopped"
        except Exception as error:  # its text may quote what was read
            log.warning("dry run of %s: %s", organisation, where(error))
            job.state, job.because = "failed", f"{type(error).__name__} in Backsoon"
        finally:
            job.ended_at = self._means.now()

    async def _compare(self, organisation: str, config: Config, job: _Job) -> None:
        wanted = next((o for o in config.organisations if o.organisation.id == organisation), None)
        if wanted is None:
            raise NotInTheFile(f"the settings file says nothing of the organisation {organisation!r}")
        wanted = replace(wanted, organisation=_with_mode(wanted.organisation, job.asked.mode))
        stored = await self._means.store.connections(organisation)
        plan = Plan(self._directory.named(organisation), wanted, stored, job.window, job.asked.people)
        async with _closing(self._beside()) as beside:
            dry_run = DryRun(plan, self._means.store, self._means.sources, beside)
            job.found = dry_run.found
            await dry_run.run()

    def told(self, organisation: str, after: int = 0, limit: int = PAGE) -> Json:
        """How far it is, and a page of people in the order in which they were read; state `none`: there is none."""
        job = self._jobs.get(organisation)
        if job is not None and job.ended_at is not None and self._means.now() - job.ended_at > KEPT:
            del self._jobs[organisation]
            job = None
        if job is None:
            now = self._means.now()
            job = _Job(Asked(Mode.ALL_BUSY), Window(now, now), "none")
        found = job.found or Found()
        page = found.people[after : after + min(limit, PAGE)] if job.state in ("done", "stopped") else []
        last = after + len(page)
        return {
            "state": job.state,
            "because": job.because or None,
            "mode": job.asked.mode.value,
            "start": in_utc(job.window.start),
            "end": in_utc(job.window.end),
            "done": min(found.done, found.of),
            "of": found.of,
            "totals": {
                "people": len(found.people),
                "without_calendar": found.without,
                "hours_before": round(found.before.total_seconds() / 3600, 2),
                "hours_after": round(found.after.total_seconds() / 3600, 2),
                "calendars_failed": found.failing,
            },
            "people": [one.as_json() for one in page],
            "failed": list(found.failed),
            "next": last if page and last < len(found.people) else None,
        }

    async def stop(self, organisation: str) -> Json:
        """Stop it, and forget what it found; how it stood then. Raises `NoDryRun`."""
        told = self.told(organisation)
        job = self._jobs.pop(organisation, None)
        if job is None:
            raise NoDryRun("there is no dry run")
        if job.task is not None and not job.task.done():
            job.task.cancel()
            await asyncio.wait([job.task])
            told["state"] = "stopped"
        return told


async def _nothing(_config: Config) -> None:
    """Faults are all that is asked about."""


def _with_mode(organisation: Organisation, mode: Mode) -> Organisation:
    return replace(organisation, rules=replace(organisation.rules, mode=mode))


@asynccontextmanager
async def _closing(sources: Sources) -> AsyncIterator[Sources]:
    try:
        yield sources
    finally:
        await sources.close()
