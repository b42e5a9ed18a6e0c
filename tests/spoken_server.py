"""A real Asterisk that tells callers, with prompts that spell their names (see `spelled`), and nothing of ours running.

A call to `EXTENSION*SECONDS` asks for another instant. What returns from the answer rings at the telephone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backsoon.domain.defaults import KEYWORDS, REASONS
from backsoon.domain.model import Rules
from backsoon.domain.organisation import Organisation
from backsoon.domain.spoken import Voice, name_key
from backsoon.switchboards.asterisk.dialplan import dialplan_text
from backsoon.switchboards.asterisk.driver import AsteriskSettings, AsteriskSwitchboard
from backsoon.switchboards.base import NOTHING, Order, Presentation
from backsoon.voice.dialplan import spoken_text
from backsoon.voice.language import Language, NumberRules, languages
from backsoon.wire.ami import AmiRefused
from backsoon.wire.ami_client import AmiAddress, open_ami
from backsoon.wire.ami_waiting import Action
from tests.asterisk_server import ACCOUNT, OPERATOR, OUR_FAMILIES
from tests.peers import not_here, require_peer
from tests.sip_phone import Call, Phones, calling, ringing
from tests.spelled import spelling
from tools.peers.asterisk_server import AsteriskSettings as ServerSettings
from tools.peers.asterisk_server import ManagerAccount, PrivateAsterisk
from tools.peers.recipe import PeerError

ANNA = "Anna Berg"
PHONES = tuple(str(number) for number in range(1001, 1041))
ATTENDANT = "2000"
TOLD = Voice(voicemail="")
"""No menu: a call is told and ends."""
CORE = ["vm-nobodyavail", "vm-press", "vm-intro", "beep", *(f"digits/{number}" for number in range(10))]
"""What Asterisk's own sounds are taken for in these tests; times need more."""
TIMES = [f"digits/{name}" for name in ("a-m", "p-m", "oclock", "oh", *(f"day-{n}" for n in range(7)))]
TIMES += [f"digits/mon-{n}" for n in range(12)] + [f"digits/h-{n}" for n in range(1, 32)]
TIMES += [f"digits/{n}" for n in range(10, 60)]
AT_ONCE = 20
"""Calls at once; more only wait for each other on two cores."""

INCOMING = """
[incoming]
include => backsoon-codes
exten => _XXXX*X!,1,Gosub(backsoon-answer,s,1(${CUT(EXTEN,*,1)},${CUT(EXTEN,*,2)}))
 same => n,Goto(ring,${CUT(EXTEN,*,1)},1)
exten => _X!,1,Gosub(backsoon-answer,s,1(${EXTEN}))
 same => n,Goto(ring,${EXTEN},1)
exten => 112,1,Gosub(backsoon-emergency,s,1(${EXTEN}))
 same => n,Hangup(21)

[ring]
exten => _X!,1,UserEvent(BacksoonRing,Extension: ${EXTEN},Phone: ${BACKSOON_PHONE},Language: ${CHANNEL(language)})
 same => n,Dial(PJSIP/${EXTEN},5)
 same => n,Hangup()
"""


def organisation(voice: Voice = TOLD) -> Organisation:
    """An organisation that tells so."""
    return Organisation("main", "", Rules(KEYWORDS, REASONS), voice=voice)


def dialplan(voice: Voice = TOLD, *, patience: float | None = None, spoken: str | None = None) -> str:
    """The printed dialplan with the contexts that calls enter. `patience` replaces the seconds that callers have."""
    text = dialplan_text(organisation=organisation(voice), spoken=spoken_text() if spoken is None else spoken)
    if patience is not None:
        assert text.count(",1,,1,5)") == 2
        text = text.replace(",1,,1,5)", f",1,,1,{patience:g})")
    return text + INCOMING


def prompts_of(language: Language, names: Iterable[str] = (ANNA,)) -> dict[str, bytes]:
    """All prompts of a language, spelled."""
    reasons = [f"{audience}/{code}" for code in REASONS for audience in ("reason", "outside", "own")]
    named = [f"name/{name_key(name)}" for name in names]
    keys = [*language.phrases, *language.rules.texts(), *reasons, *named]
    return spelling(f"{language.tag}/backsoon", keys)


def moment(at: datetime, now: datetime, rules: NumberRules, before: str) -> list[str]:
    """The plainest way to tell an instant: keys of prompts. Both are in the zone in which they are told."""
    far = at - now > timedelta(days=330)
    if far and at.year > 2075:
        return []
    values = {"hour": f"{at:%H}", "minute": f"{at:%M}", "weekday": str(at.isoweekday())}
    values |= {"day": str(at.day), "month": str(at.month), "year": str(at.year)}
    days = (at.date() - now.date()).days
    form = "today" if days <= 0 else "week" if days <= 6 else "date"
    time = rules.on_the_hour if at.minute == 0 else rules.past
    week = rules.week if f"{at:%H%M}" == "0000" else (*rules.week, "at", *time)
    parts = {"today": time, "week": week, "date": rules.far if far else rules.date}[form]
    return [f"{before}/{form}", *(part.format(**values) for part in parts)]


@dataclass
class Spoken:
    """The server, and what tests do with it."""

    server: PrivateAsterisk
    printed: str = ""

    async def use(self, text: str) -> None:
        """Take this dialplan from now on."""
        if text != self.printed:
            (self.server.folder / "extensions.conf").write_text(text, encoding="utf-8")
            await self.operate(("Command", [("Command", "dialplan reload")]))
            self.printed = text

    async def operate(self, *actions: Action) -> None:
        """What the operator does, by the manager interface."""
        async with open_ami(AmiAddress(port=self.server.ami_port), OPERATOR) as client:
            for name, fields in actions:
                with suppress(AmiRefused):  # there was nothing to delete
                    await client.request(name, fields)

    async def forget(self) -> None:
        """Empty our families of AstDB."""
        await self.operate(*(("DBDelTree", [("Family", family)]) for family in OUR_FAMILIES))

    def lay(self, sounds: Mapping[str, bytes]) -> None:
        """Add files of sounds."""
        for name, content in sounds.items():
            file = self.server.folder / "data" / "sounds" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    async def show(self, *presentations: Presentation) -> None:
        """Write them ahead, as Backsoon does before it is stopped."""
        board = AsteriskSwitchboard(AsteriskSettings(AmiAddress(port=self.server.ami_port), ACCOUNT))
        async with board.session() as session:
            await session.show([Order(one.extension, NOTHING, board.render(one)) for one in presentations])

    async def put(self, family: str, key: str, value: str) -> None:
        """What somebody else writes to AstDB."""
        await self.operate(("DBPut", [("Family", family), ("Key", key), ("Val", value)]))

    def database(self) -> dict[str, str]:
        """What is in our families of AstDB."""
        rows = (line.partition(":") for line in self.server.cli("database show").splitlines() if line.startswith("/"))
        wanted = tuple(f"/{family}/" for family in OUR_FAMILIES)
        return {key.strip(): value.strip() for key, _, value in rows if key.startswith(wanted)}

    def channels(self) -> int:
        """How many channels there are now."""
        return int(self.server.cli("core show channels count").split()[0])

    @asynccontextmanager
    async def call(self, called: str, account: str = "trunk", number: str = "") -> AsyncIterator[Call]:
        """Call somebody."""
        async with calling(self.server.sip_port, called, account, number) as call:
            yield call

    @asynccontextmanager
    async def phones(self, *answering: str) -> AsyncIterator[Phones]:
        """Let the telephones be there."""
        async with ringing(self.server.phone_port, *answering) as phones:
            yield phones

    async def heard(self, called: str, account: str = "trunk", number: str = "") -> list[str]:
        """What a caller hears who presses nothing, to the end of the call."""
        async with self.call(called, account, number) as call:
            return await call.ended()

    async def all_heard(self, calls: Sequence[tuple[str, str]]) -> list[list[str]]:
        """The same for many calls (called, account), some at once."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(called: str, account: str) -> list[str]:
            async with gate:
                return await self.heard(called, account)

        return await asyncio.gather(*(one(*call) for call in calls))

    async def until_quiet(self) -> None:
        """Wait until no channel is left."""
        async with asyncio.timeout(10):
            while self.channels():
                await asyncio.sleep(0.02)


def presented(extension: str = "1001", **changes: object) -> Presentation:
    """Anna, of whom nothing is known but what is given."""
    return replace(Presentation(extension, name=ANNA), **changes)  # type: ignore[arg-type]  # checked by the dataclass


def settings() -> ServerSettings:
    """The configuration that tests run against."""
    sounds = spelling("en", [*dict.fromkeys([*CORE, *TIMES])])
    for language in languages().values():
        sounds |= prompts_of(language)
    mailboxes = "[general]\nformat = wav\n[default]\n1001 => 1,Anna\n1002 => 1,Bo\n"
    return ServerSettings(
        extensions=dialplan(),
        accounts={
            ACCOUNT.username: ManagerAccount(ACCOUNT.secret),
            OPERATOR.username: ManagerAccount(OPERATOR.secret, "all", "all"),
        },
        phones=dict.fromkeys(("trunk", "anonymous", ATTENDANT, "1001-mobile", *PHONES), "incoming"),
        voicemail=mailboxes,
        sounds=sounds,
    )


@pytest.fixture(scope="module", name="shared_spoken")
def _shared_spoken() -> Iterator[Spoken]:
    chroot = require_peer("asterisk")
    try:
        with PrivateAsterisk(chroot, settings()) as server:
            yield Spoken(server, server.settings.extensions)
    except PeerError as error:
        not_here(str(error))


@pytest.fixture
async def spoken(shared_spoken: Spoken) -> Spoken:
    """A running Asterisk with an empty AstDB and the dialplan without a menu; shared by the tests of a module."""
    await shared_spoken.forget()
    await shared_spoken.use(dialplan())
    return shared_spoken


def local(year: int, month: int, day: int, hour: int, minute: int = 0, zone: str = "Europe/Stockholm") -> datetime:
    """An instant, in the zone in which it is told."""
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone))


HOUR = timedelta(hours=1)
