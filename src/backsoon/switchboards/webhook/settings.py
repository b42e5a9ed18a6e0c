"""How one receiver is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import SwitchboardSettings
from backsoon.wire.http import HttpError, parse_address
from backsoon.wire.outward import is_named

AT_ONCE = 8
"""Messages under way together."""


class BadReceiver(BacksoonError):
    """The receiver's address cannot be used."""

    remedy = "write https://HOST/PATH"


@dataclass(frozen=True, slots=True)
class WebhookTimes:
    """In seconds: the `deadline` of one request, the pauses before the same message is sent `again`, and after how long
    without a message the receiver is connected to (`probe`).

    The first pause before somebody is told again whose message `failed` or was `refused`, and how far `apart` sessions
    are ended at least because somebody was told so.
    """

    deadline: float = 10.0
    again: tuple[float, ...] = (0.3, 1.5)
    probe: float = 60.0
    failed: float = 1.0
    refused: float = 60.0
    apart: float = 300.0


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """One receiver of an organisation. `secret` and `secret_before` ("": none) are references.

    `internal_hosts` may be at addresses of this machine and of private networks. Raises `BadReceiver`.
    """

    organisation: str
    name: str
    url: str = field(repr=False)
    secret: str
    secret_before: str = ""
    internal_hosts: tuple[str, ...] = ()
    at_once: int = AT_ONCE
    ca_file: Path | None = None
    times: WebhookTimes = field(default_factory=WebhookTimes)

    def __post_init__(self) -> None:
        try:
            internal, url = self.internal, parse_address(self.url)
        except HttpError as error:
            raise BadReceiver(error.detail) from None
        if url.scheme != "https" and not internal:
            bad = BadReceiver(f"{url.origin()} is not https: everybody's whereabouts would be sent in the clear")
            bad.remedy = "write https://, or name its host in internal_hosts where it is yours"
            raise bad

    @property
    def internal(self) -> bool:
        """Whether the receiver is one that the administrator named."""
        return is_named(self.url, self.internal_hosts)


def settings_of(told: SwitchboardSettings, secret: Callable[[str], str]) -> WebhookSettings:
    """The settings of a receiver from those that are stored; an address that is kept as a secret is looked up.

    Raises `BacksoonError`: `BadReceiver`, or what `secret` raises.
    """
    values = told.settings
    hosts = values.get("internal_hosts", ())
    url, ca_file = str(values.get("url", "")), str(values.get("ca_file", ""))
    return WebhookSettings(
        told.organisation,
        told.name,
        secret(url) if url.startswith(("env:", "file:", "credential:")) else url,
        str(values.get("secret", "")),
        str(values.get("secret_before", "")),
        tuple(map(str, hosts)) if isinstance(hosts, (list, tuple)) else (),
        int(str(values.get("at_once", AT_ONCE))),
        Path(ca_file) if ca_file else None,
    )
