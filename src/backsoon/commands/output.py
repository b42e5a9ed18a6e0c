"""What commands write: results on stdout (JSON for scripts where asked), everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from backsoon.domain.errors import BacksoonError
from backsoon.trials.words import counted as counted  # what commands write, trials say as well

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work. What Backsoon cannot do ends the command: why on stderr, exit status 1."""
    import asyncio

    return trying(lambda: asyncio.run(work))


def waited(work: Coroutine[Any, Any, T]) -> T:
    """Run work whose errors the command itself tells of."""
    import asyncio

    return asyncio.run(work)


def trying(work: Callable[[], T]) -> T:
    """The same for work that waits for nothing."""
    try:
        return work()
    except BacksoonError as error:
        raise fail(error) from None
    except BaseExceptionGroup as group:
        known = _first(group)
        if known is None:
            raise
        raise fail(known) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BacksoonError | None:
    """The error to tell of a group that holds nothing but Backsoon's own."""
    known, others = group.split(BacksoonError)
    error: BaseException | None = known if others is None else None
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, BacksoonError) else None


def fail(error: BacksoonError) -> typer.Exit:
    """Tell an error with its remedy; the exit to be raised."""
    remedy = getattr(error, "remedy", "")
    say(f"backsoon: {error}" + (f"; {remedy}" if remedy else ""))
    return typer.Exit(1)


def say(text: str) -> None:
    """A line for whoever is watching, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def tell(text: str) -> None:
    """A line of the result, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell_json(value: object) -> None:
    """The result as JSON: one document on stdout."""
    tell(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def console() -> Console:
    """Where tables are drawn. Control characters of what people typed never reach the terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Draw a table on stdout; lines separated by tabs where that is no terminal."""
    if not sys.stdout.isatty():
        for row in rows:
            tell("\t".join(plain(cell) for cell in row))
        return
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        drawn.add_column(title, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    console().print(drawn)


def plain(text: str) -> str:
    """One line of printable text."""
    return "".join(c if c.isprintable() else " " for c in text)
