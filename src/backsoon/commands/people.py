"""`backsoon people`: who there is, and taking them in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.port import Json, Port, connected

if TYPE_CHECKING:
    from backsoon.engine.roster import RejectedRow, Row

app = typer.Typer(help="Who there is: list, add, import.", no_args_is_help=True, rich_markup_mode=None)

HEADINGS = 1
"""The line of a file that has the headings; the one row of `people add` is 1 too, and has no line."""

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only judge the rows.")]


@app.command("list")
def list_people(
    organisation: OrganisationOption = "", config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List everybody."""
    people = output.run(_list(config, organisation))
    if as_json:
        return output.tell_json(people)
    head = ("extension", "name", "email", "department", "title", "zone", "active")
    output.table(head, ([*(p[k] for k in head[:-1]), "yes" if p["active"] else "no"] for p in people))


async def _list(config: Path | None, organisation: str) -> list[Json]:
    async with connected(config) as port:
        return await everybody(port, organisation or None)


async def everybody(port: Port, organisation: str | None) -> list[Json]:
    """All people, page by page."""
    people: list[Json] = []
    after: int | None = 0
    while after is not None:
        page = await port.people(organisation, after)
        people += page["people"]
        after = page["next"]
    return people


@app.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="A CSV file, - for stdin. Its first line names the fields.")],
    dry_run: DryRunOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add and change people by a CSV file; they are known by their extension.

    Fields: extension, name, email, zone, language, country, department, title, keywords (d=dentist; x=lunch),
    calendar, connection, active. Good rows are taken in; the others are listed, and the exit status is 1.
    """
    from backsoon.commands.csvfile import read_sheet

    sheet = output.trying(lambda: read_sheet(file))
    imported = output.run(_import(config, organisation, sheet.rows, sheet.rejected, dry_run))
    _report(imported, as_json)


@app.command("add")
def add(
    extension: Annotated[str, typer.Argument(help="The extension.")],
    name: Annotated[str, typer.Argument(help="The person's name.")],
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, where it is not the organisation's.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of their line.")] = None,
    country: Annotated[str | None, typer.Option(help="Country of their public holidays.")] = None,
    department: Annotated[str | None, typer.Option(help="Department.")] = None,
    title: Annotated[str | None, typer.Option(help="Title.")] = None,
    keywords: Annotated[str | None, typer.Option(help="Keywords of their own: d=dentist; x=lunch.")] = None,
    calendar: Annotated[str | None, typer.Option(help="Address of their calendar.")] = None,
    connection: Annotated[str | None, typer.Option(help="The connection that reads it.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether they count.")] = None,
    dry_run: DryRunOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add somebody, or change who has that extension."""
    from backsoon.engine.roster import Row

    given = {
        "extension": extension,
        "name": name,
        "email": email,
        "zone": zone,
        "language": language,
        "country": country,
        "department": department,
        "title": title,
        "keywords": keywords,
        "calendar": calendar,
        "connection": connection,
        "active": None if active is None else "yes" if active else "no",
    }
    row = Row(1, {key: value for key, value in given.items() if value is not None})
    _report(output.run(_import(config, organisation, [row], [], dry_run)), as_json)


async def _import(
    config: Path | None, organisation: str, rows: Sequence[Row], rejected: Sequence[RejectedRow], dry_run: bool
) -> Json:
    async with connected(config) as port:
        imported = await port.import_people(rows, organisation or None, dry_run=dry_run)
    imported["rejected"] += [{"row": r.number, "extension": r.extension, "because": r.because} for r in rejected]
    imported["rejected"].sort(key=lambda r: r["row"])
    return imported


def _report(imported: Json, as_json: bool) -> None:
    if as_json:
        output.tell_json(imported)
    else:
        would = " (nothing was stored)" if imported["dry_run"] else ""
        counts = (f"{imported[what]} {what}" for what in ("added", "changed", "unchanged"))
        output.tell(", ".join(counts) + would)
    for row in imported["rejected"]:
        line = f"line {row['row']} (extension {row['extension'] or '-'})" if row["row"] > HEADINGS else row["extension"]
        output.say(output.plain(f"{line}: {row['because']}"))
    if imported["rejected"]:
        raise typer.Exit(1)
