"""`backsoon asterisk`: what Asterisk needs of us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, OrganisationOption
from backsoon.domain.errors import BacksoonError

if TYPE_CHECKING:
    from pathlib import Path

    from backsoon.domain.organisation import Organisation

app = typer.Typer(help="What Asterisk needs: the dialplan.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _asterisk() -> None:
    pass


@app.command()
def dialplan(
    extensions: Annotated[str, typer.Option(help="The pattern of people's extensions.")] = "_X!",
    technology: Annotated[str, typer.Option(help="The channel type of their telephones.")] = "PJSIP",
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Print the dialplan to include in extensions.conf.

    The star codes and the menu are those of the settings file, or the usual ones where there is none.
    """
    from backsoon.switchboards.asterisk.dialplan import dialplan_text
    from backsoon.voice.dialplan import spoken_text

    whose = output.trying(lambda: _organisation(config, organisation))
    text = output.trying(
        lambda: dialplan_text(extensions=extensions, technology=technology, organisation=whose, spoken=spoken_text())
    )
    output.tell_json({"dialplan": text}) if as_json else output.tell(text.rstrip("\n"))


class WhichOrganisation(BacksoonError):
    """The settings have several organisations, or not the one that was named."""


def _organisation(config: Path | None, name: str) -> Organisation:
    from backsoon.config.load import find, load
    from backsoon.switchboards.asterisk.dialplan import USUAL

    if config is None and not name and not find().exists():
        return USUAL
    known = {one.organisation.id: one.organisation for one in load(config).organisations}
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if name in known:
        return known[name]
    what = f"there is no organisation {name!r}" if name else "there are several organisations"
    raise WhichOrganisation(f"{what}: name one with --organisation: {', '.join(known)}")
