"""`backsoon apply`: settings into the store, what would change shown first."""

from __future__ import annotations

from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, YesOption


def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over the settings file; what would change is shown first."""
    from backsoon.commands.differing import check_countries, take_over
    from backsoon.config import load

    settings = output.trying(lambda: load(config))
    output.trying(lambda: check_countries(settings))
    answer = output.run(take_over(config, dry_run, yes, as_json))
    if as_json:
        output.tell_json(answer)
