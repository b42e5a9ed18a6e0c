"""Ordering change notifications. Source: Microsoft Graph reference, "subscription resource type", "Change notifications
for Outlook resources", "Lifecycle notifications".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from backsoon.domain.model import utc
from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import SourceBroken, SourceBusy, SourceError, SourceMissing
from backsoon.sources.graph.client import TOGETHER, Answer, Graph, Part
from backsoon.sources.graph.errors import remedied
from backsoon.sources.graph.records import read_page
from backsoon.sources.paging import Pages
from backsoon.wire.throttle import Blocked, Throttle

LIFE: Final = timedelta(minutes=10_080)
SHORTER_LIFE: Final = timedelta(minutes=4_230)
"""The most that was allowed before, and may be so still in a national cloud."""
_MARGIN: Final = timedelta(minutes=2)
PER_SECOND: Final = 48.0
"""1,000 may be ordered, renewed or cancelled in 20 s."""
MOST_PAGES: Final = 5_000
_LONGEST_WAIT: Final = 60.0
_RESOURCE: Final = re.compile(r"/?users(?:/|\(')([^/']+)(?:'\))?/events", re.IGNORECASE)
_FRACTION: Final = re.compile(r"\.\d+")


class _Subscription(msgspec.Struct, rename="camel"):
    id: str
    expiration_date_time: str
    resource: str = ""
    notification_url: str | None = None
    change_type: str | None = None


_decode = msgspec.json.Decoder(_Subscription).decode


class GraphWebhooks:
    """See `Webhooks`."""

    path = "/hooks/graph"
    together = TOGETHER
    renewable = True
    of_everything = False

    def __init__(self, graph: Graph, clock: Callable[[], datetime]) -> None:
        self._graph = graph
        self._clock = clock
        self._life = LIFE
        self._throttle = Throttle(4, per_second=PER_SECOND, burst=float(TOGETHER))

    async def order(self, wanted: Sequence[Wanted]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`."""
        answers = await self._lasting(lambda: [self._ordering(one) for one in wanted])
        return [_ordered(answer, one.calendar, one.address) for one, answer in zip(wanted, answers, strict=True)]

    async def renew(self, ordered: Sequence[Ordered]) -> Sequence[Ordered | SourceError]:
        """See `Webhooks`."""
        answers = await self._lasting(
            lambda: [Part("PATCH", _place(one), body={"expirationDateTime": self._expiry()}) for one in ordered]
        )
        return [
            SourceMissing("there is no such subscription any more (404)")
            if answer.status == 404
            else _ordered(answer, one.calendar, one.address)
            for one, answer in zip(ordered, answers, strict=True)
        ]

    async def cancel(self, ordered: Sequence[Ordered]) -> None:
        """See `Webhooks`."""
        for answer in await self._paced([Part("DELETE", _place(one)) for one in ordered]):
            if answer.status != 404:
                answer.good()

    async def listed(self) -> Sequence[Ordered] | None:
        """See `Webhooks`: this application's in this tenant."""
        found: list[Ordered] = []
        path, pages = "/subscriptions", Pages(MOST_PAGES)
        while True:
            page = read_page((await self._graph.one(Part("GET", path))).good())
            found += [one for raw in page.value if (one := _listed(bytes(raw))) is not None]
            if page.next is None:
                return found
            path = self._graph.path_of(pages.following(page.next))

    def _ordering(self, one: Wanted) -> Part:
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": one.url,
            "lifecycleNotificationUrl": one.url,
            "resource": f"users/{quote(one.address, safe='@')}/events",
            "expirationDateTime": self._expiry(),
            "clientState": one.secret,
        }
        return Part("POST", "/subscriptions", body=body)

    def _expiry(self) -> str:
        return f"{self._clock() + self._life - _MARGIN:%Y-%m-%dT%H:%M:%S}Z"

    async def _lasting(self, parts: Callable[[], list[Part]]) -> list[Answer]:
        """The answers; where so long a life is refused, a shorter one is asked for from then on."""
        answers = await self._paced(parts())
        if self._life == SHORTER_LIFE or not any(_lives_too_long(answer) for answer in answers):
            return answers
        self._life = SHORTER_LIFE
        again = [n for n, answer in enumerate(answers) if _lives_too_long(answer)]
        fresh = parts()
        for number, answer in zip(again, await self._paced([fresh[n] for n in again]), strict=True):
            answers[number] = answer
        return answers

    async def _paced(self, parts: Sequence[Part]) -> list[Answer]:
        found: list[Answer] = []
        for first in range(0, len(parts), TOGETHER):
            chunk = parts[first : first + TOGETHER]
            try:
                async with self._throttle.turn(len(chunk), longest_wait=_LONGEST_WAIT) as begun:
                    answers = await self._graph.each(chunk)
            except Blocked as blocked:
                raise SourceBusy("Microsoft 365 asked to wait", retry_after=blocked.seconds) from None
            self._learn(answers, begun)
            found += answers
        return found

    def _learn(self, answers: Sequence[Answer], begun: float) -> None:
        if any(answer.status == 429 for answer in answers):
            self._throttle.slow_down(self._graph.throttle.blocked_for(), begun)


def _lives_too_long(answer: Answer) -> bool:
    """Graph has no code of its own for it."""
    return answer.status == 400 and b"expir" in answer.body.lower()


def _place(one: Ordered) -> str:
    return f"/subscriptions/{quote(one.id, safe='')}"


def _ordered(answer: Answer, calendar: int, address: str) -> Ordered | SourceError:
    if answer.status == 409:
        problem = SourceError("notifications of this mailbox to this address are ordered already (409)")
        return remedied(problem, "nothing to do: it is found in Microsoft's list and taken over")
    try:
        said = _decode(answer.good())
        return _as_ordered(said, calendar, address)
    except SourceError as error:
        return _explained(error, answer.status)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return SourceBroken("the answer is no subscription of Graph's")


def _explained(error: SourceError, status: int) -> SourceError:
    if status == 400:
        remedy = (
            "see that the address under [api] public can be reached from the internet by HTTPS with a certificate that"
            " everybody trusts, and that the reverse proxy hands /hooks/graph on"
        )
        return remedied(SourceError("Microsoft 365 does not take the address for notifications (400)"), remedy)
    return error


def _listed(raw: bytes) -> Ordered | None:
    """One of the list, where it is one of events; those of other kinds are not ours."""
    try:
        said = _decode(raw)
        found = _RESOURCE.fullmatch(said.resource)
        if found is None:
            return None
        address = unquote(found[1])
        return _as_ordered(said, 0, address if "@" in address else "")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None


def _as_ordered(said: _Subscription, calendar: int, address: str) -> Ordered:
    expires_at = utc(datetime.fromisoformat(_FRACTION.sub("", said.expiration_date_time)))
    return Ordered(said.id, expires_at, calendar, address, said.resource, said.notification_url or "")
