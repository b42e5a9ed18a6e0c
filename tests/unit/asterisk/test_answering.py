"""The contexts that answer callers, as text; what they do with calls is shown with a real Asterisk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backsoon.commands.asterisk import app
from backsoon.domain.organisation import Organisation
from backsoon.domain.spoken import Choice, Voice
from backsoon.switchboards.asterisk.answering import BadDialplanSetting
from backsoon.switchboards.asterisk.dialplan import USUAL, dialplan_text, fingerprint
from backsoon.voice.catalogue import catalogue
from backsoon.voice.dialplan import spoken_text
from backsoon.voice.language import languages


def code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(";"))


def printed(**changes: object) -> str:
    return code(dialplan_text(organisation=organisation(**changes), spoken=spoken_text()))


def organisation(**changes: object) -> Organisation:
    return replace(USUAL, voice=replace(Voice(), **changes))  # type: ignore[arg-type]  # checked by the dataclass


def context(text: str, name: str) -> str:
    return text.split(f"[{name}]\n")[1].split("\n[")[0]


def test_nothing_in_it_runs_text_as_code() -> None:
    assert not re.search(r"EVAL|SHELL|System|Exec|CURL|AGI|Stasis|FILE\(|ENV\(|Macro", printed())


def test_every_place_that_it_goes_to_is_there() -> None:
    text = printed()
    there = set(re.findall(r"^\[([\w-]+)\]$", text, re.MULTILINE)) | {"backsoon-local"}
    gone_to = {re.sub(r"\$\{\w+\}", "en", name) for name in re.findall(r"(?:Gosub|Goto)\((backsoon[^,]*),", text)}
    assert gone_to <= there
    for section in text.split("\n[")[1:]:
        labels = set(re.findall(r"n\((\w+)\)", section)) | set(re.findall(r"exten => (\w+),1", section))
        assert set(re.findall(r"\]\?(\w+)\)$", section, re.MULTILINE)) <= labels
        assert set(re.findall(r"Goto\((\w+)\)", section)) <= labels


def test_the_caller_id_is_asked_once_and_filtered() -> None:
    text = printed()
    assert re.findall(r".{14}\$\{CALLERID[^}]*\}", text) == ["${FILTER(0-9+,${CALLERID(num)}"]
    assert "CALLERID" in context(text, "backsoon-through")


def test_the_answer_is_one_line_before_a_dial() -> None:
    text = context(printed(), "backsoon-example")
    filtered = r"Set(BACKSOON_CALLED=${FILTER(0-9A-Za-z_.+\x2d,${EXTEN})})"
    parts = [filtered, "Gosub(backsoon-answer,s,1(${BACKSOON_CALLED}))", "Dial(PJSIP/${BACKSOON_CALLED},30)"]
    assert sorted(parts, key=text.index) == parts
    assert text.count("EXTEN") == 1


def test_nobody_is_called_outside() -> None:
    """Whoever is chosen is called through the context without trunks, or as the operator says."""
    text = printed(attendant="2000")
    assert set(re.findall(r"Dial\(([^,]*)", text)) == {"PJSIP/${EXTEN}", "PJSIP/${BACKSOON_CALLED}"}
    assert re.findall(r"Gosub\((backsoon-(?:divert|local)),", context(text, "backsoon-ring")) == [
        "backsoon-divert",
        "backsoon-local",
    ]


class TestSettings:
    def test_lists(self) -> None:
        text = printed(
            attendant="2000",
            attendants=("2001", "2000"),
            ring_through=("0046701", "nonsense", "5550"),
            emergency=("112", "999"),
            emergency_minutes=30,
        )
        assert re.findall(r"LOCAL\(list\)=(:[^$)]*)", text) == [":2000:2001:", ":+46701:5550:", ":112:999:"]
        assert "${now} - 1800 " in text

    def test_keys_in_their_order(self) -> None:
        keys: Mapping[Choice, str] = {Choice.VOICEMAIL: "9", Choice.RING: "0", Choice.ATTENDANT: "5"}
        text = printed(keys=keys, attendant="2000")
        assert re.findall(r"exten => (\d),1,Return\((\w+)\)", context(text, "backsoon-keys")) == [
            ("0", "ring"),
            ("5", "attendant"),
            ("9", "voicemail"),
        ]
        assert re.findall(r"backsoon-offer,s,1\((\w+),", text) == ["ring", "attendant", "voicemail"]

    @pytest.mark.parametrize(
        ("no_key", "tried"),
        [
            (Choice.VOICEMAIL, ["voicemail", "attendant", "hang_up"]),
            (Choice.DEPUTY, ["deputy", "voicemail", "attendant", "hang_up"]),
            (Choice.HANG_UP, ["hang_up", "voicemail", "attendant"]),
        ],
    )
    def test_no_key(self, no_key: Choice, tried: list[str]) -> None:
        assert re.findall(r"backsoon-try,s,1\((\w+)\)", context(printed(no_key=no_key), "backsoon-menu")) == tried

    def test_without_voicemail_no_mailbox_is_asked_for(self) -> None:
        assert "VM_INFO" not in printed(voicemail="")
        assert "VM_INFO(${extension}@sales,exists)" in printed(voicemail="sales")

    @pytest.mark.parametrize(
        "bad",
        [
            {"attendant": "2000,1)"},
            {"voicemail": "default,u"},
            {"keys": {Choice.VOICEMAIL: "1", Choice.RING: "1"}},
            {"keys": {Choice.VOICEMAIL: "12"}},
            {"keys": {Choice.VOICEMAIL: "*"}},
        ],
    )
    def test_that_cannot_stand_there(self, bad: dict[str, object]) -> None:
        with pytest.raises(BadDialplanSetting, match=f"voice.{next(iter(bad))}"):
            printed(**bad)

    def test_each_of_them_changes_the_fingerprint(self) -> None:
        others = [
            organisation(attendant="2000"),
            organisation(ring_anyway=True),
            organisation(no_key=Choice.HANG_UP),
            organisation(internal_hears_more=False),
            organisation(names=False),
            organisation(emergency=("999",)),
        ]
        assert len({fingerprint(), fingerprint(spoken=spoken_text()), *map(fingerprint, others)}) == 8


class TestSpoken:
    @pytest.mark.parametrize("tag", ["en", "sv"])
    def test_a_context_for_each_language(self, tag: str) -> None:
        says = context(spoken_text(), f"backsoon-say-{tag}")
        assert re.findall(r"exten => (\w+),1", says) == ["time", "week", "date", "year", "choice"]
        values = {"${ARG1}": "01", "${ARG2}": "01", "${ARG3}": "1"}
        known = {**languages()[tag].phrases, **languages()[tag].rules.texts()}
        time = re.findall(r"n,Return\((.*)\)", says)[0]
        for mark, value in values.items():
            time = time.replace(mark, value)
        assert {prompt.removeprefix("backsoon/") for prompt in time.split("&")} <= known.keys()

    def test_only_of_those_that_are_given(self) -> None:
        text = spoken_text({"sv": languages()["sv"]})
        assert re.findall(r"^\[(.*)\]", text, re.MULTILINE) == ["backsoon-say-sv"]


def test_the_command_prints_the_spoken_contexts_and_the_menu_of_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "backsoon.toml"
    settings.write_text(
        '[organisation]\nname = "A"\nzone = "UTC"\n[organisation.voice]\nattendant = "2000"\n', encoding="utf-8"
    )
    done = CliRunner().invoke(app, ["dialplan", "--config", str(settings)])
    assert done.exit_code == 0, done.output
    whose = replace(USUAL, voice=Voice(attendant="2000"))
    assert f"exten => {fingerprint(whose, spoken_text())},1,Return()" in done.output
    assert "[backsoon-say-sv]" in done.output


@pytest.mark.parametrize("tag", ["en", "sv"])
def test_whatever_can_be_played_is_a_prompt_that_is_made(tag: str) -> None:
    """What languages put together is shown with them; these are the others, and every reason's."""
    made = catalogue(USUAL, languages()[tag], ["Anna Berg"])
    text = printed()
    played = set(re.findall(r"(?:Playback|Background)\(backsoon/([a-z_/-]+)[,)]", text)) | {"at", "unavailable-today"}
    assert {"person", "outside/not_available", "transfer", "deputy-away", "goodbye", "own/done"} <= played
    by_digit = re.findall(r"Return\(.*:(\w+)\)", context(text, "backsoon-reasons"))
    told = {*by_digit, "available", "until-further-notice", "wrong", "nobody", "failed"}
    codes = {reason.code for reason in USUAL.rules.reasons.values() if not reason.sensitive}
    played |= {f"own/{code}" for code in told}
    played |= {f"{words}/{code}" for words in ("outside", "reason") for code in codes}
    played |= {f"{before}/{form}" for before in ("back", "until") for form in ("today", "week", "date")}
    assert played <= made.keys()
    assert {"own/sick", "own/meeting"} <= played
