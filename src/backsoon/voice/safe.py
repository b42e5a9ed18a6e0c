"""Text that a speech program may be given: letters, digits, spaces and plain punctuation, no command of any kind.

Speech programs have languages of their own inside the text: SSML (`<speak>`), espeak-ng's phonemes (`[[h@'loU]]`).
Names come from directories and files that anybody may have written, so none of that is left.
"""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""The most characters of a prompt."""
_PLAIN = ".,'-"
_CHARACTERS = {"’": "'", "\u2018": "'", "\u2010": "-", "\u2011": "-", "–": "-"}


def safe(text: str) -> str:
    """What may be said of a text, in one line of at most `LONGEST` characters; "" where nothing is left to be said.

    Marks that letters carry stay (`é`, whichever way it is written); everything else that is not plain is a space.
    """
    composed = unicodedata.normalize("NFC", text[: LONGEST * 4])
    kept = "".join(_kept(_CHARACTERS.get(c, c)) for c in composed)
    line = " ".join(" ".join(word.strip("-'.,") + _pause(word) for word in kept.split()).split())[:LONGEST].strip()
    return line if any(c.isalnum() for c in line) else ""


def _kept(character: str) -> str:
    if unicodedata.category(character) == "Cf":  # direction marks, joiners: not even a space
        return ""
    kind = unicodedata.category(character)[0]
    return character if kind in "LM" or character.isdecimal() or character in _PLAIN else " "


def _pause(word: str) -> str:
    """A comma or full stop behind a word is a pause; `--help` begins with no hyphen and `..` says nothing."""
    return word[-1] if word[-1] in ",." and word.strip("-'.,") else ""
