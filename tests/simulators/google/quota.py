"""Google's limits: so many requests a minute for a user and for a project ("Manage quotas")."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass

from tests.simulators.google.refusals import Refused


@dataclass(frozen=True)
class Limits:
    """Requests in a sliding window of so many seconds."""

    per_user: int = 600
    per_project: int = 10_000
    window: float = 60.0


class Quota:
    """Counts requests by user (`quotaUser` where it is said) and all together."""

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self._users: dict[str, deque[float]] = defaultdict(deque)
        self._project: deque[float] = deque()
        self.refused = 0

    def take(self, user: str) -> None:
        """One more request. Raises `Refused`; a refused one counts for nothing."""
        if self._limits is None:
            return
        now = asyncio.get_running_loop().time()
        mine = self._users[user]
        for times in (mine, self._project):
            while times and times[0] <= now - self._limits.window:
                times.popleft()
        if len(mine) >= self._limits.per_user or len(self._project) >= self._limits.per_project:
            self.refused += 1
            raise Refused(403, "userRateLimitExceeded" if len(mine) >= self._limits.per_user else "rateLimitExceeded")
        mine.append(now)
        self._project.append(now)
