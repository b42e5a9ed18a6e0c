"""Subscriptions to events, and the notifications that they bring.

Life: at most 10,080 minutes, one of less than 45 is raised to 45. The address is validated within 10 seconds. A
notification counts as taken where 2xx comes within 3 seconds, and is else sent again.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from tests.simulators.faults import Faults
from tests.simulators.graph.events import CHANGING, IMMUTABLE
from tests.simulators.graph.protocol import Answer, Asked, Refused, instant_of, stamp
from tests.simulators.model import Mailbox

LONGEST: Final = timedelta(minutes=10_080)
SHORTEST: Final = timedelta(minutes=45)
VALIDATED_WITHIN = 10.0
TAKEN_WITHIN = 3.0
PAGE: Final = 100
RESOURCE: Final = re.compile(r"/?users/(?P<user>[^/]+)/(?:calendar/)?events/?", re.IGNORECASE)
KINDS: Final = frozenset({"created", "updated", "deleted"})


@dataclass
class Subscription:
    """One subscription."""

    id: str
    app: str
    mailbox: str
    told: dict[str, Any]
    """As it was asked for."""
    expires: datetime
    immutable: bool
    reauthorize: bool = False
    """Whether nothing is sent until it is authorised anew or renewed."""


@dataclass
class Sender:
    """What is sent to one address: several in one request, at most `workers` requests at a time."""

    url: str
    waiting: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    held: deque[dict[str, Any]] = field(default_factory=deque)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Subscriptions:
    """All subscriptions of a simulator; `run` sends what they bring until it is cancelled."""

    def __init__(self, faults: Faults, tenant: str, now: Callable[[], datetime]) -> None:
        self.faults = faults
        self.tenant = tenant
        self.now = now
        self.by_id: dict[str, Subscription] = {}
        self.hooks: dict[str, str] = {}
        """Beginnings of public addresses, and the address of this machine that stands for each."""
        self.gather = 0.02
        """Seconds for which notifications are gathered before they are sent together."""
        self.together = 100
        self.workers = 4
        self.retry_after: tuple[float, ...] = (0.2, 1.0, 5.0, 30.0)
        """Seconds until one that was not taken is sent again; then it is given up."""
        self.sent: Counter[str] = Counter()
        """`notifications`, `requests`, `refused`, `dropped`, `given up`."""
        self.going_out: Callable[[list[dict[str, Any]]], None] = lambda _notifications: None
        """Told of what is about to be sent."""
        self._senders: dict[str, Sender] = {}
        self._new: asyncio.Queue[Sender] = asyncio.Queue()
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._session: aiohttp.ClientSession | None = None
        self._of: dict[str, dict[str, Subscription]] = {}
        """By mailbox, then by id."""

    # What is asked

    async def subscribe(self, asked: Asked, mailbox: Mailbox, app: str) -> Answer:
        """A new one (201). The address must answer the validation."""
        told = _checked(asked.body)
        for each in self._of.get(mailbox.address, {}).values():
            if each.app == app and all(each.told[k] == told[k] for k in ("resource", "changeType", "notificationUrl")):
                raise Refused(409, "ExtensionError", "such a subscription exists already")
        expires = self._expiry(told)
        for url in {told["notificationUrl"], told.get("lifecycleNotificationUrl", told["notificationUrl"])}:
            await self._validate(url)
        made = Subscription(str(uuid.uuid4()), app, mailbox.address, told, expires, asked.immutable())
        self.by_id[made.id] = self._of.setdefault(mailbox.address, {})[made.id] = made
        self._watch(mailbox)
        return Answer(201, {"@odata.context": f"{asked.base}/$metadata#subscriptions/$entity"} | self.tell(made, True))

    def listed(self, asked: Asked, app: str) -> Answer:
        """This app's, in pages."""
        first = int(asked.option("$skiptoken") or 0)
        mine = [each for each in self.by_id.values() if each.app == app and each.expires > self.now()]
        body: dict[str, Any] = {
            "@odata.context": f"{asked.base}/$metadata#subscriptions",
            "value": [self.tell(each) for each in mine[first : first + PAGE]],
        }
        if len(mine) > first + PAGE:
            body["@odata.nextLink"] = f"{asked.base}/subscriptions?$skiptoken={first + PAGE}"
        return Answer(200, body)

    def find(self, id: str, app: str) -> Subscription:
        """This app's of that id. Raises `Refused` (404)."""
        found = self.by_id.get(id)
        if found is None or found.app != app or found.expires <= self.now():
            raise Refused(404, "ResourceNotFound", "there is no such subscription")
        return found

    async def renew(self, asked: Asked, subscription: Subscription) -> Answer:
        """A new expiry, or another address."""
        body = asked.body or {}
        if set(body) - {"expirationDateTime", "notificationUrl"}:
            raise Refused(400, "InvalidRequest", "only expirationDateTime and notificationUrl can be changed")
        if "notificationUrl" in body:
            await self._validate(body["notificationUrl"])
            subscription.told["notificationUrl"] = body["notificationUrl"]
        if "expirationDateTime" in body:
            subscription.expires = self._expiry(body)
        subscription.reauthorize = False
        return Answer(
            200, {"@odata.context": f"{asked.base}/$metadata#subscriptions/$entity"} | self.tell(subscription)
        )

    def remove(self, subscription: Subscription) -> None:
        """Take it back."""
        del self.by_id[subscription.id], self._of[subscription.mailbox][subscription.id]

    def watched(self) -> list[str]:
        """The mailboxes that are subscribed to."""
        return [address for address, mine in self._of.items() if mine]

    def tell(self, subscription: Subscription, state: bool = False) -> dict[str, Any]:
        """A subscription as Graph tells it; `clientState` only to whoever made it, then."""
        told = subscription.told
        return {
            "id": subscription.id,
            "resource": told["resource"],
            "applicationId": subscription.app,
            "changeType": told["changeType"],
            "clientState": told.get("clientState") if state else None,
            "notificationUrl": told["notificationUrl"],
            "notificationQueryOptions": None,
            "lifecycleNotificationUrl": told.get("lifecycleNotificationUrl"),
            "expirationDateTime": stamp(subscription.expires),
            "creatorId": subscription.app,
            "includeResourceData": None,
            "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }

    # What is sent

    async def run(self) -> None:
        """Send until cancelled."""
        async with aiohttp.ClientSession() as self._session, asyncio.TaskGroup() as tasks:
            while True:
                sender = await self._new.get()
                for _ in range(self.workers):
                    tasks.create_task(self._work(sender))

    async def settled(self, within: float = 30.0) -> None:
        """Return when nothing waits to be sent."""
        async with asyncio.timeout(within):
            await self._idle.wait()

    def lifecycle(self, event: str, address: str | None = None) -> int:
        """Tell of `reauthorizationRequired`, `subscriptionRemoved` or `missed`; how many were told."""
        mine = [s for s in self.by_id.values() if address is None or s.mailbox.lower() == address.lower()]
        for each in mine:
            each.reauthorize = each.reauthorize or event == "reauthorizationRequired"
            if event == "subscriptionRemoved":
                self.remove(each)
            if url := each.told.get("lifecycleNotificationUrl"):
                self._queue(url, self._envelope(each) | {"lifecycleEvent": event})
        return len(mine)

    def _watch(self, mailbox: Mailbox) -> None:
        if self._changed not in mailbox.changed:
            mailbox.changed.append(self._changed)

    def _changed(self, mailbox: Mailbox, id: str, what: str) -> None:
        for each in list(self._of.get(mailbox.address, {}).values()):
            if what in each.told["changeType"] and not each.reauthorize:
                self._notify(each, id, what)

    def _notify(self, subscription: Subscription, id: str, what: str) -> None:
        if subscription.expires <= self.now():
            return
        notification = self._envelope(subscription) | self._resource(subscription, id) | {"changeType": what}
        url, text = subscription.told["notificationUrl"], f"{what} {subscription.mailbox}"
        if self.faults.take(text, "drop"):
            self.sent["dropped"] += 1
            return
        if self.faults.take(text, "reorder"):
            self._sender(url).held.append(notification)
            return
        fault = self.faults.take(text, "duplicate")
        for _ in range(int(fault.told.get("times_sent", 2)) if fault else 1):
            self._queue(url, notification)
        while self._sender(url).held:
            self._queue(url, self._sender(url).held.pop())

    def release(self) -> None:
        """Send what the fault `reorder` holds back."""
        for sender in list(self._senders.values()):
            while sender.held:
                self._queue(sender.url, sender.held.pop())

    def _envelope(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": stamp(subscription.expires),
            "clientState": subscription.told.get("clientState"),
            "tenantId": self.tenant,
        }

    def _resource(self, subscription: Subscription, id: str) -> dict[str, Any]:
        told = (IMMUTABLE if subscription.immutable else CHANGING) + id
        resource = f"Users/{uuid.uuid5(uuid.NAMESPACE_DNS, subscription.mailbox)}/Events/{told}"
        data = {
            "@odata.type": "#Microsoft.Graph.Event",
            "@odata.id": resource,
            "@odata.etag": f'W/"{secrets.token_hex(8)}"',
            "id": told,
        }
        return {"resource": resource, "resourceData": data}

    def _sender(self, url: str) -> Sender:
        if url not in self._senders:
            self._senders[url] = Sender(url)
            self._new.put_nowait(self._senders[url])
        return self._senders[url]

    def _queue(self, url: str, notification: dict[str, Any]) -> None:
        self._pending += 1
        self._idle.clear()
        self._sender(url).waiting.put_nowait(notification)

    async def _work(self, sender: Sender) -> None:
        while True:
            async with sender.turn:
                gathered = [await sender.waiting.get()]
                await asyncio.sleep(self.gather)
                while not sender.waiting.empty() and len(gathered) < self.together:
                    gathered.append(sender.waiting.get_nowait())
            await self._deliver(sender.url, gathered)
            self._pending -= len(gathered)
            if not self._pending:
                self._idle.set()

    async def _deliver(self, url: str, notifications: list[dict[str, Any]]) -> None:
        self.going_out(notifications)
        for pause in (*self.retry_after, None):
            self.sent["requests"] += 1
            if await self._post(url, notifications):
                self.sent["notifications"] += len(notifications)
                return
            self.sent["refused"] += 1
            if pause is None:
                self.sent["given up"] += len(notifications)
                return
            await asyncio.sleep(pause)

    async def _post(self, url: str, notifications: list[dict[str, Any]]) -> bool:
        assert self._session is not None
        try:
            async with (
                asyncio.timeout(TAKEN_WITHIN),
                self._session.post(self._here(url), json={"value": notifications}, allow_redirects=False) as answer,
            ):
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _validate(self, url: str) -> None:
        token = f"Validation: Testing client application reachability for subscription {secrets.token_urlsafe(24)} <&>"
        ok = False
        try:
            where = f"{self._here(url)}{'&' if urlsplit(url).query else '?'}validationToken={quote(token, safe='')}"
            async with (
                asyncio.timeout(VALIDATED_WITHIN),
                aiohttp.ClientSession() as session,
                session.post(URL(where, encoded=True), headers={"Content-Type": "text/plain; charset=utf-8"}) as answer,
            ):
                plain = answer.content_type == "text/plain"
                ok = answer.status == 200 and plain and await answer.text() == token
        except (aiohttp.ClientError, TimeoutError, OSError):
            ok = False
        if not ok:
            raise Refused(400, "ValidationError", "subscription validation request failed")

    def _here(self, url: str) -> str:
        """Where an address lies on this machine: notifications never leave it."""
        for public, here in self.hooks.items():
            if url.startswith(public):
                return here + url.removeprefix(public)
        if urlsplit(url).hostname != "127.0.0.1":
            raise Refused(400, "ValidationError", "that address is not of this machine; name it in `sim.hooks`")
        return url

    def _expiry(self, told: Mapping[str, Any]) -> datetime:
        wanted, now = instant_of(str(told["expirationDateTime"])), self.now()
        if wanted <= now:
            raise Refused(400, "ValidationError", "the expiry has passed")
        if wanted > now + LONGEST + timedelta(seconds=60):
            raise Refused(400, "ValidationError", "the expiry is more than 10080 minutes ahead")
        return max(wanted, now + SHORTEST)


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refused(400, "BadRequest", "a subscription is an object")
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refused(400, "InvalidRequest", f"{name} is missing")
    if not set(body["changeType"].split(",")) <= KINDS:
        raise Refused(400, "InvalidRequest", "changeType is none")
    if len(str(body.get("clientState") or "")) > 128:
        raise Refused(400, "InvalidRequest", "clientState is longer than 128 characters")
    if not RESOURCE.fullmatch(body["resource"]):
        raise Refused(400, "InvalidRequest", "resource is not the events of a user")
    return dict(body)
