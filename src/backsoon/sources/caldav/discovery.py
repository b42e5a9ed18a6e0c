"""From an address to the calendars behind it (RFC 6764, RFC 5397, RFC 4791 section 6.2).

The address may be a server's root, a principal, a calendar home, or one calendar. With a service account the address
says whose calendars are meant: the account's own are taken only where the address is above its principal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from yarl import URL

from backsoon.sources.base import SourceBroken, SourceDenied, SourceMissing, SourceTooLarge
from backsoon.sources.caldav import bodies
from backsoon.sources.caldav.dav import Answer, CalDavLimits, Dav, Refused, source_errors
from backsoon.sources.caldav.hrefs import as_collection, is_beneath, normal_path, read_href
from backsoon.wire.auth import Credentials
from backsoon.wire.http import BadRedirect, Cut, Http, TooLarge, parse_address
from backsoon.wire.xml import BadXml

WELL_KNOWN: Final = "/.well-known/caldav"
NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Collection:
    """A calendar on the server. `href` is its path, `because` why it is not read ("" where it is)."""

    href: str
    name: str = ""
    because: str = ""
    sync_token: str = ""
    ctag: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands behind an address: the homes (none where the address is one calendar), and all that is in them."""

    homes: tuple[str, ...]
    members: frozenset[str]
    """Everything directly in the homes, calendar or not: when this changes, discovery is due again."""
    calendars: tuple[Collection, ...]

    @property
    def read(self) -> tuple[Collection, ...]:
        """The calendars that are read."""
        return tuple(calendar for calendar in self.calendars if not calendar.because)


async def discover(
    http: Http, address: str, credentials: Credentials | None, limits: CalDavLimits | None = None
) -> list[Collection]:
    """All calendars behind the address, those that are not read with the reason. Raises a `SourceError`."""
    with source_errors():
        url = parse_address(address)
        found = await find_calendars(Dav(http, url, credentials, limits or CalDavLimits()), url)
        return list(found.calendars)


async def find_calendars(dav: Dav, address: URL) -> Found:
    """The calendars behind the address, at least one of them to be read. Raises `SourceMissing` where there is none."""
    here, asked = await _look(dav, address)
    found = await _behind(dav, here, asked)
    if not found.read:
        raise SourceMissing("there is no calendar at this address that could be read")
    return found


async def _look(dav: Dav, address: URL) -> tuple[Answer, str]:
    """What is at the address, or where its well-known path leads; and the path that was asked for."""
    path = normal_path(address.raw_path or "/")
    if path != "/":
        return await _at(dav, path), path
    try:
        return await _at(dav, WELL_KNOWN), path
    except BadRedirect as error:
        elsewhere = error
    except (Refused, SourceBroken, BadXml, TooLarge, Cut):
        return await _at(dav, path), path  # a web server that knows nothing of calendars, perhaps except here
    try:
        return await _at(dav, path), path
    except (Refused, SourceBroken, BadXml, TooLarge, Cut):
        raise elsewhere from None


async def _at(dav: Dav, path: str) -> Answer:
    ended, answers = await dav.find(path, 0, bodies.WHERE)
    about = [a for a in answers.answers if as_collection(a.path) == as_collection(ended)] or answers.answers
    if len(about) != 1:
        raise SourceBroken("the server answers about something else than it was asked for")
    if about[0].status != 200:
        raise Refused("PROPFIND", about[0].status)
    return about[0]


async def _behind(dav: Dav, here: Answer, asked: str) -> Found:
    if _is(here, bodies.CALENDAR):
        return await _one_calendar(dav, here.path)
    homes = _hrefs(here, bodies.HOME_SET)
    if not homes:
        listed = await _in_homes(dav, (as_collection(here.path),))
        if listed.calendars:
            return listed
        homes = await _homes_of_the_account(dav, here, asked)
    return await _in_homes(dav, homes)


async def _homes_of_the_account(dav: Dav, here: Answer, asked: str) -> tuple[str, ...]:
    """The account's own homes, if the address means them: it is above the account's principal, or is its home."""
    who = here.properties.get(bodies.PRINCIPAL)
    if who is not None and who.find(bodies.UNAUTHENTICATED) is not None:
        raise SourceDenied("the server asked for no account and lets nobody see calendars")
    for principal in _hrefs(here, bodies.PRINCIPAL)[:1]:
        homes = _hrefs(await _at(dav, principal), bodies.HOME_SET)
        if asked == "/" or is_beneath(principal, as_collection(here.path)) or as_collection(here.path) in homes:
            return homes
    return ()


async def _one_calendar(dav: Dav, path: str) -> Found:
    answers = (await dav.propfind(path, 0, bodies.COLLECTIONS)).answers
    calendars = tuple(_collection(a, "") for a in answers if a.path == path and _is(a, bodies.CALENDAR))
    return Found((), frozenset(), calendars)


async def _in_homes(dav: Dav, homes: tuple[str, ...]) -> Found:
    members: set[str] = set()
    calendars: dict[str, Collection] = {}
    for home in homes:
        answers = (await dav.propfind(home, 1, bodies.COLLECTIONS)).answers
        owner = next((_owner(a) for a in answers if as_collection(a.path) == home), "")
        inside = [a for a in answers if a.status == 200 and is_beneath(as_collection(a.path), home)]
        members.update(as_collection(a.path) for a in inside)
        calendars |= {a.path: _collection(a, owner) for a in inside if _is(a, bodies.CALENDAR)}
    if len(members) > dav.limits.collections:
        raise SourceTooLarge(f"more than {dav.limits.collections} collections")
    return Found(homes, frozenset(members), tuple(calendars.values()))


def _collection(answer: Answer, owner: str) -> Collection:
    return Collection(
        href=as_collection(answer.path),
        name="".join(c for c in answer.text(bodies.DISPLAYNAME) if c.isprintable())[:NAME_LENGTH],
        because=_why_not(answer, owner),
        sync_token=answer.text(bodies.SYNC_TOKEN),
        ctag=answer.text(bodies.GETCTAG),
    )


def _why_not(answer: Answer, owner: str) -> str:
    components = answer.properties.get(bodies.COMPONENTS)
    # RFC 4791 section 5.2.3: where the property is absent, all components are accepted.
    if components is not None and len(components):
        names = {str(c.get("name")).upper() for c in components.iterfind(bodies.COMPONENT)}
        if "VEVENT" not in names:
            return "it holds no events"
    if _is(answer, bodies.SUBSCRIBED):
        return "it is a subscription to somewhere else"
    if owner and _owner(answer) not in ("", owner):
        return "it belongs to somebody else"
    return "" if _readable(answer) else "this account may not read it"


def _readable(answer: Answer) -> bool:
    privileges = answer.properties.get(bodies.PRIVILEGES)
    if privileges is None or not len(privileges):
        return True
    return any(str(what.tag) in bodies.READ for each in privileges.iterfind(bodies.PRIVILEGE) for what in each)


def _is(answer: Answer, kind: str) -> bool:
    types = answer.properties.get(bodies.RESOURCETYPE)
    return answer.status == 200 and types is not None and types.find(kind) is not None


def _owner(answer: Answer) -> str:
    return next(iter(_hrefs(answer, bodies.OWNER)), "")


def _hrefs(answer: Answer, name: str) -> tuple[str, ...]:
    """The collections that a property names."""
    element = answer.properties.get(name)
    if element is None:
        return ()
    return tuple(
        as_collection(read_href(href.text, answer.base)) for href in element.iterfind(bodies.HREF) if href.text
    )
