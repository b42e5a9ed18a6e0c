"""Verbs about the organisation: its settings, words, calendars, switchboards, health and tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from backsoon.api.accounting import Accounting
from backsoon.api.asking import PAGE
from backsoon.api.health import health_of
from backsoon.api.settings import (
    calendar_view,
    keywords_view,
    reasons_view,
    settings_view,
    switchboard_view,
    token_view,
)
from backsoon.api.views import Json
from backsoon.domain.access import Right, Role
from backsoon.domain.organisation import Organisation, Person
from backsoon.store.base import NotStored, ReadCalendar, Token


class Managing(Accounting):
    """What administrators ask, and the words that everybody needs."""

    @property
    def _is_switchboard(self) -> bool:
        return self._who.role is Role.SWITCHBOARD

    # -- settings and words ----------------------------------------------------------------------------------------

    async def settings(self, organisation: str | None) -> Json:
        """An organisation's settings in force; of connections and switchboards their names, and no secret."""
        self._must(Right.MANAGE)
        found = self._one(organisation)
        store = self._parts.store
        return settings_view(found, await store.connections(found.id), await store.switchboards(found.id))

    async def reasons(self, organisation: str | None) -> Json:
        """The reasons there are, with their words."""
        self._must(Right.LOOK)
        found = self._one(organisation)
        return reasons_view(found, self._language or found.language, outside=self._is_switchboard)

    async def keywords(self, organisation: str | None) -> Json:
        """What people type in front of a subject, and the reason it stands for; with one's own, who has some."""
        self._must(Right.LOOK)
        found = self._one(organisation)
        own = await self._parts.store.people([self._who.person] if self._who.person else [])
        language = self._language or found.language
        return keywords_view(found, own.get(self._who.person), language, outside=self._is_switchboard)

    async def apply(self, *, dry_run: bool) -> Json:
        """Take over the settings file; what differed."""
        self._must_be_local()
        found = await self._parts.apply(dry_run=dry_run)
        return {
            "differences": [{"field": d.field, "before": d.before, "after": d.after} for d in found],
            "dry_run": dry_run,
        }

    # -- calendars -------------------------------------------------------------------------------------------------

    async def sync(self, person: str | None, organisation: str | None, *, whole: bool) -> Json:
        """Have calendars read now; how many."""
        self._must(Right.MANAGE)
        service, narrowed = self._parts.service, self._narrowed(organisation)
        if person is not None:
            count = await service.read_now(await self._person(person, organisation, Right.MANAGE), whole=whole)
        elif narrowed is None:
            count = await service.read_now(whole=whole)
        else:
            ids = [c.calendar.id async for c in self._calendars(narrowed, None, 0)]
            count = await self._parts.store.read_soon(ids, whole=whole)
        self._parts.wake_sync()
        return {"calendars": count}

    async def calendars(self, person: str | None, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """A page of calendars in order of id with how reading them goes: everybody's, or one person's."""
        self._must(Right.EXPLAIN)
        whose = await self._whose(person, organisation)
        narrowed = self._narrowed(organisation) if whose is None else whose.organisation
        found: list[ReadCalendar] = []
        async for calendar in self._calendars(narrowed, whose, after):
            found.append(calendar)
            if len(found) == min(limit, PAGE):
                break
        people = await self._parts.store.people({c.calendar.person for c in found})
        views = [calendar_view(c, people[c.calendar.person]) for c in found if c.calendar.person in people]
        return {"calendars": views, "next": found[-1].calendar.id if len(found) == limit else None}

    async def _whose(self, text: str | None, organisation: str | None) -> Person | None:
        """Whose calendars are asked about; None: everybody's. Raises `Forbidden` for those that are not one's own."""
        if text is None and self._who.role is Role.PERSON:
            text = f"id:{self._who.person}"
        person = None if text is None else await self._person(text, organisation, Right.LOOK)
        own = person is not None and self._who.role is Role.PERSON and person.id == self._who.person
        if not own:
            self._must(Right.MANAGE)
        return person

    async def _calendars(
        self, organisation: str | None, person: Person | None, after: int
    ) -> AsyncIterator[ReadCalendar]:
        store, whose = self._parts.store, None if person is None else person.id
        while page := await store.calendars(person=whose, after=after, limit=PAGE):
            after = page[-1].calendar.id
            for calendar in page:
                if organisation in (None, calendar.calendar.organisation):
                    yield calendar

    # -- switchboards and health -----------------------------------------------------------------------------------

    async def switchboards(self, organisation: str | None) -> Json:
        """The switchboards and how they do; `connected` is null where no Backsoon runs."""
        self._must(Right.MANAGE)
        narrowed = self._narrowed(organisation)
        running = {
            (name, p.settings.name): p.health for name, several in self._parts.publishers.items() for p in several
        }
        found = await self._parts.store.switchboards(narrowed)
        return {"switchboards": [switchboard_view(s, running.get((s.organisation, s.name))) for s in found]}

    async def health(self, organisation: str | None = None) -> Json:
        """How Backsoon, its switchboards and its calendars do."""
        self._must(Right.MANAGE)
        return await health_of(self._parts, self._narrowed(organisation))

    # -- tokens ----------------------------------------------------------------------------------------------------

    async def tokens(self, organisation: str | None, after: int = 0, limit: int = PAGE) -> Json:
        """A page of tokens in order of id; what a token is worth is not known any more."""
        self._must(Right.MANAGE)
        found = [t for t in await self._parts.store.tokens(self._narrowed(organisation)) if t.id > after]
        page = found[: min(limit, PAGE)]
        views = await self._token_views(page)
        return {"tokens": views, "next": page[-1].id if len(page) < len(found) else None}

    async def token(self, id: int, organisation: str | None) -> Json:
        """One token. Raises `NotStored`."""
        self._must(Right.MANAGE)
        return (await self._token_views([await self._token(id, organisation)]))[0]

    async def add_token(
        self,
        organisation: str | None,
        name: str,
        role: Role,
        *,
        person: str | None = None,
        expires_at: datetime | None = None,
        lasting: timedelta | None = None,
        by: str = "",
    ) -> Json:
        """Make a token; `token` in the answer is the only time that it is seen. `by` is for the local one to say."""
        self._must(Right.MANAGE)
        found: Organisation = self._one(organisation)
        whose = None if person is None else await self._person(person, found.id, Right.MANAGE)
        if lasting is not None:
            expires_at = self._parts.clock.now() + lasting
        issued = await self._parts.tokens.issue(
            found.id, name, role, person=whose, expires_at=expires_at, by=self._by(by)
        )
        await self._note_token("token.added", issued.token, by)
        return {"token": issued.text, **(await self._token_views([issued.token]))[0]}

    async def remove_token(self, id: int, organisation: str | None) -> Json:
        """Revoke a token: it is worth nothing from now on. Raises `NotStored`."""
        self._must(Right.MANAGE)
        token = await self._token(id, organisation)
        view = (await self._token_views([token]))[0]
        await self._parts.tokens.revoke(token.organisation, token.id)
        await self._note_token("token.revoked", token, "")
        return view

    async def _note_token(self, what: str, token: Token, by: str) -> None:
        told = {"token": token.id, "role": token.role.value}
        await self._parts.audit.note(
            token.organisation, what, who=self._by(by), through=self._through, about=token.name, details=told
        )

    async def _token(self, id: int, organisation: str | None) -> Token:
        for token in await self._parts.store.tokens(self._narrowed(organisation)):
            if token.id == id:
                return token
        raise NotStored(f"there is no token {id}")

    async def _token_views(self, tokens: list[Token]) -> list[Json]:
        people = await self._parts.store.people({t.person for t in tokens if t.person})
        now = self._parts.clock.now()
        return [token_view(t, people.get(t.person), now) for t in tokens]
