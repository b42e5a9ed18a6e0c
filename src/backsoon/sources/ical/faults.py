"""Why an item or a whole calendar could not be read. The words are our own: they quote names and numbers only."""

from __future__ import annotations

from backsoon.domain.errors import BacksoonError


class BadItem(BacksoonError):
    """One item is broken or too costly. The rest of its calendar works."""

    def __init__(self, because: str) -> None:
        self.because = because
        super().__init__(because)


class BadRule(BadItem):
    """A recurrence rule is broken or too costly."""


class OverBudget(BadRule):
    """Following a recurrence rule costs more than its budget of steps."""


class NotCalendar(BacksoonError):
    """The bytes are not iCalendar, or not all of it."""

    def __init__(self, because: str) -> None:
        self.because = because
        super().__init__(because)


class TooMuch(BacksoonError):
    """A calendar is past a bound that holds for all of it."""

    def __init__(self, because: str) -> None:
        self.because = because
        super().__init__(because)
