"""The part of the dialplan that answers calls to people who are away: whose calls ring all the same, and what follows.

Whatever is read (AstDB, what callers dial, their number) is filtered to plain characters before anything looks at it.
Who calls is told by the account that a telephone signs in with; the caller id can be forged, and is worth a ring alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from backsoon.domain.errors import BacksoonError
from backsoon.domain.spoken import MAILBOXES, Choice, Voice
from backsoon.switchboards.asterisk.menu import MENU, TELL, offered
from backsoon.switchboards.asterisk.render import plain_number
from backsoon.switchboards.base import EXTENSION

EMERGENCY_FAMILY = "backsoon-emergency"
MINUTE = 60
ACCOUNTS = {"PJSIP": "${CHANNEL(endpoint)}"}
BY_CHANNEL = "${CUT(CHANNEL(name),/,2-):0:-9}"
"""The account of a telephone of another kind: `SIP/1001-0000002a` is that of 1001."""


class BadDialplanSetting(BacksoonError):
    """A setting that cannot stand in a dialplan."""


def answering(voice: Voice, technology: str) -> str:
    """The contexts; where people's extensions go, `@EXTENSIONS@` stands. Raises `BadDialplanSetting`."""
    _judge(voice)
    account = {"@ACCOUNT@": ACCOUNTS.get(technology, BY_CHANNEL)}
    marks = account | _who_rings(voice) | offered(voice)
    text = WHO + ANSWER + TELL + MENU + EMERGENCY
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text


def _judge(voice: Voice) -> None:
    keys = [key for choice, key in voice.keys.items() if choice is not Choice.HANG_UP]
    faults = {
        f"voice.attendant {voice.attendant!r} is no extension": voice.attendant
        and not EXTENSION.fullmatch(voice.attendant),
        f"voice.voicemail {voice.voicemail!r} is no context of voicemail.conf": voice.voicemail
        and not MAILBOXES.fullmatch(voice.voicemail),
        f"voice.keys {keys} are not single digits, each another": len(set(keys)) < len(keys)
        or not all(re.fullmatch("[0-9]", key) for key in keys),
    }
    for fault, bad in faults.items():
        if bad:
            raise BadDialplanSetting(fault)


def _who_rings(voice: Voice) -> dict[str, str]:
    attendants = sorted({voice.attendant, *voice.attendants} - {""})
    return {
        "@EMERGENCIES@": EMERGENCY_FAMILY,
        "@EMERGENCY_SECONDS@": str(voice.emergency_minutes * MINUTE),
        "@EMERGENCY@": _list(map(plain_number, voice.emergency)),
        "@ATTENDANTS@": _list(one for one in attendants if EXTENSION.fullmatch(one)),
        "@NUMBERS@": _list(map(plain_number, voice.ring_through)),
    }


def _list(items: Iterable[str]) -> str:
    """As the dialplan looks things up: `:2000:2001:`."""
    return "".join(f":{item}" for item in items if item) + ":"


WHO = r"""; The extension of whoever calls, by the account that their telephone signs in with; nothing for others.
; 1001-mobile is another telephone of 1001, unless Backsoon has something of somebody who is called so. Never take
; the caller id: it can be forged. Where accounts are not named by the extension, change the line of LOCAL(account):
; to ${DB(accounts/...)}, for example.
[backsoon-account]
exten => s,1,GotoIf($["${CHANNEL(channeltype)}" != "@TECHNOLOGY@"]?nobody)
 same => n,Set(LOCAL(account)=@ACCOUNT@)
 same => n,Set(LOCAL(plain)=${FILTER(0-9A-Za-z_.+\x2d,${account})})
 same => n,GotoIf($[${LEN(${plain})} = 0 | ${LEN(${plain})} > 32]?nobody)
 same => n,GotoIf($[${LEN(${plain})} != ${LEN(${account})}]?nobody)
 same => n,Set(LOCAL(whose)=${CUT(plain,-,1)})
 same => n,Set(LOCAL(known)=${DB_EXISTS(@PERSONS@/${plain})}${DB_EXISTS(@PLANS@/${plain})})
 same => n,GotoIf($["${whose}" = "${plain}" | "${known}" != "00"]?plain)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-people,${whose},1)} = 0]?plain)
 same => n,Return(${whose})
 same => n(plain),GotoIf($[0${DIALPLAN_EXISTS(backsoon-people,${plain},1)} = 0 | "${plain}" = "anonymous"]?nobody)
 same => n,Return(${plain})
 same => n(nobody),Return()

; Whose telephones may dial the star codes, and who is a colleague.
[backsoon-people]
exten => @EXTENSIONS@,1,Return()

"""

ANSWER = r"""; Answers a call to somebody who is away. One line before your own Dial:
;   Gosub(backsoon-answer,s,1(EXTENSION))
; It returns where the telephone should ring: nobody is away, it only informs, the call rings through, or the caller
; chose to ring anyway. Else it diverts, or tells and offers a menu, and hangs up.
; A second argument asks for another instant, in seconds since 1970.
; Needs the modules app_dial, app_playback, app_read, func_callerid, func_channel, func_dialplan and func_env as well,
; app_voicemail where there are mailboxes, and app_sayunixtime where the prompts are not there.
[backsoon-answer]
exten => s,1,Gosub(backsoon,s,1(${ARG1},${ARG2}))
 same => n,GotoIf($["${BACKSOON_PHONE}" = "closed"]?closed)
 same => n(ring),Return()
 same => n(closed),Set(LOCAL(extension)=${FILTER(0-9A-Za-z_.+\x2d,${ARG1})})
 same => n,Set(LOCAL(now)=${FILTER(0-9,${ARG2})})
 same => n,Set(LOCAL(now)=${IF($["${now}" = ""]?${EPOCH}:${now})})
 same => n,Gosub(backsoon-person,s,1(${extension}))
 same => n,Set(LOCAL(person)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-account,s,1)
 same => n,Set(LOCAL(account)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-through,s,1)
 same => n,GotoIf($[0${GOSUB_RETVAL} = 1]?ring)
 same => n,Set(LOCAL(divert)=${BACKSOON_DIVERT})
 same => n,GotoIf($[${LEN(${divert})} = 0]?tell)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-local,${divert},1)} = 1]?there)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-divert,${divert},1)} = 0]?tell)
 same => n(there),Gosub(backsoon-reachable,s,1(${divert}))
 same => n,Set(LOCAL(there)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon,s,1(${extension},${now}))
 same => n,GotoIf($["${BACKSOON_PHONE}" != "closed"]?ring)
 same => n,GotoIf($[0${there} != 1]?tell)
 same => n,Gosub(backsoon-ring,s,1(${divert}))
 same => n(tell),Gosub(backsoon-listening,s,1)
 same => n,Set(LOCAL(listening)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon,s,1(${extension},${now}))
 same => n,GotoIf($["${BACKSOON_PHONE}" != "closed"]?ring)
 same => n,Set(BACKSOON_KEY=)
 same => n,Answer()
 same => n,Wait(0.3)
 same => n,Set(LOCAL(before)=${CHANNEL(language)})
 same => n,Gosub(backsoon-language,s,1(${BACKSOON_LANGUAGE}))
 same => n,Set(LOCAL(language)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-tell,s,1)
 same => n,Set(LOCAL(spoken)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-menu,s,1)
 same => n,Set(CHANNEL(language)=${before})
 same => n,Gosub(backsoon,s,1(${ARG1},${ARG2}))
 same => n,Return()

; Who somebody is, as Backsoon wrote it; nothing where that makes no sense.
[backsoon-person]
exten => s,1,Set(LOCAL(person)=${FILTER(0-9A-Za-z_.+/:~\x2d,${DB(@PERSONS@/${ARG1})})})
 same => n,GotoIf($["${CUT(person,~,1)}" = "1"]?known)
 same => n,Return()
 same => n(known),Return(${person})

; Whether a call to somebody who is away rings all the same: they have called for help lately and may be called back;
; an attendant calls, or passes a call on; or the number is on a list. A number can be forged, and gets its caller a
; ring, nothing else.
[backsoon-through]
exten => s,1,Set(LOCAL(called)=0${FILTER(0-9,${DB(@EMERGENCIES@/${extension})}):0:11})
 same => n,GotoIf($[${called} > ${now} - @EMERGENCY_SECONDS@ & ${called} <= ${now} + 60]?yes)
 same => n,Set(LOCAL(list)=@ATTENDANTS@)
 same => n,GotoIf($[${LEN(${account})} > 0 & ${LEN(${STRREPLACE(list,:${account}:)})} < ${LEN(${list})}]?yes)
 same => n,Set(LOCAL(by)=${IF($["${CUT(BLINDTRANSFER,/,1)}" = "@TECHNOLOGY@"]?${BLINDTRANSFER})})
 same => n,Set(LOCAL(by)=${FILTER(0-9A-Za-z_.+\x2d,${CUT(by,/,2-):0:-9})})
 same => n,GotoIf($[${LEN(${by})} > 0 & ${LEN(${STRREPLACE(list,:${by}:)})} < ${LEN(${list})}]?yes)
 same => n,Set(LOCAL(number)=${FILTER(0-9+,${CALLERID(num)})})
 same => n,Set(LOCAL(number)=${IF($["${number:0:2}" = "00"]?+${number:2}:${number})})
 same => n,Set(LOCAL(list)=@NUMBERS@${CUT(person,~,6)}:)
 same => n,GotoIf($[${LEN(${number})} > 1 & ${LEN(${STRREPLACE(list,:${number}:)})} < ${LEN(${list})}]?yes)
 same => n,Return(0)
 same => n(yes),Return(1)

; The language in which a line of ARG1 is told, and the folder of its sounds: its own, the organisation's, English, the
; first of these whose prompts are on the disk; where that cannot be seen, whose rules are printed below. Nothing where
; none is printed.
[backsoon-language]
exten => s,1,Set(LOCAL(line)=${FILTER(0-9A-Za-z_,${ARG1})})
 same => n,Set(LOCAL(line)=${IF($["${line}" = ""]?@LANGUAGE@:${line})})
 same => n,Set(CHANNEL(language)=${line})
 same => n,Set(LOCAL(lines)=${line}~@LANGUAGE@~en)
 same => n,Set(LOCAL(chosen)=)
 same => n,Set(LOCAL(number)=0)
 same => n(next),Set(LOCAL(number)=$[${number} + 1])
 same => n,GotoIf($[${number} > 3]?chosen)
 same => n,Set(LOCAL(tag)=${CUT(lines,~,${number})})
 same => n,Set(LOCAL(tag)=${CUT(tag,_,1)})
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-say-${tag},time,1)} = 0]?next)
 same => n,Set(LOCAL(chosen)=${IF($["${chosen}" = ""]?${number}:${chosen})})
 same => n,GotoIf($["${STAT(e,${ASTDATADIR}/sounds/${tag}/backsoon)}" = "0"]?next)
 same => n,Set(LOCAL(chosen)=${number})
 same => n(chosen),GotoIf($["${chosen}" = ""]?none)
 same => n,Set(LOCAL(tag)=${CUT(lines,~,${chosen})})
 same => n,Set(LOCAL(tag)=${CUT(tag,_,1)})
 same => n,Set(CHANNEL(language)=${IF($[${chosen} = 1]?${line}:${tag})})
 same => n,Return(${tag})
 same => n(none),Return()

"""

EMERGENCY = r"""; Whoever calls for help may be called back: their telephone then rings, whatever their calendar says.
; Where emergency numbers are dialled, before your own Dial:  Gosub(backsoon-emergency,s,1(NUMBER))
[backsoon-emergency]
exten => s,1,Set(LOCAL(number)=${FILTER(0-9+,${ARG1})})
 same => n,Set(LOCAL(list)=@EMERGENCY@)
 same => n,GotoIf($[${LEN(${STRREPLACE(list,:${number}:)})} = ${LEN(${list})}]?done)
 same => n,Gosub(backsoon-account,s,1)
 same => n,GotoIf($["${GOSUB_RETVAL}" = ""]?done)
 same => n,Set(DB(@EMERGENCIES@/${GOSUB_RETVAL})=${EPOCH})
 same => n(done),Return()

"""
