"""Which requests there are: paths, methods, and the roles that an app needs for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from tests.simulators.graph.protocol import Asked, Refused

USER: Final = r"/users/(?P<user>[^/]+)"
# Operation, method, path below the version, the role that it takes (any of those that begin so).
ROUTES: Final = tuple(
    (name, method, re.compile(path, re.IGNORECASE), role)
    for name, method, path, role in (
        ("delta", "GET", USER + r"(?:/calendar)?/calendarView/delta(?:\(\))?", "Calendars.Read"),
        ("calendarView", "GET", USER + r"(?:/calendar)?/calendarView", "Calendars.Read"),
        ("instances", "GET", USER + r"(?:/calendar)?/events/(?P<id>[^/]+)/instances", "Calendars.Read"),
        ("event", "GET", USER + r"(?:/calendar)?/events/(?P<id>[^/]+)", "Calendars.Read"),
        ("calendar", "GET", USER + r"/calendar", "Calendars.Read"),
        ("getSchedule", "POST", USER + r"/calendar/getSchedule", "Calendars.Read"),
        ("automaticReplies", "GET", USER + r"/mailboxSettings/automaticRepliesSetting", "MailboxSettings.Read"),
        ("mailboxSettings", "GET", USER + r"/mailboxSettings", "MailboxSettings.Read"),
        ("user", "GET", USER, "User.Read"),
        ("subscribe", "POST", r"/subscriptions", "Calendars.Read"),
        ("subscriptions", "GET", r"/subscriptions", ""),
        ("subscription", "GET", r"/subscriptions/(?P<id>[^/]+)", ""),
        ("renew", "PATCH", r"/subscriptions/(?P<id>[^/]+)", ""),
        ("unsubscribe", "DELETE", r"/subscriptions/(?P<id>[^/]+)", ""),
        ("reauthorize", "POST", r"/subscriptions/(?P<id>[^/]+)/reauthorize", ""),
    )
)


def asked_of(
    method: str, path: str, query: str, headers: Mapping[str, str], body: Any, base: str, *, part: bool = False
) -> Asked:
    """A request, or a part of a batch, as operations take it."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    return Asked(method.upper(), unquote(path), options, headers, body, base, part)


def route(asked: Asked) -> tuple[str, re.Match[str], str]:
    """The operation, what its path holds, and the role that it takes. Raises `Refused`."""
    if asked.path.lower().startswith("/me"):
        raise Refused(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    known = False
    for name, method, path, role in ROUTES:
        if found := path.fullmatch(asked.path):
            if method == asked.method:
                return name, found, role
            known = True
    if known:
        raise Refused(405, "Request_BadRequest", "that method is not allowed here")
    raise Refused(400, "BadRequest", "Resource not found for the segment")
