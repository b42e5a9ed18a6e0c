"""Faults on demand: a script says which requests of a simulator go wrong, how, and how often.

faults.add("throttle", seconds=30)                       # the next request is answered 429, wait 30 s
faults.add("hang", times=None, match="anna@")            # all that concern Anna, until `clear`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = (
    "throttle",  # 429 / ErrorServerBusy / rateLimitExceeded, with `seconds`
    "unavailable",  # 503 without Retry-After
    "expire",  # 410 / syncStateNotFound / ErrorInvalidSyncStateData
    "deny",  # 403 / ErrorAccessDenied
    "sign_in",  # 401
    "missing",  # 404 / ErrorNonExistentMailbox
    "empty",  # 200 with an empty list
    "half",  # half of the body, then the connection is closed
    "hang",  # no answer until the client gives up
    "html",  # 200 with a login page
    "redirect",  # 302 to another host
    "drop",  # a notification that is not sent
    "duplicate",  # a notification that is sent `times_sent` times
    "reorder",  # notifications are held and sent in another order
    "vendor",  # an error of the vendor's own: `code`, `status`
)


@dataclass
class Fault:
    """One kind of fault. `times` None: until it is cleared. `match`: only requests whose text holds this."""

    kind: str
    times: int | None = 1
    match: str = ""
    told: dict[str, Any] = field(default_factory=dict)


class Faults:
    """A simulator's script."""

    def __init__(self) -> None:
        self._script: list[Fault] = []
        self.happened: list[str] = []

    def add(self, kind: str, *, times: int | None = 1, match: str = "", **told: Any) -> None:
        """From now on this goes wrong."""
        assert kind in KINDS, kind
        self._script.append(Fault(kind, times, match, told))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._script.clear()

    def take(self, text: str, *kinds: str) -> Fault | None:
        """The first fault in the script, of these kinds (none: any), that a request with this text meets."""
        for fault in self._script:
            if (not kinds or fault.kind in kinds) and fault.match in text:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._script.remove(fault)
                self.happened.append(fault.kind)
                return fault
        return None
