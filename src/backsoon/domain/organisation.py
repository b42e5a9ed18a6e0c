"""Who there is: organisations, their people, calendars and switchboards. Nothing crosses from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backsoon.domain import spoken
from backsoon.domain.hours import OFFICE, WorkingHours
from backsoon.domain.model import Rules
from backsoon.domain.phonecodes import USUAL, PhoneCodes


@dataclass(frozen=True, slots=True)
class Organisation:
    """One company. `id` is a short name of [a-z0-9_-].

    Zone (IANA), language (BCP 47), country (ISO 3166-1 alpha-2, a subdivision may follow as in `DE-BY`; "" for no
    public holidays) and hours hold for people who have none of their own.
    """

    id: str
    name: str
    rules: Rules
    zone: str = "UTC"
    language: str = "en"
    country: str = ""
    hours: WorkingHours = OFFICE
    phone: PhoneCodes = USUAL
    voice: spoken.Voice = spoken.USUAL


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an extension. `id` is 0 until the store gives one; it never changes and is never given again.

    "" or None for zone, language, country and hours means: as the organisation has it. `keywords` are the person's own,
    normalised, by reason code; they come before the organisation's. `active` is False for whoever was switched off by
    name. `deputy` is the extension to which callers may go instead ("": none); calls from the numbers in `ring_through`
    ring whatever the calendar says. `competences` are what they know, in words: whom to ask about what.
    """

    organisation: str
    extension: str
    name: str
    email: str = ""
    zone: str = ""
    language: str = ""
    country: str = ""
    hours: WorkingHours | None = None
    keywords: Mapping[str, str] = field(default_factory=dict)
    department: str = ""
    title: str = ""
    active: bool = True
    id: int = 0
    deputy: str = ""
    ring_through: tuple[str, ...] = ()
    competences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """How an organisation reaches calendars of one server: kind (`caldav`, `ics`, ...) and settings of that kind.

    Settings are plain JSON values; a secret is a reference (`env:NAME`, `file:PATH`), never the secret.
    """

    organisation: str
    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendar:
    """One person's calendar at a connection. `id` is 0 until the store gives one."""

    person: int
    organisation: str
    connection: str
    address: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class SwitchboardSettings:
    """A switchboard of an organisation: kind (`asterisk`, ...) and settings of that kind, secrets by reference."""

    organisation: str
    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, ...]:
        """What tells it from all others, whatever they are called: what is at one place is one switchboard.

        Of a plug-in's kind that is what it calls `place` in the settings.
        """
        if place := str(self.settings.get("place", "")):
            return self.kind, place
        if url := str(self.settings.get("url", "")):
            return self.kind, self.organisation, url
        host = str(self.settings.get("host", "")).lower().rstrip(".")
        if not host:
            return self.kind, self.organisation, self.name
        return self.kind, "127.0.0.1" if host == "localhost" else host, str(self.settings.get("port", ""))


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """A directory that lists an organisation's people: kind (`ldap`) and its settings, secrets by reference."""

    organisation: str
    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)
