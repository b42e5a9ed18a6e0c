"""What a receiver's answer means for a message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from backsoon.switchboards.base import SwitchboardError
from backsoon.wire.http import HttpError, TimedOut, Unreachable, retry_after
from backsoon.wire.outward import Answer, Refused, permitted

LONGEST_ASKED = 3600.0
"""Seconds: the longest pause that a receiver may ask for."""
_REFUSED = {400: "it makes nothing of the message", 413: "the message is too long for it", 422: "it will not have it"}
_DENIED = frozenset({401, 403})
_AGAIN = frozenset({408, 425})
_ADDRESS = "correct url in the settings: it must be the address that takes the messages"
_OTHERS = "see the receiver's log"
_BUSY = frozenset({429, 503})


class Meaning(Enum):
    """What is to be done."""

    DONE = "it was taken"
    REFUSED = "this message is not wanted; others go on"
    AGAIN = "send the same once more"
    LATE = "no answer in time: send it later, nobody is to wait for it"
    SLOWER = "stop, and go on later"
    DENIED = "the signature is not believed"
    GONE = "nobody is there: send the same once more"
    WRONG = "nobody there takes messages"
    UNKNOWN = "there is nothing, for this message or for any"

    @property
    def again(self) -> bool:
        """Whether the same message is sent once more at once."""
        return self in (Meaning.AGAIN, Meaning.GONE)

    @property
    def answered(self) -> bool:
        """Whether somebody looked at the message and decided: the receiver does its work."""
        return self in (Meaning.DONE, Meaning.REFUSED)

    @property
    def its_own(self) -> bool:
        """Whether it may be the fault of this message alone."""
        return self in (Meaning.REFUSED, Meaning.AGAIN, Meaning.LATE)


@dataclass(frozen=True, slots=True)
class Judged:
    """Meaning, in words, with what to do about it; `pause` in seconds is what the receiver asks for (0: nothing)."""

    meaning: Meaning
    why: str = ""
    remedy: str = ""
    pause: float = 0.0


def judged(answer: Answer, now: datetime) -> Judged:
    """What the answer means. Total."""
    status, said = answer.status, f"answered {answer.status}"
    if 200 <= status < 300:
        return Judged(Meaning.DONE)
    if status in _REFUSED:
        return Judged(Meaning.REFUSED, f"{said}: {_REFUSED[status]}", _OTHERS)
    if status in _DENIED:
        remedy = "give the receiver the secret of the settings, and see whether its clock is right"
        return Judged(Meaning.DENIED, f"{said}: it does not believe the signature", remedy)
    if 300 <= status < 400:
        return Judged(Meaning.WRONG, f"{said}: redirects are not followed", _ADDRESS)
    if status in _BUSY and (pause := min(retry_after(answer.headers, now) or 0.0, LONGEST_ASKED)):
        return Judged(Meaning.SLOWER, f"{said}: it is to be left alone for {pause:.0f} s", "", pause)
    if status == 429:
        return Judged(Meaning.SLOWER, f"{said}: too many messages for it", "allow it more, or make at_once smaller")
    if status in _AGAIN or status >= 500:
        return Judged(Meaning.AGAIN, said, _OTHERS)
    meaning = Meaning.UNKNOWN if 400 <= status < 500 else Meaning.WRONG
    return Judged(meaning, f"{said}: nobody there takes messages", _ADDRESS)


def not_for_it(found: Judged) -> Judged:
    """The same where other messages are taken there: a receiver may not know an extension."""
    why = found.why.replace("nobody there takes messages", "it takes others, and not this message")
    return replace(found, meaning=Meaning.REFUSED, why=why, remedy=_OTHERS)


def unanswered(error: HttpError) -> Judged:
    """What it means that no answer came."""
    if isinstance(error, Refused):
        remedy = "name its host in internal_hosts, where it is yours and should be told"
        if not permitted(error.address, named=True):
            remedy = "correct url in the settings: nothing is ever sent to such an address, whoever names its host"
        return Judged(Meaning.WRONG, error.detail, remedy)
    if isinstance(error, Unreachable):
        return Judged(Meaning.GONE, error.detail, SwitchboardError.remedy)
    meaning = Meaning.LATE if isinstance(error, TimedOut) else Meaning.AGAIN
    return Judged(meaning, error.detail, "see whether the receiver is slow or broken")


def unconnected(error: HttpError) -> Judged:
    """What it means that not even a connection could be made."""
    found = unanswered(error)
    return found if found.meaning is Meaning.WRONG else replace(found, meaning=Meaning.GONE)
