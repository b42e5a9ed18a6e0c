"""What every verb begins with: who asks, whom they mean, and whether they may."""

from __future__ import annotations

import re

from backsoon.api.parts import Parts
from backsoon.domain.access import LOCAL, Forbidden, Identity, Right
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Organisation, Person
from backsoon.domain.phrase import Audience
from backsoon.engine.directory import UnknownOrganisation
from backsoon.engine.service import NoSuchPerson

PAGE = 1000
"""The most people, calendars or stretches of time in one answer."""
_ID = re.compile(r"id:([0-9]{1,18})")


class WhichOrganisation(BacksoonError):
    """There are several organisations, or none, and it was not said which one is meant."""

    remedy = "name the organisation (--organisation; in an address ?organisation=)"


class Asking:
    """One who asks. What is not theirs is answered as what does not exist."""

    def __init__(self, parts: Parts, who: Identity = LOCAL, language: str | None = None) -> None:
        """`language` is that of the words in answers (BCP 47); None: that of the person whom they are about."""
        self._parts = parts
        self._who = who
        self._language = language

    @property
    def who(self) -> Identity:
        """Who asks."""
        return self._who

    @property
    def language(self) -> str | None:
        """That of the words in answers."""
        return self._language

    def _must(self, right: Right) -> None:
        """Raises `Forbidden` where this may not be asked at all."""
        if not self._who.may(right):
            raise Forbidden(f"the role {self._who.role} may not do this ({right})")

    def _must_of(self, right: Right, person: Person) -> None:
        """The same about one person."""
        if not self._who.may_of(right, person):
            raise Forbidden(f"the role {self._who.role} may not do this ({right}) here")

    def _must_be_local(self) -> None:
        """Raises `Forbidden` for whoever has a token."""
        if self._who.role is not None:
            raise Forbidden("this is for the commands on Backsoon's machine only", "type the command there")

    def _by(self, said: str) -> str:
        """Who does it, for history: a token's name, and whatever the local one says. Raises `Forbidden`."""
        if self._who.role is None:
            return said
        if said:
            raise Forbidden("who did it is the token's name", "leave `by` out")
        return self._who.name

    def _narrowed(self, organisation: str | None) -> str | None:
        """The one organisation asked about; None, for those to whom all belong: all. Raises `UnknownOrganisation`."""
        own = self._who.organisation
        if organisation is None:
            return own
        if own not in (None, organisation) or organisation not in self._parts.directory.organisations:
            raise UnknownOrganisation(f"there is no organisation {organisation!r}")
        return organisation

    def _one(self, organisation: str | None) -> Organisation:
        """The organisation asked about, where it must be one. Raises `UnknownOrganisation`, `WhichOrganisation`."""
        directory = self._parts.directory
        name = self._narrowed(organisation)
        if name is not None:
            return directory.named(name)
        known = sorted(directory.organisations)
        if len(known) != 1:
            what = f"there are several organisations: {', '.join(known)}" if known else "there is no organisation yet"
            raise WhichOrganisation(what)
        return directory.organisations[known[0]]

    async def _person(self, text: str, organisation: str | None, right: Right) -> Person:
        """The person meant by an extension, an e-mail address, (part of) a name or `id:17`.

        Raises `NoSuchPerson`, `SeveralPeople`, `Forbidden`.
        """
        self._must(right)
        person = await self._found(text, self._narrowed(organisation))
        if not self._knows_by(text, person):
            raise NoSuchPerson(text)
        self._must_of(right, person)
        return person

    async def _found(self, text: str, organisation: str | None) -> Person:
        match = _ID.fullmatch(text)
        if match is None:
            return await self._parts.service.find(text, organisation)
        person = (await self._parts.store.people([int(match[1])])).get(int(match[1]))
        if person is None or organisation not in (None, person.organisation):
            raise NoSuchPerson(text)
        return person

    def _knows_by(self, text: str, person: Person) -> bool:
        """Whether they may know the person by this: callers know extensions and names only."""
        if self._who.audience(person) is not Audience.CALLER:
            return True
        wanted = text.strip().casefold()
        return wanted == person.extension.casefold() or wanted in person.name.casefold()
