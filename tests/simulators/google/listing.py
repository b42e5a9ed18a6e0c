"""`events.list`: full reads, sync tokens, pages."""

from __future__ import annotations

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.simulators.google.calendars import Calendar, event, master
from tests.simulators.google.refusals import Refused

_NOT_WITH_TOKEN = ("iCalUID", "orderBy", "privateExtendedProperty", "q", "timeMin", "timeMax", "updatedMin")
_KEPT = 1_000


@dataclass
class _Rest:
    """What has not been given of a listing, and the token that ends it."""

    items: list[dict[str, Any]]
    token: str


class Listing:
    """Listings of a simulator's calendars."""

    def __init__(self) -> None:
        self.most_per_page = 2_500
        self._rests: OrderedDict[str, _Rest] = OrderedDict()

    def answer(self, calendar: Calendar, role: str, query: Mapping[str, str]) -> dict[str, Any]:
        """One page. Raises `Refused`."""
        rest = self._rest(calendar, role, query)
        size = min(_number(query.get("maxResults", "250")), 2_500, self.most_per_page)
        told: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"{calendar.mailbox.version}"',
            "summary": calendar.mailbox.address,
            "updated": "2026-01-01T00:00:00.000Z",
            "timeZone": calendar.mailbox.zone,
            "accessRole": role,
            "defaultReminders": [],
            "items": rest.items[:size],
        }
        if len(rest.items) <= size:
            return told | {"nextSyncToken": rest.token}
        following = secrets.token_urlsafe(9)
        self._rests[following] = _Rest(rest.items[size:], rest.token)
        while len(self._rests) > _KEPT:
            self._rests.popitem(last=False)
        return told | {"nextPageToken": following}

    def _rest(self, calendar: Calendar, role: str, query: Mapping[str, str]) -> _Rest:
        if "pageToken" in query:
            rest = self._rests.get(query["pageToken"])
            if rest is None:
                raise Refused(400, "invalid")
            return rest
        single = query.get("singleEvents") == "true"
        most = _number(query["maxAttendees"]) if "maxAttendees" in query else None
        token = _token(calendar, role, single=single)
        if not single:
            return _Rest([master(stored, calendar.mailbox, role, most) for stored, _ in calendar.masters()], token)
        if "syncToken" in query:
            records = calendar.since(_since(calendar, role, query))
        else:
            start, end = _time(query, "timeMin"), _time(query, "timeMax")
            records = calendar.within(start, end, deleted=query.get("showDeleted") == "true")
        return _Rest([event(each, calendar.mailbox, role, most) for each in records], token)


def _number(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise Refused(400, "invalidParameter")
    return int(text)


def _time(query: Mapping[str, str], name: str) -> datetime:
    default = "0001-01-02T00:00:00Z" if name == "timeMin" else "9999-12-30T00:00:00Z"
    try:
        at = datetime.fromisoformat(query.get(name, default))
    except ValueError:
        raise Refused(400, "badRequest") from None
    if at.tzinfo is None:
        raise Refused(400, "badRequest")
    return at


def _token(calendar: Calendar, role: str, *, single: bool) -> str:
    said = [calendar.mailbox.address, calendar.mailbox.version, calendar.generation, role, single]
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def _since(calendar: Calendar, role: str, query: Mapping[str, str]) -> int:
    """The change after which a token begins. Raises `Refused`: 410 where it is too old or the rights are others."""
    if any(name in query for name in _NOT_WITH_TOKEN) or query.get("showDeleted") == "false":
        raise Refused(400, "invalid")
    try:
        address, version, generation, then, single = json.loads(base64.urlsafe_b64decode(query["syncToken"]))
    except ValueError:
        raise Refused(400, "invalid") from None
    if address != calendar.mailbox.address or not single:
        raise Refused(400, "invalid")
    if (generation, then) != (calendar.generation, role):
        raise Refused(410, "fullSyncRequired", domain="calendar")
    return int(version)
