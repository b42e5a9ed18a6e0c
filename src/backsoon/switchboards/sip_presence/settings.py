"""How a presence server is reached and told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from backsoon.switchboards.base import EXTENSION
from backsoon.switchboards.sip_presence.pace import PaceSettings
from backsoon.wire.sip_client import SipAccount, SipAddress
from backsoon.wire.sip_transaction import SipTimes

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]")
_TEMPLATE = re.compile(r"sips?:[!-;=?-~]{1,200}")
_EMAIL = re.compile(r"([^@\s]{1,64})@([A-Za-z0-9][A-Za-z0-9.-]{0,252})")


class Available(StrEnum):
    """What is published of somebody who is available."""

    OPEN = "open"
    """That they are: watchers see green."""
    WITHDRAW = "withdraw"
    """Nothing of ours: what their telephones publish themselves is seen."""


@dataclass(frozen=True, slots=True)
class Beat:
    """How a presence server that forgot everything is found out: in seconds, how often our own publication is
    prolonged, and how long the answer may take."""

    every: float = 15.0
    within: float = 10.0


@dataclass(frozen=True, slots=True)
class SipPresenceSettings:
    """One presence server. `expires` in seconds; `window` is how many requests may be under way
    together: more at once are lost at the UDP sockets of servers.

    `presentity` is the template of people's addresses: `{extension}`, `{email}`, `{domain}`. `own` is the address in
    which we publish; "": `sip:USERNAME@DOMAIN`.
    """

    address: SipAddress
    domain: str
    account: SipAccount | None = None
    presentity: str = "sip:{extension}@{domain}"
    own: str = ""
    expires: int = 3600
    available: Available = Available.OPEN
    pace: PaceSettings = field(default_factory=PaceSettings)
    times: SipTimes = field(default_factory=SipTimes)
    beat: Beat = field(default_factory=Beat)
    window: int = 50

    def __post_init__(self) -> None:
        """Raises `ValueError` with a sentence."""
        if not _HOST.fullmatch(self.domain):
            raise ValueError("domain is no name of a host")
        if fault := template_fault(self.presentity):
            raise ValueError(f"presentity {fault}")

    @property
    def own_address(self) -> str:
        """The address of ours: From in each request, and what the publication is for that shows us alive."""
        user = quote(self.account.username.partition("@")[0], safe="") if self.account else "backsoon"
        return self.own or f"sip:{user}@{self.domain}"

    @property
    def by_email(self) -> bool:
        """Whether people's addresses are made of their e-mail addresses."""
        return "{email}" in self.presentity

    def address_of(self, extension: str, email: str) -> str | None:
        """Somebody's address; None where it cannot be made: no extension or e-mail that an address could hold."""
        if not EXTENSION.fullmatch(extension):
            return None
        mail = _escaped(email) if self.by_email else ""
        if mail is None:
            return None
        filled = self.presentity.replace("{extension}", extension).replace("{domain}", self.domain)
        return filled.replace("{email}", mail)


def template_fault(template: str) -> str:
    """What is wrong with a template of addresses; "" where nothing is."""
    bare = template.replace("{extension}", "").replace("{email}", "")
    if bare == template:
        return "names nobody: it needs {extension} or {email}"
    if not _TEMPLATE.fullmatch(template) or set("{}") & set(bare.replace("{domain}", "")):
        return "is no SIP address with {extension}, {email} or {domain} in it"
    return ""


def _escaped(email: str) -> str | None:
    found = _EMAIL.fullmatch(email)
    try:
        return f"{quote(found[1], safe='+')}@{found[2].lower()}" if found else None
    except UnicodeEncodeError:
        return None
