"""Who there is at an Asterisk: its PJSIP endpoints, with names and e-mail addresses from voicemail.

Needs no right beyond those of the driver (see `check`): `PJSIPShowEndpoints` and `PJSIPShowEndpoint` belong to
`system`, `VoicemailUsersList` to `call`, and a listing is told to whoever asked. What `PJSIPShowEndpoint` tells beside
the endpoint, passwords of telephones among it, is passed over unread.
See https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from backsoon.domain.listing import LeftOut, Listed, Listing
from backsoon.switchboards.asterisk.driver import AsteriskSettings, switchboard_errors
from backsoon.switchboards.base import SwitchboardError
from backsoon.wire.ami import AmiRefused, Message
from backsoon.wire.ami_client import AmiClient, open_ami

EXTENSIONS = "[0-9]{2,8}"
"""Names of endpoints that are people's, where the settings say nothing else."""
WINDOW = 200
"""Endpoints asked for at the same time."""
NO_ENDPOINTS, NO_MAILBOXES = "No endpoints found", "There are no voicemail users currently defined."
"""What Asterisk says where it has none, with blanks behind it (pjsip_configuration.c, app_voicemail.c)."""
UNKNOWN_ACTION = "unknown command"
"""Part of what it says where a module is not loaded."""
_CALLER_ID = re.compile(r'\s*"?(?P<name>[^"<]*?)"?\s*(<[^>]*>)?\s*')


class NoEndpoints(SwitchboardError):
    """The switchboard has no PJSIP endpoints. That is never taken for a switchboard without people."""

    remedy = "see `pjsip show endpoints` on Asterisk's command line, and whether res_pjsip.so is loaded"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of voicemail; `name` and `email` are "" where it has none."""

    number: str
    context: str
    name: str = ""
    email: str = ""

    @property
    def address(self) -> str:
        """As endpoints name it."""
        return f"{self.number}@{self.context}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A PJSIP endpoint; `extension` is what the pattern cuts from its name, "" where it does not match."""

    name: str
    extension: str
    reached: bool
    """Whether it has an address of record, where it can be called."""
    logs_in: bool
    """Whether it has to log in here."""
    logs_in_elsewhere: bool
    """Whether we log in there, as at a provider."""
    caller: str = ""
    """The name of its caller id."""
    mailboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AsteriskPeople:
    """The people of one Asterisk. See `backsoon.domain.listing.PeopleSource`.

    `extensions` is a pattern that a whole endpoint's name must match; where it has a group, that is the extension.
    """

    settings: AsteriskSettings
    extensions: re.Pattern[str] = field(default_factory=lambda: re.compile(EXTENSIONS))

    async def people(self) -> Listing:
        """Everybody. Raises `SwitchboardError`, also where Asterisk has no endpoint at all."""
        with switchboard_errors():
            async with open_ami(self.settings.address, self.settings.account, None, self.settings.times) as client:
                endpoints = await self._endpoints(client)
                mailboxes = await _mailboxes(client)
        return await asyncio.to_thread(listing, endpoints, mailboxes)

    async def _endpoints(self, client: AmiClient) -> list[Endpoint]:
        try:
            found = await client.listing("PJSIPShowEndpoints")
        except AmiRefused as refused:
            if refused.said.strip() == NO_ENDPOINTS or UNKNOWN_ACTION in refused.said:
                raise NoEndpoints("Asterisk has no PJSIP endpoints") from None
            raise
        # In a thread, as all that is done with thousands at once: the clock and the switchboards must go on.
        endpoints = await asyncio.to_thread(self._read, found)
        asked = [e for e in endpoints if e.extension]
        details: dict[str, Endpoint] = {}
        waiting = iter(asked)
        while chunk := list(islice(waiting, WINDOW)):
            for endpoint in await asyncio.gather(*(_detailed(client, e) for e in chunk)):
                details[endpoint.name] = endpoint
        return [details.get(e.name, e) for e in endpoints]

    def _read(self, found: Sequence[Message]) -> list[Endpoint]:
        return [self._endpoint(message) for message in found if message.event == "EndpointList"]

    def _endpoint(self, message: Message) -> Endpoint:
        name = message["ObjectName"]
        cut = self.extensions.fullmatch(name)
        extension = "" if cut is None else next((g for g in cut.groups() if g), "") or ("" if cut.re.groups else name)
        return Endpoint(
            name, extension, bool(message["Aor"]), bool(message["Auths"]), bool(message["OutboundAuths"])
        )  # fmt: skip


async def _detailed(client: AmiClient, endpoint: Endpoint) -> Endpoint:
    """The endpoint with its caller id and mailboxes."""
    told = await client.listing("PJSIPShowEndpoint", [("Endpoint", endpoint.name)])
    caller, mailboxes = "", ""
    for message in told:
        if message.event == "EndpointDetail":
            caller, mailboxes = message["Callerid"], message["Mailboxes"] or mailboxes
        elif message.event == "AorDetail":
            mailboxes = mailboxes or message["Mailboxes"]
    return Endpoint(
        endpoint.name, endpoint.extension, endpoint.reached, endpoint.logs_in, endpoint.logs_in_elsewhere,
        caller_name(caller), tuple(m.strip() for m in mailboxes.split(",") if m.strip()),
    )  # fmt: skip


def caller_name(caller_id: str) -> str:
    """The name in a caller id: `"Anna Berg" <1001>`. Asterisk writes `<unknown>` where there is none."""
    found = _CALLER_ID.fullmatch(caller_id)
    return found["name"].strip() if found else ""


async def _mailboxes(client: AmiClient) -> list[Mailbox] | None:
    """All mailboxes; None where voicemail is not loaded."""
    try:
        found = await client.listing("VoicemailUsersList")
    except AmiRefused as refused:
        if refused.said.strip() == NO_MAILBOXES:
            return []
        if UNKNOWN_ACTION in refused.said:
            return None
        raise
    return await asyncio.to_thread(_read_mailboxes, found)


def _read_mailboxes(found: Sequence[Message]) -> list[Mailbox]:
    return [
        Mailbox(m["VoiceMailbox"], m["VMContext"], m["Fullname"].strip(), m["Email"].partition("|")[0].strip())
        for m in found
        if m.event == "VoicemailUserEntry"
    ]


def listing(endpoints: Sequence[Endpoint], mailboxes: Sequence[Mailbox] | None) -> Listing:
    """People among endpoints: whoever has an extension, and no second telephone of somebody who is listed."""
    known = {m.address: m for m in mailboxes or ()}
    people = [e for e in endpoints if _because(e) is None]
    left_out = [LeftOut(e.name, because) for e in endpoints if (because := _because(e)) is not None]
    box_of = {e.name: _mailbox_of(e, known) for e in people}
    owners = _owners(people, box_of)
    shared = _shared_addresses(known.values())
    listed: list[Listed] = []
    for endpoint in people:
        box = box_of[endpoint.name]
        owner = None if box is None else owners.get(box.address, "")
        if box is not None and owner not in (endpoint.name, ""):
            left_out.append(LeftOut(endpoint.name, f"has the mailbox {box.address} of {owner}: another telephone"))
        else:
            listed.append(_listed(endpoint, box if owner else None, shared))
    notes = tuple(_notes(mailboxes, shared))
    return Listing(tuple(listed), tuple(left_out), notes, blurred=notes if mailboxes is None else ())


def _because(endpoint: Endpoint) -> str | None:
    """Why an endpoint is nobody's; None where it may be somebody's."""
    if not endpoint.extension:
        return "its name is no extension (`extensions` in the switchboard's settings says what is one)"
    if endpoint.logs_in_elsewhere and not endpoint.logs_in:
        return "is a trunk: Asterisk logs in there"
    if not (endpoint.reached or endpoint.logs_in or endpoint.mailboxes):
        return "cannot be called: it has no address of record"
    return None


def _mailbox_of(endpoint: Endpoint, known: Mapping[str, Mailbox]) -> Mailbox | None:
    """The endpoint's first mailbox that voicemail has; the one of its own number where it names none."""
    for address in endpoint.mailboxes or (endpoint.extension,):
        box = known.get(address if "@" in address else f"{address}@default")
        if box is not None:
            return box
    return None


def _owners(people: Iterable[Endpoint], box_of: Mapping[str, Mailbox | None]) -> dict[str, str]:
    """Whose each mailbox is: of several endpoints that of its own number, else nobody's ("": left out of this)."""
    having: dict[str, list[Endpoint]] = {}
    for endpoint in people:
        box = box_of[endpoint.name]
        if box is not None:
            having.setdefault(box.address, []).append(endpoint)
    owners: dict[str, str] = {}
    for address, several in having.items():
        own = [e.name for e in several if e.extension == address.partition("@")[0]]
        if len(several) == 1 or own:
            owners[address] = own[0] if own else several[0].name
    return owners


def _shared_addresses(mailboxes: Iterable[Mailbox]) -> frozenset[str]:
    """E-mail addresses of several mailboxes: nobody's own."""
    counted = Counter(m.email.casefold() for m in mailboxes if m.email)
    return frozenset(email for email, times in counted.items() if times > 1)


def _listed(endpoint: Endpoint, box: Mailbox | None, shared: frozenset[str]) -> Listed:
    values = {"extension": endpoint.extension}
    if name := (box.name if box is not None else "") or endpoint.caller:
        values["name"] = name
    if box is not None and box.email and box.email.casefold() not in shared:
        values["email"] = box.email
    return Listed(endpoint.name, values)


def _notes(mailboxes: Sequence[Mailbox] | None, shared: frozenset[str]) -> list[str]:
    if mailboxes is None:
        return ["voicemail is not loaded: names are those of caller ids, and there are no e-mail addresses"]
    return [f"{email} is the address of several mailboxes, so it is nobody's own" for email in sorted(shared)]
