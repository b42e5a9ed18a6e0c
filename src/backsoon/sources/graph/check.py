"""Whether the application may do what it must, and no more.

The rights in the token are read, never trusted: they are only told to the administrator. Sources: Microsoft identity
platform, "Access token claims reference" (`roles`); Exchange Online, "Role Based Access Control for Applications".
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from backsoon.sources.account import Finding, Shared
from backsoon.sources.base import SourceBusy, SourceError, SourceMissing
from backsoon.sources.graph.client import Answer, Graph, Part
from backsoon.sources.graph.errors import CONSENT
from backsoon.sources.graph.records import read_page, read_setting
from backsoon.sources.graph.replies import Replies
from backsoon.sources.graph.settings import GraphSettings
from backsoon.sources.graph.signin import SignIn

READ: Final = "Calendars.Read"
HARMLESS: Final = frozenset({READ, "Calendars.ReadBasic", "Calendars.ReadBasic.All", "MailboxSettings.Read"})
SCOPING: Final = (
    "in Exchange Online PowerShell: New-ServicePrincipal -AppId CLIENT_ID -ObjectId OBJECT_ID;"
    " New-ManagementScope -Name Backsoon -RecipientRestrictionFilter \"MemberOfGroup -eq 'DN_OF_THE_GROUP'\";"
    ' New-ManagementRoleAssignment -App OBJECT_ID -Role "Application Calendars.Read" -CustomResourceScope Backsoon'
    ' (and again with "Application MailboxSettings.Read"); then take the rights of the same names out of the app\'s'
    " API permissions: a consent for the whole tenant makes the scope void"
)
"""How the rights are narrowed to a group (RBAC for Applications)."""


class _Claims(msgspec.Struct):
    roles: list[str] = []


def roles_in(token: str) -> frozenset[str] | None:
    """The application's rights that a token names; None where it cannot be read. Nothing is verified."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (IndexError, ValueError, UnicodeDecodeError):
        return None
    return frozenset(claims.roles)


class Check:
    """Tries everything out, reading only."""

    def __init__(self, settings: GraphSettings, graph: Graph, sign_in: SignIn, replies: Replies) -> None:
        self._settings = settings
        self._graph = graph
        self._sign_in = sign_in
        self._replies = replies

    async def run(self, addresses: Sequence[str]) -> list[Finding]:
        """See `Account.check`."""
        try:
            token = await self._sign_in.token()
        except SourceError as error:
            return [_failed(str(error), error)]
        roles = roles_in(token)
        found = [Finding("ok", f"signed in to tenant {self._settings.tenant} as {self._settings.client_id}")]
        outside = await self._outside(roles)
        found += _of_roles(roles, narrowed=any(finding.level == "ok" for finding in outside))
        found += await self._mailboxes([a for a in addresses if a.lower() != self._settings.outside.lower()])
        return [*found, *outside]

    async def _mailboxes(self, addresses: Sequence[str]) -> list[Finding]:
        if not addresses:
            return [Finding("warning", "no mailbox to try", "name one, or add somebody with an e-mail address")]
        try:
            answers = await self._graph.each([_trial(address) for address in addresses])
        except SourceError as error:
            return [_failed(str(error), error)]
        found = [_of_mailbox(address, answer) for address, answer in zip(addresses, answers, strict=True)]
        good = [address for address, finding in zip(addresses, found, strict=True) if finding.level == "ok"]
        return [*found, *(await self._replied(good[0]) if good and self._replies.wanted else ())]

    async def _replied(self, address: str) -> list[Finding]:
        try:
            answer = await self._graph.one(self._replies.part(f"/users/{quote(address, safe='@')}"))
        except SourceError as error:
            return [_failed(str(error), error)]
        if answer.status == 403:
            text = "automatic replies cannot be read: the application does not have the right MailboxSettings.Read"
            return [Finding("warning", text, "give it that right too, or write automatic_replies = false")]
        try:
            read_setting(answer.good())
        except SourceError as error:
            return [_failed(f"automatic replies cannot be read: {error}", error)]
        return [Finding("ok", "automatic replies can be read")]

    async def _outside(self, roles: frozenset[str] | None) -> list[Finding]:
        """Whether a mailbox that nobody here concerns is refused, as it must be."""
        outside = self._settings.outside
        if not outside:
            text = "it was not tried whether mailboxes of people who do not take part are refused"
            return [Finding("warning", text, f"write outside = an address that must be refused; {SCOPING}")]
        try:
            answer = await self._graph.one(_trial(outside))
        except SourceError as error:
            return [_failed(str(error), error)]
        if answer.status == 403:
            return [Finding("ok", f"{outside} is refused, as it must be")]
        try:
            read_page(answer.good())
        except SourceError as error:
            text = f"whether {outside} is refused could not be seen: {error}"
            named = "name a mailbox that there is, and that is not in the group"
            return [Finding("warning", text, named if isinstance(error, SourceMissing) else error.remedy)]
        return [Finding("error", f"the application can read {outside}, which it must not: {_why(roles)}", SCOPING)]


async def reached(graph: Graph, addresses: Sequence[str]) -> list[Shared]:
    """Which calendars the application can read. It cannot list them: that would take rights to the directory."""
    answers = await graph.each([_trial(address) for address in addresses]) if addresses else []
    for answer in answers:
        if answer.status == 429:
            answer.good()
        if answer.status < 300:
            read_page(answer.body)
    return [Shared(a, READ) for a, answer in zip(addresses, answers, strict=True) if answer.status < 300]


def _trial(address: str) -> Part:
    """The cheapest thing that needs the right to read entries."""
    day = "startDateTime=2020-01-01T00:00:00Z&endDateTime=2020-01-02T00:00:00Z"
    return Part("GET", f"/users/{quote(address, safe='@')}/calendarView?{day}&$top=1&$select=id")


def _of_roles(roles: frozenset[str] | None, *, narrowed: bool) -> list[Finding]:
    """What the rights in the token say; `narrowed` where a mailbox was seen to be refused all the same."""
    if roles is None:
        return [Finding("warning", "the token cannot be looked into, so its rights are not known")]
    more = sorted(roles - HARMLESS)
    found = []
    if READ in roles and not narrowed:
        text = "Calendars.Read is consented for the whole tenant: every mailbox can be read, whatever scope is set"
        found.append(Finding("warning", text, SCOPING))
    elif READ not in roles and not any(role.startswith("Calendars.Read") for role in roles):
        text = "the token holds no right to calendars; only RBAC for Applications can give it"
        found.append(Finding("ok", text))
    if more:
        text = f"the application may do more than it needs: {', '.join(_plain(role) for role in more[:10])}"
        found.append(Finding("warning", text, f"take these rights out; {READ} is enough"))
    return found


def _plain(role: str) -> str:
    return "".join(c for c in role[:60] if c.isascii() and (c.isalnum() or c in "._-"))


def _why(roles: frozenset[str] | None) -> str:
    wide = roles is not None and any(role.startswith("Calendars.Read") for role in roles)
    return "a consent for the whole tenant makes every narrower scope void" if wide else "no scope keeps it out"


def _of_mailbox(address: str, answer: Answer) -> Finding:
    try:
        read_page(answer.good())
    except SourceError as error:
        return _failed(f"{address}: {error}", error)
    return Finding("ok", f"{address} can be read")


def _failed(text: str, error: SourceError) -> Finding:
    level = "warning" if isinstance(error, SourceBusy) else "error"
    return Finding(level, text, error.remedy or CONSENT)
