"""Whatever stands in AstDB, in a name, a note, a number or what is dialled: callers are told or ring, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC
from urllib.parse import quote

import pytest

from backsoon.domain.model import Phone
from backsoon.domain.spoken import Voice
from backsoon.switchboards.base import EXTENSION, Lamp, PlannedReferral
from tests.spoken_server import ANNA, ATTENDANT, HOUR, PHONES, TOLD, Spoken, dialplan, local, presented

pytestmark = pytest.mark.xdist_group("spoken")

NOW = local(2027, 3, 1, 9)
SECONDS = int(NOW.timestamp())
EPOCH = SECONDS - 3600
PLAN = f"1~en~UTC~{EPOCH}:0:0:meeting:c:"
ATTACKS = [
    "x\r\nAction: Originate\r\nChannel: Local/1009@ring\r\nApplication: System\r\nData: touch /tmp/broken-out\r\n\r\n",
    "${SHELL(touch /tmp/broken-out)}",
    "$[1+1]",
    ",a&Local/9@x",
    '"),SHELL(touch /tmp/broken-out',
    "--help",
    "../../x",
    "../../../etc/passwd",
    "<speak><audio src='file:///etc/passwd'/></speak>",
    "1003,1)&System(touch /tmp/broken-out",
    "1~en~UTC~1:0:0:x:c:1003|1~en~UTC~~1009~1003",
    "a&b&backsoon/own/sick",
    "%n\0$",
    "\u202e\u2066Anna",
]
PEOPLE = [
    *("1", "1~", "~~~~~", "2~en~UTC~3dcbff280cbc~1002~1234", "1~en~UTC", "1~sv", "1" + "~" * 890, "|", "1~en|UTC"),
    *(f"1~en~UTC~{attack}~{attack}~{attack}" for attack in ATTACKS if attack.isprintable()),
    *(f"1~{attack}~{attack}~../../passwd~1002~:" for attack in ATTACKS if attack.isprintable()),
    "1~en~UTC~" + "f" * 800,
    "1~en~UTC~3dcbff280cbc~1002~" + ":" * 800,
    "1~en~UTC~&~&~&",
    "1~en~UTC~~backsoon-divert~",
]
PLANS = [
    f"1~en~UTC~{EPOCH}:0:99999999999999999999:meeting:c:",
    f"1~en~UTC~{EPOCH}:0:9999999999:meeting:c:",
    f"1~../../x~../../x~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
    f"1~en~Nowhere/AtAll~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
    f"1~en~~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
    f"1~~UTC~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
    f"1~en~UTC~{EPOCH}:0:{SECONDS + 60}::c:",
    f"1~en~UTC~{EPOCH}:0:{SECONDS + 60}:../../x:c:",
    f"1~en~UTC~{EPOCH}:0:{SECONDS + 60}:a&b:c:",
    f"1~say~UTC~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
    f"1~en_{'x' * 300}~UTC~{EPOCH}:0:{SECONDS + 60}:meeting:c:",
]


@pytest.fixture(autouse=True)
def _nothing_broke_out(spoken: Spoken) -> Iterator[None]:
    marks = [spoken.server.chroot / "tmp" / "broken-out"]
    yield
    assert [mark for mark in marks if mark.exists()] == []
    assert spoken.server.cli("core show version").startswith("Asterisk")


async def told_or_rung(spoken: Spoken, calls: dict[str, tuple[str, str]]) -> dict[str, list[str]]:
    """What was heard at each extension (called, caller id); whoever heard nothing let a telephone ring."""
    gate = asyncio.Semaphore(20)
    async with spoken.phones() as phones:

        async def one(extension: str, called: str, number: str) -> list[str]:
            async with gate, spoken.call(called, "trunk", number) as call:
                heard = await call.ended()
                assert heard or extension in phones.rung, (called, number)
                return heard

        heard = await asyncio.gather(*(one(extension, *call) for extension, call in calls.items()))
        assert set(phones.rung) <= set(calls)
        return dict(zip(calls, heard, strict=True))


def calls_to(extensions: object) -> dict[str, tuple[str, str]]:
    return {str(one): (f"{one}*{SECONDS}", "") for one in extensions}  # type: ignore[attr-defined]  # any iterable


async def test_rows_about_people_that_somebody_else_wrote(spoken: Spoken) -> None:
    """A deputy of whom something is left that looks like an extension is offered: that much it may be."""
    await spoken.use(dialplan(TOLD, patience=0.3))
    rows = dict(zip(PHONES, PEOPLE, strict=False))
    assert len(rows) == len(PEOPLE)
    for extension, row in rows.items():
        await spoken.put("backsoon", extension, PLAN)
        await spoken.put("backsoon-person", extension, row)
    heard = await told_or_rung(spoken, calls_to(rows))
    offer = ["en/menu/deputy", "en/press/3"]
    for one in heard.values():
        assert [prompt for prompt in one[1:] if prompt not in offer] == ["en/outside/meeting", "en/goodbye"]


async def test_plans_that_somebody_else_wrote(spoken: Spoken) -> None:
    rows = dict(zip(PHONES, PLANS, strict=False))
    for extension, row in rows.items():
        await spoken.put("backsoon", extension, row)
    heard = await told_or_rung(spoken, calls_to(rows))
    assert {e for e, h in heard.items() if not h or not h[-1].endswith("/goodbye")} == set()


@pytest.mark.parametrize("family", ["backsoon-emergency", "backsoon-hand"])
async def test_other_rows_that_somebody_else_wrote(spoken: Spoken, family: str) -> None:
    attacks = [attack for attack in ATTACKS if attack.isprintable()] + ["9" * 400, "-1", "0x10", "1e99", " "]
    rows = dict(zip(PHONES, attacks, strict=False))
    for extension, row in rows.items():
        await spoken.put("backsoon", extension, PLAN)
        await spoken.put(family, extension, row)
    heard = await told_or_rung(spoken, calls_to(rows))
    assert {e for e, h in heard.items() if h[-1:] != ["en/goodbye"]} == set()


async def test_names_notes_and_numbers_of_a_calendar(spoken: Spoken) -> None:
    """By the way that they come: nothing that the driver is handed reaches AstDB as it is."""
    people = dict(zip(PHONES, ATTACKS, strict=False))
    start = (NOW - HOUR).astimezone(UTC)
    await spoken.show(
        *(
            presented(
                extension,
                lamp=Lamp("meeting", attack),
                plan=(PlannedReferral(start, None, None, "meeting", Phone.CLOSED, attack),),
                name=attack,
                language=attack,
                zone=attack,
                deputy=attack,
                ring_through=(attack, f"+46{attack}"),
            )
            for extension, attack in people.items()
        )
    )
    rows = spoken.database()
    assert len(rows) == 4 * len(people)
    for key, row in rows.items():
        family, extension = key.strip("/").split("/")
        assert family.startswith(("backsoon", "Custom"))
        assert extension.removeprefix("backsoon-") in people
        assert family.startswith("Custom") or set(row) <= set(ALLOWED), row
    heard = await told_or_rung(spoken, calls_to(people))
    plain = ["en/person", "en/outside/meeting", "en/goodbye"]
    assert {e: h for e, h in heard.items() if h != plain} == {}


ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789~:_./+-"


async def test_what_is_called_and_who_says_to_call(spoken: Spoken) -> None:
    voice = Voice(voicemail="", ring_through=("+4670",), attendants=(ATTENDANT,))
    await spoken.use(dialplan(voice))
    await spoken.show(presented(plan=(PlannedReferral((NOW - HOUR).astimezone(UTC), None, None, "meeting"),)))
    printable = [attack.replace("\0", "").replace("\r\n", " ") for attack in ATTACKS]
    async with spoken.phones() as phones:

        async def one(called: str, number: str) -> list[str]:
            async with spoken.call(quote(called, safe="*"), "trunk", quote(number)) as call:
                return await call.ended()

        with_numbers = await asyncio.gather(*(one(f"1001*{SECONDS}", f"+4670{attack}") for attack in printable[1:]))
        # A number of which the listed one is left rings: it could have been forged whole.
        assert {tuple(heard[-2:]) for heard in with_numbers} == {(), ("en/outside/meeting", "en/goodbye")}
        await asyncio.gather(*(one(f"1001{attack}", "") for attack in printable))
        await asyncio.gather(*(one(attack, "") for attack in printable))
        assert set(phones.rung) <= {"1001"}
    assert all(EXTENSION.fullmatch(key.rpartition("/")[2]) for key in spoken.database())
    assert ANNA not in str(spoken.database())
