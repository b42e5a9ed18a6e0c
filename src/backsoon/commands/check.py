"""`backsoon check`: is everything that the settings name there, and may we use it?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption


def check(
    mailbox: Annotated[
        list[str] | None,
        typer.Option(
            help="A mailbox to try, at Exchange, Microsoft 365 or Google; may be repeated.", show_default="a few"
        ),
    ] = None,
    outside: Annotated[
        str, typer.Option(help="A mailbox that must be refused: the rights are narrow.", show_default=False)
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try every calendar and every switchboard, one line each. The exit status is 1 where one fails.

    Of the mailboxes that one account reads a few are tried.
    """
    from backsoon.commands.checking import check_all
    from backsoon.config import load
    from backsoon.trials.checking import Asked

    settings = output.trying(lambda: load(config))
    tried = output.run(check_all(settings, Asked(tuple(mailbox or ()), outside), quiet=as_json))
    if as_json:
        output.tell_json([asdict(one) for one in tried])
    if any(one.level == "error" for one in tried):
        raise typer.Exit(1)
