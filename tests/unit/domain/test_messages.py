"""Messages: what is kept of one, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from backsoon.domain.messages import KEPT, KEPT_READ, TEXT_LENGTH, BadMessage, forgotten, may_be_taken_back, message

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_message_is_one_clean_line() -> None:
    made = message(1, NINE, "  a\tb\r\nc\u202e\u2066\x1b[31m ", caller="\u200fOlle\n", by="E\x00va")
    assert (made.text, made.caller, made.by) == ("a b  c[31m", "Olle", "Eva")


def test_a_message_has_an_end() -> None:
    assert len(message(1, NINE, "å" * 5000, caller="x" * 500).text) == TEXT_LENGTH
    with pytest.raises(BadMessage, match="empty"):
        message(1, NINE, "\u200b \n")


def test_it_may_be_taken_back_for_ten_seconds() -> None:
    made = message(1, NINE, "x")
    after = [timedelta(seconds=n) for n in (-1, 0, 9.999, 10)]
    assert [may_be_taken_back(made, NINE + each) for each in after] == [False, True, True, False]


def test_what_was_read_goes_sooner() -> None:
    assert forgotten(NINE) == (NINE - KEPT_READ, NINE - KEPT)
    assert KEPT_READ < KEPT
