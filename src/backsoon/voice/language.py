"""The languages that callers are told in. One is two files: `phrases/xx.toml` and `numbers/xx.py`, and nothing else.

A prompt is a file that says one text; its key is its name without an ending. Sentences are put together from prompts in
the dialplan, by templates: keys with `{hour}` ("00".."23"), `{minute}` ("01".."59"), `{weekday}` (ISO 8601, "1".."7"),
`{day}` ("1".."31"), `{month}` ("1".."12"), `{year}` (`spoken.YEARS`), `{choice}` (`spoken.Choice`) or `{digit}`
("0".."9") in them.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from types import MappingProxyType

from backsoon.domain.defaults import NOT_AVAILABLE, REASONS
from backsoon.domain.errors import BacksoonError
from backsoon.domain.spoken import YEARS, Choice

log = logging.getLogger(__name__)
FOLDER = Path(__file__).parent
"""Where the languages are that are shipped."""
KEY = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)?")
"""A prompt's key: it is a file's name, so it has nothing else in it."""
TAG = re.compile(r"[a-z]{2,3}")
"""A language as its two files are called (BCP 47: the primary subtag)."""

CHOICES = tuple(c.value for c in Choice if c is not Choice.HANG_UP)
FIXED = frozenset(
    [
        "person", "unavailable-today", "at", "transfer", "deputy-away", "goodbye",
        "back/today", "back/week", "back/date", "until/today", "until/week", "until/date",
        "own/available", "own/done", "own/wrong", "own/nobody", "own/failed",
        "own/until-further-notice", "leave-message",
        *(f"menu/{choice}" for choice in CHOICES),
        *(f"press/{digit}" for digit in range(10)),
    ]
)  # fmt: skip
"""The prompts that every language has besides times, dates and reasons."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "hour": tuple(f"{hour:02}" for hour in range(24)),
    "minute": tuple(f"{minute:02}" for minute in range(1, 60)),
    "weekday": tuple(map(str, range(1, 8))),
    "day": tuple(map(str, range(1, 32))),
    "month": tuple(map(str, range(1, 13))),
    "year": YEARS,
    "choice": CHOICES,
    "digit": tuple(map(str, range(10))),
}
"""What may stand for each name in a template."""
_NAME = re.compile(r"\{(\w*)\}")


class BadLanguage(BacksoonError):
    """A language's files do not hold what they must. Names the file, the key and what to do."""

    def __init__(self, file: Path, key: str, what: str, remedy: str) -> None:
        self.file, self.key, self.remedy = file, key, remedy
        super().__init__(f"{file}: {key}: {what}" if key else f"{file}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """How a language says times and dates: texts of prompts, and templates that put them in order.

    Lists begin with Monday, the first, January, 00, (minutes) 01 and (years) 2026. `oclock` are whole times on the
    hour, `hours` those that minutes follow. `far` tells a date that is about a year ahead, or more. A text of "" is
    said by a short silence: where nothing is said for some hours of the day. `more` are further prompts, by key, that
    the templates name.
    """

    weekdays: tuple[str, ...]
    days: tuple[str, ...]
    months: tuple[str, ...]
    hours: tuple[str, ...]
    oclock: tuple[str, ...]
    minutes: tuple[str, ...]
    years: tuple[str, ...] = YEARS
    more: Mapping[str, str] = field(default_factory=dict)
    on_the_hour: tuple[str, ...] = ("oclock/{hour}",)
    past: tuple[str, ...] = ("hour/{hour}", "minute/{minute}")
    week: tuple[str, ...] = ("weekday/{weekday}",)
    date: tuple[str, ...] = ("day/{day}", "month/{month}")
    far: tuple[str, ...] = ("day/{day}", "month/{month}", "year/{year}")
    menu_item: tuple[str, ...] = ("menu/{choice}", "press/{digit}")

    def texts(self) -> dict[str, str]:
        """The text of each prompt, by its key."""
        series = (
            ("weekday", self.weekdays), ("day", self.days), ("month", self.months),
            ("hour", self.hours), ("oclock", self.oclock), ("minute", self.minutes), ("year", self.years),
        )  # fmt: skip
        texts = {f"{of}/{value}": text for of, said in series for value, text in zip(_values(of), said, strict=True)}
        return {**texts, **self.more}

    def templates(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Each kind of template with the names that it may use."""
        return {
            "on_the_hour": (self.on_the_hour, ("hour",)),
            "past": (self.past, ("hour", "minute")),
            "week": (self.week, ("weekday", "day", "month")),
            "date": (self.date, ("weekday", "day", "month")),
            "far": (self.far, ("weekday", "day", "month", "year")),
            "menu_item": (self.menu_item, ("choice", "digit")),
        }


@dataclass(frozen=True, slots=True)
class Clauses:
    """One reason: as others hear it of somebody ("is in a meeting"), as the person does ("you are in a meeting")."""

    others: str
    own: str


@dataclass(frozen=True, slots=True)
class Language:
    """A language: `phrases` by key, clauses of the usual reasons, and those (with `{label}`) of an organisation's own.

    `voice` is what speech programs call it (espeak-ng: `en-gb`), `speed` how fast it is said, in words a minute.
    """

    tag: str
    phrases: Mapping[str, str]
    reasons: Mapping[str, Clauses]
    of_its_own: Clauses
    rules: NumberRules
    voice: str
    speed: int = 150


def _values(name: str) -> tuple[str, ...]:
    return VALUES["hour" if name == "oclock" else name]


@cache
def languages(folder: Path = FOLDER) -> Mapping[str, Language]:
    """All languages that have both files in the folder, by tag.

    One whose files do not hold what they must is left out, and told of in the log: the others' callers are told on.
    """
    tags = sorted(file.stem for file in (folder / "phrases").glob("*.toml"))
    both = [tag for tag in tags if (folder / "numbers" / f"{tag}.py").is_file()]
    loaded = ((tag, _loaded(tag, folder)) for tag in both)
    return MappingProxyType({tag: language for tag, language in loaded if language is not None})


def _loaded(tag: str, folder: Path) -> Language | None:
    try:
        return load_language(tag, folder)
    except BadLanguage as error:
        log.error("nobody is told in %s: %s: %s", tag, error, error.remedy)
        return None


def check_whole(tag: str, folder: Path = FOLDER) -> None:
    """Raises `BadLanguage`, which names the other one, where one of the two files of a language is there alone."""
    if TAG.fullmatch(tag) and any((folder / file).exists() for file in (f"phrases/{tag}.toml", f"numbers/{tag}.py")):
        load_language(tag, folder)


def language_for(tag: str, known: Mapping[str, Language], instead: str = "en") -> Language:
    """The language that serves a BCP 47 tag: `sv-FI` is served by `sv`; where there is none, what serves `instead`,
    English, or the first. The dialplan (`backsoon-language`) chooses alike."""
    primaries = (one.replace("_", "-").split("-", 1)[0].lower() for one in (tag, instead, "en"))
    return next((known[one] for one in primaries if one in known), None) or next(iter(known.values()))


def load_language(tag: str, folder: Path = FOLDER) -> Language:
    """A language by its two files. Raises `BadLanguage`, which names the file and the key."""
    file, rules_file = folder / "phrases" / f"{tag}.toml", folder / "numbers" / f"{tag}.py"
    if not TAG.fullmatch(tag):
        raise BadLanguage(file, "", f"{tag!r} is no language", "call it by its two or three letters: fi.toml")
    rules = _rules(rules_file)
    table = _table(file)
    phrases = _phrases(file, table.get("phrases"))
    said = table.get("reasons")
    reasons = said if isinstance(said, dict) else {}
    language = Language(
        tag,
        MappingProxyType(phrases),
        MappingProxyType({code: _clauses(file, f"reasons.{code}", reasons.get(code)) for code in REASONS}),
        _pattern(file, "of_its_own", table.get("of_its_own")),
        rules,
        _text(file, "voice", table.get("voice")),
        _speed(file, table.get("speed", 150)),
    )
    _check_templates(rules_file, language)
    return language


def _table(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadLanguage(file, "", error.strerror or "cannot be read", "write it, as en.toml is written") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadLanguage(file, "", str(error), "write TOML in UTF-8, as en.toml is written") from error


def _phrases(file: Path, said: object) -> dict[str, str]:
    table = said if isinstance(said, dict) else {}
    if missing := sorted(FIXED - table.keys()):
        raise BadLanguage(file, f"phrases.{missing[0]}", "is missing", "write what callers hear there")
    if unknown := sorted(table.keys() - FIXED):
        raise BadLanguage(file, f"phrases.{unknown[0]}", "is no phrase", "compare it with en.toml")
    return {key: _text(file, f"phrases.{key}", table[key]) for key in sorted(FIXED)}


def _clauses(file: Path, key: str, said: object) -> Clauses:
    table = said if isinstance(said, dict) else {}
    return Clauses(_text(file, f"{key}.others", table.get("others")), _text(file, f"{key}.own", table.get("own")))


def _pattern(file: Path, key: str, said: object) -> Clauses:
    clauses = _clauses(file, key, said)
    for name, text in (("others", clauses.others), ("own", clauses.own)):
        if text.count("{label}") != 1 or text.count("{") != 1:
            raise BadLanguage(file, f"{key}.{name}", "needs {label} once", "write {label} where the reason is said")
    return clauses


def _text(file: Path, key: str, said: object) -> str:
    if not isinstance(said, str) or not said.strip():
        what = "is missing" if said is None else "is no text"
        raise BadLanguage(file, key, what, "write what callers hear there, in quotes")
    return " ".join(said.split())


def _speed(file: Path, said: object) -> int:
    if not isinstance(said, int) or not 80 <= said <= 300:
        raise BadLanguage(file, "speed", "is no speed", "write words a minute, 80 to 300")
    return said


def _rules(file: Path) -> NumberRules:
    spec = spec_from_file_location(f"backsoon_numbers_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise BadLanguage(file, "", "is missing", "write it, as en.py is written")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        rules = module.RULES
        rules.texts()
    except Exception as error:  # whatever a file of rules does wrong
        remedy = "write it as en.py is written: 7 weekdays, 31 days, 12 months, 24 hours, 59 minutes"
        raise BadLanguage(file, "RULES", str(error), remedy) from error
    return rules  # type: ignore[no-any-return]


def _check_templates(file: Path, language: Language) -> None:
    """Whatever a template can lead to must be a prompt. Raises `BadLanguage`."""
    known = {**language.phrases, **language.rules.texts()}
    if bad := [key for key in known if not KEY.fullmatch(key)]:
        raise BadLanguage(file, bad[0], "is no key", "write small letters, digits, - and one /")
    if twice := sorted(language.phrases.keys() & language.rules.texts().keys()):
        raise BadLanguage(file, twice[0], "is a phrase already", "give it another key")
    for name, (template, names) in language.rules.templates().items():
        for key in (key for part in template for key in keys_of(part, names)):
            if key not in known:
                raise BadLanguage(file, name, f"leads to {key}, which is no prompt", "add it to `more`")


def keys_of(template: str, names: tuple[str, ...] = tuple(VALUES)) -> Iterator[str]:
    """All keys that a part of a template can lead to; the part itself where it uses other names than these."""
    used = list(dict.fromkeys(_NAME.findall(template)))
    if not set(used) <= set(names):
        yield template
        return
    for values in product(*(VALUES[name] for name in used)):
        yield template.format(**dict(zip(used, values, strict=True)))


def neutral(language: Language) -> Clauses:
    """What is said where the true reason is told to nobody."""
    return language.reasons[NOT_AVAILABLE]
