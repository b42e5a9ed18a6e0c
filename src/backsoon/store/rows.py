"""Rows to values and back, for every database behind the contract. Columns are in the order of `sql/queries.sql`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from backsoon.domain.access import Role
from backsoon.domain.messages import Message
from backsoon.domain.model import Because, CalendarReferral, EntryKey, Override, PassedOver, Phone, Rule, Span
from backsoon.domain.organisation import Calendar, Connection, Person, SwitchboardSettings
from backsoon.store import codec
from backsoon.store.base import (
    AvailabilityChange,
    CalendarHealth,
    CalendarProblem,
    Claims,
    Freshness,
    KnownOverride,
    KnownReferral,
    Lane,
    PersonState,
    ReadCalendar,
    StoreError,
    Subscription,
    Token,
    Told,
    Trigger,
)

Row = tuple[Any, ...]
ReferralRow = tuple[int, str, str, str, int, int, str, str, str, str, str, str]
ClaimRow = tuple[int, int, str, str, str, int, int, str, str, str, str, str, str]
KnownRow = tuple[int, str, str, str, int, int, str, str, str, str, str, str, int, int | None]
PassedRow = tuple[int, str, str, str, int, int, str, str]
OverrideRow = tuple[int, int, int | None, str | None, str, str, str, str]
StateRow = tuple[int, str, int | None]
ToldRow = tuple[str, str, str, int]
FreshnessRow = tuple[int, int, int | None, str]

CLAIMS = msgspec.json.Decoder(list[ClaimRow])
OVERRIDES = msgspec.json.Decoder(list[OverrideRow])
STATES = msgspec.json.Decoder(list[StateRow])
DUE = msgspec.json.Decoder(list[tuple[int, int]])
REFERRALS: msgspec.json.Decoder[list[ReferralRow]] = msgspec.json.Decoder(list[ReferralRow])
PAIRS = msgspec.json.Decoder(list[tuple[int, int]])
READ = msgspec.json.Decoder(tuple[list[ReferralRow], list[PassedRow]])
KNOWN = msgspec.json.Decoder(list[KnownRow])
PASSED = msgspec.json.Decoder(list[PassedRow])
FRESHNESS = msgspec.json.Decoder(list[FreshnessRow])
KEYS = msgspec.json.Decoder(list[tuple[int, str]])
NAMES = msgspec.json.Decoder(list[str])
TOLD = msgspec.json.Decoder(list[ToldRow])

FEW = 1000
"""How many referrals may be worth remembering: those of some people, not of a company."""

# A look-up costs a tenth of what the call of an enumeration does, and 300,000 referrals are read at a restart.
_PHONES = {each.value: each for each in Phone}
_RULES = {each.value: each for each in Rule}
_LANES = tuple(Lane)


def connection(row: Row) -> Connection:
    """(organisation, name, kind, settings)."""
    return Connection(row[0], row[1], row[2], codec.decode_settings(row[3]))


def switchboard(row: Row) -> SwitchboardSettings:
    """(organisation, name, kind, settings)."""
    return SwitchboardSettings(row[0], row[1], row[2], codec.decode_settings(row[3]))


def person(row: Row) -> Person:
    """(id, organisation, extension, name, email, active, profile).

    Who was read a moment ago is the same value: whoever looks whether somebody is still so compares them.
    """
    return _person(row)


@lru_cache(maxsize=2048)
def _person(row: Row) -> Person:
    id, organisation, extension, name, email, active, stored = row
    profile = codec.decode_profile(stored)
    return Person(
        organisation,
        extension,
        name,
        email,
        profile.zone,
        profile.language,
        profile.country,
        profile.hours,
        profile.keywords,
        profile.department,
        profile.title,
        bool(active),
        id,
        profile.deputy,
        profile.ring_through,
        profile.competences,
    )


def person_row(person: Person) -> Row:
    """The parameters of `insert_person` but the last, in order."""
    email_key = codec.folded(person.email) or None
    return (
        person.organisation,
        codec.clean(person.extension),
        codec.folded(person.extension),
        codec.clean(person.name),
        codec.folded(person.name),
        codec.clean(person.email),
        email_key,
        int(person.active),
        codec.encode_profile(person),
    )


def due_calendar(row: Row) -> ReadCalendar:
    """What `read_calendar` takes, then what `person` does."""
    return read_calendar(row[:12], person(row[12:]))


def read_calendar(row: Row, owner: Person | None = None) -> ReadCalendar:
    """(id, person, organisation, connection, address, sync_token, next_read, confirmed_at, lane, hinted_at, health,
    next_due)."""
    id, whose, organisation, connection, address, token, next_read, confirmed_at, lane, hinted, stored, next_due = row
    rest = codec.decode_health(stored)
    health = CalendarHealth(  # `replace` takes five times as long
        token,
        codec.maybe_instant(confirmed_at),
        codec.instant(next_read) if next_read else None,
        rest.failures,
        rest.problem,
        rest.remedy,
        rest.since,
        rest.warnings,
        rest.rejected,
        _LANES[lane],
        codec.instant(hinted) if hinted else None,
    )
    calendar = Calendar(whose, organisation, connection, address, id)
    return ReadCalendar(calendar, health, codec.maybe_instant(next_due), owner)


def calendar_problem(row: Row) -> CalendarProblem:
    """(connection, problem, remedy, calendars, since, calendar, person)."""
    connection, problem, remedy, calendars, since, calendar, person = row
    began = None if since is None else datetime.fromisoformat(since).astimezone(UTC)
    return CalendarProblem(connection, problem, remedy, calendars, began, calendar, person)


def health_row(calendar: int, health: CalendarHealth) -> Row:
    """(calendar, sync_token, next_read, confirmed_at, health, lane, hinted_at): the parameters of `save_health`."""
    token = None if health.sync_token is None else codec.clean(health.sync_token)
    next_read, confirmed_at = codec.maybe_micros(health.next_read) or 0, codec.maybe_micros(health.confirmed_at)
    hinted_at = codec.maybe_micros(health.hinted_at) or 0
    return calendar, token, next_read, confirmed_at, codec.encode_health(health), health.lane.value, hinted_at


def subscription(row: Row) -> Subscription:
    """(organisation, connection, calendar, id, expires_at, renew_at, resource, url, replaced, address)."""
    organisation, connection, calendar, id, expires_at, renew_at, resource, url, replaced, address = row
    expires, renew = codec.instant(expires_at), codec.instant(renew_at)
    return Subscription(
        organisation, connection, calendar or 0, id, expires, renew, resource, url, bool(replaced), address
    )


def subscription_row(subscription: Subscription) -> Row:
    """The columns of a subscription, in order."""
    return (
        subscription.organisation,
        subscription.connection,
        subscription.calendar,
        codec.clean(subscription.id),
        codec.micros(subscription.expires_at),
        codec.micros(subscription.renew_at),
        codec.clean(subscription.resource),
        codec.clean(subscription.url),
        int(subscription.replaced),
        codec.clean(subscription.address),
    )


def freshness(found: Iterable[FreshnessRow]) -> dict[int, Freshness]:
    """By person, of rows (person, calendar, confirmed_at, problem)."""
    by_person: defaultdict[int, list[FreshnessRow]] = defaultdict(list)
    for row in sorted(found, key=lambda row: row[1]):
        by_person[row[0]].append(row)
    return {person: _freshness(calendars) for person, calendars in by_person.items()}


def _freshness(calendars: Sequence[FreshnessRow]) -> Freshness:
    confirmed = [row[2] for row in calendars if row[2] is not None]
    oldest = codec.instant(min(confirmed)) if len(confirmed) == len(calendars) else None
    return Freshness(len(calendars), oldest, next((row[3] for row in calendars if row[3]), ""))


def referral(row: ReferralRow | Row) -> CalendarReferral:
    """(calendar, uid, recurrence_id, resource, start, end, reason, phone, note, divert_to, rule, keyword)."""
    calendar, uid, recurrence_id, resource, start, end, reason, phone, note, divert_to, rule, keyword = row
    return CalendarReferral(
        EntryKey(calendar, uid, recurrence_id),
        Span(codec.instant(start), codec.instant(end)),
        reason,
        _PHONES[phone],
        note,
        divert_to,
        _RULES[rule],
        keyword,
        resource,
    )


def referrals(found: Sequence[ReferralRow | Row]) -> tuple[CalendarReferral, ...]:
    """The same of many. A few are those that were read a moment ago: they are decoded once."""
    return tuple(map(_known_lately if len(found) <= FEW else referral, found))


@lru_cache(maxsize=4096)
def _known_lately(row: ReferralRow | Row) -> CalendarReferral:
    return referral(row)


def referral_row(referral: CalendarReferral) -> ReferralRow:
    """The columns of a referral, in order."""
    key, span, clean = referral.key, referral.span, codec.clean
    return (
        key.calendar,
        clean(key.uid),
        clean(key.recurrence_id),
        clean(referral.resource),
        codec.micros(span.start),
        codec.micros(span.end),
        clean(referral.reason),
        referral.phone.value,
        clean(referral.note),
        clean(referral.divert_to),
        referral.rule.value,
        clean(referral.keyword),
    )


def referral_rows(calendar: int, referrals: Iterable[CalendarReferral]) -> dict[tuple[str, str, str], ReferralRow]:
    """The rows by (resource, uid, recurrence_id). Raises `StoreError` for a referral of another calendar."""
    made = [referral_row(each) for each in referrals]
    for row in made:
        if row[0] != calendar:
            raise StoreError(f"a referral of calendar {row[0]} cannot be stored with calendar {calendar}")
    return {(row[3], row[1], row[2]): row for row in made}


def known_referral(row: KnownRow) -> KnownReferral:
    """The columns of a referral, known_from, known_to."""
    *columns, known_from, known_to = row
    return KnownReferral(referral(tuple(columns)), codec.instant(known_from), codec.maybe_instant(known_to))


def passed_over(row: PassedRow) -> PassedOver:
    """(calendar, uid, recurrence_id, resource, start, end, because, keyword)."""
    calendar, uid, recurrence_id, resource, start, end, because, keyword = row
    span = Span(codec.instant(start), codec.instant(end))
    return PassedOver(EntryKey(calendar, uid, recurrence_id), span, Because(because), keyword, resource)


def passed_rows(calendar: int, passed: Iterable[PassedOver]) -> dict[tuple[str, str, str], PassedRow]:
    """The rows by (resource, uid, recurrence_id). Raises `StoreError` for an entry of another calendar."""
    made = [_passed_row(each) for each in passed]
    for row in made:
        if row[0] != calendar:
            raise StoreError(f"an entry of calendar {row[0]} cannot be stored with calendar {calendar}")
    return {(row[3], row[1], row[2]): row for row in made}


def _passed_row(passed: PassedOver) -> PassedRow:
    key, span, clean = passed.key, passed.span, codec.clean
    return (
        key.calendar,
        clean(key.uid),
        clean(key.recurrence_id),
        clean(passed.resource),
        codec.micros(span.start),
        codec.micros(span.end),
        passed.because.value,
        clean(passed.keyword),
    )


def override(row: OverrideRow) -> Override:
    """(person, start, end, reason, note, divert_to, by, through)."""
    _, start, end, reason, note, divert_to, by, through = row
    return Override(codec.instant(start), codec.maybe_instant(end), reason, note, divert_to, by, through)


def override_row(person: int, override: Override) -> OverrideRow:
    """The columns of an override, in order."""
    return (
        person,
        codec.micros(override.start),
        codec.maybe_micros(override.end),
        None if override.reason is None else codec.clean(override.reason),
        codec.clean(override.note),
        codec.clean(override.divert_to),
        codec.clean(override.by),
        codec.clean(override.through),
    )


def known_override(row: Row) -> KnownOverride:
    """The columns of an override, replaced_at, replaced_by, replaced_through."""
    start, end, reason, note, divert_to, by, through, replaced_at, replaced_by, replaced_through = row[1:]
    held = override((0, start, end, reason, note, divert_to, by, through))
    return KnownOverride(held, codec.maybe_instant(replaced_at), replaced_by, replaced_through)


def claims(people: Iterable[int], claimed: Iterable[ClaimRow], overrides: Iterable[OverrideRow]) -> dict[int, Claims]:
    """What may decide about each of the people."""
    by_person: defaultdict[int, list[CalendarReferral]] = defaultdict(list)
    rows = list(claimed)
    for row, made in zip(rows, referrals([row[1:] for row in rows]), strict=True):
        by_person[row[0]].append(made)
    by_hand = {row[0]: override(row) for row in overrides}
    return {each: Claims(tuple(by_person.get(each, ())), by_hand.get(each)) for each in people}


def state(row: StateRow) -> PersonState:
    """(person, availability, due)."""
    return PersonState(row[0], codec.decode_availability(row[1]), codec.maybe_instant(row[2]))


def state_row(state: PersonState) -> StateRow:
    """The columns of a decision, in order."""
    return state.person, codec.encode_availability(state.availability), codec.maybe_micros(state.due)


def change(row: Row) -> AvailabilityChange:
    """(person, at, recorded_at, availability, cause, by, through)."""
    person, at, recorded_at, availability, cause, by, through = row
    return AvailabilityChange(
        person,
        codec.instant(at),
        codec.instant(recorded_at),
        codec.decode_availability(availability),
        Trigger(cause),
        by,
        through,
    )


def change_row(change: AvailabilityChange) -> Row:
    """The columns of a change, in order."""
    return (
        change.person,
        codec.micros(change.at),
        codec.micros(change.recorded_at),
        codec.encode_availability(change.availability),
        change.trigger.value,
        codec.clean(change.by),
        codec.clean(change.through),
    )


def told(row: ToldRow) -> Told:
    """(extension, lamp, plan, at)."""
    return Told(row[0], row[1], row[2], codec.instant(row[3]))


def told_row(told: Told) -> Row:
    """The columns of what was told, in order, and the extension as people's are compared."""
    extension, lamp, plan = codec.clean(told.extension), codec.clean(told.lamp), codec.clean(told.plan)
    return extension, lamp, plan, codec.micros(told.at), codec.folded(extension)


def token(row: Row) -> Token:
    """(organisation, role, name, digest, created_at, created_by, person, expires_at, id)."""
    organisation, role, name, digest, created_at, created_by, person, expires_at, id = row
    return Token(
        organisation,
        Role(role),
        name,
        digest,
        codec.instant(created_at),
        created_by,
        person or 0,
        codec.maybe_instant(expires_at),
        id,
    )


def token_row(token: Token) -> Row:
    """The parameters of `insert_token`, in order."""
    return (
        token.organisation,
        token.role.value,
        codec.clean(token.name),
        codec.clean(token.digest),
        codec.micros(token.created_at),
        codec.clean(token.created_by),
        token.person or None,
        codec.maybe_micros(token.expires_at),
    )


def message(row: Row) -> Message:
    """(person, left_at, text, caller, by, read_at, id, writer)."""
    person, left_at, text, caller, by, read_at, id, writer = row
    return Message(person, codec.instant(left_at), text, caller, by, codec.maybe_instant(read_at), id, writer)


def message_row(message: Message) -> Row:
    """The parameters of `insert_message`, in order."""
    return (
        message.person,
        codec.micros(message.at),
        codec.clean(message.text),
        codec.clean(message.caller),
        codec.clean(message.by),
        codec.maybe_micros(message.read_at),
        codec.clean(message.writer),
    )
