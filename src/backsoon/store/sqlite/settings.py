"""Organisations, connections, switchboards and what those were told: transactions on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backsoon.domain.organisation import Connection, Organisation, SwitchboardSettings
from backsoon.store import codec, rows
from backsoon.store.base import NotStored, StoreError, Told
from backsoon.store.sqlite.database import Database


def organisations(database: Database) -> tuple[Organisation, ...]:
    """All organisations in order of id."""
    return tuple(codec.decode_organisation(row[0]) for row in database.all("organisations"))


def save_organisation(database: Database, organisation: Organisation) -> None:
    """Insert or replace by id."""
    database.run("save_organisation", organisation.id, codec.encode_organisation(organisation))


def connections(database: Database, organisation: str | None) -> tuple[Connection, ...]:
    """Those of one organisation, or of all."""
    if organisation is None:
        return tuple(map(rows.connection, database.all("connections")))
    return tuple(map(rows.connection, database.all("connections_of", organisation)))


def switchboards(database: Database, organisation: str | None) -> tuple[SwitchboardSettings, ...]:
    """Those of one organisation, or of all."""
    if organisation is None:
        return tuple(map(rows.switchboard, database.all("switchboards")))
    return tuple(map(rows.switchboard, database.all("switchboards_of", organisation)))


def save_connections(database: Database, organisation: str, connections: Sequence[Connection]) -> None:
    """Make these the organisation's; people who lose referrals by that become due."""
    names = _checked(database, organisation, connections)
    losing = [row[0] for row in database.all("people_losing_connections", organisation, names)]
    going = [row[0] for row in database.all("calendars_losing_connections", organisation, names)]
    database.run("close_calendars", codec.to_json(going))
    database.run("make_due", codec.to_json(losing))
    database.run("keep_connections", organisation, names)
    for each in connections:
        database.run("forget_subscriptions_of_other_kinds", organisation, each.name, each.kind)
        database.run("save_connection", organisation, each.name, each.kind, codec.encode_settings(each.settings))


def save_switchboards(database: Database, organisation: str, switchboards: Sequence[SwitchboardSettings]) -> None:
    """Make these the organisation's; what those that are gone were told goes with them.

    One that is at another place now is another one: it was told nothing yet. One that is only called otherwise was told
    all that it was told by its name before.
    """
    names = _checked(database, organisation, switchboards)
    before = {row.name: row.place for row in map(rows.switchboard, database.all("switchboards_of", organisation))}
    moved = codec.to_json([each.name for each in switchboards if before.get(each.name, each.place) != each.place])
    database.run("forget_told", organisation, moved)
    database.run("forget_kept", organisation, moved)
    gone = [row[0] for row in database.all("switchboards_gone", organisation, names)]
    for each in switchboards:
        database.run("save_switchboard", organisation, each.name, each.kind, codec.encode_settings(each.settings))
    places = {before[name]: name for name in gone}
    for each in switchboards:
        if each.name not in before and (name := places.get(each.place)) is not None:
            database.run("rename_told", organisation, name, each.name)
            database.run("rename_kept", organisation, name, each.name)
    if gone:
        database.run("forget_lamps_of", organisation, codec.to_json(gone))
        database.run("keep_switchboards", organisation, names)


def _checked(database: Database, organisation: str, items: Sequence[Connection] | Sequence[SwitchboardSettings]) -> str:
    """The names as JSON. Raises `NotStored`, and `StoreError` for what belongs to another organisation."""
    if database.one("organisation_known", organisation) is None:
        raise NotStored(f"there is no organisation {organisation!r}")
    for each in items:
        if each.organisation != organisation:
            raise StoreError(f"{each.name!r} belongs to organisation {each.organisation!r}, not to {organisation!r}")
    return codec.to_json([each.name for each in items])


def told(database: Database, organisation: str, switchboard: str, extensions: Sequence[str] | None) -> dict[str, Told]:
    """What the switchboard was told about the extensions (None: about all)."""
    if extensions is None:
        found = database.bulk("told", rows.TOLD, organisation, switchboard)
    else:
        wanted = codec.to_json(extensions)
        found = database.bulk("told_extensions", rows.TOLD, organisation, switchboard, wanted)
    return {row[0]: rows.told(row) for row in found}


def extensions_told(database: Database, organisation: str, switchboard: str) -> frozenset[str]:
    """About which extensions the switchboard was told anything that it holds."""
    names = database.bulk("extensions_told", rows.NAMES, organisation, switchboard)
    return frozenset(names)


def save_told(
    database: Database, organisation: str, switchboard: str, held: Sequence[str], gone: Sequence[str], out: str
) -> None:
    """Store what is held, in pieces of rows as JSON, and delete what is gone.

    `gone` are the pieces of that, `out` its extensions as JSON.
    """
    if database.one("switchboard_known", organisation, switchboard) is None:
        raise NotStored(f"organisation {organisation!r} has no switchboard {switchboard!r}")
    for piece in (*held, *gone):
        database.run("save_lamps_told", organisation, switchboard, piece)
    for piece in held:
        database.run("save_told", organisation, switchboard, piece)
    database.run("delete_told", organisation, switchboard, out)


def kept(database: Database, organisation: str, switchboard: str) -> dict[str, str]:
    """What the driver of a switchboard remembers."""
    return dict(database.all("kept", organisation, switchboard))


def save_kept(database: Database, organisation: str, switchboard: str, held: str, gone: str) -> None:
    """Remember rows of key and value, forget keys; both as JSON."""
    if database.one("switchboard_known", organisation, switchboard) is None:
        raise NotStored(f"organisation {organisation!r} has no switchboard {switchboard!r}")
    database.run("save_kept", organisation, switchboard, held)
    database.run("delete_kept", organisation, switchboard, gone)


def lamp_told(database: Database, organisation: str, switchboard: str, extension: str, at: int) -> Told | None:
    """What the switchboard had been told last about the extension's lamp."""
    row = database.one("lamp_told", organisation, switchboard, codec.folded(extension), at)
    return None if row is None else replace(rows.told(row), extension=extension)
