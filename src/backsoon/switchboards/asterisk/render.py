"""What Asterisk holds of ours, as text: the plan in AstDB and the states behind lamps.

The plan, `backsoon/<extension>` in AstDB, is read by the dialplan at each call:

    1~LANGUAGE~ZONE~REFERRAL~REFERRAL...
    REFERRAL = START:END:BACK_AT:REASON:PHONE:DIVERT_TO

Times are seconds since 1970 in UTC; END 0 is "until further notice", BACK_AT 0 "not known". PHONE is `c` (closed) or
`o` (open). The referrals are in order of time and do not overlap. Neither separator, nor anything else that dialplan
functions would take apart (comma, quotes, dollar, brackets, backslash), can be in a field.

Who it is, `backsoon-person/<extension>`, is read only where a call is not let through at once. It is there while there
is a plan, a deputy or a number whose calls ring through:

    1~LANGUAGE~ZONE~NAME_KEY~DEPUTY~NUMBER:NUMBER...

NAME_KEY names the prompt that says the name (see `domain.spoken.name_key`), "" for none. NUMBERs begin with + where
they were given with + or 00. In `Rendered.plan` the two are one text, `PLAN|PERSON`, or `PLAN` where PERSON is "".

The states of a lamp are Rendered.lamp `DEVICE PRESENCE`: the value of `DEVICE_STATE(Custom:backsoon-<extension>)`
and that of `PRESENCE_STATE(CustomPresence:<extension>)`, whose subtype and message are Base64 (option `e`:
https://docs.asterisk.org/Latest_API/API_Documentation/Dialplan_Functions/PRESENCE_STATE/).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from backsoon.domain.model import Phone
from backsoon.domain.spoken import NUMBER, name_key
from backsoon.switchboards.base import EXTENSION, Lamp, PlannedReferral, Presentation, Rendered

PLAN_FAMILY = "backsoon"
PERSON_FAMILY = "backsoon-person"
PLAN_BYTES = 900
"""The most bytes of a plan. The longest eight referrals there can be take 888 with their head, one of them by hand."""
PERSON_BYTES = 900
"""The most bytes of who somebody is: at least 35 numbers whose calls ring through."""
NUMBER_BYTES = 21
TEXT_BYTES = 480
"""The most bytes of a lamp's text, before Base64: it must fit into a line of the manager interface."""

BAR = "|"
NEUTRAL_REASON = "not_available"
PRESENCE_OF_REASON: Mapping[str, str] = {
    "meeting": "dnd",
    "busy": "dnd",
    "holiday": "xa",
    "out_of_office": "xa",
    "parental_leave": "xa",
    "sick": "xa",
    "travel": "xa",
}
"""The presence that phones show for a reason; `away` for every other one."""

_REASON = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[0-9A-Za-z]{1,8}([_-][0-9A-Za-z]{1,8}){0,3}")
_ZONE = re.compile(r"[0-9A-Za-z_+/-]{1,40}")
_OURS = re.compile(r"(away|dnd|xa),[0-9A-Za-z+/]+=*,[0-9A-Za-z+/]*=*,e")


def render(presentation: Presentation) -> Rendered:
    """A presentation in Asterisk's words. Total: what does not fit the format is left out, never passed on."""
    plan = plan_text(presentation)
    return Rendered(lamp_text(presentation.lamp), join_plan(plan, person_text(presentation, bool(plan))))


def join_plan(plan: str, person: str) -> str:
    """The two as one text. A bar within a plan, which is never ours, is made something else that is never ours."""
    plain = plan.replace(BAR, "?")
    return f"{plain}{BAR}{person}" if person else plain


def split_plan(text: str) -> tuple[str, str]:
    """The plan and who it is."""
    plan, _, person = text.partition(BAR)
    return plan, person


def plan_text(presentation: Presentation) -> str:
    """The value for AstDB: as many of the referrals as fit, at least eight; "" where there is none."""
    if not presentation.plan:
        return ""
    text = _line(presentation)
    for referral in presentation.plan:
        longer = f"{text}~{_referral(referral)}"
        if len(longer) > PLAN_BYTES:
            break
        text = longer
    return text


def person_text(presentation: Presentation, planned: bool) -> str:
    """Who it is, for AstDB; "" where there is nothing to know it for."""
    deputy = presentation.deputy if EXTENSION.fullmatch(presentation.deputy) else ""
    numbers = dict.fromkeys(filter(None, map(plain_number, presentation.ring_through)))
    if not (planned or deputy or numbers):
        return ""
    text = f"{_line(presentation)}~{name_key(presentation.name)}~{deputy}~"
    fits = (PERSON_BYTES - len(text)) // (NUMBER_BYTES + 1)
    return text + ":".join(list(numbers)[:fits])


def plain_number(number: str) -> str:
    """A number as the dialplan compares it, 00 and + being the same; "" for what is none."""
    if not NUMBER.fullmatch(number):
        return ""
    return f"+{number[2:]}" if number.startswith("00") else number


def lamp_text(lamp: Lamp | None) -> str:
    """The states behind an extension's lamp; "" where it is dark and nothing is held."""
    if lamp is None:
        return ""
    device = "INUSE" if lamp.phone is Phone.CLOSED else "NOT_INUSE"
    reason = reason_code(lamp.reason)
    state = PRESENCE_OF_REASON.get(reason, "away")
    return f"{device} {state},{_base64(reason)},{_text(lamp.text)},e"


def split_lamp(lamp: str) -> tuple[str, str]:
    """A lamp's device state and presence; "" for what is not held."""
    device, _, presence = lamp.partition(" ")
    return device, presence


def is_ours(presence: str) -> bool:
    """Whether a value of CustomPresence has the form that we write, and nobody else's."""
    return _OURS.fullmatch(presence) is not None


def _line(presentation: Presentation) -> str:
    """What plan and person begin with: the version, the language of the line, the zone."""
    zone = presentation.zone if _ZONE.fullmatch(presentation.zone) else "UTC"
    return f"1~{language_folder(presentation.language)}~{zone}"


def _referral(referral: PlannedReferral) -> str:
    divert = referral.divert_to if EXTENSION.fullmatch(referral.divert_to) else ""
    times = f"{_epoch(referral.start)}:{_epoch(referral.end)}:{_epoch(referral.back_at)}"
    phone = "c" if referral.phone is Phone.CLOSED else "o"
    by_hand = ":h" if referral.by_hand else ""
    return f"{times}:{reason_code(referral.reason)}:{phone}:{divert}{by_hand}"


def _epoch(at: datetime | None) -> int:
    # Before 1970 and "long ago" are the same to a call that comes now; 0 means something else.
    return 0 if at is None else max(1, int(at.timestamp()))


def reason_code(code: str) -> str:
    """The code of a reason as a plan can hold it; the neutral one where it cannot."""
    return code if _REASON.fullmatch(code) else NEUTRAL_REASON


def language_folder(tag: str) -> str:
    """A BCP 47 tag as Asterisk names its folders of sounds: `pt-BR` is `pt_BR`. Capitals mean nothing in such a tag."""
    if not _LANGUAGE.fullmatch(tag):
        return "en"
    primary, dash, rest = tag.replace("-", "_").partition("_")
    return primary.lower() + dash + rest


@lru_cache(maxsize=256)
def _text(text: str) -> str:
    """A lamp's text as it is sent. When a meeting of many begins, many lamps say the same."""
    return _base64(_displayable(text))


def _displayable(text: str) -> str:
    """Without controls, direction marks, surrogates and unassigned code points, cut to `TEXT_BYTES`."""
    kept = text[:TEXT_BYTES]
    if not kept.isprintable():
        kept = "".join(map(_shown, kept))
    return " ".join(kept.split()).encode()[:TEXT_BYTES].decode("utf-8", "ignore")


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} else character


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
