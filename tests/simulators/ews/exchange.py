"""What a simulated Exchange is: its settings, what it saw, who may do what, and one request to it."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from tests.simulators.ews.soap import VERSIONS, Failed, Refused, Version, attribute, element, local, parts_of, text
from tests.simulators.faults import Fault, Faults
from tests.simulators.model import Mailbox, World

FOLDERS = {"calendar": "IPF.Appointment", "inbox": "IPF.Note", "msgfolderroot": "", "root": ""}
"""The folders that a mailbox has, with their class."""
NO_SUCH = "The SMTP address has no mailbox associated with it."


@dataclass(frozen=True)
class Limits:
    """What the default throttling policy allows to one account (None in the simulator: as much as one likes)."""

    concurrent: int = 27
    """Requests under way together, streams apart."""
    hanging: int = 3
    """Streams open together; 10 at Exchange Online."""
    ids: int = 200
    """Subscriptions on one stream."""
    items: int = 1000
    """Items of one FindItem."""
    subscriptions: int = 5000
    """Of one mailbox."""


@dataclass
class Exchange:
    """A server with its mailboxes and its record of what was asked. `account` with `password` is the one account.

    An account without a mailbox of its own, as service accounts are, must name the mailbox of every folder.
    """

    world: World
    version: Version = VERSIONS["2016"]
    account: str = "service@example.com"
    password: str = "a secret of the account"
    tokens: frozenset[str] = frozenset({"a-bearer-token"})
    sign_in: frozenset[str] = frozenset({"basic", "ntlm", "bearer"})
    impersonation: bool = True
    """Whether the account has the role."""
    limits: Limits | None = None
    latency: float = 0.0
    heartbeat: float = 45.0
    """Seconds between two signs of life on a stream; real servers send one every 45 s or so."""
    minute: float = 60.0
    """Seconds in a minute of the time-outs that clients ask for: tests make it short."""
    backends: int = 2
    """Mailbox servers behind the one address; a subscription lives on one of them (2013 on)."""
    hide_private: bool = False
    """Whether delegates see what is private as `Private Appointment`."""
    raw: bool = False
    """Characters that XML forbids go out as they are, instead of as references."""
    denied: str = "ErrorAccessDenied"
    """What a delegate without rights is told; some servers say ErrorItemNotFound or ErrorFolderNotFound."""
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Operation, path and mailbox of each request."""
    count: Counter[str] = field(default_factory=Counter)
    """Requests by operation."""
    asked: Counter[str] = field(default_factory=Counter)
    """The properties of items that were asked for, by their field URI; `shape:AllProperties` where a shape was."""
    versions: Counter[str] = field(default_factory=Counter)
    """The schema versions that requests declared."""

    def backend(self, address: str) -> str:
        """The mailbox server of a mailbox."""
        return f"mbx{zlib.crc32(address.lower().encode()) % self.backends + 1}"


@dataclass
class Call:
    """One request: what it wants, for whom, and in which version."""

    exchange: Exchange
    what: etree._Element
    version: Version
    account: str
    impersonated: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str = ""
    """The affinity cookie that came with it."""
    set_cookie: str = ""
    """The affinity cookie that goes with the answer."""

    @property
    def operation(self) -> str:
        """Its name."""
        return local(self.what).removesuffix("Request")

    @property
    def backend(self) -> str:
        """Where it is carried out: where the cookie says, else where its mailbox is."""
        if self.cookie:
            return self.cookie
        return self.exchange.backend(self.headers.get("X-AnchorMailbox") or self.impersonated or self.account)

    def concerned(self) -> str:
        """The mailboxes that it concerns, for the record and the script of faults."""
        named = [_address(each) for each in self.what.iter() if isinstance(each.tag, str)]
        addresses = dict.fromkeys(each for each in (self.impersonated, *named) if each)
        return " ".join(addresses) or self.account

    def admitted(self) -> None:
        """Whether the account may act for whom it wants to; raises `Refused`."""
        if not self.impersonated:
            return
        mailbox = self.exchange.world.get(self.impersonated)
        if mailbox is None:
            raise Refused("ErrorNonExistentMailbox", NO_SUCH)
        if not self.exchange.impersonation or mailbox.access != "reader":
            raise Refused("ErrorImpersonateUserDenied", "The account may not act for that user.")

    def reach(self, address: str = "") -> Mailbox:
        """The mailbox with that address, or the caller's own, if the caller may read it; raises `Failed`."""
        wanted = address or self.impersonated or self.account
        mailbox = self.exchange.world.get(wanted)
        if mailbox is None:
            if not address:
                raise Failed("ErrorMissingEmailAddress", "An account without a mailbox must name one.")
            raise Failed("ErrorNonExistentMailbox", NO_SUCH)
        if self.owns(mailbox):
            return mailbox
        if self.impersonated or mailbox.access != "reader":
            raise Failed(self.exchange.denied, "Access is denied.")
        return mailbox

    def owns(self, mailbox: Mailbox) -> bool:
        """Whether the caller has all rights of the mailbox's owner."""
        return mailbox.address.lower() == (self.impersonated or self.account).lower()

    def folder(self, wanted: etree._Element) -> tuple[Mailbox, str]:
        """The mailbox and the name of a folder that is asked for by its id or by name; raises `Failed`."""
        if local(wanted) == "DistinguishedFolderId":
            name = attribute(wanted, "Id")
            if name not in FOLDERS:
                raise Failed("ErrorFolderNotFound", "There is no such folder.")
            return self.reach(text(wanted, "t:Mailbox/t:EmailAddress")), name
        kind, address, name = parts_of(attribute(wanted, "Id"))
        if kind != "F" or name not in FOLDERS:
            raise Failed("ErrorInvalidFolderId", "That is no folder.")
        return self.reach(address), name

    def fault(self, *kinds: str) -> Failed | None:
        """What the script says about this call, as an answer."""
        found = self.exchange.faults.take(f"{self.operation} {self.concerned()}", *kinds)
        return None if found is None else self.failed(found)

    def failed(self, found: Fault, deny: str = "ErrorAccessDenied", missing: str = "ErrorNonExistentMailbox") -> Failed:
        """What such a fault is in words; raises `Refused` for a vendor's one with a `status` of 400 or more."""
        code = str(found.told.get("code", "")) or {"deny": deny, "missing": missing}[found.kind]
        status = int(found.told.get("status", 200))
        if status >= 400:
            raise Refused(code, "The script says so.", status=status)
        return Failed(code, "The script says so.")


def _address(each: etree._Element) -> str:
    """The address of a mailbox that an element of a request names, or of the one whose id it has."""
    name = local(each)
    if name in {"EmailAddress", "Address"}:
        return (each.text or "").strip()
    if name in {"FolderId", "ItemId", "SubscriptionId"}:
        try:
            return parts_of(attribute(each, "Id") or (each.text or "").strip())[1]
        except (Failed, IndexError):
            return ""
    return ""


def impersonated(envelope: etree._Element) -> str:
    """For whom a request acts: the address in its header, or ""."""
    sid = element(envelope, "s:Header/t:ExchangeImpersonation/t:ConnectingSID")
    return "" if sid is None else "".join((each.text or "").strip() for each in sid)
