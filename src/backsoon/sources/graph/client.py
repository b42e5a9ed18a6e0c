"""Asks Graph: one request at a time or twenty together (`$batch`), within the vendor's limits.

Sources: Microsoft Graph reference, "Combine multiple requests in one HTTP call using JSON batching", "Microsoft Graph
service-specific throttling limits" (Outlook).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from backsoon.sources.base import SourceBroken, SourceBusy
from backsoon.sources.graph.errors import DEFAULT_WAIT, NotGraphs, http_errors, refusal, told
from backsoon.sources.graph.joining import Joining
from backsoon.sources.graph.settings import CLOUDS, GraphSettings
from backsoon.sources.graph.signin import SignIn
from backsoon.wire.http import Http, Response, retry_after
from backsoon.wire.throttle import Blocked, Throttle

TOGETHER: Final = 20
"""The most requests in one `$batch`."""
PER_SECOND: Final = 1_000.0
"""Far below the 130,000 in 10 s that one application may send, and far above what one tenant of ours needs."""
LIMIT: Final = 64 * 1024 * 1024
"""The most bytes of an answer."""
DEADLINE: Final = 60.0
JOINED: Final = 10.0
"""The same where several reads wait for one answer; each then asks alone."""
CROWDED_TRIES: Final = 3
CROWDED_WAIT: Final = 5.0
"""For so many seconds a read waits for a crowded mailbox; where it says longer, the mailbox is read another time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request. `path` begins behind the version (`/users/...`); `body` is what becomes JSON."""

    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request was answered; `headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def good(self) -> bytes:
        """The body where all went well. Raises the `SourceError` that it says otherwise."""
        if not 200 <= self.status < 300:
            raise refusal(self.status, self.headers, self.body)
        return self.body


class _BatchAnswer(msgspec.Struct):
    id: str
    status: int
    headers: dict[str, Any] = {}
    body: msgspec.Raw = msgspec.Raw(b"")


class _Batch(msgspec.Struct):
    responses: list[_BatchAnswer]


_batch = msgspec.json.Decoder(_Batch)


class Graph:
    """Asks for one account. Errors are `SourceError`s; `SourceBusy` where the vendor asks to wait."""

    def __init__(self, settings: GraphSettings, http: Http, sign_in: SignIn) -> None:
        self.base = settings.base
        self.throttle = Throttle(settings.at_once, least=1, per_second=PER_SECOND, burst=float(4 * TOGETHER))
        self._ours = {_place(base) for base in (self.base, CLOUDS[settings.cloud].graph + "/v1.0")}
        """Where links may lead to; behind a proxy they name the cloud."""
        self._http = http
        self._sign_in = sign_in
        self._joining: Joining[Part, Answer] = Joining(self._together, self._joined, TOGETHER)

    def path_of(self, link: str) -> str:
        """What a link of the vendor's asks for. Raises `SourceBroken` where it leads away from our address."""
        if not link.isascii() or not link.isprintable() or "#" in link or "/../" in link:
            raise SourceBroken("a link to the next page that is none")
        place, version, path = link.partition("/v1.0/")
        if not version or _place(place + "/v1.0") not in self._ours:
            raise SourceBroken("a link to the next page leads to another server; it was not followed")
        return "/" + path

    async def one(self, part: Part) -> Answer:
        """The answer to one request, whatever it says; waited for again where a mailbox is crowded."""
        return (await self.each([part]))[0]

    async def each(self, parts: Sequence[Part], *, small: bool = False) -> list[Answer]:
        """The answers in the order of the requests; one's failure is its answer.

        `small`: little is expected, so that others' requests may go along. Raises where none was answered.
        """
        found: list[Answer] = []
        for first in range(0, len(parts), TOGETHER):
            found += await self._chunk(parts[first : first + TOGETHER], small)
        return found

    async def _chunk(self, parts: Sequence[Part], small: bool) -> list[Answer]:
        answers = await (self._joining.ask(parts) if small else self._together(parts))
        for _ in range(CROWDED_TRIES - 1):
            again = [
                n for n, answer in enumerate(answers) if _is_crowded(answer) and _wait(answer, 1.0) <= CROWDED_WAIT
            ]
            if not again:
                break
            await asyncio.sleep(max(_wait(answers[n], 1.0) for n in again))
            for number, answer in zip(again, await self._together([parts[n] for n in again]), strict=True):
                answers[number] = answer
        return answers

    async def _joined(self, parts: Sequence[Part]) -> list[Answer]:
        """Those of several reads: no mailbox that is slow may hold up the others for long."""
        return await self._together(parts, JOINED)

    async def _together(self, parts: Sequence[Part], deadline: float = DEADLINE) -> list[Answer]:
        if len(parts) == 1:
            return [await self._single(parts[0])]
        requests = [_as_request(number, part) for number, part in enumerate(parts)]
        batch = Part("POST", "/$batch", body={"requests": requests})
        outer, begun = await self._send(batch, float(len(parts)), deadline)
        if outer.status != 200:
            self._slow(outer, begun)
            raise refusal(outer.status, outer.headers, outer.body)
        answers = _unpacked(outer.body, len(parts))
        if not any([self._slow(answer, begun) for answer in answers]):
            self.throttle.went_well()
        return answers

    async def _single(self, part: Part) -> Answer:
        answer, begun = await self._send(part, 1.0)
        if not self._slow(answer, begun) and answer.status < 500:
            self.throttle.went_well()
        return answer

    def _slow(self, answer: Answer, begun: float) -> bool:
        """Ask for less where an answer says so; whether it did. At a crowded mailbox fewer at once, but no pause."""
        throttled = answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers)
        if throttled:
            wait = retry_after(answer.headers)
            crowded = answer.status == 503 or told(answer.body).crowded
            self.throttle.slow_down(0.0 if crowded else (DEFAULT_WAIT if wait is None else wait), begun)
        return throttled

    async def _send(self, part: Part, cost: float, deadline: float = DEADLINE) -> tuple[Answer, float]:
        """One HTTP request, and when it began; signed in anew once where the token was not accepted."""
        token = await self._sign_in.token()
        answer, begun = await self._sent(part, cost, token, deadline)
        if answer.status == 401:
            self._sign_in.forget(token)
            fresh = await self._sign_in.token()
            if fresh != token:
                answer, begun = await self._sent(part, cost, fresh, deadline)
        return answer, begun

    async def _sent(self, part: Part, cost: float, token: str, deadline: float) -> tuple[Answer, float]:
        headers = {**part.headers, "Authorization": f"Bearer {token}", "Accept": "application/json"}
        body = None
        if part.body is not None:
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(part.body)
        try:
            async with self.throttle.turn(cost) as begun:
                with http_errors():
                    response = await self._http.request(
                        part.method,
                        self.base + part.path,
                        headers=headers,
                        body=body,
                        limit_bytes=LIMIT,
                        deadline=deadline,
                    )
        except Blocked as blocked:
            raise SourceBusy("Microsoft 365 asked to wait", retry_after=blocked.seconds) from None
        return _answer(response), begun


def _place(base: str) -> str:
    """An address to compare: scheme and host without regard to case."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}".lower() + parts.path


def preferring(part: Part, *prefer: str) -> Part:
    """The request with `Prefer` (RFC 7240)."""
    return replace(part, headers={**part.headers, "Prefer": ", ".join(prefer)})


def _as_request(number: int, part: Part) -> dict[str, Any]:
    request: dict[str, Any] = {"id": str(number), "method": part.method, "url": part.path}
    headers = dict(part.headers)
    if part.body is not None:
        request["body"] = part.body
        headers["Content-Type"] = "application/json"
    if headers:
        request["headers"] = headers
    return request


def _answer(response: Response) -> Answer:
    return Answer(response.status, response.headers, response.body)


def _unpacked(body: bytes, count: int) -> list[Answer]:
    """The answers in a batch's, in the order of the requests. Raises `SourceBroken` where one is missing."""
    try:
        responses = _batch.decode(body).responses
        found = {
            int(one.id): Answer(one.status, {k.lower(): str(v) for k, v in one.headers.items()}, bytes(one.body))
            for one in responses
        }
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError):
        raise NotGraphs("the answer to several requests is none of Graph's") from None
    if found.keys() != set(range(count)):
        raise SourceBroken("the answer to several requests does not answer each of them")
    return [found[number] for number in range(count)]


def _is_crowded(answer: Answer) -> bool:
    return answer.status == 429 and told(answer.body).crowded


def _wait(answer: Answer, default: float) -> float:
    said = retry_after(answer.headers)
    return default if said is None else said
