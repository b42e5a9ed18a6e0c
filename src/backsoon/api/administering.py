"""Verbs of the administrator's page: the settings file, trying it, dry runs, switching people on and off, the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from backsoon.api.accounting import Accounting
from backsoon.api.parts import Running
from backsoon.api.views import Json, instant, person_view
from backsoon.domain.access import Right
from backsoon.domain.model import Mode
from backsoon.domain.phrase import Audience
from backsoon.engine.audit import cursor_of
from backsoon.engine.importing import USUAL, import_rows
from backsoon.engine.roster import Row
from backsoon.engine.service import NoSuchPerson
from backsoon.store.base import AuditEntry

Wishes = Sequence[Mapping[str, Any]]


class Administering(Accounting):
    """What administrators do from a page. What changes anything is noted in the audit log, and never a secret."""

    @property
    def _running(self) -> Running:
        return cast(Running, self._parts)  # routes are served by one that runs

    async def settings_file(self, organisation: str | None) -> Json:
        """The settings as the file has them, without secrets; what of it is not in force."""
        self._must(Right.MANAGE)
        return await self._running.desk.view(self._one(organisation).id)

    async def check_settings(self, organisation: str | None, etag: str, wishes: Wishes) -> Json:
        """What is wrong with changes, and what they would change."""
        self._must(Right.MANAGE)
        return await self._running.desk.check(self._one(organisation).id, etag, wishes)

    async def write_settings(self, organisation: str | None, etag: str, wishes: Wishes) -> Json:
        """Write changes and put them into force."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        written: Json | None = None
        try:
            written = await self._running.desk.write(found.id, etag, wishes)
            return written
        finally:
            fields = [one["field"] for one in written["differences"]] if written is not None else []
            if fields or (written is not None and written["applied"]):
                await self._note(found.id, "settings.changed" if fields else "settings.applied", fields=fields[:100])
                self._parts.tokens.forget()

    async def try_settings(self, organisation: str | None, what: str, wishes: Wishes, mailbox: str) -> Json:
        """What comes of trying one part with changes that are not in the file."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        await self._note(found.id, "settings.tried", about=what, fields=sorted({w["field"] for w in wishes})[:100])
        return await self._running.desk.try_part(found.id, what, wishes, mailbox)

    async def start_dry_run(
        self, organisation: str | None, mode: Mode, wishes: Wishes, days: int, people: Sequence[int] | None
    ) -> Json:
        """Begin to compare a mode with what is in force."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        begun = await self._running.dry_runs.start(found.id, mode, wishes, days=days, people=people)
        await self._note(found.id, "dry_run.began", about=mode.value, days=days)
        return begun

    async def dry_run(self, organisation: str | None, after: int, limit: int) -> Json:
        """How far it is, and a page of what it found."""
        self._must(Right.MANAGE)
        return self._running.dry_runs.told(self._one(organisation).id, after, limit)

    async def stop_dry_run(self, organisation: str | None) -> Json:
        """Stop it and forget what it found."""
        self._must(Right.MANAGE)
        return await self._running.dry_runs.stop(self._one(organisation).id)

    # -- people ------------------------------------------------------------------------------------------------------

    async def set_active(self, person: str, organisation: str | None, *, active: bool) -> Json:
        """Switch somebody on or off by name: off, they are available, and no import changes that."""
        found = await self._person(person, organisation, Right.MANAGE)
        if found.active is not active:
            row = Row(1, {"extension": found.extension, "active": "yes" if active else "no"})
            parts, theirs = self._parts, self._one(found.organisation)
            imported = await import_rows([row], theirs, parts.store, parts.service)
            self._imported(imported, USUAL)
            if imported.rejected:
                raise NoSuchPerson(person)
            what = "person.switched_on" if active else "person.switched_off"
            await self._note(found.organisation, what, about=f"{found.name} ({found.extension})")
        present = (await self._parts.store.people([found.id])).get(found.id)
        if present is None:
            raise NoSuchPerson(person)
        return person_view(present, self._who.audience(present, Audience.ADMINISTRATOR))

    async def activate(self, source: str, organisation: str | None, *, dry_run: bool) -> Json:
        """Take in everybody at the switchboard; who was switched off by name stays off."""
        imported = await self.import_from(source, organisation, dry_run=dry_run)
        if not dry_run:
            counts = {name: imported[name] for name in ("added", "changed", "unchanged")}
            await self._note(self._one(organisation).id, "service.switched_on", about=source, **counts)
        return imported

    # -- the audit log -----------------------------------------------------------------------------------------------

    async def audit(
        self,
        organisation: str | None,
        text: str = "",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Json:
        """A page of who did what, the latest first; what was set by hand is among it."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        audit = self._parts.audit
        entries = await audit.search(found.id, text, since=since, until=until, after=after, limit=limit)
        full = len(entries) == limit
        return {"entries": [_entry(one) for one in entries], "next": cursor_of(entries[-1]) if full else None}


def _entry(entry: AuditEntry) -> Json:
    return {
        "at": instant(entry.at),
        "who": entry.who,
        "through": entry.through,
        "what": entry.what,
        "about": entry.about,
        "details": dict(entry.details),
    }
