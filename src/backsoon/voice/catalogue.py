"""All prompts of an organisation in a language: what each is called and what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backsoon.domain.defaults import NOT_AVAILABLE, REASONS
from backsoon.domain.model import Reason
from backsoon.domain.organisation import Organisation
from backsoon.domain.phrase import told_reason
from backsoon.domain.spoken import name_key
from backsoon.voice.language import Clauses, Language
from backsoon.voice.safe import safe

SILENCE = ""
"""The text of a prompt that says nothing."""


def catalogue(organisation: Organisation, language: Language, names: Iterable[str]) -> dict[str, str]:
    """The text of every prompt, by its key: phrases, times and dates, reasons, people's names.

    Every text may be given to a speech program. A sensitive reason has no prompt for others: they are told
    `reason/not_available` or `outside/not_available`. A name of which nothing can be said has none either.
    Phrases come before the reasons of an organisation that are called as they are.
    """
    texts = {f"name/{name_key(name)}": said for name in names if organisation.voice.names and (said := safe(name))}
    texts |= _reasons(organisation, language)
    fixed = {**language.rules.texts(), **language.phrases}
    return texts | {key: safe(text) for key, text in fixed.items()}


def _reasons(organisation: Organisation, language: Language) -> dict[str, str]:
    rules = organisation.rules
    reasons = {NOT_AVAILABLE: REASONS[NOT_AVAILABLE], **rules.reasons}
    texts: dict[str, str] = {}
    for code, reason in reasons.items():
        texts[f"own/{code}"] = safe(_clauses(reason, language, (reason.labels,)).own)
        if code == NOT_AVAILABLE or told_reason(code, rules) == code:
            texts[f"reason/{code}"] = safe(_inside(reason, language))
            texts[f"outside/{code}"] = safe(_outside(reason, language))
    return texts


def _inside(reason: Reason, language: Language) -> str:
    return _spoken(language.tag, reason.spoken) or _clauses(reason, language, (reason.labels,)).others


def _outside(reason: Reason, language: Language) -> str:
    """What is written for outsiders alone comes before what is said inside."""
    said = _spoken(language.tag, reason.spoken_outside)
    if not said and not _spoken(language.tag, reason.outside):
        said = _spoken(language.tag, reason.spoken)
    return said or _clauses(reason, language, (reason.outside, reason.labels)).others


def _spoken(language: str, table: Mapping[str, str]) -> str:
    """What a table says in the language, or in a dialect of it; "" for nothing."""
    return next((table[tag] for tag in (language, *_dialects(language, table)) if tag in table), "")


def _dialects(language: str, table: Mapping[str, str]) -> list[str]:
    return sorted(tag for tag in table if tag.split("-", 1)[0].lower() == language)


def _clauses(reason: Reason, language: Language, tables: Iterable[Mapping[str, str]]) -> Clauses:
    """What is said of a reason: the language's clauses where it is called as usual, else its own word in a pattern."""
    tag, label = _label(language.tag, tables)
    usual = REASONS.get(reason.code)
    if usual is not None and (not label or usual.labels.get(tag) == label):
        return language.reasons[reason.code]
    word = safe(label) or safe(reason.code.replace("_", " "))
    of_its_own = language.of_its_own
    return Clauses(of_its_own.others.replace("{label}", word), of_its_own.own.replace("{label}", word))


def _label(language: str, tables: Iterable[Mapping[str, str]]) -> tuple[str, str]:
    """The word and its language: that of the prompts, else of a dialect of it, else English, else any."""
    tables = tuple(tables)
    for table in tables:
        for tag in (language, *_dialects(language, table)):
            if tag in table:
                return tag, table[tag]
    return next(((tag, t[tag]) for t in tables for tag in ("en", *t) if tag in t), ("", ""))
