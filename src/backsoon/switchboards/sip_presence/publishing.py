"""One publication at a time: PUBLISH and what servers answer to it (RFC 3903)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from backsoon.switchboards.base import Rendered, SwitchboardError
from backsoon.switchboards.sip_presence.ledger import OURS, Held, Ledger
from backsoon.switchboards.sip_presence.pace import Pace
from backsoon.switchboards.sip_presence.pidf import CONTENT_TYPE, document
from backsoon.switchboards.sip_presence.render import told
from backsoon.switchboards.sip_presence.settings import SipPresenceSettings
from backsoon.wire.sip import TOKEN, Response
from backsoon.wire.sip_client import SipClient, SipSilent

ATTEMPTS = 6
"""How often one publication is made otherwise, as the server wants it, before it is given up."""
TRIES = 4
"""How often one is sent to a server that cannot just now: others wait for it, and it is told again later as well."""
FIRST_PAUSE = 0.25
"""Seconds before it is sent again where the server does not say how many; doubled each time."""
LONGEST_LIFE = 7 * 86_400
"""The most seconds that a server may make a publication last."""
MOST_TAG = 256

UNMET, TOO_SHORT = 412, 423
BUSY = frozenset({429, 491})
"""What a server that is there says beside 5xx where it only cannot just now: it is asked again soon."""
AWAY = frozenset({408, 480})
"""What is said in the place of a server that is not there, by a proxy before it: it has waited long itself."""


class Refused(Exception):
    """The server refused this one publication. The text is what it said."""

    def __init__(self, said: str, *, passing: bool = False, denied: bool = False) -> None:
        """`passing`: only just now, it seems. `denied`: the account may not."""
        self.passing = passing
        self.denied = denied
        super().__init__(said)


class Unanswered(Refused):
    """The server never answered this one publication. Whether it holds it is not known."""


class Publications:
    """Publishes, prolongs and withdraws, and enters it in the ledger. Raises what `SipClient.request` raises.

    Where the server asks to be left alone for longer than whoever waits for an order has patience, and takes nothing of
    others either, that is a `SwitchboardError` with `retry_after`.
    """

    def __init__(
        self,
        client: SipClient,
        settings: SipPresenceSettings,
        ledger: Ledger,
        pace: Pace,
        now: Callable[[], datetime],
        unmet: Callable[[], None] = lambda: None,
    ) -> None:
        """`unmet` is called where the server does not know a tag of ours."""
        self._client = client
        self._settings = settings
        self._ledger = ledger
        self._pace = pace
        self._now = now
        self._unmet = unmet
        self._least = 0
        self._answered = 0
        self._beating = asyncio.Lock()

    async def publish(self, key: str, address: str, shown: Rendered) -> None:
        """Publish it whole, in the place of what is there. Raises `Refused`."""
        held = self._ledger.last(key)
        if held is not None and held.address != address:
            await self.withdraw(key)
            held = None
        known = told(shown)
        tag = held.tag if held else ""
        for _ in range(ATTEMPTS):
            at = self._now()
            present = known.present(at.timestamp())
            until = present.end if present else 0
            expires = self._life(until, at)
            body = document(address, known, at, self._most(address, tag, expires))
            response = await self._said(address, tag, expires, body)
            if response.status == UNMET:
                self._note_unmet(held)
                tag = ""
            elif response.status != TOO_SHORT:
                self._enter(key, Held(address, "", 0, until, shown), expires, response)
                return
        raise Refused("the server wants it otherwise each time")

    async def prolong(self, key: str) -> None:
        """Have it last longer. Raises `Refused`.

        It is published whole: Kamailio 5.6, where it keeps publications in memory, forgets the document of one that
        is refreshed without.
        """
        held = self._ledger.get(key)
        if held is not None and held.tag:
            await self.publish(key, held.address, held.shown)

    async def beat(self) -> bool:
        """Prolong our own publication, asking once; False where the server does not know it.

        Raises `Refused` for every answer that does not show a server that knows it: nobody may be there any more.
        """
        async with self._beating:  # each makes the tag that the next one needs
            return await self._prolonged_ours()

    async def _prolonged_ours(self) -> bool:
        held = self._ledger.get(OURS)
        if held is None or not held.tag:
            return False
        at = self._now()
        expires = self._life(0, at)
        response = await self._request(held.address, held.tag, expires, document(held.address, told(held.shown), at))
        if 200 <= response.status < 300:
            self._answered += 1
            self._enter(OURS, held, expires, response)
        elif response.status == TOO_SHORT:
            self._note_least(response)
        elif _busy(response.status):
            asked = _retry_after(response)
            if asked > self._pace.strained(asyncio.get_running_loop().time(), asked):
                raise _nothing_now(response)
        elif response.status != UNMET:
            raise _refused(response)
        return response.status != UNMET

    async def withdraw(self, key: str) -> None:
        """Nothing is published of it any more. Raises `Refused`."""
        held = self._ledger.last(key)
        if held is not None and held.tag:
            response = await self._said(held.address, held.tag, 0, b"")
            if response.status == TOO_SHORT:  # nothing was withdrawn
                raise Refused(response.said)
            if response.status == UNMET:
                self._note_unmet(held)
        self._ledger.drop(key)

    # -- one request ------------------------------------------------------------------------------------------------

    def _life(self, until: int, at: datetime) -> int:
        """Seconds that it is to last: never longer than what it says, unless the server insists (423)."""
        left = self._settings.expires if not until else math.ceil(until - at.timestamp())
        return max(1, self._least, min(left, self._settings.expires))

    def _most(self, address: str, tag: str, expires: int) -> int | None:
        """The most bytes of a document that the transport should carry."""
        if self._client.most_bytes is None:
            return None
        fields = self._fields(tag, expires, b"x")
        return self._client.most_bytes - self._client.size("PUBLISH", address, self._settings.own_address, fields)

    async def _said(self, address: str, tag: str, expires: int, body: bytes) -> Response:
        """What the server answers, but for what it only could not do just now.

        Raises `Refused`, and `SwitchboardError` where it takes nothing of others either.
        """
        pause, loop = FIRST_PAUSE, asyncio.get_running_loop()
        answered = self._answered
        for left in reversed(range(TRIES)):
            response = await self._heard(address, tag, expires, body)
            if response.status in AWAY:
                raise _refused(response, passing=True)
            if not _busy(response.status):
                self._answered += 1
                self._pace.done(loop.time())
                return self._heeded(response, tag)
            asked = _retry_after(response)
            wait = self._pace.strained(loop.time(), asked)
            if not left or asked > wait:
                break
            await asyncio.sleep(max(wait, pause))
            await self._pace.turn()
            pause *= 2
        if not await self._takes_others(answered):
            raise _nothing_now(response)
        raise _refused(response, passing=True)

    async def _heard(self, address: str, tag: str, expires: int, body: bytes) -> Response:
        """What the server answers. That it answers nothing to this one says nothing of others; `beat` is for that."""
        try:
            return await self._request(address, tag, expires, body)
        except SipSilent as error:
            raise Unanswered(str(error)) from None

    async def _takes_others(self, answered: int) -> bool:
        """Whether anything else was answered since that count, or our own publication is now."""
        async with self._beating:
            if self._answered == answered:
                with suppress(Refused):
                    await self._prolonged_ours()
            return self._answered != answered

    def _heeded(self, response: Response, tag: str) -> Response:
        if response.status == UNMET and tag:
            return response
        if response.status == TOO_SHORT and self._note_least(response):
            return response
        if not 200 <= response.status < 300:
            raise _refused(response)
        return response

    async def _request(self, address: str, tag: str, expires: int, body: bytes) -> Response:
        fields = self._fields(tag, expires, body)
        return await self._client.request("PUBLISH", address, self._settings.own_address, fields, body)

    def _note_unmet(self, held: Held | None) -> None:
        if held is not None and self._ledger.lasts(held):  # what has ended is rightly unknown
            self._unmet()

    def _note_least(self, response: Response) -> bool:
        """Whether the server says how long it must last at least, which is heeded from now on."""
        least = response.headers.seconds("min-expires")
        if least is None or not self._least < least <= LONGEST_LIFE:
            return False
        self._least = least
        return True

    def _fields(self, tag: str, expires: int, body: bytes) -> list[tuple[str, str]]:
        fields = [("Event", "presence"), ("Expires", str(expires))]
        if tag:
            fields.append(("SIP-If-Match", tag))
        if body:
            fields.append(("Content-Type", CONTENT_TYPE))
        return fields

    def _enter(self, key: str, held: Held, asked: int, response: Response) -> None:
        tag = response.headers.get("sip-etag")
        if not TOKEN.fullmatch(tag) or len(tag) > MOST_TAG:
            raise Refused("the server's answer has no entity tag")
        granted = response.headers.seconds("expires")
        life = asked if granted is None else min(granted, LONGEST_LIFE)
        if not life:
            raise Refused("the server keeps it for no time")
        expires_at = int(self._now().timestamp()) + life
        self._ledger.put(key, Held(held.address, tag, expires_at, held.until, held.shown))


def _busy(status: int) -> bool:
    """Whether it is only that the server cannot just now."""
    return status in BUSY or (500 <= status < 600 and status != 501)


def _refused(response: Response, *, passing: bool = False) -> Refused:
    return Refused(response.said, passing=passing, denied=response.status == 403)


def _nothing_now(response: Response) -> SwitchboardError:
    error = SwitchboardError(f"the presence server takes nothing now ({response.said})")
    error.retry_after = _retry_after(response)
    return error


def _retry_after(response: Response) -> float:
    return float(response.headers.seconds("retry-after") or 0)
