"""`backsoon demo`: the main job before your eyes, on a real calendar server."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import JsonOption
from backsoon.commands.times import read_duration

app = typer.Typer(
    help="See it work: twelve people, a real calendar server, a day of entries.", invoke_without_command=True
)

LEAD = "1m"
INTERRUPTED = 130
"""Ctrl-C: how somebody who watches ends it."""


@app.callback()
def demo(
    context: typer.Context,
    seconds: Annotated[float, typer.Option("--seconds", help="Stop after so long; otherwise at Ctrl-C.")] = 0.0,
    radicale: Annotated[Path | None, typer.Option("--radicale", help="The calendar server's program.")] = None,
    asterisk: Annotated[
        str, typer.Option("--asterisk-manager", help="HOST:PORT of an Asterisk's manager interface to drive.")
    ] = "",
    account: Annotated[str, typer.Option("--account", help="Its account.")] = "backsoon",
    secret: Annotated[str, typer.Option("--secret", help="Its secret, by reference: env:NAME or file:PATH.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Run the demonstration. Without a terminal it books an entry itself and says whether it did its work."""
    if context.invoked_subcommand is not None:
        return
    import asyncio

    from backsoon.commands.demoing.stage import Demonstration, perform

    watched = sys.stdout.isatty() and not as_json
    if not watched and seconds <= 0:
        seconds = 60.0
    play = Demonstration(radicale, asterisk, account, secret, timedelta(seconds=seconds), watched, as_json)
    try:
        status = 0 if output.run(perform(play)) else 1
    except typer.Exit as ended:
        status = ended.exit_code
    except asyncio.CancelledError:  # it was told to stop
        status = INTERRUPTED
    raise typer.Exit(0 if watched and status == INTERRUPTED else status)


@app.command()
def book(
    user: Annotated[str, typer.Argument(help="Whose calendar: anna, bo, carl, ...")],
    subject: Annotated[str, typer.Argument(help='What to book, for example "m: Budget".')],
    begin: Annotated[str, typer.Option("--in", help="When it begins, from now: 30s, 1m, 2h.")] = LEAD,
    length: Annotated[str, typer.Option("--for", help="How long it lasts.")] = "2m",
) -> None:
    """Book an entry in the demonstration that runs in another terminal."""
    from backsoon.commands.demoing.stage import book_in_running

    output.trying(lambda: book_in_running(user, subject, read_duration(begin), read_duration(length)))
