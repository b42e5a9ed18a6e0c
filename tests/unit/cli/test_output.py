"""What commands write."""

import pytest

from backsoon.trials.words import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("calendar",), "0 calendars"),
        (1, ("calendar",), "1 calendar"),
        (2, ("calendar",), "2 calendars"),
        (1, ("person", "people"), "1 person"),
        (0, ("person", "people"), "0 people"),
    ],
)
def test_one_is_not_several(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
