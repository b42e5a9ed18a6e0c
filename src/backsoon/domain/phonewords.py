"""What people dial to refer themselves, in words: the list that hangs beside a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backsoon.domain.model import Argument, Lifetime, Reason
from backsoon.domain.organisation import Organisation
from backsoon.domain.phonecodes import argument_of, lifetime_of, reasons_by_digit
from backsoon.domain.phrase import Audience, language_of, reason_words


@dataclass(frozen=True, slots=True)
class PhoneCode:
    """One code. Capital letters in `dial` stand for digits of one's choice; `argument` says which ("": there are none).

    `reason` is the code of the reason, "" for what refers nobody.
    """

    dial: str
    means: str
    argument: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    minutes: str
    hour: str
    hours: str
    morning: str
    until_taken_back: str
    until_time: str
    until_date: str
    time: str
    date: str
    cancel: str
    enquire: str


_WORDS = {
    "en": _Words(
        minutes="{reason}, for {number} minutes",
        hour="{reason}, for an hour",
        hours="{reason}, for {number} hours",
        morning="{reason}, until the next working morning",
        until_taken_back="{reason}, until you are back",
        until_time="{reason}, back at HHMM",
        until_date="{reason}, back on MMDD",
        time="HHMM is the time: 1430 for 14:30",
        date="MMDD is the month and the day: 1224 for 24 December",
        cancel="I'm back",
        enquire="Hear how you are referred",
    ),
    "sv": _Words(
        minutes="{reason}, i {number} minuter",
        hour="{reason}, i en timme",
        hours="{reason}, i {number} timmar",
        morning="{reason}, till nästa arbetsdags morgon",
        until_taken_back="{reason}, tills du är tillbaka",
        until_time="{reason}, åter kl. HHMM",
        until_date="{reason}, åter den MMDD",
        time="HHMM är klockslaget: 1430 för 14.30",
        date="MMDD är månad och dag: 1224 för 24 december",
        cancel="Jag är tillbaka",
        enquire="Hör hur du är hänvisad",
    ),
}
"""A language more is one of these more, beside `domain.phrase.LANGUAGES`."""


def phone_codes(organisation: Organisation, language: str) -> tuple[PhoneCode, ...]:
    """What the organisation's people can dial, in order of the digits; then what takes it back, and what asks."""
    return tuple(_codes(organisation, language, _WORDS[language_of(language)]))


def _codes(organisation: Organisation, language: str, words: _Words) -> Iterator[PhoneCode]:
    codes = organisation.phone
    for digit, reason in reasons_by_digit(organisation.rules.reasons).items():
        label = reason_words(reason.code, organisation.rules, language, Audience.PERSON)
        yield PhoneCode(f"{codes.prefix}{digit}#", _lasting(reason, label, words), reason=reason.code)
        timed = argument_of(reason) is Argument.TIME
        form, means, says = ("HHMM", words.until_time, words.time) if timed else ("MMDD", words.until_date, words.date)
        yield PhoneCode(f"{codes.prefix}{digit}*{form}#", means.format(reason=label), says, reason.code)
    yield PhoneCode(codes.cancel, words.cancel)
    if codes.enquire:
        yield PhoneCode(codes.enquire, words.enquire)


def _lasting(reason: Reason, label: str, words: _Words) -> str:
    lifetime, minutes = lifetime_of(reason)
    if lifetime is Lifetime.NEXT_WORKING_MORNING:
        return words.morning.format(reason=label)
    if lifetime is Lifetime.UNTIL_TAKEN_BACK:
        return words.until_taken_back.format(reason=label)
    if minutes % 60:
        return words.minutes.format(reason=label, number=minutes)
    return (words.hour if minutes == 60 else words.hours).format(reason=label, number=minutes // 60)
