"""The settings of an account at Exchange, and the versions of EWS that there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from backsoon.domain.errors import BacksoonError

VERSIONS: Final = {
    "2007_sp1": "Exchange2007_SP1",
    "2010": "Exchange2010",
    "2010_sp1": "Exchange2010_SP1",
    "2010_sp2": "Exchange2010_SP2",
    "2013": "Exchange2013",
    "2013_sp1": "Exchange2013_SP1",
    "2016": "Exchange2016",
}
"""What a request may declare (`RequestServerVersion`), oldest first. 2019 and Subscription Edition speak 2016's."""
ORDER: Final = tuple(VERSIONS.values())
HIGHEST: Final = "Exchange2013_SP1"
"""What is tried first: all servers since 2013 SP1 know it, and nothing that came later is needed."""


class BadSettings(BacksoonError):
    """The settings of a connection to Exchange contradict each other."""


@dataclass(frozen=True, slots=True)
class EwsSettings:
    """How an Exchange server is reached. Secrets are plain text here: whoever makes this has resolved them.

    `url` "" asks autodiscover. `username` is `DOMAIN\\name` or `name@example.com`. `access` says how other people's
    calendars are reached: `impersonation` (the role ApplicationImpersonation) or `delegate` (each is shared with the
    account). `certificate` is the path of a PEM file with the key and the certificate; `deadline` is in seconds.
    `anew` reads a secret again by the name of its field, for it may have been changed; "" where it cannot be read.
    """

    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    sign_in: str = "auto"
    access: str = "impersonation"
    version: str = "auto"
    tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    certificate: str = ""
    cloud: str = "global"
    at_once: int = 24
    automatic_replies: bool = True
    push: bool = True
    ca_file: str = ""
    deadline: float = 30.0
    anew: Callable[[str], str] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.sign_in not in ("auto", "basic", "ntlm", "oauth"):
            raise BadSettings(f"sign_in {self.sign_in!r} is none of auto, basic, ntlm, oauth")
        if self.access not in ("impersonation", "delegate"):
            raise BadSettings(f"access {self.access!r} is neither impersonation nor delegate")
        if self.version != "auto" and self.version not in VERSIONS:
            raise BadSettings(f"version {self.version!r} is none of auto, {', '.join(VERSIONS)}")
        if self.sign_in == "oauth" and not (self.tenant and self.client_id):
            raise BadSettings("sign_in oauth needs tenant and client_id, and client_secret or certificate")
        if self.sign_in != "oauth" and not self.username:
            raise BadSettings("a username and a password are needed")

    @property
    def impersonates(self) -> bool:
        """Whether requests are made in the name of the mailbox's owner."""
        return self.access == "impersonation"


def of_build(major: int, minor: int, build: int) -> str:
    """The schema that a server of this build speaks (`ServerVersionInfo`); what is newer than we know speaks 2016's."""
    if major < 14:
        return "Exchange2007_SP1"
    if major == 14:
        return ("Exchange2010", "Exchange2010_SP1")[minor] if minor in (0, 1) else "Exchange2010_SP2"
    if (major, minor) == (15, 0):
        return "Exchange2013_SP1" if build >= 847 else "Exchange2013"
    return "Exchange2016"
