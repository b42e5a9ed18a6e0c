"""From settings to who lists people: switchboards and directories. A new kind is one line here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from backsoon.config import Config, secret
from backsoon.domain.errors import BacksoonError
from backsoon.domain.listing import Listing, NoSuchSource, NotListed, PeopleSource
from backsoon.domain.organisation import DirectorySettings, SwitchboardSettings
from backsoon.drivers import asterisk_settings


async def list_people(config: Config, organisation: str, wanted: str) -> Listing:
    """Everybody at `asterisk` or in `ldap` (all of them), or at one by name: `asterisk:main`.

    Raises `NoSuchSource`, `NotListed`.
    """
    found = Listing()
    kind, _, name = wanted.partition(":")
    every = [one for one in _all(config, organisation) if one.kind == kind]
    asked = [one for one in every if name in ("", one.name)]
    if not asked:
        known = ", ".join(f"{one.kind}:{one.name}" for one in _all(config, organisation)) or "none"
        raise NoSuchSource(f"there is no {wanted!r} to list people; known are {known}")
    for one in asked:
        try:
            found += await _MAKE[one.kind](one).people()
        except BacksoonError as error:
            raise NotListed(f"{one.kind}:{one.name}", error) from error
    if len(asked) < len(every):
        others = ", ".join(one.name for one in every if one not in asked)
        found += Listing(doubts=(f"who is at {others} is not listed",))
    return found


def _all(config: Config, organisation: str) -> Iterator[SwitchboardSettings | DirectorySettings]:
    for one in config.organisations:
        if one.organisation.id == organisation:
            yield from (s for s in one.switchboards if s.kind in _MAKE)
            yield from (d for d in one.directories if d.kind in _MAKE)


def _asterisk(settings: SwitchboardSettings | DirectorySettings) -> PeopleSource:
    from backsoon.switchboards.asterisk.people import EXTENSIONS, AsteriskPeople

    assert isinstance(settings, SwitchboardSettings)  # noqa: S101 - so says its kind
    read = asterisk_settings(settings, secret)
    pattern = str(settings.settings.get("extensions", "")) or EXTENSIONS
    return AsteriskPeople(read, re.compile(pattern))


def _ldap(settings: SwitchboardSettings | DirectorySettings) -> PeopleSource:
    from backsoon.directories.ldap import ATTRIBUTES, EXTENSION, LdapPeople, LdapSettings, usual_filter
    from backsoon.wire.ldap import LdapAccount, LdapAddress
    from backsoon.wire.tls import client_context

    told = settings.settings
    encrypted = told.get("tls") or told.get("start_tls")
    ca_file = str(told.get("ca_file", ""))
    tls = client_context(Path(ca_file) if ca_file else None) if encrypted else None
    username = str(told.get("username", ""))
    given = told.get("attributes")
    attributes = {**ATTRIBUTES, **(given if isinstance(given, Mapping) else {})}
    return LdapPeople(
        LdapSettings(
            LdapAddress(str(told["host"]), int(str(told["port"])), tls, bool(told.get("start_tls"))),
            str(told["base"]),
            str(told.get("filter", "")) or usual_filter(attributes["extension"]),
            LdapAccount(username, secret(str(told["password"]))) if username else None,
            attributes,
            re.compile(str(told.get("extension", "")) or EXTENSION),
            int(str(told.get("page_size", 500))),
        )
    )


_MAKE: Mapping[str, Callable[[SwitchboardSettings | DirectorySettings], PeopleSource]] = {
    "asterisk": _asterisk,
    "ldap": _ldap,
}
