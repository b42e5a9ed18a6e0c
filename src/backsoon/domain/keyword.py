"""The keyword grammar: what a person types in front of a subject.

    subject = *space [prefix *space] keyword *space mark *space [">" number] *space note [ "//" hidden ]

A subject is hostile text. What is not tagged is never quoted by anything here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from backsoon.domain.errors import BadKeyword, UnknownReason
from backsoon.domain.model import NOTE_LENGTH, Phone

KEYWORD_LENGTH = 16
MOST_OWN = 50
"""The most keywords that a person may have of their own."""

MAIL_PREFIXES = frozenset(
    [
        "re",
        "fw",
        "fwd",
        "sv",
        "vb",
        "aw",
        "wg",
        "vs",
        "vl",
        "antw",
        "tr",
        "rv",
        "rif",
        "res",
        "ref",
        "enc",
        "ynt",
        "odp",
        "pd",
        "vá",
        "továbbítás",
        "回复",
        "转发",
        "答复",
        "轉寄",
    ]
)
"""Reply and forward marks of mail programs, normalised; any number of them may precede the keyword."""

_MARKS = {":": Phone.CLOSED, "：": Phone.CLOSED, ";": Phone.OPEN, "；": Phone.OPEN}
_MARK = re.compile("[:;：；]")
_HEAD = 4 * KEYWORD_LENGTH  # a mark further out than this belongs to no keyword, however it is composed
_SPAN_OF_INTEREST = 2000  # of a subject; nothing past it can matter, and some are a megabyte long
_NUMBER = re.compile(r">([0-9A-Za-z_.+-]{1,32})(?=\s|$)")  # what may stand in a switchboard's protocol line
_INVISIBLE = frozenset(
    "\u00ad\u200b\u2060\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tagged subject says. `keyword` is normalised; `divert_to` is "" or a number; `note` is clean."""

    keyword: str
    reason: str
    phone: Phone
    note: str = ""
    divert_to: str = ""
    problem: str = ""
    """What is odd about it, in words for `preview`."""


@dataclass(frozen=True, slots=True)
class Untagged:
    """A subject without a keyword. `because` names keywords of the table at most, never the subject's own words."""

    because: str


def normalise(keyword: str) -> str:
    """The form in which keywords are compared: NFKC, case folded, NFKC again (folding may decompose)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", keyword).casefold())


def checked(keyword: str) -> str:
    """The normalised keyword, if subjects can carry it. Raises `BadKeyword`."""
    word = normalise(keyword.strip())
    if not 1 <= len(word) <= KEYWORD_LENGTH or not _letters(word):
        raise BadKeyword(keyword, f"a keyword is 1 to {KEYWORD_LENGTH} letters or digits")
    if word in MAIL_PREFIXES:
        raise BadKeyword(keyword, "mail programs write it before a subject (as in 'Re:'); choose another")
    return word


def _letters(word: str) -> bool:
    # Folding may leave a letter with its mark apart (`İ`), and some scripts write vowels as marks.
    return word[0].isalnum() and all(c.isalnum() or unicodedata.category(c).startswith("M") for c in word)


def own_keywords(given: Mapping[str, str], reasons: Mapping[str, object]) -> dict[str, str]:
    """A person's own keywords as they are kept: normalised, by reason. Raises `BadKeyword`, `UnknownReason`."""
    if len(given) > MOST_OWN:
        raise BadKeyword("", f"at most {MOST_OWN} of one's own may be kept")
    own: dict[str, str] = {}
    for keyword, reason in given.items():
        word = checked(keyword)
        if word in own:
            raise BadKeyword(keyword, "it is given twice")
        if reason not in reasons:
            raise UnknownReason(reason, tuple(reasons))
        own[word] = reason
    return own


def keyword_table(organisation: Mapping[str, str], own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Keywords by reason: a person's own before the organisation's. Both are normalised already (see `checked`)."""
    return dict(chain(organisation.items(), (own or {}).items()))


def clean(text: str, length: int = NOTE_LENGTH) -> str:
    """One line without controls and bidi overrides, trimmed, at most `length` characters."""
    if text.isascii() and text.isprintable():  # most are
        return text.strip()[:length].rstrip()
    kept = (" " if c in "\t\n\r\v\f\x85\u2028\u2029" else c for c in text if not _dropped(c))
    return "".join(kept).strip()[:length].rstrip()


def _dropped(c: str) -> bool:
    if c in _INVISIBLE:
        return True
    return unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\r\v\f\x85"


def read_subject(subject: str, keywords: Mapping[str, str]) -> Tag | Untagged:
    """What a subject says, given the keywords that count for its owner."""
    text = clean(subject[:_SPAN_OF_INTEREST], _SPAN_OF_INTEREST)
    rest = text
    while (mark := _MARK.search(rest[:_HEAD])) is not None:
        word = normalise(rest[: mark.start()].strip())
        after = rest[mark.end() :]
        if word in keywords:
            return _tag(word, keywords[word], _MARKS[mark.group()], after)
        if word not in MAIL_PREFIXES or _MARKS[mark.group()] is not Phone.CLOSED:
            break
        rest = after.lstrip()
    return Untagged(_near_miss(rest, keywords))


def _tag(word: str, reason: str, phone: Phone, after: str) -> Tag:
    shown = after.split("//", 1)[0].strip()
    if not shown.startswith(">"):
        return Tag(word, reason, phone, clean(shown))
    number = _NUMBER.match(shown)
    if number is None:
        return Tag(word, reason, phone, clean(shown[1:]), problem="what follows `>` is not a number to divert to")
    note = clean(shown[number.end() :])
    if phone is Phone.OPEN:
        return Tag(word, reason, phone, note, problem="`;` keeps the phone open, so `>` diverts nothing")
    return Tag(word, reason, phone, note, number.group(1))


def marked_keyword(subject: str, keywords: Mapping[str, str]) -> str:
    """The first of the keywords that stands before a mark anywhere in a subject, normalised; "" where none does."""
    if _MARK.search(subject) is None:
        return ""
    return _marked(clean(subject[:_SPAN_OF_INTEREST], _SPAN_OF_INTEREST).split("//", 1)[0], keywords)


def _marked(shown: str, keywords: Mapping[str, str]) -> str:
    for mark in _MARK.finditer(shown):
        words = shown[max(0, mark.start() - _HEAD) : mark.start()].split()
        if words and (word := normalise(words[-1])) in keywords:
            return word
    return ""


def _near_miss(text: str, keywords: Mapping[str, str]) -> str:
    before = text.split("//", 1)[0]
    if word := _marked(before, keywords):
        return f"keyword `{word}` is not first"
    first = before.split(maxsplit=1)
    if len(first) == 2 and (word := normalise(first[0])) in keywords:
        return f"keyword `{word}` has no mark (: or ;)"
    return "no keyword"
