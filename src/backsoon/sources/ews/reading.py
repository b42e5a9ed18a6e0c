"""The questions that make up a read, each whole or an error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from lxml import etree

from backsoon.sources.base import SourceTooLarge, Window
from backsoon.sources.ews import requests, soap
from backsoon.sources.ews.busy import Event, views
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.failures import TOO_WIDE, EwsFailure
from backsoon.sources.ews.replies import Reply, read_reply

MOST_ITEMS: Final = 20_000
MOST_PARTS: Final = 128
"""Into how many parts a window is split before the calendar is too large."""
NARROWEST: Final = timedelta(minutes=1)
WIDEST_BUSY: Final = timedelta(days=42)
"""What a server gives of free and busy times at once, unless its administrator says else."""
ANCHORS: Final = 5
"""How many mailboxes an application tries to act for."""
SYNC_PAGES: Final = 4
"""Folders with more items than these hold are not followed by `SyncFolderItems`: it begins with every item."""


async def items(client: Client, mailbox: str, window: Window) -> list[etree._Element]:
    """All items in the window; those across two parts of it come twice. Raises `EwsFailure`, `SourceError`."""
    left, found, asked = [window], list[etree._Element](), 0
    while left:
        part = left.pop()
        asked += 1
        view = await _view(client, mailbox, part)
        if view is not None:
            found += view
        else:
            left += _halves(part)
        if asked + len(left) > MOST_PARTS or len(found) > MOST_ITEMS:
            raise SourceTooLarge(f"the calendar has more than {len(found)} items in the window")
    return found


async def _view(client: Client, mailbox: str, window: Window) -> list[etree._Element] | None:
    """The items of a part; None where there may be more than it shows."""
    try:
        message = soap.only(await client.ask(requests.find_items(window, client.folder_of(mailbox)), mailbox=mailbox))
    except EwsFailure as failure:
        if failure.code in TOO_WIDE:
            return None
        raise
    root = message.find(f"{soap.M}RootFolder")
    held = None if root is None else root.find(f"{soap.T}Items")
    if root is None or held is None:
        raise soap.not_ews()
    if len(held) >= requests.PAGE or root.get("IncludesLastItemInRange", "true") in ("false", "0"):
        return None
    return list(held)


def _halves(window: Window) -> list[Window]:
    half = (window.end - window.start) / 2
    if half < NARROWEST:
        raise SourceTooLarge(f"there are {requests.PAGE} items or more within a minute")
    middle = (window.start + half).replace(microsecond=0)
    return [Window(middle, window.end), Window(window.start, middle)]


async def changed_since(client: Client, mailbox: str, state: str) -> tuple[bool, str]:
    """Whether anything in the calendar changed since a state of `SyncFolderItems`, and the state now.

    State "" begins anew: the folder is gone through once, and "-" comes back where it is too large for that.
    Raises `EwsFailure` (`ErrorInvalidSyncStateData`), `SourceError`.
    """
    changed = not state
    for _ in range(SYNC_PAGES):
        body = requests.sync_items(state, client.folder_of(mailbox))
        message = soap.only(await client.ask(body, mailbox=mailbox))
        following = message.findtext(f"{soap.M}SyncState", "")
        changes = message.find(f"{soap.M}Changes")
        if not following or changes is None:
            raise soap.not_ews()
        changed = changed or len(changes) > 0
        state = following
        if message.findtext(f"{soap.M}IncludesLastItemInRange", "true") in ("true", "1"):
            return changed, state
    return True, "-"


async def busy_views(
    client: Client, addresses: Sequence[str], window: Window, *, details: bool
) -> Sequence[tuple[Event, ...] | EwsFailure]:
    """When each mailbox is busy. An application signs in without a mailbox of its own and acts for one of them.

    Raises `EwsFailure`, `SourceError`.
    """
    body = requests.availability(addresses, window, details=details)
    if client.settings.sign_in != "oauth":
        return views(await client.ask(body, act=False), len(addresses))
    failure = EwsFailure("ErrorNonExistentMailbox")
    for anchor in addresses[:ANCHORS]:
        try:
            return views(await client.ask(body, mailbox=anchor), len(addresses))
        except EwsFailure as error:
            failure = error
    raise failure


async def busy_events(client: Client, mailbox: str, window: Window) -> list[Event]:
    """When one mailbox is busy, with subjects where they are shared. Raises `EwsFailure`, `SourceError`."""
    found, start = dict[Event, None](), window.start
    while start < window.end:
        end = min(start + WIDEST_BUSY, window.end)
        (view,) = await busy_views(client, [mailbox], Window(start, end), details=True)
        if isinstance(view, EwsFailure):
            raise view
        found |= dict.fromkeys(view)
        start = end
    return list(found)


async def reply(client: Client, mailbox: str) -> Reply:
    """The automatic reply of a mailbox. Raises `EwsFailure`, `SourceError`."""
    return read_reply(await client.ask(requests.automatic_reply(mailbox), mailbox=mailbox))
