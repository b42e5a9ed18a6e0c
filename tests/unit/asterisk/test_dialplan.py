"""The printed dialplan, as text; what it does with calls is shown with a real Asterisk."""

import re

import pytest

from backsoon.switchboards.asterisk.dialplan import BadDialplanSetting, dialplan_text


def code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(";"))


def test_nothing_in_it_runs_text_as_code() -> None:
    assert not re.search(r"EVAL|SHELL|System|Exec|CURL|AGI|Stasis|FILE\(|ENV\(|Macro", code(dialplan_text()))


def test_what_is_read_is_filtered_first() -> None:
    text = code(dialplan_text())
    assert text.count("${DB(") == 1
    assert re.search(r"\$\{FILTER\([^,]+,\$\{DB\(backsoon/\$\{extension\}\)\}\)\}", text)
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


def test_settings() -> None:
    text = dialplan_text(extensions="_1XXX", technology="SIP")
    assert "exten => _1XXX,hint,SIP/${EXTEN}&Custom:backsoon-${EXTEN},CustomPresence:${EXTEN}" in text
    assert "PJSIP" not in text
    assert "@" not in code(text)


@pytest.mark.parametrize("bad", ["", "1001", "_X!\n[globals]", "_X,1,System(x)", "_" + "X" * 61])
def test_a_pattern_that_is_none(bad: str) -> None:
    with pytest.raises(BadDialplanSetting, match="extensions"):
        dialplan_text(extensions=bad)


@pytest.mark.parametrize("bad", ["", "PJSIP/x", "Local\n", "1"])
def test_a_technology_that_is_none(bad: str) -> None:
    with pytest.raises(BadDialplanSetting, match="technology"):
        dialplan_text(technology=bad)
