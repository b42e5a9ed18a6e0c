"""Verbs about who there is: taking people in and out."""

from __future__ import annotations

from collections.abc import Iterable

from backsoon.api.asking import Asking
from backsoon.api.views import Json
from backsoon.domain.access import Right
from backsoon.domain.organisation import Person
from backsoon.engine.directory import no_holidays
from backsoon.engine.importing import Imported, ImportOptions, import_listing, import_rows
from backsoon.engine.roster import Row


class Peopling(Asking):
    """What administrators ask about people."""

    async def import_people(
        self,
        rows: Iterable[Row],
        organisation: str | None,
        *,
        dry_run: bool,
        everybody: bool = False,
        prune: bool = False,
        force: bool = False,
        rename: bool = False,
    ) -> Json:
        """Take people in by rows; those that do not fit are named. `everybody`: who is in no row is gone.

        `prune` takes them out; `rename`: see `ImportOptions`.
        Raises `Doubtful` where that is more than is likely to be meant, but for `force`.
        """
        self._must(Right.MANAGE)
        parts = self._parts
        options = ImportOptions(everybody or prune, prune, force, rename, dry_run, self._may_name_files())
        found = self._one(organisation)
        imported = await import_rows(rows, found, parts.store, parts.service, options, self._known_country)
        return await self._taken_in(found.id, "rows", imported, options)

    async def import_from(
        self, source: str, organisation: str | None, *, dry_run: bool, prune: bool = False, force: bool = False
    ) -> Json:
        """Take in everybody at a switchboard or in a directory: `asterisk`, `ldap`, or one by name: `ldap:main`.

        Raises `NoSuchSource`, `Doubtful`, and what reading it raises; then nothing was stored.
        """
        self._must(Right.MANAGE)
        parts, files = self._parts, self._may_name_files()
        options = ImportOptions(everybody=True, prune=prune, force=force, dry_run=dry_run, files=files)
        found = self._one(organisation)
        listing = await parts.list_people(found.id, source)
        imported = await import_listing(listing, found, parts.store, parts.service, options, self._known_country)
        return await self._taken_in(found.id, source, imported, options)

    def _may_name_files(self) -> bool:
        """Whether calendars may be files of this machine: of several organisations' they may be another one's."""
        return self._who.role is None or len(self._parts.directory.organisations) == 1

    async def remove_person(self, person: str, organisation: str | None) -> Json:
        """Take one person out with all that is stored of them."""
        found = await self._person(person, organisation, Right.MANAGE)
        async with self._parts.service.roster.of(found.organisation):
            await self._parts.service.remove_people([found])
        self._parts.tokens.forget()
        await self._note(found.organisation, "person.removed", about=f"{found.name} ({found.extension})")
        return {"removed": _brief(found)}

    async def _taken_in(self, organisation: str, source: str, imported: Imported, options: ImportOptions) -> Json:
        told = self._imported(imported, options)
        counts = {name: told[name] for name in ("added", "changed", "removed")}
        counts["replaced"] = len(told["replaced"])
        if not options.dry_run and any(counts.values()):
            await self._note(organisation, "people.imported", about=source, **counts)
        return told

    @property
    def _through(self) -> str:
        """With what they do it, for the audit log."""
        return self._who.through or ("cli" if self._who.role is None else "api")

    async def _note(self, organisation: str, what: str, *, about: str = "", **details: object) -> None:
        """Note in the audit log what was done. Raises `StoreError`."""
        who = self._who.name or "command on this machine"
        await self._parts.audit.note(organisation, what, who=who, through=self._through, about=about, details=details)

    def _imported(self, imported: Imported, options: ImportOptions) -> Json:
        if not options.dry_run:
            self._parts.tokens.forget()  # those of people who are gone are gone with them
            self._parts.wake_sync()
        return {
            "added": imported.added,
            "changed": imported.changed,
            "unchanged": imported.unchanged,
            "replaced": [{**_brief(old), "by": new.name} for old, new in imported.replaced],
            "gone": [_brief(p) for p in imported.gone],
            "removed": len(imported.removed),
            "kept_off": [_brief(p) for p in imported.kept_off],
            "rejected": [
                {"row": r.number, "extension": r.extension, "because": r.because, "label": r.label}
                for r in imported.rejected
            ],
            "left_out": [{"label": one.label, "because": one.because} for one in imported.left_out],
            "notes": list(imported.notes),
            "doubts": list(imported.doubts),
            "dry_run": options.dry_run,
        }

    def _known_country(self, country: str) -> bool:
        holidays = self._parts.directory.holidays
        return holidays is no_holidays or bool(holidays(country, self._parts.clock.now().year))


def _brief(person: Person) -> Json:
    return {"extension": person.extension, "name": person.name}
