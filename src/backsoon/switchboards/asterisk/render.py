"""What Asterisk holds of ours, as text: the plan in AstDB and the states behind lamps.

The plan, `backsoon/<extension>` in AstDB, is read by the dialplan at each call:

    1~LANGUAGE~ZONE~REFERRAL~REFERRAL...
    REFERRAL = START:END:BACK_AT:REASON:PHONE:DIVERT_TO

Times are seconds since 1970 in UTC; END 0 is "until further notice", BACK_AT 0 "not known". PHONE is `c` (closed) or
`o` (open). The referrals are in order of time and do not overlap. Neither separator, nor anything else that dialplan
functions would take apart (comma, quotes, dollar, brackets, backslash), can be in a field.

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
from backsoon.switchboards.base import EXTENSION, Lamp, PlannedReferral, Presentation, Rendered

PLAN_FAMILY = "backsoon"
PLAN_BYTES = 900
"""The most bytes of a plan. The longest eight referrals there can be take 886 with their head."""
TEXT_BYTES = 480
"""The most bytes of a lamp's text, before Base64: it must fit into a line of the manager interface."""

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
    return Rendered(lamp=lamp_text(presentation.lamp), plan=plan_text(presentation))


def plan_text(presentation: Presentation) -> str:
    """The value for AstDB: as many of the referrals as fit, at least eight; "" where there is none."""
    if not presentation.plan:
        return ""
    zone = presentation.zone if _ZONE.fullmatch(presentation.zone) else "UTC"
    text = f"1~{language_folder(presentation.language)}~{zone}"
    for referral in presentation.plan:
        longer = f"{text}~{_referral(referral)}"
        if len(longer) > PLAN_BYTES:
            break
        text = longer
    return text


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


def _referral(referral: PlannedReferral) -> str:
    divert = referral.divert_to if EXTENSION.fullmatch(referral.divert_to) else ""
    times = f"{_epoch(referral.start)}:{_epoch(referral.end)}:{_epoch(referral.back_at)}"
    phone = "c" if referral.phone is Phone.CLOSED else "o"
    return f"{times}:{reason_code(referral.reason)}:{phone}:{divert}"


def _epoch(at: datetime | None) -> int:
    # Before 1970 and "long ago" are the same to a call that comes now; 0 means something else.
    return 0 if at is None else max(1, int(at.timestamp()))


def reason_code(code: str) -> str:
    """The code of a reason as a plan can hold it; the neutral one where it cannot."""
    return code if _REASON.fullmatch(code) else NEUTRAL_REASON


def language_folder(tag: str) -> str:
    """A BCP 47 tag as Asterisk names its folders of sounds: `pt-BR` is `pt_BR`."""
    return tag.replace("-", "_") if _LANGUAGE.fullmatch(tag) else "en"


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
