"""What an account may do, tried out: `backsoon check` and `backsoon calendars discover`. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from backsoon.sources.account import Finding, Shared
from backsoon.sources.base import SourceBroken, SourceBusy, SourceError, SourceUnavailable
from backsoon.sources.google.api import Api, decoded, of_calendar
from backsoon.sources.google.credentials import Credentials, Kind
from backsoon.sources.google.errors import ApiDisabled, NotGoogles, NotShared
from backsoon.sources.google.settings import CALENDAR_LIST, EVENTS, FREE_BUSY

TRIED: Final = 20
"""So many mailboxes are tried by `check`."""
MOST_PAGES: Final = 100
_WIDE: Final = EVENTS.rpartition("/")[0] + "/calendar"
_DETAILS: Final = frozenset({"reader", "writerWithoutPrivateAccess", "writer", "owner"})
_PRIVATE: Final = frozenset({"writer", "owner"})


class _Access(msgspec.Struct):
    kind: str
    accessRole: str = ""


class _Listed(msgspec.Struct):
    id: str = ""
    accessRole: str = ""
    summary: str = ""
    summaryOverride: str = ""
    deleted: bool = False


class _ListPage(msgspec.Struct):
    kind: str
    items: list[_Listed] = []
    nextPageToken: str = ""


async def check(api: Api, addresses: Sequence[str]) -> list[Finding]:
    """See `Account.check`."""
    tried = list(addresses[:TRIED])
    subject = tried[0] if api.settings.delegated and tried else ""
    try:
        credentials = await api.tokens.credentials()
        found = [_who(credentials, delegated=api.settings.delegated)]
        await api.tokens.bearer(EVENTS, subject)
    except SourceError as error:
        return [_failed("signing in at Google", error)]
    found.append(Finding("ok", "Google accepts the credentials"))
    found += await _breadth(api, credentials, subject)
    found.append(await _free_busy(api, subject))
    for address in tried:
        found.append(await _mailbox(api, address, credentials))
        if found[-1].remedy == ApiDisabled.remedy:
            break
    return found


def _who(credentials: Credentials, *, delegated: bool) -> Finding:
    if credentials.kind is Kind.AUTHORISED_USER:
        return Finding("ok", "people share their calendars with the user who signed in")
    if not credentials.email:
        remedy = "add service_account_impersonation_url to the file: calendars are shared with an address"
        return Finding("error", "the external account acts as no service account", remedy)
    if delegated:
        return Finding("ok", f"acts for each mailbox as service account {_word(credentials.email)}")
    return Finding("ok", f"people share their calendars with {_word(credentials.email)}")


async def _breadth(api: Api, credentials: Credentials, subject: str) -> list[Finding]:
    """Whether more may be done than is needed."""
    if credentials.kind is Kind.AUTHORISED_USER:
        needless = sorted(api.tokens.granted - {EVENTS, FREE_BUSY, CALENDAR_LIST} - {"openid"})
        return [_too_wide(", ".join(map(_word, needless)))] if needless else []
    if not subject:
        return []
    try:
        await api.tokens.bearer(_WIDE, subject)
    except (SourceUnavailable, SourceBroken):
        return []
    except SourceError:
        return [Finding("ok", "the delegation covers reading only: changing calendars is refused")]
    return [_too_wide(_WIDE)]


def _too_wide(scopes: str) -> Finding:
    remedy = f"grant {EVENTS} (and {FREE_BUSY}) and nothing else"
    return Finding("warning", f"the consent is wider than needed: {scopes}", remedy)


async def _free_busy(api: Api, subject: str) -> Finding:
    try:
        await api.tokens.bearer(FREE_BUSY, subject)
    except (SourceUnavailable, SourceBroken) as error:
        return _failed("free/busy", error)
    except SourceError:
        text = (
            "the consent does not cover free/busy: at the start nobody comes first for being busy, and notifications"
            " that were lost are found late"
        )
        return Finding("warning", text, f"grant {FREE_BUSY} as well, or live with it")
    return Finding("ok", "free/busy of many calendars at once may be asked")


async def _mailbox(api: Api, address: str, credentials: Credentials) -> Finding:
    try:
        role = await access_to(api, address)
    except SourceError as error:
        return _failed(_word(address), error, _with_whom(error, credentials))
    if role in _PRIVATE:
        return Finding("ok", f"{_word(address)}: can be read ({role})")
    if role in _DETAILS:
        return Finding("ok", f"{_word(address)}: can be read ({role}); private entries show their times only")
    remedy = "share it with the right to see all event details"
    return Finding("warning", f"{_word(address)}: shared without details, keywords cannot be read", remedy)


def _with_whom(error: SourceError, credentials: Credentials) -> str:
    if isinstance(error, NotShared) and credentials.email:
        return f"share this calendar with {_word(credentials.email)}, or mend the address"
    return error.remedy


def _failed(what: str, error: SourceError, remedy: str = "") -> Finding:
    level = "warning" if isinstance(error, SourceBusy) else "error"
    return Finding(level, f"{what}: {error.detail}", remedy or error.remedy)


async def access_to(api: Api, address: str) -> str:
    """What the account may do with a calendar, in Google's words. Raises a `SourceError`."""
    query = {"maxResults": "1", "fields": "kind,accessRole", "singleEvents": "true"}
    body = await api.get("events.list", of_calendar(address, "/events"), query, mailbox=address)
    answer = decoded(body, _Access)
    if answer.kind != "calendar#events":
        raise NotGoogles("the answer is no list of events")
    return answer.accessRole


async def discover(api: Api, addresses: Sequence[str]) -> list[Shared]:
    """See `Account.discover`."""
    found = {} if api.settings.delegated else {each.address.casefold(): each for each in await _listed(api)}
    for address in addresses:
        if address.casefold() not in found:
            try:
                role = await access_to(api, address)
            except (SourceBusy, SourceUnavailable):
                raise
            except SourceError:
                continue
            found[address.casefold()] = Shared(address, role, role in _DETAILS)
    return sorted(found.values(), key=lambda each: each.address)


async def _listed(api: Api) -> list[Shared]:
    """The account's list of calendars, to its end."""
    fields = "kind,nextPageToken,items(id,accessRole,summary,summaryOverride,deleted)"
    query = {"maxResults": "250", "showHidden": "true", "minAccessRole": "freeBusyReader", "fields": fields}
    found: list[Shared] = []
    for _ in range(MOST_PAGES):
        body = await api.get("calendarList.list", "/users/me/calendarList", query, scope=CALENDAR_LIST)
        page = decoded(body, _ListPage)
        if page.kind != "calendar#calendarList":
            raise NotGoogles("the answer is no list of calendars")
        found += [
            Shared(each.id, each.accessRole, each.accessRole in _DETAILS, each.summaryOverride or each.summary)
            for each in page.items
            if each.id and each.id.isprintable() and not each.deleted
        ]
        if not page.nextPageToken:
            return found
        query["pageToken"] = page.nextPageToken
    raise SourceBroken("the pages of the list of calendars do not end")


def _word(text: str) -> str:
    """A word of a file or of Google's, fit for a line of text."""
    return "".join(c for c in text[:320] if c.isprintable())
