"""The dialplan that reads the plans: Asterisk decides at each call by itself, whether Backsoon runs or not.

The subroutine's name, its arguments and its variables are a stable interface; what is said to a caller is not its
business but that of `answering`. Nothing that is read is ever evaluated: it is filtered to plain characters first, and
no application or function that runs text as code (`EVAL`, `SHELL`, `System`, `Exec*`) is used.
"""

from __future__ import annotations

import hashlib
import re

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Organisation
from backsoon.switchboards.asterisk.answering import BadDialplanSetting, answering
from backsoon.switchboards.asterisk.driver import DEVICE_PREFIX, PRESENCE_FAMILY
from backsoon.switchboards.asterisk.render import PERSON_FAMILY, PLAN_FAMILY, language_folder
from backsoon.switchboards.asterisk.starcodes import HAND_FAMILY, star_codes

_PATTERN = re.compile(r"_[0-9A-Za-z\[\]+.!-]{1,60}")
_TECHNOLOGY = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")
USUAL = Organisation("main", "", Rules(KEYWORDS, REASONS))
"""Whose star codes are printed where nobody says."""


def dialplan_text(
    *, extensions: str = "_X!", technology: str = "PJSIP", organisation: Organisation = USUAL, spoken: str = ""
) -> str:
    """The include file for extensions.conf.

    `extensions` is the pattern of people's extensions, `technology` the channel type of their telephones; star codes
    and menu are those of the organisation. `spoken` are the contexts of the languages (`backsoon.voice.dialplan`):
    without them callers hear Asterisk's own sounds. Raises `BadDialplanSetting`.
    """
    if not _PATTERN.fullmatch(extensions):
        raise BadDialplanSetting(f"extensions {extensions!r}: give a dialplan pattern such as _X! or _1XXX")
    if not _TECHNOLOGY.fullmatch(technology):
        raise BadDialplanSetting(f"technology {technology!r}: give a channel type such as PJSIP")
    printed = PRINTED.replace("@FINGERPRINT@", fingerprint(organisation, spoken))
    text = _text(organisation, technology, spoken) + printed
    return text.replace("@EXTENSIONS@", extensions).replace("@TECHNOLOGY@", technology)


def fingerprint(organisation: Organisation = USUAL, spoken: str = "") -> str:
    """What tells whether the dialplan that Asterisk has is the one that would be printed now.

    The pattern of extensions and the technology do not count: those were chosen when it was printed.
    """
    return f"v{hashlib.sha256(_text(organisation, 'PJSIP', spoken).encode()).hexdigest()[:16]}"


def _text(organisation: Organisation, technology: str, spoken: str) -> str:
    text = SUBROUTINE + answering(organisation.voice, technology) + spoken + HINTS + star_codes(organisation) + EXAMPLE
    for mark, value in (
        ("@PLANS@", PLAN_FAMILY),
        ("@PERSONS@", PERSON_FAMILY),
        ("@HANDS@", HAND_FAMILY),
        ("@LANGUAGE@", language_folder(organisation.language)),
        ("@ZONE@", organisation.zone),
        ("@DEVICE@", f"Custom:{DEVICE_PREFIX}"),
        ("@PRESENCE@", PRESENCE_FAMILY),
    ):
        text = text.replace(mark, value)
    return text


SUBROUTINE = r"""; Calls to people who are referred. Printed by `backsoon asterisk dialplan`: print it again rather
; than change it.
; In extensions.conf:  #include "backsoon.conf"
; Needs the modules app_stack, func_cut, func_db, func_logic, func_strings, func_devstate, func_presencestate.
; A call to somebody: Gosub(backsoon-answer,s,1(EXTENSION)) before your own Dial answers it where they are away.

; Gosub(backsoon,s,1(EXTENSION)) tells whether somebody is referred at this instant. It costs a call less than a
; millisecond, asks nobody outside Asterisk, and sets:
;   BACKSOON_PHONE     "closed": answer the call by the referral; "open": ring, it only informs; "": nothing is known
;   BACKSOON_REASON    the code of the reason meant for callers, [a-z0-9_]
;   BACKSOON_UNTIL     when the referral ends, in seconds since 1970 (UTC); 0: until further notice
;   BACKSOON_BACK      when the person can be reached again; 0: not known
;   BACKSOON_DIVERT    the number or extension to divert to; "": none. It may come from anybody who can invite the
;                      person to a meeting: let it reach what a stranger may reach, and nothing that costs money
;   BACKSOON_LANGUAGE  the language of the person's line; BACKSOON_ZONE the time zone in which times are told
; A second argument asks for another instant: Gosub(backsoon,s,1(EXTENSION,SECONDS)). Where the third is "plan", what
; somebody dialled and Backsoon has not taken over yet is left out, and what they had set by hand before: a later one
; takes its place.
[backsoon]
exten => s,1,Set(LOCAL(extension)=${FILTER(0-9A-Za-z_.+\x2d,${ARG1})})
 same => n,Set(LOCAL(now)=${FILTER(0-9,${ARG2})})
 same => n,Set(LOCAL(now)=${IF($["${now}" = ""]?${EPOCH}:${now})})
 same => n,Set(BACKSOON_PHONE=)
 same => n,Set(BACKSOON_REASON=)
 same => n,Set(BACKSOON_UNTIL=0)
 same => n,Set(BACKSOON_BACK=0)
 same => n,Set(BACKSOON_DIVERT=)
 same => n,Set(BACKSOON_LANGUAGE=)
 same => n,Set(BACKSOON_ZONE=)
 same => n,Set(LOCAL(plan)=${FILTER(0-9A-Za-z_.+/:~\x2d,${DB(@PLANS@/${extension})})})
 same => n,Set(LOCAL(hand)=${FILTER(0-9a-z_.~\x2d,${DB(@HANDS@/${extension})})})
 same => n,GotoIf($["${CUT(plan,~,1)}" != "1"]?dialled)
 same => n,Set(BACKSOON_LANGUAGE=${CUT(plan,~,2)})
 same => n,Set(BACKSOON_ZONE=${CUT(plan,~,3)})
 same => n(dialled),Set(LOCAL(replaced)=${IF($["${CUT(hand,~,1)}" = "1" | "${ARG3}" = "plan"]?h)})
 same => n,GotoIf($["${CUT(hand,~,1)}" = "1" & "${ARG3}" != "plan"]?hand)
 same => n(plan),GotoIf($["${CUT(plan,~,1)}" != "1"]?done)
 same => n,Set(LOCAL(field)=3)
 same => n(next),Set(LOCAL(field)=$[${field} + 1])
 same => n,Set(LOCAL(referral)=${CUT(plan,~,${field})})
 same => n,GotoIf($["${referral}" = ""]?done)
 same => n,GotoIf($[0${CUT(referral,:,1)} > ${now}]?done)
 same => n,Set(LOCAL(until)=0${CUT(referral,:,2)})
 same => n,GotoIf($[${until} > 0 & ${until} <= ${now}]?next)
 same => n,GotoIf($["${CUT(referral,:,7)}${replaced}" = "hh"]?next)
 same => n,Set(BACKSOON_UNTIL=$[${until} + 0])
 same => n,Set(BACKSOON_BACK=$[0${CUT(referral,:,3)} + 0])
 same => n,Set(BACKSOON_REASON=${FILTER(0-9a-z_,${CUT(referral,:,4)})})
 same => n,Set(BACKSOON_DIVERT=${FILTER(0-9A-Za-z_.+\x2d,${CUT(referral,:,6)})})
 same => n,Set(BACKSOON_PHONE=${IF($["${CUT(referral,:,5)}" = "c"]?closed:open)})
 same => n(done),Return()
 same => n(hand),GotoIf($[0${CUT(hand,~,2):0:10} > ${now}]?plan)
 same => n,Set(LOCAL(until)=0${FILTER(0-9,${CUT(hand,~,5)})})
 same => n,GotoIf($[${until} > 0 & ${until} <= ${now}]?plan)
 same => n,GotoIf($["${CUT(hand,~,3)}" = "-"]?done)
 same => n,GotoIf($["${BACKSOON_LANGUAGE}" != ""]?line)
 same => n,Gosub(backsoon-person,s,1(${extension}))
 same => n,Set(LOCAL(who)=${GOSUB_RETVAL})
 same => n,Set(BACKSOON_LANGUAGE=${CUT(who,~,2)})
 same => n,Set(BACKSOON_ZONE=${CUT(who,~,3)})
 same => n(line),Set(BACKSOON_LANGUAGE=${IF($["${BACKSOON_LANGUAGE}" = ""]?@LANGUAGE@:${BACKSOON_LANGUAGE})})
 same => n,Set(BACKSOON_ZONE=${IF($["${BACKSOON_ZONE}" = ""]?@ZONE@:${BACKSOON_ZONE})})
 same => n,Set(BACKSOON_UNTIL=$[${until} + 0])
 same => n,Set(BACKSOON_BACK=$[0${FILTER(0-9,${CUT(hand,~,6)})} + 0])
 same => n,Set(BACKSOON_REASON=${FILTER(0-9a-z_,${CUT(hand,~,7)})})
 same => n,Set(BACKSOON_CODE=${FILTER(0-9,${CUT(hand,~,3)})})
 same => n,Set(BACKSOON_PHONE=closed)
 same => n,Return()

"""

HINTS = """; Lamps and presence. Let telephones subscribe here (subscribe_context = backsoon-hints).
; One pattern for everybody: Asterisk loads it hundreds of times faster than a hint for each person.
[backsoon-hints]
exten => @EXTENSIONS@,hint,@TECHNOLOGY@/${EXTEN}&@DEVICE@${EXTEN},@PRESENCE@:${EXTEN}

"""

EXAMPLE = """; An example of a call that comes in. It rings as ever where nobody is away.
; A pattern that ends in ! or . takes any characters, such as `1001&@TECHNOLOGY@/TRUNK`: Dial must never be handed
; them as they are.
[backsoon-example]
exten => @EXTENSIONS@,1,Set(BACKSOON_CALLED=${FILTER(0-9A-Za-z_.+\\x2d,${EXTEN})})
 same => n,Gosub(backsoon-answer,s,1(${BACKSOON_CALLED}))
 same => n,Dial(@TECHNOLOGY@/${BACKSOON_CALLED},30)
 same => n,Hangup()

; Where a diverted call may go, and one to the attendants or a deputy: telephones inside, and no trunk. It is not
; referred again, so there are no circles. Returns where nobody answers.
[backsoon-divert]
exten => @EXTENSIONS@,1,Dial(@TECHNOLOGY@/${EXTEN},30)
 same => n,Return()
"""

PRINTED = """
; By this `backsoon check` sees whether all of the above is what would be printed now.
[backsoon-printed]
exten => @FINGERPRINT@,1,Return()
"""
