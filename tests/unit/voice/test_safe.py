"""What a speech program may be given: nothing that it, a shell or a file system could take for a command."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backsoon.voice.safe import LONGEST, safe


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Anna Berg", "Anna Berg"),
        ("Åsa  Öberg-Ström", "Åsa Öberg-Ström"),
        ("Sean O'Neill, Jr.", "Sean O'Neill, Jr."),
        ("Sean O’Neill", "Sean O'Neill"),
        ("Zoe\u0301 Łukasz 李", "Zoé Łukasz 李"),
        ("--help", "help"),
        ("-w/etc/passwd", "w etc passwd"),
        ("../../x", "x"),
        ("$(id)", "id"),
        ("`id`; curl x|sh", "id curl x sh"),
        ("<speak>x</speak>", "speak x speak"),
        ('</speak><audio src="http://169.254.169.254/"/>', "speak audio src http 169.254.169.254"),
        ("x' xml:lang='", "x xml lang"),
        ("[[h@'loU]] you", "h loU you"),
        ("${SHELL(id)} $[1+1]", "SHELL id 1 1"),
        ("Anna\r\nAction: Originate", "Anna Action Originate"),
        ("a\u202egrebn\u202c b", "agrebn b"),
        ("a\x00b\x1b[31mc", "a b 31mc"),
        ("\ud800x", "x"),
        ("&lt;", "lt"),
        ("...", ""),
        ("- - '", ""),
        ("", ""),
        ("😀", ""),
    ],
)
def test_what_is_left(text: str, left: str) -> None:
    assert safe(text) == left


def test_a_megabyte_is_cut() -> None:
    assert len(safe("a" * 1_000_000)) == LONGEST
    assert len(safe("ab " * 400_000)) <= LONGEST


@given(st.text(max_size=400))
def test_nothing_else_is_ever_left(text: str) -> None:
    left = safe(text)
    assert len(left) <= LONGEST
    assert all(c in " .,'-" or unicodedata.category(c)[0] in "LM" or c.isdecimal() for c in left)
    assert left == left.strip()
    assert "  " not in left
    assert not left.startswith(("-", ".", "'"))
    left.encode()


@given(st.text(max_size=400))
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)
