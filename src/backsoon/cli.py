"""The commands a person types."""

from __future__ import annotations

from typing import Annotated

import typer

from backsoon import __version__
from backsoon.commands.preview import preview

app = typer.Typer(
    name="backsoon",
    help="Calendar entries refer telephone extensions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing the help with rich costs 0.15 s
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"backsoon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,
) -> None:
    pass


app.command()(preview)


def main() -> None:
    """The command line."""
    app()
