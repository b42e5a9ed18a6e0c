"""The commands a person types."""

from __future__ import annotations

from typing import Annotated

import typer

from backsoon import __version__
from backsoon.commands import asterisk, calendars, demo, people, tokens, user, voice
from backsoon.commands.apply import apply
from backsoon.commands.board import board
from backsoon.commands.check import check
from backsoon.commands.health import health
from backsoon.commands.init import init
from backsoon.commands.person import back, refer, show
from backsoon.commands.preview import preview
from backsoon.commands.run import run
from backsoon.commands.sync import sync
from backsoon.commands.why import why

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


for _command in (init, check, run, apply, sync, show, why, refer, back, board, health, preview):
    app.command()(_command)
app.add_typer(people.app, name="people")
app.add_typer(calendars.app, name="calendars")
app.add_typer(tokens.app, name="tokens")
app.add_typer(user.app, name="user")
app.add_typer(asterisk.app, name="asterisk")
app.add_typer(voice.app, name="voice")
app.add_typer(demo.app, name="demo")


def main() -> None:
    """The command line."""
    app()
