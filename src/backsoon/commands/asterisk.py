"""`backsoon asterisk`: what Asterisk needs of us."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, OrganisationOption
from backsoon.domain.errors import BacksoonError

if TYPE_CHECKING:
    from backsoon.domain.organisation import Organisation

app = typer.Typer(help="What Asterisk needs: the dialplan.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _asterisk() -> None:
    pass


@app.command()
def dialplan(
    extensions: Annotated[str, typer.Option(help="The pattern of people's extensions.")] = "_X!",
    technology: Annotated[str, typer.Option(help="The channel type of their telephones.")] = "PJSIP",
    to: Annotated[
        Path | None, typer.Option("--to", help="A file to write it to, whole or not at all.", show_default="stdout")
    ] = None,
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
    if to is not None:
        return output.trying(lambda: write(to, text))
    output.tell_json({"dialplan": text}) if as_json else output.tell(text.rstrip("\n"))


class CannotWrite(BacksoonError):
    """The file of the dialplan cannot be written."""

    remedy = "run as an account that may write there"


def write(to: Path, text: str) -> None:
    """Put the text in the file's place at once; owner and mode stay. Raises `CannotWrite`: what was there stays then.

    With a dialplan that is empty or half written Asterisk refuses every call at its next reload.
    """
    file = to.resolve()
    new = file.with_name(f".{file.name}.{token_hex(8)}")
    try:
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)
        if file.exists():
            was = file.stat()
            os.chown(new, was.st_uid, was.st_gid)
            new.chmod(was.st_mode & 0o777)
        new.replace(file)
    except OSError as error:
        raise CannotWrite(f"{to}: {error.strerror or type(error).__name__}") from error
    finally:
        with suppress(OSError):
            new.unlink()


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
