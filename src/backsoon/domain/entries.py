"""Which entries count: one calendar entry in, a referral or the reason why not out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from backsoon.domain.keyword import Tag, Untagged, marked_keyword, read_subject
from backsoon.domain.model import (
    EARLIEST,
    LATEST,
    Because,
    CalendarEntry,
    CalendarReferral,
    Days,
    EntryKey,
    EntryType,
    Mode,
    PassedOver,
    Phone,
    Response,
    Rule,
    Rules,
    ShowAs,
    Span,
    Timed,
    local_instant,
)

BUSY = "busy"
OUT_OF_OFFICE = "out_of_office"


@dataclass(frozen=True, slots=True)
class Ignored:
    """The entry refers nobody. `because` is in words and quotes nothing of an untagged subject."""

    because: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The entry makes no sense (it ends before it starts)."""

    because: str


Outcome = CalendarReferral | Ignored | Refused


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose calendar it is: the calendar's id in the store, the owner's zone and the keywords that count for them."""

    calendar: int
    zone: tzinfo
    keywords: Mapping[str, str]


def outcome(entry: CalendarEntry, owner: Owner, rules: Rules) -> Outcome:
    """What the entry does to its owner's phone."""
    if entry.cancelled:
        return Ignored("cancelled")
    if entry.response is Response.DECLINED:
        return Ignored("declined")
    start, end = bounds(entry.when, owner.zone)
    if end < start:
        return Refused("ends before it starts")
    if end == start:
        return Ignored("has no length")
    span = Span(start, end)
    if entry.type is EntryType.AUTOMATIC_REPLY:
        return _automatic_reply(entry, owner, span, rules)
    tag = read_subject(entry.subject, owner.keywords)
    if isinstance(tag, Tag):
        return _tagged(entry, owner, span, tag)
    return _untagged(entry, owner, span, tag, rules)


def passed_over(entry: CalendarEntry, owner: Owner, became: Outcome) -> PassedOver | None:
    """What is kept of an entry with a keyword of its owner's that counted for nothing; `became` is its outcome.

    None for every other one: that of an entry without a keyword nothing is kept is decided here.
    """
    if (
        isinstance(became, Refused)
        or entry.type is EntryType.AUTOMATIC_REPLY
        or (isinstance(became, CalendarReferral) and became.rule is Rule.KEYWORD)
    ):
        return None
    keyword = marked_keyword(entry.subject, owner.keywords)
    start, end = bounds(entry.when, owner.zone)
    if not keyword or end < start:
        return None
    key = EntryKey(owner.calendar, entry.uid, entry.recurrence_id)
    span = Span(start, max(end, start + timedelta(minutes=1)))
    return PassedOver(key, span, _because(entry, no_length=end == start), keyword, entry.resource)


def _because(entry: CalendarEntry, *, no_length: bool) -> Because:
    if entry.cancelled:
        return Because.CANCELLED
    if entry.response is Response.DECLINED:
        return Because.DECLINED
    return Because.NO_LENGTH if no_length else Because.NOT_FIRST


def bounds(when: Timed | Days, zone: tzinfo) -> tuple[datetime, datetime]:
    """Start and end in UTC, within `EARLIEST` and `LATEST` (which as an end is "until further notice").

    An all-day entry covers local midnight to local midnight in its owner's zone.
    """
    if isinstance(when, Timed):
        return _held(when.start), _held(when.end)
    return _midnight(when.first, zone), _midnight(when.end, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    if day >= LATEST.date():
        return LATEST  # in every zone: who says the year 9999 means no day
    held = max(day, EARLIEST.date())
    return _held(local_instant(datetime.combine(held, time()), zone))


def _held(at: datetime) -> datetime:
    return min(max(at, EARLIEST), LATEST)


def _tagged(entry: CalendarEntry, owner: Owner, span: Span, tag: Tag) -> CalendarReferral:
    return CalendarReferral(
        key=EntryKey(owner.calendar, entry.uid, entry.recurrence_id),
        span=span,
        reason=tag.reason,
        phone=tag.phone,
        note="" if entry.private else tag.note,
        divert_to=tag.divert_to,
        rule=Rule.KEYWORD,
        keyword=tag.keyword,
        resource=entry.resource,
    )


def _automatic_reply(entry: CalendarEntry, owner: Owner, span: Span, rules: Rules) -> CalendarReferral | Ignored:
    """Whatever else the mode counts: who lets their letters be answered is away."""
    if not rules.automatic_replies:
        return Ignored("an automatic reply")
    return CalendarReferral(
        key=EntryKey(owner.calendar, entry.uid, entry.recurrence_id),
        span=span,
        reason=OUT_OF_OFFICE,
        rule=Rule.AUTOMATIC_REPLY,
        resource=entry.resource,
    )


def _untagged(entry: CalendarEntry, owner: Owner, span: Span, tag: Untagged, rules: Rules) -> Outcome:
    if rules.mode is Mode.KEYWORDS:
        return Ignored(tag.because)
    reason = _reason_of_show_as(entry, rules)
    if isinstance(reason, Ignored):
        return reason
    return CalendarReferral(
        key=EntryKey(owner.calendar, entry.uid, entry.recurrence_id),
        span=span,
        reason=reason,
        phone=rules.busy_phone if reason == BUSY else Phone.CLOSED,
        rule=Rule.SHOW_AS,
        resource=entry.resource,
    )


def _reason_of_show_as(entry: CalendarEntry, rules: Rules) -> str | Ignored:
    if entry.type is EntryType.WORKING_LOCATION:
        return Ignored("a working location")
    if entry.show_as is ShowAs.FREE:
        return Ignored("shown as free")
    if entry.show_as is ShowAs.WORKING_ELSEWHERE:
        return Ignored("shown as working elsewhere")
    if _unsettled(entry) and not rules.count_tentative:
        return Ignored("tentative or not answered yet")
    if entry.show_as is ShowAs.OUT_OF_OFFICE or entry.type is EntryType.OUT_OF_OFFICE:
        return OUT_OF_OFFICE
    return BUSY


def _unsettled(entry: CalendarEntry) -> bool:
    return entry.show_as is ShowAs.TENTATIVE or entry.response in (Response.TENTATIVE, Response.NEEDS_ACTION)
