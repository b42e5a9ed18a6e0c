"""The part of the dialplan that tells who is away, why and until when, and offers the caller what can be had.

It tells in words where the spoken contexts are printed too (`backsoon.voice.dialplan`) and the prompts are there, else
with Asterisk's own sounds. Whoever knows the menu need not hear it, nor the sentence before it: a key ends either. Keys
are lost during Playback, so the sentence is told by Background, and the menu within Read.
"""

from __future__ import annotations

from backsoon.domain.defaults import NOT_AVAILABLE
from backsoon.domain.spoken import YEARS, Choice, Voice

PATIENCE = "5"
"""Seconds that a caller has to press a key."""
ATTEMPTS = "3"
"""How often the menu is said to somebody who presses keys that it does not have."""
FAR_DAYS = 330
"""Days ahead from which a date needs its year."""
FALL_BACKS = (Choice.VOICEMAIL, Choice.ATTENDANT, Choice.HANG_UP)


def offered(voice: Voice) -> dict[str, str]:
    """What the marks in the contexts stand for."""
    with_keys = sorted((key, choice) for choice, key in voice.keys.items() if choice is not Choice.HANG_UP)
    no_key = dict.fromkeys((voice.no_key, *FALL_BACKS))
    return {
        "@INTERNAL@": "reason" if voice.internal_hears_more else "outside",
        "@NAME@": "${FILTER(0-9a-f,${CUT(person,~,4)})}" if voice.names else "",
        "@NEUTRAL@": NOT_AVAILABLE,
        "@CANS@": "".join(CAN.format(choice=choice) for _, choice in with_keys),
        "@OFFERS@": "".join(OFFER.format(choice=choice, key=key) for key, choice in with_keys),
        "@PRESSED@": "".join(PRESSED.format(key=key) for key, _ in with_keys),
        "@KEYS@": "".join(f"exten => {key},1,Return({choice})\n" for key, choice in with_keys),
        "@NO_KEY@": "".join(TRY.format(choice=choice) for choice in no_key),
        "@CAN_VOICEMAIL@": f"${{VM_INFO(${{extension}}@{voice.voicemail},exists)}}" if voice.voicemail else "0",
        "@MAILBOXES@": voice.voicemail,
        "@ATTENDANT@": voice.attendant,
        "@DEPUTY@": r"${FILTER(0-9A-Za-z_.+\x2d,${CUT(person,~,5)})}",
        "@CAN_RING@": str(int(voice.ring_anyway)),
        "@FAR@": str(FAR_DAYS * 86400),
        "@YEAR@": YEARS[0],
        "@LAST_YEAR@": YEARS[-1],
        "@PATIENCE@": PATIENCE,
        "@ATTEMPTS@": ATTEMPTS,
    }


CAN = """ same => n,Gosub(backsoon-can,{choice},1)
 same => n,GotoIf($[0${{GOSUB_RETVAL}} = 1]?keys)
"""
PRESSED = """exten => {key},1,Set(BACKSOON_KEY=${{EXTEN}})
 same => n,Return(1)
"""
OFFER = """ same => n,Gosub(backsoon-offer,s,1({choice},{key}))
 same => n,Set(LOCAL(keys)=${{keys}}${{IF($["${{GOSUB_RETVAL}}" = ""]?:{key})}})
 same => n,Set(LOCAL(list)=${{list}}${{IF($["${{GOSUB_RETVAL}}" = ""]?:&${{GOSUB_RETVAL}})}})
"""
TRY = """ same => n,Gosub(backsoon-try,s,1({choice}))
 same => n,GotoIf($[0${{GOSUB_RETVAL}} = 1]?rung)
"""

TELL = r"""; The context of the keys that count while the sentence is told: those of the menu, where it offers anything.
[backsoon-listening]
exten => s,1,NoOp()
@CANS@ same => n,Return(backsoon-deaf)
 same => n(keys),Return(backsoon-pressed)

; A key that is pressed while the sentence is told leads here, out of backsoon-tell. Without a menu none does.
[backsoon-pressed]
@PRESSED@
[backsoon-deaf]
exten => none,1,Return()

; Says who is away, why, and when they are back, until a key is pressed (BACKSOON_KEY). Returns 1 where the prompts are
; there.
[backsoon-tell]
exten => s,1,Set(LOCAL(clause)=${IF($["${account}" = ""]?outside:@INTERNAL@)}/${BACKSOON_REASON})
 same => n,Gosub(backsoon-moment,s,1(${BACKSOON_BACK},back))
 same => n,Set(LOCAL(form)=${CUT(GOSUB_RETVAL,:,1)})
 same => n,Set(LOCAL(back)=${CUT(GOSUB_RETVAL,:,2)})
 same => n,GotoIf($["${BACKSOON_REASON}" != "@NEUTRAL@" | "${form}" = "today"]?who)
 same => n,Set(LOCAL(clause)=unavailable-today)
 same => n(who),Set(LOCAL(name)=@NAME@)
 same => n,GotoIf($["${name}" = ""]?nobody)
 same => n,Background(backsoon/name/${name},m,,${listening})
 same => n,GotoIf($["${BACKGROUNDSTATUS}" = "SUCCESS"]?why)
 same => n(nobody),Background(backsoon/person,m,,${listening})
 same => n(why),Background(backsoon/${clause},m,,${listening})
 same => n,GotoIf($["${BACKGROUNDSTATUS}" = "SUCCESS"]?back)
 same => n,Background(backsoon/outside/@NEUTRAL@,m,,${listening})
 same => n,GotoIf($["${BACKGROUNDSTATUS}" != "SUCCESS"]?without)
 same => n(back),GotoIf($["${back}" = ""]?told)
 same => n,Background(${back},m,,${listening})
; Where a prompt of it is missing, half a time was told: a wrong one.
 same => n,GotoIf($["${BACKGROUNDSTATUS}" = "SUCCESS"]?told)
 same => n,SayUnixTime(${BACKSOON_BACK},${BACKSOON_ZONE},AdBkM)
 same => n(told),Return(1)
 same => n(without),Background(vm-nobodyavail,m,,${listening})
 same => n,GotoIf($[0${BACKSOON_BACK} <= ${now} | ${LEN(${BACKSOON_BACK})} > 10]?done)
 same => n,SayUnixTime(${BACKSOON_BACK},${BACKSOON_ZONE},AdBkM)
 same => n(done),Return(0)

; The prompts for an instant ARG1 (seconds since 1970): the time today, day of the week and time within six days, else
; the date, with the year where that is eleven months ahead. Of an instant at midnight the day alone is told: many take
; "Tuesday at midnight" for the end of Tuesday. ARG2 is what stands before it. Returns FORM:PROMPTS; nothing where the
; instant is not to come, or so far ahead that nobody tells it.
[backsoon-moment]
exten => s,1,GotoIf($[0${ARG1} <= ${now} | ${LEN(${ARG1})} > 10 | ${LEN(${language})} = 0]?none)
 same => n,Set(LOCAL(zone)=${IF($["${BACKSOON_ZONE}" = ""]?@ZONE@:${BACKSOON_ZONE})})
 same => n,Gosub(backsoon-instant,s,1(${STRFTIME(${now},${zone},%Y%m%d)},1200,${zone}))
 same => n,Set(LOCAL(noon)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-instant,s,1(${STRFTIME(${ARG1},${zone},%Y%m%d)},1200,${zone}))
 same => n,Set(LOCAL(away)=$[${GOSUB_RETVAL} - ${noon}])
 same => n,Set(LOCAL(away)=${IF($[${ARG1} > ${now} + 691200]?691200:${away})})
 same => n,Set(LOCAL(form)=${IF($[${away} > 561600]?date:${IF($[${away} > 43200]?week:today)})})
 same => n,Set(LOCAL(list)=backsoon/${ARG2}/${form})
 same => n,Set(LOCAL(time)=${STRFTIME(${ARG1},${zone},%H%M)})
 same => n,GotoIf($["${form}" = "today"]?time)
 same => n,Set(LOCAL(day)=${STRFTIME(${ARG1},${zone},%u%d%m%Y)})
 same => n,Set(LOCAL(said)=${IF($[${ARG1} > ${now} + @FAR@]?year:${form})})
 same => n,GotoIf($["${said}" = "year" & (${day:5} < @YEAR@ | ${day:5} > @LAST_YEAR@)]?none)
 same => n,Gosub(backsoon-say-${language},${said},1(${day:0:1},$[1${day:1:2} - 100],$[1${day:3:2} - 100],${day:5}))
 same => n,Set(LOCAL(list)=${list}&${GOSUB_RETVAL})
 same => n,GotoIf($["${form}" = "date" | "${time}" = "0000"]?done)
 same => n,Set(LOCAL(list)=${list}&backsoon/at)
 same => n(time),Gosub(backsoon-say-${language},time,1(${time:0:2},${time:2:2}))
 same => n,Set(LOCAL(list)=${list}&${GOSUB_RETVAL})
 same => n(done),Return(${form}:${list})
 same => n(none),Return(:)

"""

MENU = r"""; What a caller may do, and what they choose. Returns where they ring anyway, else hangs up.
[backsoon-menu]
exten => s,1,Set(LOCAL(keys)=)
 same => n,Set(LOCAL(list)=)
@OFFERS@ same => n,GotoIf($["${keys}" = ""]?silent)
 same => n,Set(LOCAL(tries)=0)
 same => n,GotoIf($["${BACKSOON_KEY}" != ""]?pressed)
 same => n(again),Set(LOCAL(tries)=$[${tries} + 1])
 same => n,Read(BACKSOON_KEY,${list:1},1,,1,@PATIENCE@)
; Where the last prompt cannot be played Read waits for nobody.
 same => n,GotoIf($["${READSTATUS}" != "ERROR"]?read)
 same => n,Read(BACKSOON_KEY,,1,,1,@PATIENCE@)
 same => n(read),GotoIf($["${READSTATUS}" = "TIMEOUT"]?silent)
 same => n(pressed),Set(LOCAL(key)=${FILTER(0-9*,${BACKSOON_KEY})})
 same => n,GotoIf($[${LEN(${key})} = 0]?wrong)
 same => n,GotoIf($[${LEN(${STRREPLACE(keys,${key})})} < ${LEN(${keys})}]?chosen)
 same => n(wrong),GotoIf($[${tries} < @ATTEMPTS@]?again)
; No key: each in turn until one can be had.
 same => n(silent),Set(BACKSOON_KEY=)
@NO_KEY@ same => n,Hangup()
 same => n(chosen),Gosub(backsoon-keys,${key},1)
 same => n,Gosub(backsoon-choice,${GOSUB_RETVAL},1)
 same => n(rung),Return()

; The prompts for the choice ARG1 with the key ARG2; nothing where it cannot be had.
[backsoon-offer]
exten => s,1,Gosub(backsoon-can,${ARG1},1)
 same => n,GotoIf($[0${GOSUB_RETVAL} != 1]?done)
 same => n,GotoIf($[0${spoken} = 1]?spoken)
 same => n,Return(vm-press&digits/${ARG2})
 same => n(spoken),Gosub(backsoon-say-${language},choice,1(${ARG1},${ARG2}))
 same => n,Return(${GOSUB_RETVAL})
 same => n(done),Return()

; What the keys mean.
[backsoon-keys]
@KEYS@
; Whether a choice can be had: 1.
[backsoon-can]
exten => voicemail,1,Return(@CAN_VOICEMAIL@)
exten => attendant,1,Gosub(backsoon-reachable,s,1(@ATTENDANT@))
 same => n,Return(${GOSUB_RETVAL})
exten => deputy,1,Gosub(backsoon-reachable,s,1(@DEPUTY@))
 same => n,Return(${GOSUB_RETVAL})
exten => ring,1,Return(@CAN_RING@)
exten => hang_up,1,Return(1)

; Whether calls may be sent to ARG1: not to the same empty room again, nor to another one, nor to whoever calls.
[backsoon-reachable]
exten => s,1,GotoIf($["${ARG1}" = "" | "${ARG1}" = "${extension}" | "${ARG1}" = "${account}"]?no)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-local,${ARG1},1)} = 1]?there)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-people,${ARG1},1)} = 0]?no)
 same => n(there),Gosub(backsoon,s,1(${ARG1},${now}))
 same => n,GotoIf($["${BACKSOON_PHONE}" = "closed"]?no)
 same => n,Return(1)
 same => n(no),Return(0)

; Does what ARG1 says where it can be had. Returns 1 where the caller chose to ring anyway.
[backsoon-try]
exten => s,1,Gosub(backsoon-can,${ARG1},1)
 same => n,GotoIf($[0${GOSUB_RETVAL} = 1]?yes)
 same => n,Return()
 same => n(yes),Gosub(backsoon-choice,${ARG1},1)
 same => n,Return(1)

[backsoon-choice]
; What Asterisk itself says before the tone is there in few languages: ours in its place, where it is there.
exten => voicemail,1,Playback(backsoon/leave-message)
 same => n,VoiceMail(${extension}@@MAILBOXES@,${IF($["${PLAYBACKSTATUS}" = "SUCCESS"]?s)})
 same => n,Hangup()
exten => attendant,1,Playback(backsoon/transfer)
 same => n,Gosub(backsoon-ring,s,1(@ATTENDANT@))
 same => n,Goto(nobody,1)
exten => deputy,1,Gosub(backsoon-can,deputy,1)
 same => n,GotoIf($[0${GOSUB_RETVAL} != 1]?away)
 same => n,Playback(backsoon/transfer)
 same => n,Gosub(backsoon-ring,s,1(@DEPUTY@))
 same => n(away),Playback(backsoon/deputy-away)
 same => n,Goto(nobody,1)
exten => ring,1,Return()
exten => hang_up,1,Playback(backsoon/goodbye)
 same => n,Hangup()
exten => nobody,1,Gosub(backsoon-try,s,1(voicemail))
 same => n,Goto(hang_up,1)

; Calls an extension, which is not referred again: there are no circles. What is no telephone (a queue, a group) stands
; in a context of your own: [backsoon-local], exten => 9,1,Queue(reception), same => n,Return().
[backsoon-ring]
exten => s,1,GotoIf($[0${DIALPLAN_EXISTS(backsoon-local,${ARG1},1)} = 1]?own)
 same => n,Gosub(backsoon-divert,${ARG1},1)
 same => n,Return()
 same => n(own),Gosub(backsoon-local,${ARG1},1)
 same => n,Return()

"""
