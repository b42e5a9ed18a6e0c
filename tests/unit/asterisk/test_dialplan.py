"""The printed dialplan, as text; what it does with calls is shown with a real Asterisk."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.hours import WorkingHours
from backsoon.domain.model import Argument, Reason, Rules
from backsoon.domain.organisation import Organisation
from backsoon.domain.phonecodes import PhoneCodes
from backsoon.switchboards.asterisk.answering import BY_CHANNEL, BadDialplanSetting
from backsoon.switchboards.asterisk.dialplan import dialplan_text, fingerprint


def code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(";"))


def test_nothing_in_it_runs_text_as_code() -> None:
    assert not re.search(r"EVAL|SHELL|System|Exec|CURL|AGI|Stasis|FILE\(|ENV\(|Macro", code(dialplan_text()))


def test_what_is_read_is_filtered_first() -> None:
    text = code(dialplan_text())
    read = re.findall(r"\$\{DB\(([^$]+)", text)
    assert read == ["backsoon/", "backsoon-hand/", "backsoon-person/", "backsoon-emergency/", "backsoon-hand/"]
    for family in read:
        assert re.search(r"\$\{FILTER\([^,]+,\$\{DB\(" + family + r"\$\{(extension|ARG1)\}\)\}\)", text)
    assert re.search(r"LOCAL\(extension\)=\$\{FILTER\([^,]+,\$\{ARG1\}\)\}", text)


def test_every_variable_of_the_interface_is_set_at_the_start() -> None:
    text = code(dialplan_text())
    before_reading = text[: text.index("${DB(")]
    for name in ("PHONE", "REASON", "UNTIL", "BACK", "DIVERT", "LANGUAGE", "ZONE"):
        assert f"Set(BACKSOON_{name}=" in before_reading


def test_the_diverted_call_has_a_context_without_trunks() -> None:
    text = code(dialplan_text())
    divert = text[text.index("[backsoon-divert]") :]
    assert re.findall(r"Dial\(([^,]+)", divert) == ["PJSIP/${EXTEN}"]
    assert "include" not in divert


def test_what_is_dialled_is_filtered_before_anything_looks_at_it() -> None:
    text = code(dialplan_text())
    codes = text[text.index("[backsoon-codes]") : text.index("[backsoon-dial]")]
    assert re.findall(r"\$\{[A-Z]+\([^$]*\$\{EXTEN[^}]*\}", codes) == [
        "${FILTER(0-9*#,${EXTEN:4}",
        "${LEN(${EXTEN:4}",
    ]
    assert codes.count("EXTEN") == 2


def test_a_pattern_is_looked_for_before_anything_is_written() -> None:
    dial = code(dialplan_text())
    dial = dial[dial.index("[backsoon-dial]") : dial.index("[backsoon-enquire]")]
    assert dial.index("Gosub(backsoon-account") < dial.index("Set(DB(")
    assert dial.index("Set(DB(") < dial.index("UserEvent(") < dial.index("Set(BACKSOON_CAUSE=16)")


def test_the_codes_are_those_of_the_reasons() -> None:
    text = code(dialplan_text())
    codes = text[text.index("[backsoon-reasons]") : text.index("[backsoon-week]")]
    assert re.findall(r"exten => (\d+),1,Return\((.*)\)", codes) == [
        ("0", "back_at:time:minutes:30:back_at"),
        ("1", "meeting:time:next_working_morning:60:meeting"),
        ("2", "course:time:next_working_morning:60:course"),
        ("3", "not_available:time:next_working_morning:60:not_available"),
        ("4", "business_travel:date:next_working_morning:60:business_travel"),
        ("5", "part_time:date:next_working_morning:60:part_time"),
        ("6", "holiday:date:next_working_morning:60:holiday"),
        ("7", "leave:date:next_working_morning:60:leave"),
        ("8", "gone_for_the_day:date:next_working_morning:60:gone_for_the_day"),
        ("9", "not_available:date:until_taken_back:60:sick"),  # nobody else is told
    ]


class TestAnOrganisation:
    """What is printed follows its settings."""

    REASONS: ClassVar = {
        "dentist": Reason("dentist", {"en": "Dentist"}, digit="41", argument=Argument.TIME, phone_minutes=90),
        "lunch": Reason("lunch", {"en": "Lunch"}),
    }
    HOURS = WorkingHours((((450, 960),),) * 4 + (((600, 720), (780, 900)), (), ()))

    def text(self, **changes: object) -> str:
        rules = Rules({}, self.REASONS, chain_gap=timedelta(minutes=10))
        whole = Organisation("acme", "Acme", rules, zone="Europe/Stockholm", language="pt-BR", hours=self.HOURS)
        return code(dialplan_text(organisation=replace(whole, **changes)))  # type: ignore[arg-type]

    def test_codes(self) -> None:
        text = self.text()
        reasons = text[text.index("[backsoon-reasons]") : text.index("[backsoon-week]")]
        assert re.findall(r"exten => (\d+),1,Return\((.*)\)", reasons) == [("41", "dentist:time:minutes:90:dentist")]

    def test_hours(self) -> None:
        assert "Return(0730:0730:0730:0730:1000::)" in self.text()
        assert f"Return({':'.join(['0800'] * 7)})" in self.text(hours=WorkingHours())

    def test_zone_language_and_gap(self) -> None:
        text = self.text()
        assert '"${BACKSOON_ZONE}" = ""]?Europe/Stockholm:' in text
        assert '"${BACKSOON_LANGUAGE}" = ""]?pt_BR:' in text
        assert "${until} + 599" in text

    @pytest.mark.parametrize(
        ("phone", "extensions"),
        [
            (PhoneCodes(), ["_*23*.", "#23", "#23#", "*23", "*23#"]),
            (PhoneCodes("*7", "*80", "*81#"), ["_*7.", "*80", "*80#", "*81", "*81#"]),
            (PhoneCodes("#1*", "##", "##"), ["_#1*.", "##"]),
        ],
    )
    def test_prefix_and_cancel(self, phone: PhoneCodes, extensions: list[str]) -> None:
        text = self.text(phone=phone)
        codes = text[text.index("[backsoon-codes]") : text.index("[backsoon-dial]")]
        assert re.findall(r"exten => (\S+?),1", codes) == extensions
        assert f"${{EXTEN:{len(phone.prefix)}}}" in codes

    def test_no_mark_is_left(self) -> None:
        assert not re.search(r"@[A-Z]+@", self.text())


class TestTheFingerprint:
    """By it the check tells an old dialplan from the one that would be printed now."""

    def test_is_printed(self) -> None:
        assert f"[backsoon-printed]\nexten => {fingerprint()},1" in dialplan_text()

    def test_does_not_depend_on_what_was_chosen_when_it_was_printed(self) -> None:
        assert fingerprint() in dialplan_text(extensions="_1XXX", technology="SIP")

    def test_changes_with_the_settings(self) -> None:
        usual = Organisation("acme", "Acme", Rules(KEYWORDS, REASONS))
        assert fingerprint(usual) == fingerprint()
        others = [
            replace(usual, phone=PhoneCodes("*7", "#23#")),
            replace(usual, zone="Europe/Oslo"),
            replace(usual, hours=WorkingHours()),
            replace(usual, rules=replace(usual.rules, reasons={})),
        ]
        assert len({fingerprint(), *map(fingerprint, others)}) == 5


def test_a_telephone_of_another_kind_is_known_by_its_channel() -> None:
    assert "Set(LOCAL(account)=${CHANNEL(endpoint)})" in dialplan_text()
    assert f"Set(LOCAL(account)={BY_CHANNEL})" in dialplan_text(technology="SIP")


def test_settings() -> None:
    text = dialplan_text(extensions="_1XXX", technology="SIP")
    assert "exten => _1XXX,hint,SIP/${EXTEN}&Custom:backsoon-${EXTEN},CustomPresence:${EXTEN}" in text
    assert "PJSIP" not in text
    assert "exten => _1XXX,1,Return()" in text
    assert not re.search(r"@[A-Z_]+@", text)


@pytest.mark.parametrize("bad", ["", "1001", "_X!\n[globals]", "_X,1,System(x)", "_" + "X" * 61])
def test_a_pattern_that_is_none(bad: str) -> None:
    with pytest.raises(BadDialplanSetting, match="extensions"):
        dialplan_text(extensions=bad)


@pytest.mark.parametrize("bad", ["", "PJSIP/x", "Local\n", "1"])
def test_a_technology_that_is_none(bad: str) -> None:
    with pytest.raises(BadDialplanSetting, match="technology"):
        dialplan_text(technology=bad)
