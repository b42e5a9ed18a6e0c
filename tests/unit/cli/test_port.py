"""A command means the same whether Backsoon runs or not: both ways take the same."""

import inspect

import pytest

from backsoon.api import Verbs
from backsoon.commands.port import Port
from backsoon.commands.remote import Remote

VERBS = sorted(name for name in vars(Port) if not name.startswith("_"))


def parameters(method: object) -> list[tuple[str, object]]:
    """Names and kinds."""
    return [(p.name, p.kind) for p in inspect.signature(method).parameters.values()]  # type: ignore[arg-type]


def test_there_are_verbs() -> None:
    assert {"show", "refer", "back", "tokens", "add_token", "remove_token", "why"} <= set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_both_ways_take_the_same(name: str) -> None:
    wanted = parameters(getattr(Port, name))
    for kind in (Verbs, Remote):
        found = parameters(getattr(kind, name))
        assert found[: len(wanted)] == wanted or [p for p in found if p in wanted] == wanted, kind
