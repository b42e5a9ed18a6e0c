"""How long a command waits for a Backsoon that runs."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backsoon.commands import remote
from backsoon.commands.remote import LONG_PATIENCE, PATIENCE, Remote, Unanswered


@pytest.mark.parametrize(
    ("verb", "patience"),
    [
        (lambda one: one.show("101", None), PATIENCE),
        (lambda one: one.refer("101", None, "lunch"), PATIENCE),
        (lambda one: one.back("101", None), PATIENCE),
        (lambda one: one.board(None), PATIENCE),
        (lambda one: one.health(), PATIENCE),
        (lambda one: one.import_people([], None, dry_run=True), LONG_PATIENCE),
        (lambda one: one.import_from("ldap", None, dry_run=True), LONG_PATIENCE),
        (lambda one: one.sync(None, None, whole=True), LONG_PATIENCE),
        (lambda one: one.apply(dry_run=True), LONG_PATIENCE),
    ],
)
async def test_what_is_about_everybody_may_take_longer(
    verb: Callable[[Remote], Awaitable[object]], patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[float]()

    class Nobody(remote._Connection):
        def __init__(self, path: Path, timeout: float) -> None:
            waited.append(timeout)
            super().__init__(path, timeout)

    monkeypatch.setattr(remote, "_Connection", Nobody)
    with pytest.raises(Unanswered):
        await verb(Remote(Path("/nowhere")))
    assert waited == [patience]


async def test_one_that_hangs_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(Unanswered, match="no answer"):
            await Remote(tmp_path / "s", patience=0.05).show("101", None)
