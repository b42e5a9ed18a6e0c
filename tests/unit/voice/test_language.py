"""Languages of two files each: what they must hold, and how times and dates are said."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backsoon.voice.language import (
    FIXED,
    BadLanguage,
    Language,
    check_whole,
    keys_of,
    language_for,
    languages,
    load_language,
)
from tests.unit.voice.made_up import RULES, write_language


def said(language: Language, templates: tuple[str, ...], **values: str) -> str:
    texts = {**language.phrases, **language.rules.texts()}
    return " ".join(filter(None, (texts[part.format(**values)] for part in templates)))


def clock(language: Language, time: str) -> str:
    hour, minute = time.split(":")
    rules = language.rules
    return said(language, rules.on_the_hour if minute == "00" else rules.past, hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("time", "en", "sv"),
    [
        ("10:00", "ten o'clock", "tio"),
        ("10:05", "ten oh five", "tio noll fem"),
        ("10:30", "ten thirty", "tio och trettio"),
        ("13:21", "one twenty one", "tretton och tjugoett"),
        ("08:00", "eight o'clock", "åtta"),
        ("20:00", "eight o'clock in the evening", "tjugo"),
        ("07:59", "seven fifty nine in the morning", "sju och femtionio"),
        ("17:59", "five fifty nine", "sjutton och femtionio"),
        ("18:01", "six oh one in the evening", "arton noll ett"),
        ("22:15", "ten fifteen at night", "tjugotvå och femton"),
        ("00:00", "midnight", "noll noll"),
        ("00:30", "twelve thirty at night", "noll noll och trettio"),
        ("12:00", "noon", "tolv"),
        ("12:40", "twelve forty", "tolv och fyrtio"),
        ("02:30", "two thirty in the morning", "två och trettio"),
        ("23:59", "eleven fifty nine at night", "tjugotre och femtionio"),
    ],
)
def test_times(time: str, en: str, sv: str) -> None:
    assert clock(languages()["en"], time) == en
    assert clock(languages()["sv"], time) == sv


@pytest.mark.parametrize(
    ("day", "month", "en", "sv"),
    [
        ("3", "3", "the third of March", "den tredje mars"),
        ("1", "1", "the first of January", "den första januari"),
        ("12", "5", "the twelfth of May", "den tolfte maj"),
        ("20", "8", "the twentieth of August", "den tjugonde augusti"),
        ("21", "10", "the twenty first of October", "den tjugoförsta oktober"),
        ("30", "6", "the thirtieth of June", "den trettionde juni"),
        ("31", "12", "the thirty first of December", "den trettioförsta december"),
    ],
)
def test_dates(day: str, month: str, en: str, sv: str) -> None:
    for tag, expected in (("en", en), ("sv", sv)):
        language = languages()[tag]
        assert said(language, language.rules.date, day=day, month=month) == expected


def test_every_time_is_said_otherwise() -> None:
    for language in languages().values():
        times = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
        assert len({clock(language, time) for time in times}) == len(times), language.tag


def test_days_and_menus() -> None:
    english, swedish = languages()["en"], languages()["sv"]
    assert said(english, english.rules.week, weekday="1") == "Monday"
    assert said(swedish, swedish.rules.week, weekday="7") == "söndag"
    assert said(english, english.rules.menu_item, choice="voicemail", digit="1") == "to leave a message press one"
    assert said(swedish, swedish.rules.menu_item, choice="attendant", digit="2") == "för att tala med växeln tryck två"


def test_a_dialect_is_served_by_its_language_and_what_is_unknown_by_english() -> None:
    known = languages()
    assert [language_for(tag, known).tag for tag in ("sv-FI", "SV", "en_GB", "fi", "")] == [
        "sv",
        "sv",
        "en",
        "en",
        "en",
    ]
    assert [language_for("fi", known, own).tag for own in ("sv-SE", "de", "en")] == ["sv", "en", "en"]
    only = {"sv": known["sv"]}
    assert language_for("fi", only).tag == "sv"


def test_a_third_language_is_two_files(tmp_path: Path) -> None:
    made_up = languages(write_language(tmp_path))
    assert list(made_up) == ["xx"]
    assert clock(made_up["xx"], "10:30") == "mi 30 la ho 10"
    assert said(made_up["xx"], made_up["xx"].rules.date, day="3", month="4") == "mo 4 da 3"


def test_years() -> None:
    english, swedish = languages()["en"].rules.texts(), languages()["sv"].rules.texts()
    assert (english["year/2026"], swedish["year/2026"]) == ("twenty twenty six", "tjugohundratjugosex")
    assert (english["year/2030"], swedish["year/2030"]) == ("twenty thirty", "tjugohundratrettio")
    assert (english["year/2075"], swedish["year/2075"]) == ("twenty seventy five", "tjugohundrasjuttiofem")


def test_one_that_is_wrong_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_language(tmp_path)
    for tag in ("xx", "yy"):
        for part in ("phrases/{}.toml", "numbers/{}.py"):
            (folder / part.format(tag)).write_bytes((folder / part.format("xx")).read_bytes())
    (folder / "phrases" / "yy.toml").write_text("voice = 1", encoding="utf-8")
    assert list(languages(folder)) == ["xx"]
    assert "yy.toml" in caplog.text
    assert "phrases." in caplog.text


def test_one_file_alone_is_no_language(tmp_path: Path) -> None:
    write_language(tmp_path)
    (tmp_path / "numbers" / "xx.py").unlink()
    assert languages(tmp_path) == {}
    with pytest.raises(BadLanguage, match="is missing"):
        load_language("xx", tmp_path)


@pytest.mark.parametrize("there", ["phrases/xx.toml", "numbers/xx.py"])
def test_which_of_the_two_files_is_missing_is_told(tmp_path: Path, there: str) -> None:
    (missing,) = {"phrases/xx.toml", "numbers/xx.py"} - {there}
    (write_language(tmp_path) / missing).unlink()
    with pytest.raises(BadLanguage) as raised:
        check_whole("xx", tmp_path)
    assert str(tmp_path / missing) in str(raised.value)
    (tmp_path / there).unlink()
    check_whole("xx", tmp_path)


@pytest.mark.parametrize("key", [*sorted(FIXED), "meeting", "not_available"])
def test_a_missing_phrase_is_named_with_its_file(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadLanguage, match="is missing") as raised:
        load_language("xx", write_language(tmp_path, without=key))
    assert str(tmp_path / "phrases" / "xx.toml") in str(raised.value)
    assert key in raised.value.key
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("was", "is_now", "key"),
    [
        ('voice = "eo"', "voice = 3", "voice"),
        ('voice = "eo"', 'voice = "eo"\nspeed = 9000', "speed"),
        ('voice = "eo"', 'voice = "eo"\nspeed = "fast"', "speed"),
        ('"goodbye" = "goodbye"', '"goodbye" = " "', "phrases.goodbye"),
        ('"goodbye" = "goodbye"', '"goodbye" = "bye"\n"godbye" = "bye"', "phrases.godbye"),
        ('"lo {label}"', '"lo"', "of_its_own.others"),
        ('"li {label}"', '"li {label} {label.x}"', "of_its_own.own"),
        ('own = "li lunch"', 'ownn = "li lunch"', "reasons.lunch.own"),
    ],
)
def test_a_wrong_phrase_is_named(tmp_path: Path, was: str, is_now: str, key: str) -> None:
    file = write_language(tmp_path) / "phrases" / "xx.toml"
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, is_now))
    with pytest.raises(BadLanguage) as raised:
        load_language("xx", tmp_path)
    assert raised.value.key == key


@pytest.mark.parametrize("content", [b"[phrases", b"\xff\xfe", b""])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = write_language(tmp_path) / "phrases" / "xx.toml"
    file.write_bytes(content)
    with pytest.raises(BadLanguage, match=r"xx\.toml"):
        load_language("xx", tmp_path)


@pytest.mark.parametrize(
    ("was", "is_now", "what"),
    [
        ("range(1, 8)", "range(1, 7)", "RULES"),
        ("range(1, 60)", "range(60)", "RULES"),
        ('"past", "hour/{hour}"', '"pst", "hour/{hour}"', "leads to pst"),
        ('"minute/{minute}"', '"minutes/{minute}"', "leads to minutes/01"),
        ('date=("month/{month}"', 'date=("hour/{hour}"', "leads to hour/{hour}"),
        ('{"past": "la"}', '{"../past": "la"}', "is no key"),
        ('{"past": "la"}', '{"past": "la", "goodbye": "la"}', "is a phrase already"),
        ("RULES = NumberRules(", "RULES = len(", "RULES"),
        ("RULES = NumberRules(", "raise OSError('no')\nRULES = NumberRules(", "RULES: no"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, was: str, is_now: str, what: str) -> None:
    assert was in RULES
    with pytest.raises(BadLanguage) as raised:
        load_language("xx", write_language(tmp_path, rules=RULES.replace(was, is_now)))
    assert "xx.py" in str(raised.value)
    assert what in str(raised.value)


def test_a_language_is_called_by_its_letters(tmp_path: Path) -> None:
    with pytest.raises(BadLanguage, match="is no language"):
        load_language("../en", tmp_path)


def test_they_are_shipped(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for tag in languages():
        assert names >= {f"backsoon/voice/phrases/{tag}.toml", f"backsoon/voice/numbers/{tag}.py"}


def test_what_a_template_leads_to() -> None:
    assert list(keys_of("press/{digit}"))[:2] == ["press/0", "press/1"]
    assert len(list(keys_of("x/{hour}{minute}"))) == 24 * 59
    assert list(keys_of("at")) == ["at"]
