"""Values that the suite stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backsoon.domain.access import Role
from backsoon.domain.model import (
    Availability,
    Because,
    CalendarReferral,
    EntryKey,
    Layer,
    Override,
    PassedOver,
    Phone,
    Reason,
    Rules,
    Span,
)
from backsoon.domain.organisation import Calendar, Connection, Organisation, Person, SwitchboardSettings
from backsoon.store.base import (
    AvailabilityChange,
    CalendarHealth,
    ReferralChanges,
    Store,
    Token,
    Told,
    Trigger,
)

NINE = datetime(2026, 5, 4, 9, 0, 0, 123456, tzinfo=UTC)
"""An instant to the microsecond."""

RULES = Rules({"m": "meeting"}, {"meeting": Reason("meeting", {"en": "In a meeting"}, digit="1")})


def after(minutes: float = 0) -> datetime:
    """So many minutes after nine."""
    return NINE + timedelta(minutes=minutes)


def organisation(id: str = "acme") -> Organisation:
    return Organisation(id, id.title(), RULES)


def person(extension: str = "100", name: str = "Anna", *, org: str = "acme", email: str = "", id: int = 0) -> Person:
    return Person(org, extension, name, email, id=id)


def referral(
    calendar: int, uid: str = "u", start: float = 0, length: float = 60, *, resource: str = "", note: str = ""
) -> CalendarReferral:
    span = Span(after(start), after(start + length))
    return CalendarReferral(
        EntryKey(calendar, uid), span, "meeting", Phone.OPEN, note, keyword="m", resource=resource or uid
    )


def passed(
    calendar: int, uid: str = "u", start: float = 0, length: float = 60, *, resource: str = "", keyword: str = "m"
) -> PassedOver:
    span = Span(after(start), after(start + length))
    return PassedOver(EntryKey(calendar, uid), span, Because.NOT_FIRST, keyword, resource or uid)


def complete(*referrals: CalendarReferral) -> ReferralChanges:
    """A whole calendar."""
    return ReferralChanges(referrals, complete=True)


def delta(touched: Iterable[str], *referrals: CalendarReferral) -> ReferralChanges:
    """What changed in the resources."""
    return ReferralChanges(referrals, frozenset(touched))


def health(token: str | None = "t", next_read: float | None = 5) -> CalendarHealth:
    return CalendarHealth(token, NINE, None if next_read is None else after(next_read))


def read_at(minutes: float) -> CalendarHealth:
    """That of a calendar that was read whole then."""
    return CalendarHealth("t", after(minutes))


def by_hand(start: float = 0, length: float | None = 60, note: str = "") -> Override:
    return Override(
        after(start), None if length is None else after(start + length), "lunch", note, by="anna", through="cli"
    )


def meeting(until: float = 60, note: str = "Budget") -> Availability:
    key = EntryKey(1, "u", "20260504T090000Z")
    return Availability("meeting", Layer.CALENDAR, after(until), after(until + 5), note, key=key)


def change(person: int, at: float, availability: Availability | None = None) -> AvailabilityChange:
    return AvailabilityChange(person, after(at), after(at + 0.5), availability or meeting(), Trigger.CLOCK, "", "")


def token(digest: str = "d" * 64, *, org: str = "acme", person: int = 0, expires: float | None = None) -> Token:
    role = Role.PERSON if person else Role.ATTENDANT
    return Token(org, role, "console", digest, after(), "anna", person, None if expires is None else after(expires))


def told(extension: str, lamp: str = "lamp", plan: str = "plan", at: float = 0) -> Told:
    return Told(extension, lamp, plan, after(at))


@dataclass(frozen=True, slots=True)
class House:
    """Who lives in the store."""

    store: Store
    anna: Person
    bob: Person
    carol: Person
    stranger: Person
    calendars: tuple[Calendar, ...]
    """Of anna, bob, carol and the stranger."""


async def furnish(store: Store) -> House:
    for org in ("acme", "other"):
        await store.save_organisation(organisation(org))
        await store.save_connections(org, [Connection(org, "home", "ics", {"url": "https://example.org"})])
        await store.save_switchboards(org, [SwitchboardSettings(org, "pbx", "asterisk")])
    anna, bob, carol = await store.save_people([person(), person("101", "Bob"), person("102", "Carol")])
    (stranger,) = await store.save_people([person(org="other")])
    wanted = [Calendar(each.id, each.organisation, "home", "main") for each in (anna, bob, carol, stranger)]
    return House(store, anna, bob, carol, stranger, await store.save_calendars(wanted))
