"""One account's questions to Exchange: in turn, in a version that the server knows, and its answers checked."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

from lxml import etree

from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceUnavailable,
    Window,
)
from backsoon.sources.ews import requests, soap
from backsoon.sources.ews.failures import (
    BUSY,
    ELSEWHERE,
    MAX_BACK_OFF,
    USUAL_BACK_OFF,
    WRONG_VERSION,
    EwsFailure,
    source_errors,
    with_remedy,
)
from backsoon.sources.ews.settings import HIGHEST, ORDER, VERSIONS, EwsSettings
from backsoon.sources.ews.transport import Transport
from backsoon.wire.http import Response, Unreachable, retry_after
from backsoon.wire.throttle import Throttle

_STREAMING_SINCE: Final = ORDER.index("Exchange2010_SP1")
_COOKIE: Final = re.compile(
    r"(?:^|, )(X-BackEndOverrideCookie|X-BackEndCookie|exchangecookie)=([\x21-\x2b\x2d-\x3a\x3c-\x7e]{1,2000})"
)
_NOTHING: Final = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, 0, 1, tzinfo=UTC))
_DENIALS: Final = 3
_DENIED_PAUSE, _LONGEST_DENIED = 120.0, 900.0
"""Seconds for which an account that was refused some times in a row is not shown: at first, and at most. Directories
lock accounts after five or ten wrong passwords within a quarter or half of an hour."""
_GOOD_FOR: Final = 60.0
"""Seconds for which an account is believed to be good that was not refused: its password may be changed any time."""
_REFUSED: Final = (
    "check username and password, and whether the account is locked; with NTLM also this machine's clock (NTP), and"
    " Extended Protection where something before Exchange ends TLS"
)
_WRONG_SERVER: Final = frozenset({401, 403, 404, 410, 421, 456})
"""What is answered, beside redirects, where EWS is not, or where the account is not at home."""
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


class Addresses(Protocol):
    """Where Exchange is."""

    async def find(self, mailbox: str) -> str:
        """The address of EWS for this account; `mailbox` is one that it reads. Raises `SourceError`."""
        ...

    def doubt(self) -> None:
        """What answers at that address, if anything, is not the right server, or not any more."""
        ...


class Affinity:
    """Which of several servers shall answer: the one that a mailbox is on, and that answered before.

    Exchange 2013 and later tell it by cookies; `X-PreferServerAffinity` asks for them.
    """

    def __init__(self, anchor: str = "") -> None:
        self.anchor = anchor
        self._cookies: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        """What a request says of it; nothing, where it is nobody's."""
        if not self.anchor:
            return {}
        told = {"X-PreferServerAffinity": "true"}
        if self._cookies:
            told["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return told

    def learn(self, headers: Mapping[str, str]) -> None:
        """Keep the cookies that name a server, and no others."""
        if self.anchor:
            self._cookies.update(_COOKIE.findall(headers.get("set-cookie", "")))


class Client:
    """Asks. Knows what was learnt of the server: its address and its version."""

    def __init__(self, settings: EwsSettings, transport: Transport, throttle: Throttle, addresses: Addresses) -> None:
        self.settings = settings
        self.transport = transport
        self.throttle = throttle
        self.counts: Counter[str] = Counter()
        """Requests by operation."""
        self.version = HIGHEST if settings.version == "auto" else VERSIONS[settings.version]
        """What requests declare."""
        self.server = ""
        """What the server speaks, as it says itself; "" until it has."""
        self._denials = 0
        """How many times in a row the account was refused,"""
        self._denied_until = float("-inf")
        """until when it is not shown again,"""
        self._denied_pause = _DENIED_PAUSE
        """and for how many seconds after that."""
        self._good_until = float("-inf")
        """Until when the account is believed to be good (seconds of the loop's clock): else one at a time shows it."""
        self._showing = asyncio.Lock()
        self._confirmed = settings.version != "auto"
        self._addresses = addresses

    @property
    def streams(self) -> bool:
        """Whether the server knows streaming notifications."""
        return ORDER.index(self.version) >= _STREAMING_SINCE

    def folder_of(self, mailbox: str) -> str:
        """Whom a folder must name: nobody, where requests are made in the mailbox's own name."""
        return "" if self.settings.impersonates else mailbox

    async def ask(
        self, body: str, *, mailbox: str = "", act: bool = True, affinity: Affinity | None = None
    ) -> etree._Element:
        """The operation's answer. `act` False: in the account's own name, even where it impersonates.

        `affinity` names the server that shall answer, and learns which one did.

        Raises `EwsFailure` for what the server names, a `SourceError` for all else.
        """
        for _ in ORDER:
            version = self.version
            try:
                async with self._one_at_first():
                    response, begun = await self._send(body, mailbox, act, affinity or Affinity())
                    with source_errors(named=False):
                        return self.read(response, begun)
            except EwsFailure as failure:
                if not self._steps_down(failure, version):
                    raise
        raise EwsFailure("ErrorInvalidServerVersion")

    async def learn(self, mailbox: str) -> None:
        """Find out which version the server knows, where nothing was asked yet; by as little as there is.

        Raises `SourceError`.
        """
        if self._confirmed:
            return
        try:
            await self.ask(requests.find_items(_NOTHING, self.folder_of(mailbox)), mailbox=mailbox)
        except EwsFailure:
            return  # whatever it was, it was not the version

    async def request(
        self, body: str, mailbox: str, *, act: bool = True, affinity: Affinity
    ) -> tuple[str, dict[str, str], bytes]:
        """The address, headers and bytes of a request. Raises `SourceError`."""
        url = await self._addresses.find(mailbox)
        anchor = affinity.anchor or mailbox
        told = affinity.headers()
        if anchor and anchor.isascii() and anchor.isprintable():
            told["X-AnchorMailbox"] = anchor
        act_for = mailbox if act and self.settings.impersonates else ""
        return url, told, soap.envelope(body, version=self.version, act_for=act_for)

    def throttled(self, seconds: float, begun: float) -> SourceBusy:
        """Note that the server asks to wait; the error that says so."""
        seconds = min(seconds, MAX_BACK_OFF)
        self.throttle.slow_down(seconds, begun)
        return SourceBusy("Exchange asks to wait", retry_after=seconds)

    async def _send(self, body: str, mailbox: str, act: bool, affinity: Affinity) -> tuple[Response, float]:
        with source_errors():
            url, told, data = await self.request(body, mailbox, act=act, affinity=affinity)
            self._allowed()
            async with self.throttle.turn() as begun:
                self.counts[_name(body)] += 1
                response = await self._posted(url, told, data)
            affinity.learn(response.headers)
            await asyncio.sleep(0)  # whoever has the turn now asks, before this answer is worked through
            return response, begun

    async def _posted(self, url: str, told: Mapping[str, str], data: bytes) -> Response:
        try:
            return await self.transport.post(url, told, data)
        except Unreachable:
            self._addresses.doubt()
            raise

    @asynccontextmanager
    async def _one_at_first(self) -> AsyncIterator[None]:
        """Until the account is known to be good one request at a time shows it: many at once would lock it."""
        now = asyncio.get_running_loop().time
        if now() >= self._good_until:
            async with self._showing:
                if now() >= self._good_until:
                    denials = self._denials
                    try:
                        yield
                    finally:
                        if self._denials == denials < _DENIALS:
                            self._good_until = now() + _GOOD_FOR
                    return
        yield

    def _allowed(self) -> None:
        """Raise `SourceDenied` where the account was refused just now; else, after refusals, this one tries for all."""
        if self._denials < _DENIALS:
            return
        now = asyncio.get_running_loop().time()
        if self.transport.renewed():
            self._denials, self._denied_pause = 0, _DENIED_PAUSE
            return
        if now < self._denied_until:
            raise _refused_account()
        self._denied_pause = min(2 * self._denied_pause, _LONGEST_DENIED)
        self._denied_until = now + self._denied_pause

    def read(self, response: Response, begun: float) -> etree._Element:
        """The operation's answer in a response that was asked for at `begun`. Raises as `ask`."""
        if response.status != 200:
            self._refused(response, begun)
        self._denials, self._denied_pause = 0, _DENIED_PAUSE
        self._good_until = asyncio.get_running_loop().time() + _GOOD_FOR
        root = soap.parse(response.body)
        said = soap.server_version(root)
        self.server = said or self.server
        try:
            inner = soap.operation(root)
        except EwsFailure as failure:
            if failure.code in BUSY:
                raise self.throttled(failure.back_off or USUAL_BACK_OFF, begun) from None
            self._confirmed = self._confirmed or failure.code not in WRONG_VERSION
            if failure.code in ELSEWHERE:
                self._addresses.doubt()
            raise
        for element in inner.iter(soap.M + "ResponseCode"):
            if element.text in BUSY:
                raise self.throttled(soap.back_off(inner) or USUAL_BACK_OFF, begun)
            if element.text in ELSEWHERE:
                self._addresses.doubt()
        self._confirmed = True
        self.throttle.went_well()
        return inner

    def _refused(self, response: Response, begun: float) -> None:
        """Raise what a status says; 500 with an envelope in it is a fault, and read."""
        status, pause = response.status, retry_after(response.headers)
        if status in _WRONG_SERVER or 300 <= status < 400:
            self._addresses.doubt()
        if status == 429 or (status == 503 and pause is not None):
            raise self.throttled(USUAL_BACK_OFF if pause is None else pause, begun)
        if status == 500 and b"Envelope" in response.body[:2_000]:
            return
        if status == 401:
            self._denials, self._good_until = self._denials + 1, float("-inf")
            if self._denials == _DENIALS:
                self._denied_until = asyncio.get_running_loop().time() + self._denied_pause
            raise _refused_account()
        if status in (403, 456):
            error = SourceDenied(f"Exchange does not let this account use EWS ({status})")
            raise with_remedy(error, "allow it: Set-CASMailbox -EwsEnabled $true, and the organisation's EwsEnabled")
        if status in (404, 410):
            remedy = "url must be https://HOST/EWS/Exchange.asmx"
            raise with_remedy(SourceMissing(f"there is no EWS at this address ({status})"), remedy)
        if status in _PASSING:
            raise SourceUnavailable(f"the server answered {status}")
        if 300 <= status < 400:
            error_ = SourceBroken(f"the address leads elsewhere ({status}), which was not followed")
            raise with_remedy(error_, "url must be that of EWS itself (https://HOST/EWS/Exchange.asmx), not Outlook's")
        raise SourceBroken(f"the server answered {status}")

    def _steps_down(self, failure: EwsFailure, tried: str) -> bool:
        """Whether asking once more in another version can help."""
        wrong = failure.code in WRONG_VERSION and not (failure.code == "ErrorSchemaValidation" and self._confirmed)
        if self.settings.version != "auto" or not wrong:
            return False
        if self.version != tried:
            return True  # another request has learnt it meanwhile
        place = ORDER.index(tried)
        if not place:
            return False
        known = ORDER.index(self.server) if self.server else place
        self.version = ORDER[known if known < place else place - 1]
        return True


def _refused_account() -> SourceError:
    return with_remedy(SourceDenied("Exchange refused the account (401)"), _REFUSED)


def _name(body: str) -> str:
    return body[3 : min(i for i in (body.find(">"), body.find(" ")) if i > 0)]
