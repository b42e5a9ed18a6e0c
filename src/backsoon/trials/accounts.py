"""Accounts at Exchange, Microsoft 365 and Google: may they do what they must, and no more? A few mailboxes do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from backsoon.config.accounts import ACCOUNTS
from backsoon.domain.organisation import Connection, Person
from backsoon.sources.base import SourceBusy, SourceDenied, SourceError, SourceMissing, Window
from backsoon.trials.polling import cost
from backsoon.trials.trying import SECONDS, Tried
from backsoon.trials.words import counted

if TYPE_CHECKING:
    from backsoon.factories import Sources
    from backsoon.sources.account import Account, Finding

MAILBOXES = 5
"""So many are tried where nobody says which."""
_ANSWERS = 4 * SECONDS
"""Seconds: signing in, a version, several mailboxes."""
_NARROW = "narrow the account's rights; it takes a while until the servers know of it"
_MANY = 200
"""Characters of a remedy that need not be read twice."""
_PUBLISH = 'publish /hooks/ and write [api] public = "https://HOST" to be told of changes'


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be found out of one connection.

    `mailboxes` are everybody's there; `named` those to be tried in place of a few of them, `outside` one that must be
    refused ("": as the settings say), `public` where notifications arrive ("" for nowhere), `whose` is said behind the
    connection's name.
    """

    connection: Connection
    mailboxes: Sequence[str] = ()
    named: Sequence[str] = ()
    outside: str = ""
    public: str = ""
    whose: str = ""

    @property
    def what(self) -> str:
        return f"calendars {self.connection.name}{self.whose}"


def has_account(connection: Connection) -> bool:
    """Whether it reads many mailboxes by one account."""
    return connection.kind in ACCOUNTS


def some(mailboxes: Sequence[str], most: int = MAILBOXES) -> list[str]:
    """A few of them, from the first to the last."""
    if len(mailboxes) <= most:
        return list(mailboxes)
    return [mailboxes[number * (len(mailboxes) - 1) // (most - 1)] for number in range(most)]


async def check_account(sources: Sources, checked: Checked, now: datetime) -> AsyncIterator[Tried]:
    """Try a connection's account; a result each. Changes nothing."""
    if checked.outside:
        settings = {**checked.connection.settings, "outside": checked.outside}
        checked = replace(checked, connection=replace(checked.connection, settings=settings))
    if wrong := _wrong_file(checked):
        yield wrong
        return
    try:
        account = sources.account(checked.connection)
    except SourceError as error:
        yield Tried(checked.what, "error", str(error), error.remedy)
        return
    for one in await _findings(account, checked):
        yield one
    if checked.outside and checked.connection.kind != "graph":  # there the account itself looks
        yield await _refused(sources, checked, now)
    for one in _notifications(account, checked):
        yield one


def _wrong_file(checked: Checked) -> Tried | None:
    """What is wrong with a file that the settings name: it may be readable for others than who wrote them."""
    for key in ("certificate", "credentials"):
        path = str(checked.connection.settings.get(key, ""))
        try:
            if path:
                Path(path).open("rb").close()
            if path and key == "credentials":
                from backsoon.sources.google.credentials import read_credentials

                read_credentials(path)
        except OSError as error:
            what = f"{key} = {path}: {error.strerror or 'it cannot be read'}"
            return Tried(checked.what, "error", what, "name a file that this account can read")
        except SourceError as error:
            return Tried(checked.what, "error", f"{key} = {path}: {error}", error.remedy)
    return None


async def _findings(account: Account, checked: Checked) -> list[Tried]:
    tried = list(checked.named) or some(checked.mailboxes)
    try:
        async with asyncio.timeout(_ANSWERS):
            found = [Tried(checked.what, f.level, f.text, remedy) for f, remedy in _once(await account.check(tried))]
    except SourceError as error:
        return [Tried(checked.what, "error", str(error), error.remedy)]
    except TimeoutError:
        return [Tried(checked.what, "error", f"no answer within {_ANSWERS:.0f} s", "see whether its server is well")]
    if not checked.mailboxes and not checked.named and checked.connection.kind == "google":  # the others say so
        text = "no person has a calendar there yet, so no mailbox was tried"
        found.append(Tried(checked.what, "warning", text, "add people with `backsoon people`, or name one: --mailbox"))
    elif len(tried) < len(checked.mailboxes):
        several = f"{len(tried)} of {counted(len(checked.mailboxes), 'mailbox', 'mailboxes')} were tried"
        found.append(Tried(checked.what, "ok", f"{several}: {', '.join(tried)} (others: --mailbox ADDRESS)"))
    return found


def _once(found: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """Findings with their remedies; one that takes many words is written out once."""
    told: list[str] = []
    for finding in found:
        remedy = finding.remedy
        for other in told:
            remedy = remedy.replace(other, "do as written above")
        if len(finding.remedy) > _MANY:
            told.append(finding.remedy)
        yield finding, remedy


async def _refused(sources: Sources, checked: Checked, now: datetime) -> Tried:
    """Whether a mailbox that shall not be read cannot be."""
    outside = checked.outside
    person = Person(checked.connection.organisation, "0", "", outside)
    try:
        async with asyncio.timeout(SECONDS):
            source = sources.make(checked.connection, outside, person)
            try:
                await source.changes(Window(now, now + timedelta(days=1)), None)
            finally:
                await source.close()
    except SourceDenied:
        return Tried(checked.what, "ok", f"{outside} is refused, as it shall be")
    except SourceMissing as error:
        text = f"{outside} proves nothing: {error}"
        return Tried(checked.what, "warning", text, "name a mailbox that is there and must not be read")
    except (SourceError, TimeoutError) as error:
        text = f"{outside} could not be tried: {error if str(error) else 'no answer'}"
        level = "warning" if isinstance(error, SourceBusy) else "error"
        return Tried(checked.what, level, text, "try it again later")
    return Tried(checked.what, "error", f"{outside} can be read, and shall not be", _NARROW)


def _notifications(account: Account, checked: Checked) -> Iterator[Tried]:
    """How changes are told, and what it costs where they are not."""
    wanted = bool(checked.connection.settings.get("push", True))
    if wanted and account.stream is not None:
        yield Tried(checked.what, "ok", "changes are asked for on connections from here; no public address is needed")
        return
    if wanted and account.webhooks is not None and checked.public:
        yield Tried(checked.what, "ok", f"changes are told at {checked.public}{account.webhooks.path}")
        return
    because = "push is switched off" if not wanted else "notifications have no address to arrive at"
    if wanted and account.webhooks is None:
        because = "this server tells of no changes"
    found = cost(checked.connection, len(checked.mailboxes))
    level = "warning" if wanted and account.webhooks is not None else "ok"
    yield Tried(checked.what, level, f"{because}: {found}", _PUBLISH if level == "warning" else "")
    if found.too_much:
        yield Tried(checked.what, "warning", found.too_much, "have changes told, or let poll_max_minutes be larger")
