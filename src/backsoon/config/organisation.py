"""Reads an organisation: rules, keywords, reasons, working hours. What is not said is as in `domain.defaults`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from backsoon.config.hours import read_hours
from backsoon.config.table import Table
from backsoon.config.voice import read_voice
from backsoon.domain.defaults import KEYWORDS, NOT_AVAILABLE, REASONS
from backsoon.domain.entries import BUSY, OUT_OF_OFFICE
from backsoon.domain.errors import BadKeyword
from backsoon.domain.keyword import checked
from backsoon.domain.model import Argument, Lifetime, Mode, Phone, Reason, Rules
from backsoon.domain.naming import (
    CODE,
    COUNTRY,
    COUNTRY_REMEDY,
    LANGUAGE,
    LANGUAGE_REMEDY,
    ZONE_REMEDY,
    known_zone,
)
from backsoon.domain.organisation import Connection, Organisation
from backsoon.domain.phonecodes import STAR_CODE, PhoneCodes

NEEDED_REASONS = frozenset({NOT_AVAILABLE, BUSY, OUT_OF_OFFICE})
"""Reasons that the rules themselves give; they can be renamed and not taken out."""
MOST_CONFIRMED_MINUTES = 7 * 24 * 60
"""Older than a week nothing may be and still count as confirmed."""
STAR_CODE_REMEDY = 'write 2 to 8 keys of a telephone in quotes, * or # first: "*23*"'


def read_organisation(table: Table, name: str, connections: Sequence[Connection] = ()) -> Organisation:
    """The organisation in a table; `name` is its id, `connections` how its calendars are read."""
    reasons = _reasons(table.table("reasons"))
    organisation = Organisation(
        id=name,
        name=table.text("name", needed="write the organisation's name in quotes"),
        rules=replace(_rules(table, reasons), confirmed_within=_confirmed_within(table, connections)),
        zone=_zone(table),
        language=table.checked("language", "en", LANGUAGE, LANGUAGE_REMEDY),
        country=table.checked("country", "", COUNTRY, COUNTRY_REMEDY),
        hours=read_hours(table, "working_hours"),
        phone=_phone(table.table("phone")),
        voice=read_voice(table.table("voice")),
    )
    table.finish()
    return organisation


def _phone(table: Table) -> PhoneCodes:
    usual = PhoneCodes()
    codes = PhoneCodes(
        prefix=table.checked("prefix", usual.prefix, STAR_CODE, STAR_CODE_REMEDY),
        cancel=table.checked("cancel", usual.cancel, STAR_CODE, STAR_CODE_REMEDY),
        enquire=table.checked("enquire", usual.enquire, STAR_CODE, STAR_CODE_REMEDY),
    )
    if codes.cancel.startswith(codes.prefix) or codes.prefix.startswith(codes.cancel):
        table.fault("cancel", "begins as the prefix does, or the other way round", "make them differ from the start")
    if _mistaken(codes):
        if "enquire" in table.values:
            table.fault("enquire", "is taken for one of the other codes", "make it differ from prefix and cancel")
        codes = replace(codes, enquire="")
    table.finish()
    return codes


def _mistaken(codes: PhoneCodes) -> bool:
    """Whether what asks would do something."""
    return codes.enquire.startswith(codes.prefix) or codes.enquire.rstrip("#") == codes.cancel.rstrip("#")


def _zone(table: Table) -> str:
    zone = table.text("zone", needed=ZONE_REMEDY)
    if zone and not known_zone(zone):
        table.fault("zone", f"there is no time zone {zone!r}", ZONE_REMEDY)
    return zone or "UTC"


def _rules(table: Table, reasons: Mapping[str, Reason]) -> Rules:
    usual = Rules({}, {})
    return Rules(
        keywords=read_keywords(table.table("keywords"), reasons),
        reasons=reasons,
        mode=table.choice("mode", usual.mode, {m.value: m for m in Mode}),
        busy_phone=table.choice("busy_phone", usual.busy_phone, {p.value: p for p in Phone}),
        count_tentative=table.flag("count_tentative", usual.count_tentative),
        automatic_replies=table.flag("automatic_replies", usual.automatic_replies),
        chain_gap=_minutes(table, "chain_gap_minutes", usual.chain_gap, 0),
        warn_before=_minutes(table, "warn_before_minutes", usual.warn_before, 1),
        notes_for_colleagues=table.flag("notes_for_colleagues", usual.notes_for_colleagues),
        notes_for_attendants=table.flag("notes_for_attendants", usual.notes_for_attendants),
    )


def _confirmed_within(table: Table, connections: Sequence[Connection]) -> timedelta:
    """How old a reading may be; where nobody says, so old that one may fail between two that are far apart."""
    usual = int(Rules({}, {}).confirmed_within.total_seconds()) // 60
    apart = {c.name: most for c in connections if isinstance(most := c.settings.get("poll_max_minutes"), int)}
    slowest = max(apart, key=apart.__getitem__, default="")
    longest = apart.get(slowest, 0)
    minutes = table.number("confirmed_within_minutes", max(usual, 2 * longest), 1, MOST_CONFIRMED_MINUTES)
    if minutes <= longest:
        what = f"is not longer than poll_max_minutes of calendars.{slowest} ({longest}): all would be unconfirmed often"
        table.fault("confirmed_within_minutes", what, f"write {2 * longest}, or read that calendar more often")
    return timedelta(minutes=minutes)


def _minutes(table: Table, key: str, usual: timedelta, least: int) -> timedelta:
    return timedelta(minutes=table.number(key, int(usual.total_seconds()) // 60, least, 1440))


def read_keywords(table: Table, reasons: Mapping[str, Reason], usual: Mapping[str, str] = KEYWORDS) -> dict[str, str]:
    """Keywords by reason: those in `usual`, then what the table adds, changes or (`m = false`) takes out."""
    keywords = {word: code for word, code in usual.items() if code in reasons}
    seen: dict[str, str] = {}

    def read(key: str, value: object) -> None:
        try:
            word = checked(key)
        except BadKeyword as error:
            because, _, remedy = error.because.partition("; ")
            return table.fault(key, because, remedy or "choose another")
        if word in seen:
            return table.fault(key, f"is the same keyword as {seen[word]!r}", "keep one of them")
        seen[word] = key
        if value is False:
            keywords.pop(word, None)
        elif isinstance(value, str) and value in reasons:
            keywords[word] = value
        else:
            table.fault(key, "names no reason", f"write one of: {', '.join(sorted(reasons))}")

    table.each(read)
    return keywords


def _reasons(table: Table) -> dict[str, Reason]:
    reasons = dict(REASONS)

    def read(code: str, value: object) -> None:
        if not CODE.fullmatch(code):
            return table.fault(code, "is no reason code", "use small letters, digits and _, at most 32")
        if value is not False:
            reasons[code] = _reason(table.table(code), REASONS.get(code) or Reason(code, {}))
        elif code in NEEDED_REASONS:
            table.fault(code, "cannot be taken out: the rules need it", "give it other labels instead")
        else:
            reasons.pop(code, None)

    table.each(read)
    _check_digits(table, reasons)
    return reasons


def _reason(table: Table, usual: Reason) -> Reason:
    labels = {**usual.labels, **_words(table.table("labels"))}
    if not labels:
        table.fault("labels", "is missing", 'write labels = { en = "At the dentist" }')
    reason = replace(
        usual,
        labels=labels,
        outside={**usual.outside, **_words(table.table("outside"))},
        priority=table.number("priority", usual.priority, 0, 1000),
        sensitive=table.flag("sensitive", usual.sensitive),
        lifetime=table.choice("lifetime", usual.lifetime, {v.value: v for v in Lifetime}),
        minutes=table.number("minutes", usual.minutes, 1, 100_000),
        digit=table.text("digit", usual.digit),
        argument=table.choice("argument", usual.argument, {a.value: a for a in Argument}),
        phone_lifetime=table.choice("phone_lifetime", usual.phone_lifetime, {v.value: v for v in Lifetime}),
        phone_minutes=table.number("phone_minutes", usual.phone_minutes, 1, 100_000),
        spoken=_words(table.table("spoken")),
        spoken_outside=_words(table.table("spoken_outside")),
    )
    if reason.digit and not re.fullmatch("[0-9]{1,2}", reason.digit):
        table.fault("digit", "is no code that a phone can send", 'write one or two digits in quotes: "4"')
    table.finish()
    return reason


def _words(table: Table) -> dict[str, str]:
    words: dict[str, str] = {}

    def read(language: str, value: object) -> None:
        if not LANGUAGE.fullmatch(language):
            table.fault(language, "is no language tag", LANGUAGE_REMEDY)
        words[language] = table.text(language)

    table.each(read)
    return words


def _check_digits(table: Table, reasons: Mapping[str, Reason]) -> None:
    taken: dict[str, str] = {}
    for code, reason in reasons.items():
        if reason.digit and reason.digit in taken:
            what = f"has the digit {reason.digit} of {taken[reason.digit]!r}"
            table.fault(code, what, "give each reason a digit of its own")
        taken.setdefault(reason.digit, code)
