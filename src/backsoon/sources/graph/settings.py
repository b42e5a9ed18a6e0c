"""How a tenant's mailboxes are reached.

Addresses of the national clouds: Microsoft Graph reference, "National cloud deployments".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple


class Cloud(NamedTuple):
    """Where tokens are given out, and where Graph answers; both without a slash at the end."""

    sign_in: str
    graph: str


CLOUDS: Final = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us_dod": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Cloud("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
}


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """An application that is registered in a tenant. It has `client_secret`, or `certificate`: a PEM file that holds
    its certificate and the private key.

    `url` and `sign_in_url` replace the cloud's addresses (a proxy, a test); `url` may end in the version. `outside` is
    a mailbox that `check` must find refused. `ca_file` holds the authorities that vouch for the servers (None: the
    system's). `anew` reads a secret again by the name of its field, for it may have been changed; "" where it cannot.
    """

    tenant: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    certificate: str | Path = ""
    cloud: str = "global"
    url: str = ""
    sign_in_url: str = ""
    outside: str = ""
    at_once: int = 128
    automatic_replies: bool = True
    ca_file: str | Path | None = None
    anew: Callable[[str], str] | None = field(default=None, repr=False, compare=False)

    @property
    def base(self) -> str:
        """Where requests go, with the version, without a slash at the end."""
        url = (self.url or CLOUDS[self.cloud].graph).rstrip("/")
        return url if url.endswith("/v1.0") else url + "/v1.0"

    @property
    def authority(self) -> str:
        """Where tokens are given out, without tenant and without a slash at the end."""
        return (self.sign_in_url or CLOUDS[self.cloud].sign_in).rstrip("/")

    @property
    def scope(self) -> str:
        """Everything that the application has been granted at this cloud's Graph."""
        return CLOUDS[self.cloud].graph + "/.default"
