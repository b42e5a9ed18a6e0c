"""Subscribe, Unsubscribe, GetEvents, and GetStreamingEvents: notifications that clients fetch or listen to."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from tests.simulators.ews.exchange import Call, Exchange
from tests.simulators.ews.items import folder_id, item_id
from tests.simulators.ews.reading import one_by_one
from tests.simulators.ews.soap import (
    VERSIONS,
    Failed,
    Refused,
    answer,
    badly,
    element,
    elements,
    envelope,
    instant,
    local,
    made_id,
    parts_of,
    text,
    well,
)
from tests.simulators.model import Mailbox

STREAMS_SINCE: Final = VERSIONS["2010_SP1"].rank
AFFINITY_SINCE: Final = VERSIONS["2013"].rank
_PULL, _STREAM = "PullSubscriptionRequest", "StreamingSubscriptionRequest"


@dataclass
class Subscription:
    """Somebody wants to know of changes in one mailbox."""

    id: str
    mailbox: Mailbox
    kind: str
    types: frozenset[str]
    backend: str
    lasts: float
    """Seconds without being asked after which it is forgotten."""
    asked_at: float
    events: list[tuple[int, str]] = field(default_factory=list)
    """Number and text of what has happened and was not streamed yet, or not acknowledged by a watermark."""
    held: list[tuple[int, str]] = field(default_factory=list)
    listeners: set[asyncio.Event] = field(default_factory=set)

    def wake(self) -> None:
        """Tell the streams."""
        for listener in self.listeners:
            listener.set()


class Notices:
    """All subscriptions of a server."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._numbers = itertools.count(1)
        self.subscriptions: dict[str, Subscription] = {}
        self.streams: Counter[str] = Counter()
        """Streams that are open, by whom they are charged to."""
        self._watched: set[str] = set()
        self.sent = 0
        """Notifications that went out."""

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def subscribe(self, call: Call) -> str:
        """Subscribe, to be asked (`Pull`) or listened to (`Streaming`)."""
        return one_by_one(call, list(call.what)[:1], self._subscribe)

    def _subscribe(self, call: Call, wanted: object) -> str:
        request = next(iter(call.what))
        kind = local(request)
        if kind not in {_PULL, _STREAM} or (kind == _STREAM and call.version.rank < STREAMS_SINCE):
            raise Refused("ErrorSchemaValidation", "This version does not know that subscription.")
        folders = element(request, "t:FolderIds")
        if folders is None:
            raise Refused("ErrorInvalidSubscriptionRequest", "Subscribe to folders.")
        owners = {call.folder(folder)[0].address: call.folder(folder)[0] for folder in folders}
        if len(owners) != 1:
            raise Failed("ErrorInvalidSubscriptionRequest", "One mailbox for one subscription.")
        return self._made(call, kind, next(iter(owners.values())))

    def _made(self, call: Call, kind: str, mailbox: Mailbox) -> str:
        limits = self._exchange.limits
        if limits and sum(s.mailbox is mailbox for s in self.subscriptions.values()) >= limits.subscriptions:
            raise Failed("ErrorExceededSubscriptionCount", "That mailbox has too many subscriptions.")
        number = next(self._numbers)
        minutes = int(text(next(iter(call.what)), "t:Timeout", "30"))
        types = frozenset(each.text or "" for each in elements(call.what, ".//t:EventType"))
        made = Subscription(
            made_id("S", mailbox.address, str(number)), mailbox, kind, types, call.backend,
            minutes * self._exchange.minute, time.monotonic(),
        )  # fmt: skip
        self.subscriptions[made.id] = made
        if call.version.rank >= AFFINITY_SINCE and call.headers.get("X-PreferServerAffinity", "").lower() == "true":
            call.set_cookie = call.backend
        if mailbox.address not in self._watched:
            self._watched.add(mailbox.address)
            mailbox.changed.append(self._changed)
        watermark = f"<m:Watermark>{_mark(0)}</m:Watermark>" if kind == _PULL else ""
        return f"<m:SubscriptionId>{made.id}</m:SubscriptionId>{watermark}"

    def unsubscribe(self, call: Call) -> str:
        """Unsubscribe."""
        return one_by_one(call, list(elements(call.what, "m:SubscriptionId")), self._unsubscribe)

    def _unsubscribe(self, call: Call, _: object) -> str:
        found = self._found(call, text(call.what, "m:SubscriptionId"))
        self.forget(found.id)
        return ""

    def forget(self, *ids: str) -> None:
        """Lose subscriptions, or all of them, as a mailbox server does that is restarted."""
        for id in ids or tuple(self.subscriptions):
            self.subscriptions.pop(id).wake()

    def _found(self, call: Call, id: str) -> Subscription:
        """The subscription with that id; raises `Failed`."""
        found = self.subscriptions.get(id)
        if found is not None and not found.listeners and time.monotonic() - found.asked_at > found.lasts:
            self.forget(id)
            found = None
        if found is None:
            raise Failed("ErrorSubscriptionNotFound", "There is no such subscription.")
        if call.version.rank >= AFFINITY_SINCE and found.backend != call.backend:
            raise Failed("ErrorInvalidSubscription", "That subscription is not at this mailbox server.")
        found.asked_at = time.monotonic()
        return found

    # -- what happens --------------------------------------------------------------------------------------------------

    def _changed(self, mailbox: Mailbox, id: str, what: str) -> None:
        faults = self._exchange.faults
        for each in [s for s in self.subscriptions.values() if s.mailbox is mailbox]:
            told = _event(mailbox, id, what, each.types)
            if not told or faults.take(f"notify {mailbox.address}", "drop"):
                continue
            again = faults.take(f"notify {mailbox.address}", "duplicate")
            times = 1 if again is None else int(again.told.get("times_sent", 2))
            events = [(next(self._numbers), told) for _ in range(times)]
            if faults.take(f"notify {mailbox.address}", "reorder"):
                each.held += events
                continue
            each.events += [*events, *each.held]
            each.held.clear()
            each.wake()

    # -- asked for -----------------------------------------------------------------------------------------------------

    def get_events(self, call: Call) -> str:
        """GetEvents: what happened since a watermark, or a StatusEvent where nothing did."""
        return one_by_one(call, list(elements(call.what, "m:SubscriptionId")), self._get_events)

    def _get_events(self, call: Call, _: object) -> str:
        if self._exchange.faults.take(f"GetEvents {call.concerned()}", "expire"):
            raise Failed("ErrorExpiredSubscription", "The subscription is over.")
        found = self._found(call, text(call.what, "m:SubscriptionId"))
        mark = text(call.what, "m:Watermark")
        try:
            since = int(parts_of(mark)[1])
        except (Failed, ValueError, IndexError) as error:
            raise Failed("ErrorInvalidWatermark", "That is no watermark.") from error
        found.events = [(number, told) for number, told in found.events if number > since]
        self.sent += len(found.events)
        events = "".join(told.replace("{mark}", _watermark(number)) for number, told in found.events)
        return (
            f"<m:Notification><t:SubscriptionId>{found.id}</t:SubscriptionId>"
            f"<t:PreviousWatermark>{mark}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>"
            f"{events or f'<t:StatusEvent>{_watermark(since)}</t:StatusEvent>'}</m:Notification>"
        )

    # -- streamed ------------------------------------------------------------------------------------------------------

    async def stream(self, call: Call, write: Callable[[bytes], Awaitable[None]]) -> None:
        """GetStreamingEvents: says OK at once, then what happens, and OK again as a sign of life, until it is over."""
        ids = [each.text or "" for each in elements(call.what, "m:SubscriptionIds/t:SubscriptionId")]
        charged = call.impersonated or call.account
        self.streams[charged] += 1
        try:
            found = self._opened(call, ids, charged)
            await self._stream(call, found, write)
        except Failed as failed:
            await write(
                envelope(answer("GetStreamingEvents", [badly("GetStreamingEvents", failed)]), self._exchange.version)
            )
        finally:
            self.streams[charged] -= 1

    def _opened(self, call: Call, ids: list[str], charged: str) -> list[Subscription]:
        limits = self._exchange.limits
        if limits and self.streams[charged] > limits.hanging:
            raise Failed("ErrorExceededConnectionCount", "Too many streams are open.", _CLOSED)
        if limits and len(ids) > limits.ids:
            raise Failed("ErrorInvalidSubscriptionRequest", "Too many subscriptions on one stream.", _CLOSED)
        if self._exchange.faults.take(f"GetStreamingEvents {call.concerned()}", "expire"):
            self.forget(*(id for id in ids if id in self.subscriptions))
        found, bad, code = [], [], ""
        for id in ids:
            try:
                found.append(self._found(call, id))
            except Failed as failed:
                bad.append(id)
                code = failed.code
        if bad:
            raise _gone(bad, code)
        return found

    async def _stream(self, call: Call, found: list[Subscription], write: Callable[[bytes], Awaitable[None]]) -> None:
        over = time.monotonic() + int(text(call.what, "m:ConnectionTimeout", "30")) * self._exchange.minute
        heard = asyncio.Event()
        for each in found:
            each.listeners.add(heard)
        try:
            await write(_chunk(call, _OK))
            if self._exchange.faults.take(f"GetStreamingEvents {call.concerned()}", "hang"):
                await asyncio.Event().wait()
            while (left := over - time.monotonic()) > 0:
                await self._one_turn(call, found, heard, left, write)
            await write(_chunk(call, _CLOSED))
        finally:
            for each in found:
                each.listeners.discard(heard)
                each.asked_at = time.monotonic()

    async def _one_turn(
        self,
        call: Call,
        found: list[Subscription],
        heard: asyncio.Event,
        left: float,
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        lost = [each.id for each in found if each.id not in self.subscriptions]
        if lost:
            raise _gone(lost, "ErrorSubscriptionNotFound")
        told = "".join(self._notification(each) for each in found if each.events)
        if told:
            await write(_chunk(call, f"<m:Notifications>{told}</m:Notifications>"))
            return
        heard.clear()
        try:
            await asyncio.wait_for(heard.wait(), min(left, self._exchange.heartbeat))
        except TimeoutError:
            if left > self._exchange.heartbeat:
                await write(_chunk(call, _OK))

    def _notification(self, each: Subscription) -> str:
        events = "".join(told.replace("{mark}", "") for _, told in each.events)
        self.sent += len(each.events)
        each.events.clear()
        return f"<m:Notification><t:SubscriptionId>{each.id}</t:SubscriptionId>{events}</m:Notification>"


_OK = "<m:ConnectionStatus>OK</m:ConnectionStatus>"
_CLOSED = "<m:ConnectionStatus>Closed</m:ConnectionStatus>"


def _gone(ids: list[str], code: str) -> Failed:
    listed = "".join(f"<t:SubscriptionId>{id}</t:SubscriptionId>" for id in ids)
    return Failed(
        code, "Some subscriptions are not there.", f"<m:ErrorSubscriptionIds>{listed}</m:ErrorSubscriptionIds>{_CLOSED}"
    )


def _chunk(call: Call, inner: str) -> bytes:
    return envelope(answer("GetStreamingEvents", [well("GetStreamingEvents", inner)]), call.exchange.version)


def _mark(number: int) -> str:
    return made_id("W", str(number))


def _watermark(number: int) -> str:
    return f"<t:Watermark>{_mark(number)}</t:Watermark>"


def _event(mailbox: Mailbox, id: str, what: str, types: frozenset[str]) -> str:
    """What is said of a change: the item's own event, and that its folder has changed. `{mark}` is the watermark's
    place. What is deleted was moved to the deleted items, where somebody wants to know of moves."""
    item = f'<t:ItemId Id="{item_id(mailbox, id)}" ChangeKey="AQAAAA=="/>'
    parent = f'<t:ParentFolderId Id="{folder_id(mailbox)}" ChangeKey="AQAAAA=="/>'
    begin = f"{{mark}}<t:TimeStamp>{instant(datetime.now(UTC))}</t:TimeStamp>"
    names = {"created": ("CreatedEvent",), "updated": ("ModifiedEvent",), "deleted": ("MovedEvent", "DeletedEvent")}
    name = next((name for name in names[what] if name in types), None)
    if name is None:
        return ""
    old = ""
    if name == "MovedEvent":
        bin = f'<t:ParentFolderId Id="{folder_id(mailbox, "deleteditems")}" ChangeKey="AQAAAA=="/>'
        old = item.replace("ItemId", "OldItemId") + parent.replace("ParentFolderId", "OldParentFolderId")
        parent = bin
    told = f"<t:{name}>{begin}{item}{parent}{old}</t:{name}>"
    if "ModifiedEvent" in types:
        folder = f'<t:FolderId Id="{folder_id(mailbox)}" ChangeKey="AQAAAA=="/>'
        root = f'<t:ParentFolderId Id="{folder_id(mailbox, "msgfolderroot")}" ChangeKey="AQAAAA=="/>'
        told += f"<t:ModifiedEvent>{begin}{folder}{root}</t:ModifiedEvent>"
    return told
