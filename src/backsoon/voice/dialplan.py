"""The spoken contexts of the dialplan: in which order each language says times, dates and the menu.

One context a language, `backsoon-say-xx`; each extension of it returns the prompts to play, as Asterisk lists them:

    time    ARG1 hour "00".."23", ARG2 minute "00".."59"
    week    ARG1 weekday "1".."7" (ISO 8601), ARG2 day "1".."31", ARG3 month "1".."12"
    date    the same
    year    the same, ARG4 year "2026".."2075"
    choice  ARG1 what may be chosen, ARG2 its key

They are handed such digits only (see `switchboards.asterisk.answering`), so there is nothing here to filter.
"""

from __future__ import annotations

from collections.abc import Mapping

from backsoon.voice.language import Language, languages

FOLDER = "backsoon"
"""Where a language's prompts are within its folder of sounds."""
DAY = {"weekday": "${ARG1}", "day": "${ARG2}", "month": "${ARG3}", "year": "${ARG4}"}
TIME = {"hour": "${ARG1}", "minute": "${ARG2}"}
CHOICE = {"choice": "${ARG1}", "digit": "${ARG2}"}

HEAD = """; How each language says times, dates and the menu. A prompt is a file in the folder of its language's sounds:
; en/backsoon/oclock/10.wav. `backsoon voice` makes them; any of them may be a recording.
"""
CONTEXT = """[backsoon-say-@TAG@]
exten => time,1,GotoIf($["${ARG2}" = "00"]?sharp)
 same => n,Return(@PAST@)
 same => n(sharp),Return(@SHARP@)
exten => week,1,Return(@WEEK@)
exten => date,1,Return(@DATE@)
exten => year,1,Return(@FAR@)
exten => choice,1,Return(@CHOICE@)

"""


def spoken_text(known: Mapping[str, Language] | None = None) -> str:
    """The contexts of all languages, or of those that are given."""
    return HEAD + "".join(_context(language) for language in (languages() if known is None else known).values())


def _context(language: Language) -> str:
    rules = language.rules
    text = CONTEXT.replace("@TAG@", language.tag)
    for mark, template, values in (
        ("@PAST@", rules.past, TIME),
        ("@SHARP@", rules.on_the_hour, TIME),
        ("@WEEK@", rules.week, DAY),
        ("@DATE@", rules.date, DAY),
        ("@FAR@", rules.far, DAY),
        ("@CHOICE@", rules.menu_item, CHOICE),
    ):
        text = text.replace(mark, prompts(template, values))
    return text


def prompts(template: tuple[str, ...], values: Mapping[str, str]) -> str:
    """What a template leads to, as Asterisk lists files."""
    return "&".join(f"{FOLDER}/{part.format(**values)}" for part in template)
