"""The non-INVITE client transaction of SIP (RFC 3261 section 17.1.2): when to say it again, when to give up. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SipTimes:
    """Patience, in seconds. `t1` and `t2` are the standard's; timer F, after which a request is given up, is 64 `t1`.

    `connect` is for a connection and its TLS.
    """

    t1: float = 0.5
    t2: float = 4.0
    connect: float = 10.0


class ClientTransaction:
    """One request under way. Times are those of a monotonic clock, in seconds.

    `next_at` is when `due` is to be asked. There is no timer K: a response that comes twice finds nobody waiting.
    """

    def __init__(self, now: float, times: SipTimes, *, reliable: bool) -> None:
        """`reliable`: over TCP or TLS nothing is said twice."""
        self._times = times
        self._interval = times.t1
        self._proceeding = False
        self._over_at = now + 64 * times.t1
        self._resend_at = self._over_at if reliable else now + times.t1

    @property
    def next_at(self) -> float:
        """When `due` is to be asked."""
        return min(self._resend_at, self._over_at)

    def provisional(self) -> None:
        """The server has it and works at it: from now on it is said again every `t2` only."""
        self._proceeding = True

    def due(self, now: float) -> bool | None:
        """What `next_at` is for: True: send it again. False: it was never answered (timer F). None: not yet."""
        if now >= self._over_at:
            return False
        if now < self._resend_at:
            return None
        self._interval = self._times.t2 if self._proceeding else min(2 * self._interval, self._times.t2)
        self._resend_at = now + self._interval
        return True
