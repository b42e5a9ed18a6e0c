"""`backsoon sync`: read calendars now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.port import Json, connected


def sync(
    person: Annotated[str | None, typer.Argument(help="Whose calendars.", show_default="everybody's")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Read everything, not only what changed.")] = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have calendars read now. Where no Backsoon runs they are read at its next start."""
    answer = output.run(_sync(config, person, organisation, whole))
    if as_json:
        return output.tell_json(answer)
    when = "now" if answer["running"] else "when Backsoon is started"
    count = answer["calendars"]
    output.tell(f"{count} calendar{'' if count == 1 else 's'} to be read {when}")


async def _sync(config: Path | None, person: str | None, organisation: str, whole: bool) -> Json:
    from backsoon.commands.remote import Remote

    async with connected(config) as port:
        answer = await port.sync(person, organisation or None, whole=whole)
        return {**answer, "running": isinstance(port, Remote)}
