"""`backsoon check`: is everything that the settings name there, and may we use it?"""

from __future__ import annotations

from dataclasses import asdict

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Try every calendar and every switchboard, one line each. The exit status is 1 where one fails."""
    from backsoon.commands.checking import check_all
    from backsoon.config import load

    settings = output.trying(lambda: load(config))
    tried = output.run(check_all(settings, quiet=as_json))
    if as_json:
        output.tell_json([asdict(one) for one in tried])
    if any(one.level == "error" for one in tried):
        raise typer.Exit(1)
