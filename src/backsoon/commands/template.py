"""The text of a new settings file: short, commented, secrets by reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told. `calendar` and `switchboard` are fields of their tables; empty where there is none."""

    name: str
    zone: str
    country: str = ""
    language: str = "en"
    mode: str = "keywords"
    busy_phone: str = "closed"
    public: str = ""
    calendar: Mapping[str, object] = field(default_factory=dict)
    switchboard: Mapping[str, object] = field(default_factory=dict)


def settings_text(answers: Answers) -> str:
    """The settings file for these answers."""
    country = f"country = {_value(answers.country)}" if answers.country else '# country = "SE"'
    parts = [
        _HEAD.format(
            api=_API.format(public=_value(answers.public)) if answers.public else _NO_API,
            name=_value(answers.name),
            zone=_value(answers.zone),
            country=country,
            language=_value(answers.language),
            mode=_value(answers.mode),
            busy_phone=_value(answers.busy_phone),
        ),
        _calendar(answers.calendar) if answers.calendar else _NO_CALENDAR,
        _table("switchboards.main", answers.switchboard, _SWITCHBOARD_COMMENT)
        if answers.switchboard
        else _NO_SWITCHBOARD,
    ]
    return "\n".join(parts)


def _calendar(fields: Mapping[str, object]) -> str:
    account = _ACCOUNTS.get(str(fields["kind"]))
    if account is None:
        return _table("calendars.main", fields, _CALENDAR_COMMENT)
    return _table("calendars.main", fields, account) + _ACCOUNT_FIELDS


def _table(name: str, fields: Mapping[str, object], comment: str) -> str:
    lines = "\n".join(f"{key} = {_value(value)}" for key, value in fields.items())
    return f"{comment}[{name}]\n{lines}\n"


def _value(value: object) -> str:
    """A TOML value; JSON's strings, numbers and booleans are TOML's as well (the delete character apart)."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_HEAD = """\
# Settings of Backsoon. `backsoon check` tries them, `backsoon apply` puts changes into force.
# Secrets are never written here, only where they are: env:NAME, file:PATH or credential:NAME (systemd).
# Any field can be replaced from the environment: BACKSOON_ORGANISATION__ZONE=Europe/Oslo.

# data_folder = "backsoon-data"   # the store; relative paths start in the folder of this file
# socket = "backsoon-data/backsoon.sock"   # where `backsoon run` answers
# log_level = "info"   # debug, info, warning or error

{api}
[organisation]
name = {name}
# For people who have none of their own:
zone = {zone}
language = {language}
{country}   # public holidays, for back-at; a subdivision may follow: "DE-BY"
# working_hours = {{ mon-thu = ["08:00-12:00", "13:00-17:00"], fri = ["08:00-15:00"] }}

# What counts: "keywords": entries whose subject begins with a keyword; "all-busy": every busy entry as well.
mode = {mode}
# Does `busy` close the phone, or is it shown only? "closed" or "open". It matters in all-busy mode.
busy_phone = {busy_phone}
# count_tentative = false   # in all-busy mode: do tentative entries and unanswered invitations count?
# chain_gap_minutes = 5   # a pause between two meetings that is too short to count as being back
# warn_before_minutes = 60   # attendants see what is coming this early
# confirmed_within_minutes = 30   # a calendar not read for longer is "not confirmed since 09:12" in every answer
# notes_for_colleagues = false
# notes_for_attendants = true

# Keywords beside the usual ones (m meeting, l lunch, h holiday, c course, t business_travel, g gone_for_the_day,
# s sick, p parental_leave). `s = false` takes one out.
# [organisation.keywords]
# d = "dentist"

# Reasons beside the usual ones, or changes to those.
# [organisation.reasons.dentist]
# labels = {{ en = "At the dentist", sv = "Hos tandläkaren" }}
# spoken = {{ en = "is at the dentist", sv = "är hos tandläkaren" }}   # behind the name, to callers
# lifetime = "minutes"   # by hand, where nobody says: minutes, next_working_morning or until_taken_back
# minutes = 60
# digit = "41"   # its star code: *23*41#
# argument = "time"   # what may be dialled behind it: a time (*23*41*1430#), or with "date" a day (*23*41*1224#)

# What people dial. After a change here or of a digit: `backsoon asterisk dialplan`.
# [organisation.phone]
# prefix = "*23*"
# cancel = "#23#"
# enquire = "*23#"

# What callers to somebody who is away are offered. After a change: `backsoon asterisk dialplan`.
# [organisation.voice]
# attendant = "2000"        # key 2; none where nothing is written
# voicemail = "default"     # key 1: the context of the mailboxes; false for none
# ring_anyway = false       # key 4
# no_key = "voicemail"      # where nothing is pressed: voicemail, attendant, deputy, ring or hang_up
# ring_through = ["+46701234567"]   # callers who are never answered by a referral
"""

_NO_API = """\
# The API on the network, for those with a token (`backsoon tokens add`). Beyond this machine it needs a certificate.
# [api]
# listen = "127.0.0.1:8623"   # "" for none
# certificate = "cert.pem"
# key = "key.pem"
# public = "https://backsoon.example.com"   # where /hooks/ can be reached from outside, to be told of changes
"""
_API = """\
# The API on the network, for those with a token (`backsoon tokens add`). Beyond this machine it needs a certificate.
[api]
# listen = "127.0.0.1:8623"
# certificate = "cert.pem"
# key = "key.pem"
public = {public}   # where /hooks/ can be reached from outside, to be told of changes
"""

_CALENDAR_COMMENT = """\
# Where calendars are. {email}, {user} and {extension} in the address stand for each person's own; then it is read for
# everybody. Without them it is read for those whose row in `people import` names it.
"""
_NO_CALENDAR = f"""\
{_CALENDAR_COMMENT}# [calendars.main]
# kind = "caldav"   # or "ics"
# url = "https://dav.example.com/{{email}}/"
# username = "backsoon"
# password = "file:calendar.secret"
#
# Accounts that read everybody's mailbox: kind = "ews" (Exchange), "graph" (Microsoft 365), "google".
# docs/guides has the steps, docs/settings.md the fields.
"""
_ACCOUNTS = {
    "ews": """\
# Exchange, read by one account for everybody. docs/guides/exchange.md has the rights that it needs.
# Without url the server is found (autodiscover). access = "delegate" where everybody shares with the account.
""",
    "graph": """\
# Microsoft 365, read by an application with Calendars.Read. docs/guides/microsoft365.md narrows it to a group.
# outside is a mailbox that it must not be able to read: `backsoon check` proves it. In a national cloud:
# cloud = "us_gov" (or us_dod, china).
""",
    "google": """\
# Google Calendar, read by an account with whom everybody shares (access = "shared"), or that acts for each mailbox
# (access = "delegation"). docs/guides/google.md has the steps.
""",
}
_ACCOUNT_FIELDS = """\
# mailbox = "{email}"   # which mailbox is whose; {user} and {extension} too
# people = "named"   # only those whose row in `people import` names this connection
# automatic_replies = true   # an automatic reply counts as out of office
# push = true   # have changes told
# poll_min_minutes = 2   # without that, how often a mailbox is read: the interval adapts between the two
# poll_max_minutes = 15
"""
_SWITCHBOARD_COMMENT = """\
# Asterisk's manager interface; the account needs read = system,user and write = system,call, no more.
"""
_NO_SWITCHBOARD = f"""\
{_SWITCHBOARD_COMMENT}# [switchboards.main]
# kind = "asterisk"
# host = "127.0.0.1"
# username = "backsoon"
# secret = "file:asterisk.secret"
"""
