"""What waits for the manager interface's answers: one response, a whole list, many actions at once, a ping."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from backsoon.wire.ami import AmiError, AmiRefused, Headers, Message

SENT_TOGETHER = 100
"""Actions of a batch in one write: the server is at work on these while the next are made."""

Action = tuple[str, Headers]
"""An action's name and its headers."""


class Sender(Protocol):
    """The connection, as far as a batch needs it."""

    def register(self, action: str, headers: Headers, waiter: Waiter, index: int = 0) -> bytes:
        """The frame of an action whose answer the waiter gets."""
        ...

    def send(self, frames: bytes) -> None:
        """Write frames."""
        ...

    def refill(self, batch: Batch) -> None:
        """Have the batch send more, soon."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """An action of a batch that Asterisk refused: its place in the batch and what was said."""

    index: int
    said: str


class Waiter(Protocol):
    def take(self, index: int, message: Message) -> bool:
        """Take an answer; whether it was the last one for that action."""
        ...

    def fail(self, error: AmiError) -> None:
        """No answer will come any more."""
        ...


class Answer:
    """Waits for one response, and where it opens a list, for the whole of the list."""

    def __init__(self, action: str, future: asyncio.Future[list[Message]]) -> None:
        self._action = action
        self._future = future
        self._list: list[Message] | None = None

    def take(self, _index: int, message: Message) -> bool:
        if message.error is not None:
            self.fail(AmiRefused(self._action, message.error))
        elif self._list is None and message["EventList"].lower() == "start":
            self._list = []
            return False
        elif self._list is not None and message["EventList"].lower() != "complete":
            self._list.append(message)
            return False
        elif not self._future.done():
            self._future.set_result([message] if self._list is None else self._list)
        return True

    def fail(self, error: AmiError) -> None:
        if not self._future.done():
            self._future.set_exception(error)


class Batch:
    """Sends many actions, no more than `window` of them unanswered, and gathers what was refused."""

    def __init__(self, client: Sender, actions: Iterable[Action], window: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.refused: list[Refusal] = []
        self._client = client
        self._actions: Iterator[tuple[int, Action]] | None = enumerate(actions)
        self._window = window
        self._unanswered = 0

    def send_more(self) -> None:
        """Fill the window. An action that must not be sent ends the batch."""
        try:
            while self._actions is not None and self._unanswered < self._window:
                self._send_some(self._actions, min(SENT_TOGETHER, self._window - self._unanswered))
        except AmiError as error:
            self.fail(error)
        if self._actions is None and not self._unanswered and not self.done.done():
            self.done.set_result(None)

    def _send_some(self, actions: Iterator[tuple[int, Action]], most: int) -> None:
        register = self._client.register
        frames = [register(name, headers, self, index) for index, (name, headers) in islice(actions, most)]
        self._unanswered += len(frames)
        self._client.send(b"".join(frames))
        if len(frames) < most:
            self._actions = None

    def take(self, index: int, message: Message) -> bool:
        said = message.error
        if said is not None:
            self.refused.append(Refusal(index, said))
        self._unanswered -= 1
        # Refilled by halves: fewer, larger writes.
        if self._unanswered <= self._window // 2:
            self._client.refill(self)
        return True

    def fail(self, error: AmiError) -> None:
        self._actions = None
        if not self.done.done():
            self.done.set_exception(error)


class Ping:
    """Takes the answer of a ping: that one came is all that counts."""

    def __init__(self) -> None:
        self.answered = False

    def take(self, _index: int, _message: Message) -> bool:
        self.answered = True
        return True

    def fail(self, _error: AmiError) -> None:
        return
