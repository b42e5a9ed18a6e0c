"""A running Backsoon, over HTTP on its Unix socket. Standard library only: it is imported by every command."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from backsoon.domain.errors import BacksoonError
from backsoon.domain.phrase import Audience
from backsoon.trials.words import in_utc

if TYPE_CHECKING:
    from backsoon.domain.access import Role
    from backsoon.engine.roster import Row

Json = dict[str, Any]
PATIENCE = 20.0
"""Seconds that an answer may take."""
LONG_PATIENCE = 120.0
"""Seconds that one may take that is about everybody: a large import is one request."""
EVENTS_PATIENCE = 40.0
"""Seconds after which an event stream that says nothing, not even that it lives, is given up."""


class Unanswered(BacksoonError):
    """Backsoon does not answer at its socket."""

    remedy = "see whether `backsoon run` is running, and whether this account may use its socket"


class Refused(BacksoonError):
    """Backsoon said no. `remedy` is what it said to do about it."""

    def __init__(self, status: int, detail: str, remedy: str) -> None:
        self.status = status
        self.remedy = remedy
        super().__init__(detail)


def answers(path: Path) -> bool:
    """Whether somebody listens at the socket; a dead one's file does not count. Raises `Unanswered`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(5)
        try:
            trying.connect(str(path))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.ENOTSOCK):
                return False
            raise Unanswered(f"{path}: {error.strerror or 'no answer'}") from None
    return True


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Remote:
    """The verbs of a running Backsoon. Raises `Refused` and `Unanswered`."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        """`patience` in seconds: how long an answer may take that is not about everybody."""
        self._path = path
        self._patience = patience

    async def people(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json:
        """See `Verbs`."""
        return await self._ask("GET", "/people", {"organisation": organisation, "after": after, "limit": limit})

    async def import_people(
        self,
        rows: Iterable[Row],
        organisation: str | None,
        *,
        dry_run: bool,
        everybody: bool = False,
        prune: bool = False,
        force: bool = False,
        rename: bool = False,
    ) -> Json:
        """See `Verbs`."""
        body = {"rows": [{"number": row.number, "values": dict(row.values)} for row in rows]}
        flags = {"dry_run": dry_run, "everybody": everybody, "prune": prune, "force": force, "rename": rename}
        query = {"organisation": organisation, **_flags(flags)}
        return await self._ask("PUT", "/people", query, body, patience=LONG_PATIENCE)

    async def import_from(
        self, source: str, organisation: str | None, *, dry_run: bool, prune: bool = False, force: bool = False
    ) -> Json:
        """See `Verbs`."""
        flags = _flags({"dry_run": dry_run, "prune": prune, "force": force})
        query = {"source": source, "organisation": organisation, **flags}
        return await self._ask("POST", "/import", query, patience=LONG_PATIENCE)

    async def remove_person(self, person: str, organisation: str | None) -> Json:
        """See `Verbs`."""
        return await self._ask("DELETE", _person(person), {"organisation": organisation})

    async def show(
        self, person: str, organisation: str | None, at: datetime | None = None, audience: Audience = Audience.ATTENDANT
    ) -> Json:
        """See `Verbs`."""
        when = None if at is None else in_utc(at)
        query = {"organisation": organisation, "at": when, "audience": audience.value}
        return await self._ask("GET", _person(person), query)

    async def why(self, person: str, organisation: str | None, at: datetime | None = None) -> Json:
        """See `Verbs`."""
        query = {"organisation": organisation, "at": None if at is None else in_utc(at)}
        return await self._ask("GET", f"{_person(person)}/why", query)

    async def refer(
        self,
        person: str,
        organisation: str | None,
        reason: str,
        *,
        until: datetime | None = None,
        lasting: timedelta | None = None,
        note: str = "",
        divert_to: str = "",
        by: str = "",
        through: str = "",
    ) -> Json:
        """See `Verbs`."""
        body = {
            "reason": reason,
            "until": None if until is None else in_utc(until),
            "seconds": None if lasting is None else int(lasting.total_seconds()),
            "note": note,
            "divert_to": divert_to,
            "by": by,
            "through": through,
        }
        return await self._ask("PUT", f"{_person(person)}/override", {"organisation": organisation}, body)

    async def back(self, person: str, organisation: str | None, *, by: str = "", through: str = "") -> Json:
        """See `Verbs`."""
        query = {"organisation": organisation, "by": by, "through": through}
        return await self._ask("DELETE", f"{_person(person)}/override", query)

    async def sync(self, person: str | None, organisation: str | None, *, whole: bool) -> Json:
        """See `Verbs`."""
        body = {"person": person, "organisation": organisation, "whole": whole}
        return await self._ask("POST", "/sync", {}, body, patience=LONG_PATIENCE)

    async def apply(self, *, dry_run: bool) -> Json:
        """See `Verbs`."""
        return await self._ask("POST", "/apply", {}, {"dry_run": dry_run}, patience=LONG_PATIENCE)

    async def health(self, organisation: str | None = None) -> Json:
        """See `Verbs`."""
        return await self._ask("GET", "/health", {"organisation": organisation})

    async def tokens(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json:
        """See `Verbs`."""
        return await self._ask("GET", "/tokens", {"organisation": organisation, "after": after, "limit": limit})

    async def add_token(
        self,
        organisation: str | None,
        name: str,
        role: Role,
        *,
        person: str | None = None,
        expires_at: datetime | None = None,
        lasting: timedelta | None = None,
        by: str = "",
    ) -> Json:
        """See `Verbs`."""
        body = {
            "name": name,
            "role": role.value,
            "person": person,
            "expires_at": None if expires_at is None else in_utc(expires_at),
            "seconds": None if lasting is None else int(lasting.total_seconds()),
            "by": by or None,
        }
        given = {key: value for key, value in body.items() if value is not None}
        return await self._ask("POST", "/tokens", {"organisation": organisation}, given)

    async def remove_token(self, id: int, organisation: str | None) -> Json:
        """See `Verbs`."""
        return await self._ask("DELETE", f"/tokens/{id}", {"organisation": organisation})

    async def users(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json:
        """See `Verbs`."""
        return await self._ask("GET", "/users", {"organisation": organisation, "after": after, "limit": limit})

    async def add_user(
        self,
        organisation: str | None,
        user: str,
        roles: Sequence[Role],
        *,
        name: str = "",
        person: str | None = None,
        password: str | None = None,
        by: str = "",
    ) -> Json:
        """See `Verbs`."""
        body = {"user": user, "roles": list(roles), "name": name, "person": person, "password": password, "by": by}
        return await self._ask("POST", "/users", {"organisation": organisation}, body)

    async def change_user(
        self,
        id: int,
        organisation: str | None,
        *,
        name: str | None = None,
        roles: Sequence[Role] | None = None,
        person: str | None = None,
        state: str | None = None,
        password: str | None = None,
        new_password: bool = False,
        by: str = "",
    ) -> Json:
        """See `Verbs`."""
        body = {
            "name": name,
            "roles": None if roles is None else list(roles),
            "person": person,
            "state": state,
            "password": password,
            "new_password": new_password,
            "by": by,
        }
        given = {key: value for key, value in body.items() if value is not None}
        return await self._ask("PATCH", f"/users/{id}", {"organisation": organisation}, given)

    async def remove_user(self, id: int, organisation: str | None, *, by: str = "") -> Json:
        """See `Verbs`."""
        return await self._ask("DELETE", f"/users/{id}", {"organisation": organisation, "by": by})

    async def board(self, organisation: str | None, after: int = 0, limit: int = 1000) -> Json:
        """See `Verbs`."""
        return await self._ask("GET", "/board", {"organisation": organisation, "after": after, "limit": limit})

    def events(self, organisation: str | None, after: str | None = None) -> Iterator[tuple[str, Json]]:
        """Events as they come, for ever, blocking: name and value; "" where the stream only shows that it lives.

        `after` is the id after which to begin (see `Verbs.board`). Raises `Refused`, and `Unanswered` at its end.
        """
        connection = _Connection(self._path, EVENTS_PATIENCE)
        try:
            connection.request("GET", _url("/events", {"organisation": organisation, "after": after}))
            response = connection.getresponse()
            if response.status != 200:
                _answer(response.status, response.read())
            yield from _events(response)
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{self._path}: the stream of events ended ({error})") from None
        finally:
            connection.close()
        raise Unanswered(f"{self._path}: the stream of events ended")

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        body: Json | None = None,
        *,
        patience: float | None = None,
    ) -> Json:
        """What is answered; `patience` where the usual one is too short."""
        waiting = self._patience if patience is None else patience
        return await asyncio.to_thread(self._exchange, method, _url(path, query), body, waiting)

    def _exchange(self, method: str, url: str, body: Json | None, patience: float) -> Json:
        connection = _Connection(self._path, patience)
        sent = None if body is None else json.dumps(body, ensure_ascii=True)
        try:
            connection.request(method, url, sent, {"Content-Type": "application/json"} if sent else {})
            response = connection.getresponse()
            status, data = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{self._path}: no answer ({error})") from None
        finally:
            connection.close()
        return _answer(status, data)


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Json]]:
    """The events of a stream that we write ourselves: each has one line of data."""
    name = ""
    while line := response.readline():
        field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
        elif field == "" and value:
            yield "", {}


def _answer(status: int, data: bytes) -> Json:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = {"detail": f"an answer that is not JSON (status {status})"}
        status = max(status, 500)
    if status >= 400 or not isinstance(answer, dict):
        known = answer if isinstance(answer, dict) else {}
        raise Refused(status, str(known.get("detail", f"status {status}")), str(known.get("remedy", "")))
    return answer


def _flags(flags: Mapping[str, bool]) -> dict[str, str]:
    return {name: "true" for name, value in flags.items() if value}


def _person(person: str) -> str:
    return f"/people/{quote(person, safe='')}"


def _url(path: str, query: Mapping[str, object]) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return f"/api/v1{path}" + (f"?{urlencode(given)}" if given else "")
