"""Reads how calls to people who are away are answered: `[organisation.voice]`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backsoon.config.table import Table
from backsoon.domain.spoken import KEYS, MAILBOXES, NUMBER, USUAL, Choice, Voice
from backsoon.switchboards.base import EXTENSION

MOST = 50
"""The most numbers of one kind: they are printed into the dialplan."""
_NUMBER_REMEDY = 'write numbers in quotes, as a caller id has them: ["+46701234567", "2040"]'
_EXTENSION_REMEDY = 'write an extension in quotes: "2000"'


def read_voice(table: Table) -> Voice:
    """How calls are answered; what is not said is as in `domain.spoken`."""
    voice = Voice(
        voicemail=_voicemail(table),
        attendant=table.checked("attendant", "", EXTENSION, _EXTENSION_REMEDY),
        ring_anyway=table.flag("ring_anyway", USUAL.ring_anyway),
        no_key=table.choice("no_key", USUAL.no_key, {c.value: c for c in Choice}),
        keys=_keys(table.table("keys")),
        internal_hears_more=table.flag("internal_hears_more", USUAL.internal_hears_more),
        attendants=_list(table, "attendants", EXTENSION, 'write extensions in quotes: ["2000", "2001"]', ()),
        ring_through=_list(table, "ring_through", NUMBER, _NUMBER_REMEDY, ()),
        emergency=_list(table, "emergency", NUMBER, _NUMBER_REMEDY, USUAL.emergency),
        emergency_minutes=table.number("emergency_minutes", USUAL.emergency_minutes, 1, 1440),
        names=table.flag("names", USUAL.names),
    )
    _check_no_key(table, voice)
    table.finish()
    return voice


def _voicemail(table: Table) -> str:
    if table.get("voicemail") is False:
        return ""
    remedy = "write the context of the mailboxes in voicemail.conf, or voicemail = false where there are none"
    return table.checked("voicemail", USUAL.voicemail, MAILBOXES, remedy)


def _check_no_key(table: Table, voice: Voice) -> None:
    needs = {
        Choice.VOICEMAIL: bool(voice.voicemail),
        Choice.ATTENDANT: bool(voice.attendant),
        Choice.RING: voice.ring_anyway,
    }
    if "no_key" in table.values and not needs.get(voice.no_key, True):
        missing = {Choice.VOICEMAIL: "voicemail", Choice.ATTENDANT: "attendant", Choice.RING: "ring_anyway = true"}
        table.fault(
            "no_key", f"{voice.no_key.value!r} cannot be had", f"set {missing[voice.no_key]}, or choose another"
        )


def _keys(table: Table) -> Mapping[Choice, str]:
    keys = dict(KEYS)
    for choice in KEYS:
        keys[choice] = table.checked(choice.value, keys[choice], re.compile("[0-9]"), 'write one digit in quotes: "1"')
    taken: dict[str, Choice] = {}
    for choice, key in keys.items():
        if key in taken:
            table.fault(choice.value, f"has the key {key} of {taken[key].value!r}", "give each a key of its own")
        taken.setdefault(key, choice)
    table.finish()
    return keys


def _list(table: Table, key: str, pattern: re.Pattern[str], remedy: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    value = table.get(key)
    if value is None:
        return usual
    texts = value if isinstance(value, list | tuple) else None
    if texts is None or not all(isinstance(each, str) for each in texts):
        table.fault(key, "must be a list of texts", remedy)
        return usual
    between = r"[\s()-]" if pattern is NUMBER else r"\s"  # a hyphen may be part of an extension
    plain = tuple(dict.fromkeys(re.sub(between, "", str(each)) for each in texts))
    for each in plain:
        if not pattern.fullmatch(each):
            table.fault(key, f"{each!r} cannot stand here", remedy)
            return usual
    if len(plain) > MOST:
        table.fault(key, f"has {len(plain)} entries", f"at most {MOST} may stand here")
        return usual
    return plain
