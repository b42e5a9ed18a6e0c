"""`backsoon init`: asks, tries each answer at once, and writes a commented settings file."""

from __future__ import annotations

from typing import Annotated

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption


def init(
    name: Annotated[str | None, typer.Option(help="The organisation's name.")] = None,
    zone: Annotated[str | None, typer.Option(help="Its time zone.")] = None,
    country: Annotated[str | None, typer.Option(help="Its country, for public holidays: SE, DE-BY.")] = None,
    language: Annotated[str | None, typer.Option(help="The language of its lines: en, sv.")] = None,
    mode: Annotated[str | None, typer.Option(help="keywords or all-busy.")] = None,
    busy_phone: Annotated[str | None, typer.Option(help="In all-busy mode: closed or open.")] = None,
    calendar_kind: Annotated[str | None, typer.Option(help="caldav, ics, ews, graph, google or none.")] = None,
    calendar_url: Annotated[str | None, typer.Option(help="Its address; {email} stands for each person's.")] = None,
    calendar_username: Annotated[str | None, typer.Option(help="The account that reads it.")] = None,
    calendar_password: Annotated[str | None, typer.Option(help="Where its password is: env:NAME, file:PATH.")] = None,
    calendar_access: Annotated[
        str | None, typer.Option(help="ews: impersonation, delegate; google: shared, delegation.")
    ] = None,
    calendar_tenant: Annotated[str | None, typer.Option(help="graph: the tenant's id or domain.")] = None,
    calendar_client_id: Annotated[str | None, typer.Option(help="graph: the application's (client) id.")] = None,
    calendar_certificate: Annotated[
        str | None, typer.Option(help="graph: its certificate with the key, a PEM file.")
    ] = None,
    calendar_client_secret: Annotated[
        str | None, typer.Option(help="graph: where its secret is: env:NAME, file:PATH.")
    ] = None,
    calendar_outside: Annotated[str | None, typer.Option(help="graph: a mailbox that must be refused.")] = None,
    calendar_cloud: Annotated[str | None, typer.Option(help="graph: a national cloud: us_gov, us_dod, china.")] = None,
    calendar_ca_file: Annotated[
        str | None, typer.Option(help="ews, graph, google: the authority of a certificate of one's own.")
    ] = None,
    calendar_credentials: Annotated[str | None, typer.Option(help="google: the account's JSON file.")] = None,
    public: Annotated[str | None, typer.Option(help="Where /hooks/ can be reached from outside: https://HOST.")] = None,
    asterisk_host: Annotated[str | None, typer.Option(help="Asterisk's address, or none.")] = None,
    asterisk_port: Annotated[str | None, typer.Option(help="The port of its manager interface.")] = None,
    asterisk_username: Annotated[str | None, typer.Option(help="The manager account.")] = None,
    asterisk_secret: Annotated[str | None, typer.Option(help="Where its secret is: env:NAME, file:PATH.")] = None,
    try_email: Annotated[str, typer.Option(help="Whose calendar to try.", show_default=False)] = "",
    no_try: Annotated[bool, typer.Option("--no-try", help="Try nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a settings file that is there.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: options, and what is usual.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a settings file: asks, and tries each answer at once."""
    from backsoon.commands.asking import Given, ask_and_write
    from backsoon.config import find

    values = {
        "name": name,
        "zone": zone,
        "country": country,
        "language": language,
        "mode": mode,
        "busy_phone": busy_phone,
        "calendar_kind": calendar_kind,
        "calendar_url": calendar_url,
        "calendar_username": calendar_username,
        "calendar_password": calendar_password,
        "calendar_access": calendar_access,
        "calendar_tenant": calendar_tenant,
        "calendar_client_id": calendar_client_id,
        "calendar_certificate": calendar_certificate,
        "calendar_client_secret": calendar_client_secret,
        "calendar_outside": calendar_outside,
        "calendar_cloud": calendar_cloud,
        "calendar_ca_file": calendar_ca_file,
        "calendar_credentials": calendar_credentials,
        "public": public,
        "asterisk_host": asterisk_host,
        "asterisk_port": asterisk_port,
        "asterisk_username": asterisk_username,
        "asterisk_secret": asterisk_secret,
    }
    path = find(config).expanduser().absolute()
    given = Given(path, yes, values, try_email)
    tried = output.trying(lambda: ask_and_write(given, force, tries=not no_try))
    if as_json:
        output.tell_json({"path": str(path), "tried": tried})
    else:
        output.say(
            f"wrote {path}; next: `backsoon people import` (FILE or --from asterisk), `backsoon check`, `backsoon run`"
        )
    if any(one["level"] == "error" for one in tried):
        raise typer.Exit(1)
