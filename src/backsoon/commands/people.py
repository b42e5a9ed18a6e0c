"""`backsoon people`: who there is, and taking them in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from backsoon.commands import output
from backsoon.commands.importreport import remarks, summary
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption, PersonArgument
from backsoon.commands.port import Json, Port, connected

if TYPE_CHECKING:
    from backsoon.engine.roster import RejectedRow, Row

app = typer.Typer(help="Who there is: list, import, add, remove, off, on.", no_args_is_help=True, rich_markup_mode=None)

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
    file: Annotated[
        Path | None,
        typer.Argument(help="A CSV file, - for stdin. Its first line names the fields.", show_default=False),
    ] = None,
    source: Annotated[
        str, typer.Option("--from", help="csv, asterisk or ldap; one of several by name: ldap:main.")
    ] = "csv",
    prune: Annotated[bool, typer.Option("--prune", help="Take out who is gone.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where most people would go.")] = False,
    dry_run: DryRunOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in everybody: from a CSV file, from the switchboard, from a directory.

    People are known by their e-mail address, then by their extension. An extension with another name and another
    address is somebody else's: who had it goes. Who is gone is listed, and taken out with --prune, but for those who
    were switched off by name. What does not fit is listed too, and then the exit status is 1.

    Fields of a CSV file: extension, name, email, zone, language, country, department, title, keywords
    (d=dentist; x=lunch), calendar, connection, active, deputy (an extension), ring_through (numbers),
    competences (VAT | Payroll).
    """
    flags = _Flags(dry_run=dry_run, prune=prune, force=force)
    if source == "csv":
        if file is None:
            raise typer.BadParameter("name a CSV file (- for stdin), or --from asterisk or ldap", param_hint="FILE")
        imported = _import_file(file, config, organisation, flags)
    elif file is None:
        imported = output.run(_import_from(source, config, organisation, flags))
    else:
        raise typer.BadParameter(f"--from {source} reads no file", param_hint="FILE")
    _report(imported, as_json)


class _Flags(TypedDict):
    dry_run: bool
    prune: bool
    force: bool


def _import_file(file: Path, config: Path | None, organisation: str, flags: _Flags) -> Json:
    from backsoon.commands.csvfile import read_sheet

    sheet = output.trying(lambda: read_sheet(file))
    if sheet.rejected and flags["prune"] and not flags["force"]:
        output.say("backsoon: some lines are no rows, and nobody knows whom they mean; mend them, or add --force")
        for row in sheet.rejected:
            output.say(output.plain(f"line {row.number}: {row.because}"))
        raise typer.Exit(1)
    return output.run(_import(config, organisation, sheet.rows, sheet.rejected, flags, everybody=True))


async def _import_from(source: str, config: Path | None, organisation: str, flags: _Flags) -> Json:
    async with connected(config) as port:
        return await port.import_from(source, organisation or None, **flags)


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
    deputy: Annotated[str | None, typer.Option(help="The extension to which callers may go instead.")] = None,
    ring_through: Annotated[str | None, typer.Option(help="Numbers whose calls always ring: +4670; 2040.")] = None,
    competences: Annotated[str | None, typer.Option(help="What they know: VAT | Payroll.")] = None,
    rename: Annotated[bool, typer.Option("--rename", help="This is the new name of who has the extension.")] = False,
    dry_run: DryRunOption = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add somebody, or change them.

    Who has that e-mail address is meant, else who has the extension under that name. Anybody else is somebody new, and
    who had the extension goes with all that is theirs; --rename says that it is still the same person.
    """
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
        "deputy": deputy,
        "ring_through": ring_through,
        "competences": competences,
    }
    row = Row(1, {key: value for key, value in given.items() if value is not None})
    flags = _Flags(dry_run=dry_run, prune=False, force=False)
    _report(output.run(_import(config, organisation, [row], [], flags, rename=rename)), as_json)


@app.command("remove")
def remove(
    person: PersonArgument,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take somebody out, with all that is stored of them."""

    async def work() -> Json:
        async with connected(config) as port:
            return await port.remove_person(person, organisation or None)

    removed = output.run(work())
    if as_json:
        return output.tell_json(removed)
    output.tell(output.plain(f"removed {removed['removed']['name']} ({removed['removed']['extension']})"))


@app.command("off")
def switch_off(
    person: PersonArgument,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch somebody off by name: they are available, and no import changes that."""
    _switch(person, organisation, config, as_json, active=False)


@app.command("on")
def switch_on(
    person: PersonArgument,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch somebody on again."""
    _switch(person, organisation, config, as_json, active=True)


def _switch(person: str, organisation: str, config: Path | None, as_json: bool, *, active: bool) -> None:
    from backsoon.engine.roster import Row

    async def work() -> Json:
        async with connected(config) as port:
            found = (await port.show(person, organisation or None))["person"]
            row = Row(1, {"extension": found["extension"], "active": "yes" if active else "no"})
            imported = await port.import_people([row], found["organisation"], dry_run=False)
            return {"extension": found["extension"], "name": found["name"], "active": active, **imported}

    switched = output.run(work())
    state = "on" if active else "off"
    if switched["rejected"]:
        _report(switched, as_json)
    elif as_json:
        output.tell_json({name: switched[name] for name in ("extension", "name", "active")})
    else:
        output.tell(output.plain(f"{switched['name']} ({switched['extension']}) is switched {state}"))


async def _import(
    config: Path | None,
    organisation: str,
    rows: Sequence[Row],
    rejected: Sequence[RejectedRow],
    flags: _Flags,
    *,
    everybody: bool = False,
    rename: bool = False,
) -> Json:
    async with connected(config) as port:
        imported = await port.import_people(rows, organisation or None, everybody=everybody, rename=rename, **flags)
    imported["rejected"] += [{"row": r.number, "extension": r.extension, "because": r.because} for r in rejected]
    imported["rejected"].sort(key=lambda r: r["row"])
    return imported


def _report(imported: Json, as_json: bool) -> None:
    if as_json:
        output.tell_json(imported)
    else:
        for line in summary(imported):
            output.tell(output.plain(line))
    for line in remarks(imported):
        output.say(output.plain(line))
    if imported["rejected"]:
        raise typer.Exit(1)
