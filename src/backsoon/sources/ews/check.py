"""What `backsoon check` finds out about an account at Exchange. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from backsoon.sources.account import Finding, Shared
from backsoon.sources.base import SourceBusy, SourceError, Window
from backsoon.sources.ews import reading
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.failures import NOT_SHARED, EwsFailure, source_errors

_WORDS = {
    "Exchange2007_SP1": "Exchange 2007",
    "Exchange2010": "Exchange 2010",
    "Exchange2010_SP1": "Exchange 2010 SP1",
    "Exchange2010_SP2": "Exchange 2010 SP2 or SP3",
    "Exchange2013": "Exchange 2013",
    "Exchange2013_SP1": "Exchange 2013 SP1",
    "Exchange2016": "Exchange 2016 or later",
}


async def check(client: Client, addresses: Sequence[str], clock: Callable[[], datetime]) -> Sequence[Finding]:
    """See `Account.check`."""
    if not addresses:
        return [Finding("warning", "no mailbox to try", "assign a calendar to somebody, or name a mailbox")]
    found: list[Finding] = []
    for address in addresses:
        found += await _mailbox(client, address, clock())
    return [_server(client), *_push(client), *found]


def _server(client: Client) -> Finding:
    if not client.server:
        return Finding("warning", "the server did not say which Exchange it is")
    old = client.server.startswith(("Exchange2007", "Exchange2010"))
    return Finding("ok", f"the server is {_WORDS[client.server]}" + (", asked as it wants to be" if old else ""))


def _push(client: Client) -> list[Finding]:
    if not client.settings.push or client.streams:
        return []
    text = "this server has no streaming notifications: changes are asked for once a minute"
    return [Finding("warning", text, "Exchange 2010 SP1 and later tell of changes at once")]


async def _mailbox(client: Client, address: str, at: datetime) -> list[Finding]:
    window = Window(at, at + timedelta(days=1))
    try:
        with source_errors(named=False):
            await reading.items(client, address, window)
    except EwsFailure as failure:
        if failure.code in NOT_SHARED and not client.settings.impersonates:
            return [await _free_busy(client, address, window, failure)]
        return [_failed(address, failure.as_source_error())]
    except SourceError as error:
        return [_failed(address, error)]
    found = [Finding("ok", f"{address}: the calendar can be read")]
    if client.settings.automatic_replies:
        found += await _reply(client, address)
    return found


def _failed(address: str, error: SourceError) -> Finding:
    level = "warning" if isinstance(error, SourceBusy) else "error"
    return Finding(level, f"{address}: {error.detail}", error.remedy)


async def _free_busy(client: Client, address: str, window: Window, failure: EwsFailure) -> Finding:
    try:
        with source_errors():
            await reading.busy_events(client, address, window)
    except SourceError:
        return _failed(address, failure.as_source_error())
    text = f"{address}: only when its owner is busy can be read; keywords cannot, unless titles are shared"
    return Finding("warning", text, "share the calendar with the account (Reviewer)")


async def _reply(client: Client, address: str) -> list[Finding]:
    try:
        with source_errors():
            await reading.reply(client, address)
    except SourceError as error:
        remedy = "give the account full access to the mailbox, use impersonation, or set automatic_replies = false"
        return [Finding("warning", f"{address}: its automatic reply cannot be read: {error.detail}", remedy)]
    return []


async def discover(client: Client, addresses: Sequence[str], clock: Callable[[], datetime]) -> Sequence[Shared]:
    """See `Account.discover`: Exchange lists nothing, so each address is tried. Raises `SourceError` where none can."""
    at, found = clock(), list[Shared]()
    for address in addresses:
        try:
            with source_errors(named=False):
                await reading.items(client, address, Window(at, at + timedelta(days=1)))
            found.append(Shared(address, client.settings.access))
        except EwsFailure as failure:
            if failure.code in NOT_SHARED and not client.settings.impersonates and await _sees(client, address, at):
                found.append(Shared(address, "free/busy", details=False))
    return found


async def _sees(client: Client, address: str, at: datetime) -> bool:
    try:
        with source_errors(named=False):
            await reading.busy_events(client, address, Window(at, at + timedelta(days=1)))
    except EwsFailure:
        return False
    return True
