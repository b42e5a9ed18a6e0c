"""Settings into the store, what would change shown first; and what can only be checked with a clock."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import typer

from backsoon.commands import output
from backsoon.commands.port import Json, connected
from backsoon.config import Config, ConfigError, Difference, Problem

_DIALLED = re.compile(r"^organisations\.[^.]+\.(phone|rules\.reasons\.[^.]+\.(digit|argument|phone_\w+))(\.|$)")
"""Fields that the printed dialplan holds."""


class NobodyToAsk(ConfigError):
    """A question was to be asked and nobody is there."""


async def take_over(config: Path | None, dry_run: bool, yes: bool, as_json: bool) -> Json:
    """Show what differs and, if it is agreed, apply it. Raises `ConfigError`."""
    async with connected(config, settled=False) as port:
        proposed = await port.apply(dry_run=True)
        if not as_json:
            _show(proposed["differences"])
        if dry_run or not proposed["differences"]:
            return proposed
        if not yes and not _agreed():
            output.say("nothing was changed")
            raise typer.Exit(1)
        applied = await port.apply(dry_run=False)
        output.say("the settings are in force")
        if any(_DIALLED.search(one["field"]) for one in proposed["differences"]):
            output.say("what people dial has changed: print the dialplan again with `backsoon asterisk dialplan`")
        return applied


def _show(differences: list[Json]) -> None:
    for one in differences:
        output.tell(output.plain(str(Difference(one["field"], one["before"], one["after"]))))
    if not differences:
        output.say("nothing differs: these settings are in force already")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise NobodyToAsk([Problem("apply", "", "nobody is there to be asked", "add --yes, or --dry-run to look only")])
    return typer.confirm("Apply?", err=True)


def check_countries(config: Config) -> None:
    """Raise `ConfigError` for countries whose public holidays are not known."""
    if not any(one.organisation.country for one in config.organisations):
        return
    from backsoon.trials import countries
    from backsoon.wiring import SystemClock, public_holidays

    countries.check_countries(config, public_holidays, SystemClock().now().year)
