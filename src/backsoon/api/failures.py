"""How often each address asked with a token that is none: bounded in memory, forgiven with time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from datetime import datetime

FAILURES = 30
"""So many at once are answered as what they are."""
EVERY = 2.0
"""Seconds in which one of them is forgiven."""
ADDRESSES = 4096
"""How many are remembered: of more, the one that has been quiet longest is forgotten."""


class Failures:
    """A bucket for each address: a failure takes one out, time fills it again."""

    def __init__(self, allowed: int = FAILURES, every: float = EVERY, most: int = ADDRESSES) -> None:
        self._allowed = allowed
        self._every = every
        self._most = most
        self._spent: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wait(self, address: str, now: datetime) -> int:
        """Seconds until the address may fail again; 0: now."""
        left = self._left(network(address), now)
        return 0 if left >= 1 else max(1, round((1 - left) * self._every))

    def note(self, address: str, now: datetime) -> None:
        """The address failed."""
        self._spend(address, now, 1)

    def forgive(self, address: str, now: datetime) -> None:
        """One failure of the address was none."""
        self._spend(address, now, -1)

    def _spend(self, address: str, now: datetime, count: int) -> None:
        name = network(address)
        left = self._left(name, now)
        self._spent.pop(name, None)
        self._spent[name] = (min(float(self._allowed), max(0.0, left - count)), now)
        while len(self._spent) > self._most:
            self._spent.popitem(last=False)

    def _left(self, name: str, now: datetime) -> float:
        left, at = self._spent.get(name, (float(self._allowed), now))
        passed = max(0.0, (now - at).total_seconds())  # a clock that was set back forgives nothing
        return min(float(self._allowed), left + passed / self._every)


def network(address: str) -> str:
    """What counts as one address: of IPv6 the /64 that one household or machine has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
