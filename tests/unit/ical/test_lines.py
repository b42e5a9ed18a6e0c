"""Content lines: folds, names, parameters, text."""

from __future__ import annotations

import pytest

from backsoon.sources.ical.lines import parameters, split_moment, text, token, unfold, value_after_name


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"A:1\r\nB:2\r\n", [b"A:1", b"B:2", b""]),
        (b"A:1\nB:2\n", [b"A:1", b"B:2", b""]),
        (b"A:1\rB:2\r", [b"A:1", b"B:2", b""]),
        (b"A:1\r\r\nB:2", [b"A:1", b"B:2"]),
        (b"A:1\r\n 2\r\n\t3\r\n", [b"A:123", b""]),
        (b"A\r\n :1\r\n ;x", [b"A:1;x"]),
        (b"\xef\xbb\xbfA:1", [b"A:1"]),
        (b"   \r\n A:1", [b"A:1"]),
        ("A:å".encode("utf-16"), ["A:å".encode()]),
        ("A:å".encode("utf-16-be"), ["A:å".encode("utf-16-be")]),
        (b"", [b""]),
    ],
)
def test_unfolding(data: bytes, lines: list[bytes]) -> None:
    assert unfold(data).split(b"\n") == lines


def test_a_fold_inside_a_character_is_mended() -> None:
    folded = "SUMMARY:Möte".encode().replace(b"\xc3\xb6", b"\xc3\r\n \xb6")
    assert unfold(folded).decode() == "SUMMARY:Möte"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"SUMMARY:m: Budget", b"m: Budget"),
        (b'SUMMARY;X="a:b":m: Budget', b"m: Budget"),
        (b'SUMMARY;X="a:b";Y="c:d":e', b"e"),
        (b'SUMMARY;X="open:m', b"m"),
        (b"SUMMARY", b""),
    ],
)
def test_the_value_follows_the_first_colon_outside_quotes(line: bytes, value: bytes) -> None:
    assert value_after_name(line) == value


def test_the_value_of_a_time_follows_the_last_colon() -> None:
    line = b"DTSTART;TZID=(UTC+01:00) Amsterdam, Berlin:20261122T090000\n"
    head, value = split_moment(line)
    assert value == b"20261122T090000"
    assert parameters(head)["TZID"] == "(UTC+01:00) Amsterdam, Berlin"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'A;TZID="Canberra, Melbourne";VALUE=DATE', {"TZID": "Canberra, Melbourne", "VALUE": "DATE"}),
        (b"A;tzid=Europe/Oslo", {"TZID": "Europe/Oslo"}),
        (b"A;CN=D'Arcy ^'Bo^' ^^ x^ny^z", {"CN": 'D\'Arcy "Bo" ^ x\ny^z'}),
        (b'A;CN="open', {"CN": "open"}),
        (b"A;;=;B", {}),
        (b"A", {}),
        (b"A;CN=\xff", {"CN": "�"}),
    ],
)
def test_parameters(head: bytes, expected: dict[str, str]) -> None:
    assert parameters(head) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (rb"m: Ada\, Bo\; C\\D\nE\NF\x", "m: Ada, Bo; C\\D\nE\nFx"),
        (b"plain", "plain"),
        (b"\\", "\\"),
        (b"a\0b", "ab"),
        (b"\xff\xfe", "��"),
        ("m: Möte 会議".encode(), "m: Möte 会議"),
    ],
)
def test_text(value: bytes, expected: str) -> None:
    assert text(value) == expected


def test_a_token_is_short_and_in_capitals() -> None:
    assert token(b" tentative ") == "TENTATIVE"
    assert len(token(b"x" * 1_000_000)) == 64
