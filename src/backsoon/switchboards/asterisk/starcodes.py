"""The part of the dialplan in which people refer themselves: star codes, judged and kept by Asterisk alone.

What is dialled is filtered to digits, `*` and `#` before anything looks at it, and is never evaluated. What makes sense
is written to AstDB before it is confirmed, in the form

    backsoon-hand/<extension> = 1~AT~CODE~ARGUMENT~UNTIL~BACK~REASON

AT is when it was dialled, in seconds since 1970 with milliseconds; CODE the reason's digits, `-` for available again;
ARGUMENT the four digits behind it, `-` for none. That much is what somebody dialled, and what Backsoon takes over. The
rest is how Asterisk understands it by itself until then: UNTIL and BACK as in a plan, and the REASON for callers.
"""

from __future__ import annotations

from backsoon.domain.defaults import NOT_AVAILABLE
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import Reason
from backsoon.domain.organisation import Organisation
from backsoon.domain.phonecodes import PhoneCodes, argument_of, lifetime_of, reasons_by_digit
from backsoon.switchboards.asterisk.render import reason_code

HAND_FAMILY = "backsoon-hand"
HAND_EVENT = "BacksoonHand"
"""The user event that tells at once what was dialled."""
MORNING = "0800"


def star_codes(organisation: Organisation) -> str:
    """The contexts of the star codes; where people's extensions go, `@EXTENSIONS@` stands."""
    marks = {
        "@CODES@": _codes(organisation.phone),
        "@REASONS@": "".join(f"exten => {d},1,Return({_meaning(r)})\n" for d, r in _reasons(organisation)),
        "@WEEK@": _week(organisation.hours),
        "@GAP@": str(max(1, int(organisation.rules.chain_gap.total_seconds())) - 1),
        "@MORNING@": MORNING,
        "@ZONE@": organisation.zone,
        "@HANDS@": HAND_FAMILY,
        "@EVENT@": HAND_EVENT,
    }
    text = DIAL + JUDGE + SAID
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text


def _codes(phone: PhoneCodes) -> str:
    skip = len(phone.prefix)
    dialled = f"${{EXTEN:{skip}}}"
    arguments = {f"_{phone.prefix}.": f"${{FILTER(0-9*#,{dialled})}},${{LEN({dialled})}}"}
    arguments |= dict.fromkeys(sorted(_with_and_without(phone.cancel)), "-,1")
    told = {extension: f"backsoon-dial,s,1({given})" for extension, given in arguments.items()}
    told |= dict.fromkeys(sorted(_with_and_without(phone.enquire) - told.keys()), "backsoon-enquire,s,1")
    return "".join(
        f"exten => {extension},1,Gosub({what})\n same => n,Goto(backsoon-said,s,1)\n"
        for extension, what in told.items()
    )


def _with_and_without(code: str) -> set[str]:
    """Some telephones send the `#` at the end, others take it as "that is all" and keep it."""
    bare = code.rstrip("#")
    return {code, bare, f"{bare}#"} - {"", "#"}


def _reasons(organisation: Organisation) -> list[tuple[str, Reason]]:
    return list(reasons_by_digit(organisation.rules.reasons).items())


def _meaning(reason: Reason) -> str:
    code = NOT_AVAILABLE if reason.sensitive else reason_code(reason.code)
    lifetime, minutes = lifetime_of(reason)
    return f"{code}:{argument_of(reason)}:{lifetime}:{minutes}:{reason_code(reason.code)}"


def _week(hours: WorkingHours) -> str:
    """When work starts on each day, Monday first; "" on a free one."""
    if hours.around_the_clock:
        return ":".join([MORNING] * 7)
    return ":".join(f"{day[0][0] // 60:02}{day[0][0] % 60:02}" if day else "" for day in hours.week)


DIAL = r"""; Star codes: people refer themselves by telephone, whether Backsoon runs or not. Where they dial:
;   include => backsoon-codes
; Needs the modules app_playback, app_playtones, app_userevent, func_channel and func_dialplan as well.
[backsoon-codes]
@CODES@
; What was dialled, judged and kept. ARG1 is what stands behind the prefix, filtered to the keys of a telephone ("-":
; available again), ARG2 how many characters it had before. Sets BACKSOON_CAUSE: 16 it is kept; else why it was refused
; and nothing is changed: 28 the digits make no sense, 21 whoever dials has no extension, 38 AstDB did not take it.
; Also BACKSOON_OWN, what they are now in the words for themselves, and BACKSOON_UNTIL. Who dials: backsoon-account.
[backsoon-dial]
exten => s,1,Set(BACKSOON_CAUSE=21)
 same => n,Gosub(backsoon-account,s,1)
 same => n,Set(LOCAL(extension)=${GOSUB_RETVAL})
 same => n,GotoIf($["${extension}" = ""]?done)
 same => n,Set(BACKSOON_CAUSE=28)
 same => n,Set(LOCAL(clock)=${STRFTIME(,UTC,%Y%m%d%H%M%S.%3q)})
 same => n,Set(LOCAL(now)=${STRPTIME(${clock:0:14},UTC,%Y%m%d%H%M%S)})
 same => n,Set(LOCAL(value)=1~${now}${clock:14})
 same => n,Gosub(backsoon,s,1(${extension},${now},plan))
 same => n,Gosub(backsoon-person,s,1(${extension}))
 same => n,Set(LOCAL(person)=${GOSUB_RETVAL})
 same => n,Set(LOCAL(zone)=${IF($["${BACKSOON_ZONE}" = ""]?${CUT(person,~,3)}:${BACKSOON_ZONE})})
 same => n,Set(LOCAL(zone)=${IF($["${zone}" = ""]?@ZONE@:${zone})})
 same => n,GotoIf($["${ARG1}" = "-"]?back)
 same => n,GotoIf($[0${ARG2} != ${LEN(${ARG1})}]?done)
 same => n,Set(LOCAL(body)=${CUT(ARG1,#,1)})
 same => n,GotoIf($[${LEN(${ARG1})} - ${LEN(${body})} > 1]?done)
 same => n,Set(LOCAL(code)=${CUT(body,*,1)})
 same => n,Set(LOCAL(argument)=${CUT(body,*,2)})
 same => n,GotoIf($[${LEN(${code})} = 0 | ${LEN(${code})} > 2]?done)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-reasons,${code},1)} = 0]?done)
 same => n,Gosub(backsoon-reasons,${code},1)
 same => n,Set(LOCAL(means)=${GOSUB_RETVAL})
 same => n,GotoIf($[${LEN(${body})} > ${LEN(${code})}]?given)
 same => n,Gosub(backsoon-until,${CUT(means,:,3)},1(${now},${zone},${CUT(means,:,4)}))
 same => n,Set(LOCAL(until)=${GOSUB_RETVAL})
 same => n,Set(LOCAL(value)=${value}~${code}~-)
 same => n,Goto(planned)
 same => n(given),GotoIf($[${LEN(${argument})} != 4 | ${LEN(${body})} != ${LEN(${code})} + 5]?done)
 same => n,Gosub(backsoon-until,${CUT(means,:,2)},1(${now},${zone},${argument}))
 same => n,Set(LOCAL(until)=${GOSUB_RETVAL})
 same => n,GotoIf($[${until} <= ${now}]?done)
 same => n,Set(LOCAL(value)=${value}~${code}~${argument})
 same => n(planned),Gosub(backsoon,s,1(${extension},${until},plan))
 same => n,Set(LOCAL(reached)=${IF($["${BACKSOON_PHONE}" = "closed"]?${BACKSOON_BACK}:${until})})
 same => n,Set(LOCAL(value)=${value}~${until}~${reached}~${CUT(means,:,1)})
 same => n,Set(LOCAL(own)=${CUT(means,:,5)})
 same => n,Goto(keep)
; Available again: to the end of the meetings that run, which are those without a pause worth the name between them.
 same => n(back),Set(LOCAL(until)=${now})
 same => n,Set(LOCAL(steps)=0)
 same => n(chain),GotoIf($["${BACKSOON_PHONE}" != "closed" | ${steps} > 50]?chained)
 same => n,Set(LOCAL(until)=${BACKSOON_UNTIL})
 same => n,GotoIf($[${until} = 0]?chained)
 same => n,Set(LOCAL(steps)=$[${steps} + 1])
 same => n,Gosub(backsoon,s,1(${extension},$[${until} + @GAP@],plan))
 same => n,Goto(chain)
 same => n(chained),Set(LOCAL(value)=${value}~-~-~${until}~0~)
 same => n,Set(LOCAL(own)=available)
 same => n(keep),Set(DB(@HANDS@/${extension})=${value})
 same => n,Set(BACKSOON_CAUSE=38)
 same => n,GotoIf($["${FILTER(0-9a-z_.~\x2d,${DB(@HANDS@/${extension})})}" != "${value}"]?done)
 same => n,UserEvent(@EVENT@,Extension: ${extension},Hand: ${value})
 same => n,Set(BACKSOON_OWN=${own})
 same => n,Set(BACKSOON_ZONE=${zone})
 same => n,Set(BACKSOON_UNTIL=${until})
 same => n,Set(BACKSOON_CAUSE=16)
 same => n(done),Return()

; Tells whoever dials their present referral, and changes nothing. Sets what backsoon-dial sets.
[backsoon-enquire]
exten => s,1,Set(BACKSOON_CAUSE=21)
 same => n,Gosub(backsoon-account,s,1)
 same => n,Set(LOCAL(extension)=${GOSUB_RETVAL})
 same => n,GotoIf($["${extension}" = ""]?done)
 same => n,Set(BACKSOON_CODE=)
 same => n,Gosub(backsoon,s,1(${extension}))
 same => n,Set(BACKSOON_CAUSE=16)
 same => n,Set(BACKSOON_OWN=${IF($["${BACKSOON_PHONE}" = ""]?available:${BACKSOON_REASON})})
 same => n,GotoIf($[${LEN(${BACKSOON_CODE})} = 0]?done)
 same => n,GotoIf($[0${DIALPLAN_EXISTS(backsoon-reasons,${BACKSOON_CODE},1)} = 0]?done)
 same => n,Gosub(backsoon-reasons,${BACKSOON_CODE},1)
 same => n,Set(BACKSOON_OWN=${CUT(GOSUB_RETVAL,:,5)})
 same => n(done),Return()

"""

JUDGE = r"""; The reasons by their digits: the code meant for callers, what may stand behind the digits, how long it
; lasts where nothing does, the code meant for whoever dials.
[backsoon-reasons]
@REASONS@
; When work starts, Monday first; nothing on a day off.
[backsoon-week]
exten => s,1,Return(@WEEK@)

; When a referral ends, in seconds since 1970; 0 for never. ARG1 is now, ARG2 the time zone, ARG3 what else is given.
[backsoon-until]
exten => minutes,1,Return($[${ARG1} + ${ARG3} * 60])
exten => until_taken_back,1,Return(0)
exten => next_working_morning,1,Gosub(backsoon-workday,s,1(${ARG1},${ARG2}))
 same => n,Set(LOCAL(day)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-instant,s,1(${CUT(day,:,1)},${CUT(day,:,2)},${ARG2}))
 same => n,Return(${GOSUB_RETVAL})
exten => time,1,GotoIf($[${ARG3:0:2} > 23 | ${ARG3:2} > 59]?never)
 same => n,Gosub(backsoon-instant,s,1(${STRFTIME(${ARG1},${ARG2},%Y%m%d)},${ARG3},${ARG2}))
 same => n,GotoIf($[${GOSUB_RETVAL} > ${ARG1}]?found)
 same => n,Gosub(backsoon-workday,s,1(${ARG1},${ARG2}))
 same => n,Set(LOCAL(day)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-instant,s,1(${CUT(day,:,1)},${ARG3},${ARG2}))
 same => n(found),Return(${GOSUB_RETVAL})
 same => n(never),Return(0)
exten => date,1,GotoIf($[${ARG3:0:2} < 1 | ${ARG3:0:2} > 12 | ${ARG3:2} < 1 | ${ARG3:2} > 31]?never)
 same => n,Set(LOCAL(today)=${STRFTIME(${ARG1},${ARG2},%Y%m%d)})
 same => n,Set(LOCAL(day)=$[${today:0:4} + (1${ARG3} < 1${today:4})]${ARG3})
 same => n,Set(LOCAL(noon)=0${STRPTIME(${day}1200,${ARG2},%Y%m%d%H%M)})
 same => n,GotoIf($[1${STRFTIME(${noon},${ARG2},%m%d)} != 1${ARG3}]?never)
 same => n,Gosub(backsoon-week,s,1)
 same => n,Set(LOCAL(week)=${GOSUB_RETVAL})
 same => n,Set(LOCAL(start)=${CUT(week,:,${STRFTIME(${noon},${ARG2},%u)})})
 same => n,Set(LOCAL(start)=${IF($[${LEN(${start})} = 0]?@MORNING@:${start})})
 same => n,Gosub(backsoon-instant,s,1(${day},${start},${ARG2}))
 same => n,Return(${GOSUB_RETVAL})
 same => n(never),Return(0)

; The instant of a day (YYYYMMDD) and a time (HHMM) in a zone; an hour later where clocks jump over it.
[backsoon-instant]
exten => s,1,Set(LOCAL(instant)=0${STRPTIME(${ARG1}${ARG2},${ARG3},%Y%m%d%H%M)})
 same => n,GotoIf($[${instant} > 0]?found)
 same => n,Set(LOCAL(later)=$[1${ARG2} + 100])
 same => n,Set(LOCAL(instant)=0${STRPTIME(${ARG1}${later:1},${ARG3},%Y%m%d%H%M)})
 same => n(found),Return($[${instant} + 0])

; The next working day after that of ARG1, in the zone ARG2, and when work starts then: YYYYMMDD:HHMM.
[backsoon-workday]
exten => s,1,Gosub(backsoon-instant,s,1(${STRFTIME(${ARG1},${ARG2},%Y%m%d)},1200,${ARG2}))
 same => n,Set(LOCAL(noon)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-week,s,1)
 same => n,Set(LOCAL(week)=${GOSUB_RETVAL})
 same => n,Set(LOCAL(days)=0)
 same => n(next),Set(LOCAL(days)=$[${days} + 1])
 same => n,Set(LOCAL(noon)=$[${noon} + 86400])
 same => n,Set(LOCAL(start)=${CUT(week,:,${STRFTIME(${noon},${ARG2},%u)})})
 same => n,GotoIf($[${LEN(${start})} = 0 & ${days} < 7]?next)
 same => n,Return(${STRFTIME(${noon},${ARG2},%Y%m%d)}:${start})

"""

SAID = """; What somebody hears who dialled: what they are now and until when, or why it was refused, in a call
; that fails. Where the prompts are not there: two short tones for yes, three that rise for no.
[backsoon-said]
exten => s,1,GotoIf($[0${BACKSOON_CAUSE} != 16]?refused)
 same => n,Answer()
 same => n,Wait(0.2)
 same => n,Gosub(backsoon-own,s,1(${BACKSOON_OWN},,${BACKSOON_UNTIL},asked))
 same => n,GotoIf($[0${GOSUB_RETVAL} = 1]?bye)
 same => n,Playtones(!600/150,!0/100,!600/150,!0/1000)
 same => n,Wait(0.8)
 same => n,StopPlaytones()
 same => n(bye),Hangup(16)
 same => n(refused),Progress()
 same => n,Set(BACKSOON_OWN=${IF($[0${BACKSOON_CAUSE} = 28]?wrong:${IF($[0${BACKSOON_CAUSE} = 21]?nobody:failed)})})
 same => n,Gosub(backsoon-own,s,1(${BACKSOON_OWN},noanswer))
 same => n,GotoIf($[0${GOSUB_RETVAL} = 1]?no)
 same => n,Playtones(!950/330,!1400/330,!1800/330,!0/1000)
 same => n,Wait(1.5)
 same => n,StopPlaytones()
 same => n(no),Hangup(${BACKSOON_CAUSE})

; Says ARG1 in the words for oneself, and until when: ARG3, in seconds since 1970 (0: until further notice). ARG2 goes
; to Playback. With ARG4 until when is looked up again while the first words are told: by then Backsoon, where it runs,
; has taken over what was dialled, and knows holidays and the person's own hours. Returns 1 where the prompts are there.
[backsoon-own]
exten => s,1,Set(LOCAL(now)=${EPOCH})
 same => n,Gosub(backsoon-account,s,1)
 same => n,Set(LOCAL(whose)=${GOSUB_RETVAL})
 same => n,Gosub(backsoon-person,s,1(${whose}))
 same => n,Set(LOCAL(person)=${GOSUB_RETVAL})
 same => n,Set(LOCAL(line)=${CUT(person,~,2)})
 same => n,Gosub(backsoon-language,s,1(${IF($["${line}" = ""]?${BACKSOON_LANGUAGE}:${line})}))
 same => n,Set(LOCAL(language)=${GOSUB_RETVAL})
 same => n,Playback(backsoon/own/${ARG1},${ARG2})
 same => n,GotoIf($["${PLAYBACKSTATUS}" = "SUCCESS"]?until)
 same => n,Playback(backsoon/own/done,${ARG2})
 same => n,GotoIf($["${PLAYBACKSTATUS}" = "SUCCESS"]?until)
 same => n,Return(0)
 same => n(until),GotoIf($["${ARG3}" = "" | "${ARG1}" = "available"]?said)
 same => n,Set(LOCAL(end)=${ARG3})
 same => n,GotoIf($["${ARG4}" = ""]?told)
 same => n,Gosub(backsoon,s,1(${whose}))
 same => n,Set(LOCAL(end)=${IF($["${BACKSOON_PHONE}" = "closed"]?${BACKSOON_UNTIL}:${end})})
 same => n(told),GotoIf($[0${end} > 0]?moment)
 same => n,Playback(backsoon/own/until-further-notice)
 same => n,Return(1)
 same => n(moment),Gosub(backsoon-moment,s,1(${end},until))
 same => n,Set(LOCAL(until)=${CUT(GOSUB_RETVAL,:,2)})
 same => n,GotoIf($["${until}" = ""]?said)
 same => n,Playback(${until})
 same => n(said),Return(1)

"""
