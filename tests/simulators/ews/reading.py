"""FindItem, GetItem, GetFolder, FindFolder, SyncFolderItems: reading calendars."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from lxml import etree

from tests.simulators.ews.exchange import FOLDERS, Call
from tests.simulators.ews.items import Property, Shown, folder_id, item_id, wanted, written
from tests.simulators.ews.soap import (
    VERSIONS,
    Failed,
    answer,
    attribute,
    badly,
    boolean,
    element,
    elements,
    local,
    parts_of,
    read_instant,
    text,
    well,
)
from tests.simulators.model import Mailbox, Occurrence, Stored, occurrences

LONGEST_VIEW = timedelta(days=2 * 366)
MOST_CHANGES = 512
_NOTHING = {"GetItem": "<m:Items/>", "GetFolder": "<m:Folders/>"}
"""What the schema wants in an answer that says no."""


def one_by_one(call: Call, wanted: Sequence[etree._Element], operation: Callable[[Call, etree._Element], str]) -> str:
    """The answer that has a message for each thing asked for."""
    messages = []
    for one in wanted:
        try:
            failed = call.fault("deny", "missing", "vendor")
            if failed is not None:
                raise failed
            messages.append(well(call.operation, operation(call, one)))
        except Failed as failed:
            failed.extra = failed.extra or _NOTHING.get(call.operation, "")
            messages.append(badly(call.operation, failed))
    return answer(call.operation, messages)


# -- FindItem ----------------------------------------------------------------------------------------------------------


def find_item(call: Call) -> str:
    """FindItem, by a view of the calendar or page by page."""
    folders = element(call.what, "m:ParentFolderIds")
    return one_by_one(call, list(folders) if folders is not None else [], _find)


def _find(call: Call, folder: etree._Element) -> str:
    mailbox, name = call.folder(folder)
    properties = _shape(call, listed=True)
    view = element(call.what, "m:CalendarView")
    if call.exchange.faults.take(f"FindItem {mailbox.address}", "empty") or name != "calendar":
        found, last, offset = list[Shown](), True, ""
    elif view is not None:
        found, last = _view(call, mailbox, view)
        offset = ""
    else:
        found, last, offset = _page(call, mailbox)
    items = "".join(written(shown, properties) for shown in found)
    return (
        f'<m:RootFolder{offset} TotalItemsInView="{len(found)}" IncludesLastItemInRange="{boolean(last)}">'
        f"<t:Items>{items}</t:Items></m:RootFolder>"
    )


def _shape(call: Call, *, listed: bool) -> tuple[Property, ...]:
    kind = "m:ItemShape" if element(call.what, "m:ItemShape") is not None else "m:FolderShape"
    base = text(call.what, f"{kind}/t:BaseShape", "Default")
    uris = [attribute(found, "FieldURI") for found in elements(call.what, f"{kind}/t:AdditionalProperties/t:FieldURI")]
    call.exchange.asked.update(uris)
    if base != "IdOnly":
        call.exchange.asked[f"shape:{base}"] += 1
    return wanted(base, uris, call.version, listed=listed)


def _view(call: Call, mailbox: Mailbox, view: etree._Element) -> tuple[list[Shown], bool]:
    start, end = read_instant(attribute(view, "StartDate")), read_instant(attribute(view, "EndDate"))
    if end < start:
        raise Failed("ErrorCalendarEndDateIsEarlierThanStartDate", "The end is before the start.")
    if end - start > LONGEST_VIEW:
        raise Failed("ErrorCalendarViewRangeTooBig", "The view is longer than two years.")
    found = [_shown(call, mailbox, stored, occurrence) for stored, occurrence in mailbox.occurrences(start, end)]
    found.sort(key=lambda shown: (shown.occurrence.start, shown.stored.id))
    limits = call.exchange.limits
    most = int(attribute(view, "MaxEntriesReturned", "0")) or len(found)
    if limits is not None and min(most, len(found)) > limits.items:
        if call.version.rank < VERSIONS["2010"].rank:
            raise Failed("ErrorExceededFindCountLimit", "There are too many items.")
        most = limits.items
    return found[:most], most >= len(found)


def _shown(call: Call, mailbox: Mailbox, stored: Stored, occurrence: Occurrence, *, series: bool = False) -> Shown:
    hidden = call.exchange.hide_private and not call.owns(mailbox)
    return Shown(mailbox, stored, occurrence, call.version, call.exchange.raw, hidden, series)


def _alone(call: Call, mailbox: Mailbox, stored: Stored) -> Shown:
    """A single item, or a series itself, which begins at its first time whatever became of that."""
    meeting = replace(stored.meeting, exceptions={})
    return _shown(call, mailbox, stored, next(occurrences(meeting, mailbox.zone)), series=meeting.repeats is not None)


def _page(call: Call, mailbox: Mailbox) -> tuple[list[Shown], bool, str]:
    if element(call.what, "m:Restriction") is not None:
        raise Failed("ErrorUnsupportedPathForQuery", "Restrictions are not simulated.")
    page = element(call.what, "m:IndexedPageItemView")
    offset = int(attribute(page, "Offset", "0")) if page is not None else 0
    most = int(attribute(page, "MaxEntriesReturned", "1000")) if page is not None else 1000
    found = [_alone(call, mailbox, stored) for stored in mailbox.items.values()]
    until = offset + most
    return found[offset:until], until >= len(found), f' IndexedPagingOffset="{min(until, len(found))}"'


# -- GetItem -----------------------------------------------------------------------------------------------------------


def get_item(call: Call) -> str:
    """GetItem: items by their ids."""
    ids = element(call.what, "m:ItemIds")
    return one_by_one(call, list(ids) if ids is not None else [], _get)


def _get(call: Call, wanted: etree._Element) -> str:
    properties = _shape(call, listed=False)
    master = local(wanted) == "RecurringMasterItemId"
    parts = parts_of(attribute(wanted, "OccurrenceId" if master else "Id"))
    if len(parts) != 4 or parts[0] != "I":
        raise Failed("ErrorInvalidId", "That is no item.")
    _, address, id, original = parts
    mailbox = call.reach(address)
    stored = mailbox.items.get(id)
    if stored is None:
        raise Failed("ErrorItemNotFound", "There is no such item.")
    shown = _alone(call, mailbox, stored)
    if original and not master:
        times = (o for o in occurrences(stored.meeting, mailbox.zone) if o.original is not None)
        time = next((o for o in times if o.original is not None and o.original.isoformat() == original), None)
        if time is None:
            raise Failed("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "It was deleted.")
        shown = replace(shown, occurrence=time, series=False)
    return f"<m:Items>{written(shown, properties, parent=True)}</m:Items>"


# -- folders -----------------------------------------------------------------------------------------------------------


def get_folder(call: Call) -> str:
    """GetFolder: folders by id or name."""
    ids = element(call.what, "m:FolderIds")
    return one_by_one(call, list(ids) if ids is not None else [], _folder)


def _folder(call: Call, wanted: etree._Element) -> str:
    mailbox, name = call.folder(wanted)
    return f"<m:Folders>{_written_folder(call, mailbox, name)}</m:Folders>"


def _written_folder(call: Call, mailbox: Mailbox, name: str) -> str:
    kind = "CalendarFolder" if name == "calendar" else "Folder"
    uris = {attribute(found, "FieldURI") for found in call.what.iter("{*}FieldURI")}
    whole = text(call.what, "m:FolderShape/t:BaseShape", "Default") != "IdOnly"
    children = len(FOLDERS) - 1 if name == "root" else 0
    values = (
        ("ParentFolderId", f'<t:ParentFolderId Id="{folder_id(mailbox, "root")}" ChangeKey="AQAAAA=="/>'),
        ("FolderClass", f"<t:FolderClass>{FOLDERS[name]}</t:FolderClass>" if FOLDERS[name] else ""),
        ("DisplayName", f"<t:DisplayName>{name.capitalize()}</t:DisplayName>"),
        ("TotalCount", f"<t:TotalCount>{len(mailbox.items) if name == 'calendar' else 0}</t:TotalCount>"),
        ("ChildFolderCount", f"<t:ChildFolderCount>{children}</t:ChildFolderCount>"),
    )
    chosen = "".join(value for key, value in values if whole or f"folder:{key}" in uris)
    return f'<t:{kind}><t:FolderId Id="{folder_id(mailbox, name)}" ChangeKey="AQAAAA=="/>{chosen}</t:{kind}>'


def find_folder(call: Call) -> str:
    """FindFolder: what lies below the root."""
    ids = element(call.what, "m:ParentFolderIds")
    return one_by_one(call, list(ids) if ids is not None else [], _find_folder)


def _find_folder(call: Call, parent: etree._Element) -> str:
    mailbox, name = call.folder(parent)
    below = [each for each in FOLDERS if each != "root"] if name == "root" else []
    if name == "msgfolderroot":
        below = ["calendar", "inbox"]
    folders = "".join(_written_folder(call, mailbox, each) for each in below)
    return (
        f'<m:RootFolder IndexedPagingOffset="{len(below)}" TotalItemsInView="{len(below)}" '
        f'IncludesLastItemInRange="true"><t:Folders>{folders}</t:Folders></m:RootFolder>'
    )


# -- SyncFolderItems ---------------------------------------------------------------------------------------------------


def sync_folder_items(call: Call) -> str:
    """SyncFolderItems: what changed since a state; series as a whole, never their times."""
    folder = element(call.what, "m:SyncFolderId/*")
    return one_by_one(call, [] if folder is None else [folder], _sync)


def _sync(call: Call, folder: etree._Element) -> str:
    mailbox, name = call.folder(folder)
    properties = _shape(call, listed=True)
    most = int(text(call.what, "m:MaxChangesReturned", "0"))
    if not 1 <= most <= MOST_CHANGES:
        raise Failed("ErrorInvalidSyncStateData", "MaxChangesReturned is 1 to 512.", _NO_STATE)
    since = _since(call, mailbox)
    empty = call.exchange.faults.take(f"SyncFolderItems {mailbox.address}", "empty") is not None
    changes = [] if empty or name != "calendar" else sorted(_changes(mailbox, since), key=lambda change: change[0])
    told, last = changes[:most], len(changes) <= most
    reached = max(mailbox.version if last and not empty else 0, told[-1][0] if told else since)
    return (
        f"<m:SyncState>{_state(mailbox, reached)}</m:SyncState>"
        f"<m:IncludesLastItemInRange>{boolean(last)}</m:IncludesLastItemInRange>"
        f"<m:Changes>{''.join(_change(call, mailbox, change, properties) for change in told)}</m:Changes>"
    )


_NO_STATE = "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"


def _state(mailbox: Mailbox, version: int) -> str:
    return base64.b64encode(f"sync {mailbox.address} {version}".encode()).decode()


def _since(call: Call, mailbox: Mailbox) -> int:
    state = text(call.what, "m:SyncState")
    if call.exchange.faults.take(f"SyncFolderItems {mailbox.address}", "expire"):
        state = "expired"
    if not state:
        return 0
    try:
        kind, address, version = base64.b64decode(state, validate=True).decode().split(" ")
        if kind == "sync" and address == mailbox.address:
            return int(version)
    except ValueError:
        pass
    raise Failed("ErrorInvalidSyncStateData", "The state is not valid.", _NO_STATE)


def _changes(mailbox: Mailbox, since: int) -> Iterator[tuple[int, str, str]]:
    """Number, kind and id of each change."""
    for id, stored in mailbox.items.items():
        if stored.version > since:
            yield stored.version, "Create" if stored.created > since else "Update", id
    if since:
        yield from ((version, "Delete", id) for id, version in mailbox.gone.items() if version > since)


def _change(call: Call, mailbox: Mailbox, change: tuple[int, str, str], properties: tuple[Property, ...]) -> str:
    _, kind, id = change
    if kind == "Delete":
        gone = item_id(mailbox, id)
        return f'<t:Delete><t:ItemId Id="{gone}" ChangeKey="AQAAAA=="/></t:Delete>'
    return f"<t:{kind}>{written(_alone(call, mailbox, mailbox.items[id]), properties)}</t:{kind}>"
