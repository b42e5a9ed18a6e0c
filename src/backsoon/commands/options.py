"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The settings file. Otherwise $BACKSOON_CONFIG, ./backsoon.toml or /etc/backsoon/backsoon.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, for scripts.")]
PersonArgument = Annotated[str, typer.Argument(help="An extension, an e-mail address or (part of) a name.")]
OrganisationOption = Annotated[
    str, typer.Option("--organisation", help="The organisation, where there are several.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
