"""`backsoon asterisk`: what Asterisk needs of us."""

from __future__ import annotations

from typing import Annotated

import typer

from backsoon.commands import output

app = typer.Typer(help="What Asterisk needs: the dialplan.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _asterisk() -> None:
    pass


@app.command()
def dialplan(
    extensions: Annotated[str, typer.Option(help="The pattern of people's extensions.")] = "_X!",
    technology: Annotated[str, typer.Option(help="The channel type of their telephones.")] = "PJSIP",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")] = False,
) -> None:
    """Print the dialplan to include in extensions.conf."""
    from backsoon.switchboards.asterisk.dialplan import dialplan_text

    text = output.trying(lambda: dialplan_text(extensions=extensions, technology=technology))
    output.tell_json({"dialplan": text}) if as_json else output.tell(text.rstrip("\n"))
