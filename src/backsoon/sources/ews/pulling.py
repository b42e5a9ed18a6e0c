"""Pull notifications for a group of mailboxes: the server keeps what happened until it is asked (Exchange 2007)."""

from __future__ import annotations

from collections.abc import Collection

from lxml import etree

from backsoon.sources.ews import requests, soap
from backsoon.sources.ews.client import Client
from backsoon.sources.ews.failures import EwsFailure
from backsoon.sources.ews.listening import Orders, has_events

_MORE = 20
"""How often in a row a subscription may say that there is more."""


class Pulling:
    """The subscriptions of one group: for each mailbox its id and watermark."""

    def __init__(self, client: Client, orders: Orders) -> None:
        self._client = client
        self._orders = orders
        self._kept: dict[str, tuple[str, str]] = {}

    async def subscribe(self, addresses: Collection[str]) -> frozenset[str]:
        """Order what is missing for these mailboxes; the mailboxes that are newly subscribed to.

        A mailbox's own failure leaves it out. Raises `SourceError`.
        """
        for address in set(self._kept) - set(addresses):
            del self._kept[address]  # it ends by itself when nobody asks for an hour
        fresh = set[str]()
        for address in sorted(set(addresses) - set(self._kept)):
            if not self._orders.may(address):
                continue
            try:
                body = requests.subscribe_pull(self._client.folder_of(address))
                message = soap.only(await self._client.ask(body, mailbox=address))
            except EwsFailure as failure:
                self._orders.refused(address, failure)
                continue
            self._orders.went_well(address)
            id, mark = message.findtext(f"{soap.M}SubscriptionId", ""), message.findtext(f"{soap.M}Watermark", "")
            if not id or not mark:
                raise soap.not_ews()
            self._kept[address] = id, mark
            fresh.add(address)
        return frozenset(fresh)

    @property
    def kept(self) -> frozenset[str]:
        """The mailboxes that are subscribed to."""
        return frozenset(self._kept)

    async def ask(self, address: str) -> bool:
        """Whether anything happened in a mailbox since it was asked last. Raises `EwsFailure` where the subscription
        has ended: then anything may have."""
        happened = False
        for _ in range(_MORE):
            id, mark = self._kept[address]
            try:
                inner = await self._client.ask(requests.pull_events(id, mark), mailbox=address)
                notification = soap.only(inner).find(f"{soap.M}Notification")
            except EwsFailure:
                del self._kept[address]
                raise
            if notification is None:
                raise soap.not_ews()
            happened = happened or has_events(notification)
            self._kept[address] = id, _last_mark(notification) or mark
            if notification.findtext(f"{soap.T}MoreEvents", "false") not in ("true", "1"):
                break
        return happened


def _last_mark(notification: etree._Element) -> str:
    marks = [element.text or "" for element in notification.iter(f"{soap.T}Watermark")]
    return marks[-1] if marks else ""
