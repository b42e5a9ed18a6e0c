"""A real Asterisk for tests, with the printed dialplan, and calls placed to it by SIPp.

The account :data:`ACCOUNT` has the least rights that the product asks for; :data:`OPERATOR` may do everything.
A call from ``caller`` enters the context ``incoming``, which tells the subroutine's result by the call's outcome: rings
and answers (200) where the phone is not closed, is moved (302) where a closed phone diverts, is busy (486) where it is
closed; beside it, ``UserEvent: BacksoonCall`` carries the variables (``BacksoonPhone`` ...). A call from ``outsider``
enters the example. There are no prompts of ours: callers are told with Asterisk's own sounds (see ``spoken_server``).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from backsoon.switchboards.asterisk.answering import BY_CHANNEL
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.asterisk.driver import AsteriskSettings, AsteriskSwitchboard
from backsoon.wire.ami import AmiRefused, Message
from backsoon.wire.ami_client import AmiAccount, AmiAddress, AmiClient, open_ami
from tests.peers import not_here, require_peer
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk
from tools.peers.recipe import PeerError
from tools.peers.sipp import CallOutcome, Calls, Telephones

ACCOUNT = AmiAccount("backsoon", "correct horse")
OPERATOR = AmiAccount("operator", "battery staple")
LOGIN_ONLY = AmiAccount("weak", "may do nothing")
PHONES = ("1001", "1002", "1003")

OWN_FAMILIES = ("/pbx/", "/registrar/", "/subscription_persistence/")
"""What Asterisk itself keeps in its database."""
OUR_FAMILIES = (
    "backsoon",
    "backsoon-person",
    "backsoon-hand",
    "backsoon-emergency",
    "CustomDevstate",
    "CustomPresence",
)
VARIABLES = ("Phone", "Reason", "Until", "Back", "Divert", "Language", "Zone")

INCOMING = """
[incoming]
include => backsoon-codes
exten => _X!,1,Gosub(backsoon,s,1(${EXTEN}))
 same => n(result),UserEvent(BacksoonCall,Exten: ${EXTEN},@VARIABLES@)
 same => n,GotoIf($["${BACKSOON_PHONE}" = "closed"]?closed)
 same => n,Ringing()
 same => n,Answer()
 same => n,Wait(30)
 same => n(closed),GotoIf($["${BACKSOON_DIVERT}" = ""]?busy)
 same => n,Transfer(PJSIP/sip:${BACKSOON_DIVERT}@127.0.0.1)
 same => n(busy),Hangup(17)

; A call to EXTENSION*SECONDS (four digits, a star) asks for that instant.
exten => _XXXX*X!,1,Gosub(backsoon,s,1(${CUT(EXTEN,*,1)},${CUT(EXTEN,*,2)}))
 same => n,Goto(${CUT(EXTEN,*,1)},result)

; judge-FORM-NOW-GIVEN-ZONE (a dot for the slash) asks when a referral by telephone ends.
exten => _judge.,1,Set(ZONE=${CUT(EXTEN,-,5)})
 same => n,Set(ZONE=${CUT(ZONE,.,1)}/${CUT(ZONE,.,2)})
 same => n,Gosub(backsoon-until,${CUT(EXTEN,-,2)},1(${CUT(EXTEN,-,3)},${ZONE},${CUT(EXTEN,-,4)}))
 same => n,UserEvent(BacksoonUntil,Until: ${GOSUB_RETVAL})
 same => n,Hangup()

; Who calls, by the name of the channel alone.
exten => account,1,UserEvent(BacksoonAccount,Account: @BY_CHANNEL@,Number: ${CALLERID(num)})
 same => n,Hangup(17)
""".replace("@VARIABLES@", ",".join(f"Backsoon{name}: ${{BACKSOON_{name.upper()}}}" for name in VARIABLES))
INCOMING = INCOMING.replace("@BY_CHANNEL@", BY_CHANNEL)


@dataclass
class Asterisk:
    """The real Asterisk and what a test does with it."""

    server: PrivateAsterisk
    calls: Calls

    @property
    def ami_port(self) -> int:
        """The port of its manager interface on 127.0.0.1."""
        return self.server.ami_port

    @property
    def sip_port(self) -> int:
        """The UDP port of its SIP on 127.0.0.1."""
        return self.server.sip_port

    @property
    def address(self) -> AmiAddress:
        """Where its manager interface listens."""
        return AmiAddress(port=self.server.ami_port)

    def cli(self, command: str) -> str:
        """The output of a command of Asterisk's command line."""
        return self.server.cli(command)

    def place_call(self, extension: str, caller: str = "caller", pretending: str = "") -> CallOutcome:
        """Place a call by SIPp, to its end."""
        return self.calls.place(extension, caller, pretending=pretending)

    def dial(self, digits: str, caller: str = "1001") -> CallOutcome:
        """Dial a star code on somebody's telephone; what no address may hold is escaped as telephones do it."""
        return self.place_call(quote(digits, safe="*+$,;?/&="), caller)

    def hands(self) -> dict[str, str]:
        """What was dialled and nobody has taken over yet, by extension."""
        family = "/backsoon-hand/"
        return {key[len(family) :]: value for key, value in self.database().items() if key.startswith(family)}

    def switchboard(self, **changes: object) -> AsteriskSwitchboard:
        """The driver for it, with the least rights."""
        whole: dict[str, object] = {"address": self.address, "account": ACCOUNT, **changes}
        return AsteriskSwitchboard(AsteriskSettings(**whole))  # type: ignore[arg-type]  # checked by the dataclass

    def database(self) -> dict[str, str]:
        """Everything in AstDB that is not Asterisk's own, by key."""
        rows = (line.partition(":") for line in self.cli("database show").splitlines() if line.startswith("/"))
        return {key.strip(): value.strip() for key, _, value in rows if not key.startswith(OWN_FAMILIES)}

    def kick_managers(self) -> None:
        """Let Asterisk hang up on everybody who is logged in at the manager interface."""
        for columns in map(str.split, self.cli("manager show connected").splitlines()):
            is_one = bool(columns) and columns[0] in {ACCOUNT.username, OPERATOR.username}
            if is_one and "No such command" in self.cli(f"manager kick session {columns[4]}"):
                self.restart()  # Asterisk 16 cannot kick
                return

    def restart(self) -> None:
        """Let it restart itself, in the same process."""
        self.cli("core restart now")
        self.server.wait_booted()

    def forget(self) -> None:
        """Empty AstDB of what tests put there."""
        for family in OUR_FAMILIES:
            self.cli(f"database deltree {family}")


@asynccontextmanager
async def asking(asterisk: Asterisk) -> AsyncIterator["Asker"]:
    """Ask the subroutine for other instants, by calls that Asterisk places to itself."""
    asker = Asker()
    async with open_ami(asterisk.address, OPERATOR, asker.listen) as client:
        asker.client = client
        yield asker


class Asker:
    """Places local calls and collects the variables that the subroutine set."""

    client: AmiClient

    def __init__(self) -> None:
        self.told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    def listen(self, event: Message) -> None:
        """Collect what the dialplan tells of."""
        if event["UserEvent"] == "BacksoonCall":
            self.told.put_nowait({name: event[f"Backsoon{name}"] for name in VARIABLES})
        elif event["UserEvent"] == "BacksoonUntil":
            self.told.put_nowait({"Until": event["Until"]})

    async def at(self, extension: str, instant: int) -> dict[str, str]:
        """What the subroutine sets for an instant, in seconds since 1970."""
        return await self._call(f"{extension}*{instant}")

    async def now(self, extension: str) -> dict[str, str]:
        """What it sets for a call that comes now."""
        return await self._call(extension)

    async def until(self, form: str, now: int, given: str, zone: str) -> int:
        """When the star codes' dialplan says that a referral ends; see `backsoon-until` there."""
        told = await self._call(f"judge-{form}-{now}-{given}-{zone.replace('/', '.')}")
        return int(told["Until"])

    async def _call(self, extension: str) -> dict[str, str]:
        headers = [("Channel", f"Local/{extension}@incoming/n"), ("Application", "Wait"), ("Data", "0")]
        with suppress(AmiRefused):  # where the phone is closed nobody answers; the event tells all the same
            await self.client.request("Originate", headers)
        return await asyncio.wait_for(self.told.get(), 10)


def server_settings() -> ServerSettings:
    """The configuration that tests run against."""
    return ServerSettings(
        extensions=dialplan_text() + INCOMING,
        accounts={
            ACCOUNT.username: ManagerAccount(ACCOUNT.secret),
            OPERATOR.username: ManagerAccount(OPERATOR.secret, "all", "all"),
            LOGIN_ONLY.username: ManagerAccount(LOGIN_ONLY.secret, "system", "user"),
        },
        phones={"caller": "incoming", "outsider": "backsoon-example"} | dict.fromkeys(PHONES, "incoming"),
        voicemail="[general]\nformat = wav\n[default]\n",
    )


def run_asterisk() -> Iterator[Asterisk]:
    """Start one and end it. Skips visibly (in CI: fails) where there is none."""
    chroot = require_peer("asterisk")
    try:
        with PrivateAsterisk(chroot, server_settings()) as server:
            yield Asterisk(server, Calls(server))
    except PeerError as error:
        not_here(str(error))


@pytest.fixture(scope="module", name="shared_asterisk")
def _shared_asterisk() -> Iterator[Asterisk]:
    yield from run_asterisk()


@pytest.fixture
def asterisk(shared_asterisk: Asterisk) -> Asterisk:
    """A running Asterisk with an empty AstDB; shared by the tests of a module, which must leave it running."""
    shared_asterisk.forget()
    return shared_asterisk


@pytest.fixture
def own_asterisk() -> Iterator[Asterisk]:
    """An Asterisk for one test alone, which may kill and freeze it."""
    yield from run_asterisk()


@pytest.fixture
def telephones(asterisk: Asterisk) -> Iterator[Telephones]:
    """The telephones of :data:`PHONES`: they ring and say busy."""
    with Telephones(asterisk.server) as phones:
        yield phones
