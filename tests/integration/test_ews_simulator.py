"""The simulated Exchange, checked by what we did not write: exchangelib as its client, Microsoft's schemas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.peers import require_peer
from tests.simulators import ews
from tests.simulators.ews import EwsSimulator
from tests.simulators.ews.soap import VERSIONS
from tests.simulators.model import AutomaticReply, Mailbox, Meeting, Repeats, World

PROGRAM = Path(ews.__file__).with_name("exchangelib_client.py")
ANNA, BO, CARL, DORA = (f"{name}@example.com" for name in ("anna", "bo", "carl", "dora"))
WEEK = {"start": "2026-11-23T00:00:00+00:00", "end": "2026-11-30T00:00:00+00:00"}


def world(strange: str = "x\x0by") -> World:
    """Anna, whose calendar can be read; Bo, of whom one sees the times only; Carl, of whom nothing. `strange` is the
    subject of an entry: XML forbids what is in it."""
    anna = Mailbox(ANNA)
    anna.put(Meeting("one", at(23, 9), at(23, 10), "m: Budget", categories=("Blue",), location="Room 4"))
    series = Meeting("series", at(24, 12), at(24, 13), "l: Lunch", repeats=Repeats("day", 1, 4))
    moved = Meeting("series", at(26, 14), at(26, 15), "l: Late lunch", response="tentativelyAccepted")
    anna.put(series_with(series, {at(25, 12): None, at(26, 12): moved}))
    anna.put(Meeting("day", date(2026, 11, 27), date(2026, 11, 28), "h: Away", show_as="oof", sensitivity="private"))
    anna.put(Meeting("off", at(28, 9), at(28, 10), strange, cancelled=True, show_as="free", response="declined"))
    anna.reply = AutomaticReply(
        "scheduled", datetime(2026, 11, 24, 8, tzinfo=UTC), datetime(2026, 11, 25, 8, tzinfo=UTC)
    )
    bo = Mailbox(BO, access="freeBusyReader")
    bo.put(Meeting("secret", at(23, 9), at(23, 10), "canary"))
    return World([anna, bo, Mailbox(CARL, access="none"), Mailbox(DORA)])


def at(day: int, hour: int) -> datetime:
    """A time in November, by the clocks of Stockholm."""
    return datetime(2026, 11, day, hour)  # noqa: DTZ001


def series_with(meeting: Meeting, exceptions: dict[datetime | date, Meeting | None]) -> Meeting:
    """A series with exceptions."""
    return Meeting(
        meeting.uid, meeting.start, meeting.end, meeting.subject, repeats=meeting.repeats, exceptions=exceptions
    )


@asynccontextmanager
async def exchangelib(sim: EwsSimulator, do: str, **order: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """exchangelib at work."""
    python = require_peer("exchangelib") / "bin" / "python"
    told = {"url": sim.url, "account": sim.account, "password": sim.password, "mailbox": ANNA, "patience": 2, "do": do}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(python), "-I", str(PROGRAM), json.dumps(told | WEEK | order), stdin=pipe, stdout=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ask(sim: EwsSimulator, do: str, **order: Any) -> list[dict[str, Any]]:
    """All that exchangelib finds."""
    async with exchangelib(sim, do, **order) as process:
        found, _ = await process.communicate()
        return [json.loads(line) for line in found.splitlines()]


# -- what exchangelib reads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
async def test_exchangelib_reads_the_calendar(access: str) -> None:
    async with EwsSimulator(world()) as sim:
        *items, version = await ask(sim, "view", access=access, zone="Europe/Stockholm")
    assert version == {"version": "Exchange2016"}
    times = [(each["subject"], each["start"], each["end"], each["type"]) for each in items]
    assert times == [
        ("m: Budget", "2026-11-23T08:00:00+00:00", "2026-11-23T09:00:00+00:00", "Single"),
        ("l: Lunch", "2026-11-24T11:00:00+00:00", "2026-11-24T12:00:00+00:00", "Occurrence"),
        ("l: Late lunch", "2026-11-26T13:00:00+00:00", "2026-11-26T14:00:00+00:00", "Exception"),
        ("h: Away", "2026-11-27", "2026-11-27", "Single"),
        ("l: Lunch", "2026-11-27T11:00:00+00:00", "2026-11-27T12:00:00+00:00", "Occurrence"),
        ("x\x0by", "2026-11-28T08:00:00+00:00", "2026-11-28T09:00:00+00:00", "Single"),
    ]
    budget, lunch, late, away, _, off = items
    assert (budget["categories"], budget["location"], budget["uid"]) == (["Blue"], "Room 4", "one")
    assert (budget["my_response_type"], lunch["legacy_free_busy_status"]) == ("Organizer", "Busy")
    assert (late["recurrence_id"], late["uid"]) == ("2026-11-26T11:00:00+00:00", "series")
    assert late["my_response_type"] == "Tentative"
    assert (away["legacy_free_busy_status"], away["sensitivity"], away["is_all_day"]) == ("OOF", "Private", True)
    assert (off["is_cancelled"], off["my_response_type"], off["legacy_free_busy_status"]) == (True, "Decline", "Free")


async def test_exchangelib_is_given_the_properties_that_it_asks_for() -> None:
    async with EwsSimulator(world()) as sim:
        *items, _ = await ask(sim, "view", only=["subject"])
        assert [each["subject"] for each in items][:2] == ["m: Budget", "l: Lunch"]
        assert sim.count["FindItem"] == 1
        assert "GetItem" not in sim.count
        assert sim.asked.keys() == {"item:Subject"}
        await ask(sim, "view")
        assert sim.asked["item:Body"], "what is asked for is noted"


@pytest.mark.parametrize("version", [each for each in VERSIONS if each != "2007"])
async def test_exchangelib_finds_out_the_version(version: str) -> None:
    async with EwsSimulator(world(), version=version) as sim:
        *items, told = await ask(sim, "view", only=["subject"])
    assert told == {"version": VERSIONS[version].schema}
    assert len(items) == 6


async def test_exchangelib_signs_in_by_ntlm() -> None:
    async with EwsSimulator(world(), sign_in=frozenset({"ntlm"})) as sim:
        *items, _ = await ask(sim, "view", only=["subject"], sign_in="ntlm", account="EXAMPLE\\service")
        assert len(items) == 6
        assert sim.gate.handshakes >= 1
        (refused,) = await ask(sim, "view", sign_in="ntlm", account="EXAMPLE\\service", password="wrong")
    assert "error" in refused


async def test_exchangelib_follows_what_changes() -> None:
    everybody = world()
    async with EwsSimulator(everybody) as sim:
        *created, state = await ask(sim, "sync")
        assert [each["uid"] for each in created] == ["one", "series", "day", "off"], "a series is one item"
        everybody[ANNA].put(Meeting("one", at(23, 9), at(23, 11), "m: Long budget"))
        everybody[ANNA].remove("off")
        everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 11), "new"))
        *changes, last = await ask(sim, "sync", state=state["state"])
        assert [(each["change"], each["uid"]) for each in changes] == [
            ("update", "one"), ("delete", None), ("create", "new")
        ]  # fmt: skip
        assert await ask(sim, "sync", state=last["state"]) == [last]
        (stale,) = await ask(sim, "sync", state="nonsense")
    assert stale["error"] == "ErrorInvalidSyncStateData"


async def test_exchangelib_asks_who_is_busy() -> None:
    async with EwsSimulator(world()) as sim:
        mailboxes = [ANNA, BO, "nobody@example.com"]
        anna, bo, nobody = await ask(sim, "availability", mailboxes=mailboxes, access="delegate")
        (carl,) = await ask(sim, "availability", mailboxes=[CARL], access="delegate")
    assert anna["view"] == "DetailedMerged"
    assert anna["events"][0] == ["2026-11-23T08:00:00+00:00", "2026-11-23T09:00:00+00:00", "Busy", "m: Budget"]
    assert ["2026-11-26T23:00:00+00:00", "2026-11-27T23:00:00+00:00", "OOF", None] in anna["events"], "private"
    assert anna["merged"].startswith("0000000020")
    assert (bo["view"], bo["events"][0][3]) == ("FreeBusyMerged", None)
    assert nobody == {"failed": "ErrorMailRecipientNotFound"}
    assert carl["error"] == "ErrorNoFreeBusyAccess"


async def test_exchangelib_reads_the_automatic_reply() -> None:
    everybody = world()
    async with EwsSimulator(everybody) as sim:
        (reply,) = await ask(sim, "reply")
        assert reply == {
            "state": "Scheduled", "start": "2026-11-24T08:00:00+00:00", "end": "2026-11-25T08:00:00+00:00"
        }  # fmt: skip
        everybody[ANNA].reply = AutomaticReply("alwaysEnabled")
        assert [each["state"] for each in await ask(sim, "reply")] == ["Enabled"]
        (refused,) = await ask(sim, "reply", access="delegate")
    assert refused["error"] == "ErrorAccessDenied"


@pytest.mark.parametrize("version", ["2010_SP1", "2016"])
async def test_exchangelib_listens(version: str) -> None:
    everybody = world()
    async with EwsSimulator(everybody, version=version) as sim, exchangelib(sim, "stream", notifications=3) as process:
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == {"listening": True}
        while not sim.streams:
            await asyncio.sleep(0.01)
        seen = []
        for change in (
            lambda: everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 10), "new")),
            lambda: everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 11), "new")),
            lambda: everybody[ANNA].remove("new"),
        ):
            change()
            seen.append(json.loads(await process.stdout.readline())["events"][0])
    assert seen == ["CreatedEvent", "ModifiedEvent", "MovedEvent"]


async def test_exchangelib_asks_for_events() -> None:
    everybody = world()
    async with EwsSimulator(everybody, version="2007_SP1") as sim, exchangelib(sim, "pull") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert json.loads(await process.stdout.readline()) == {"events": ["StatusEvent"]}
        everybody[ANNA].put(Meeting("new", at(24, 9), at(24, 10), "new"))
        process.stdin.write(b"\n\n")
        assert json.loads(await process.stdout.readline())["events"][0] == "CreatedEvent"


# -- what exchangelib is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mailbox", "access", "error"),
    [
        (BO, "impersonation", "ErrorImpersonateUserDenied"),
        (CARL, "impersonation", "ErrorImpersonateUserDenied"),
        ("nobody@example.com", "impersonation", "ErrorNonExistentMailbox"),
        (BO, "delegate", "ErrorAccessDenied"),
        (CARL, "delegate", "ErrorAccessDenied"),
        ("nobody@example.com", "delegate", "ErrorNonExistentMailbox"),
    ],
)
async def test_exchangelib_is_told_whom_it_may_not_read(mailbox: str, access: str, error: str) -> None:
    async with EwsSimulator(world()) as sim:
        (refused,) = await ask(sim, "view", mailbox=mailbox, access=access)
    assert refused["error"] == error


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ErrorMailboxMoveInProgress", 200),
        ("ErrorMailboxStoreUnavailable", 200),
        ("ErrorInternalServerTransientError", 500),
        ("ErrorTimeoutExpired", 500),
    ],
)
async def test_exchangelib_understands_what_the_server_cannot_do(code: str, status: int) -> None:
    async with EwsSimulator(world()) as sim:
        sim.faults.add("vendor", times=None, match="FindItem", code=code, status=status)
        (refused,) = await ask(sim, "view")
    assert refused["error"] in {code, "RateLimitError"}, refused
    assert "vendor" in sim.faults.happened


async def test_exchangelib_waits_as_long_as_it_is_told_to() -> None:
    async with EwsSimulator(world()) as sim:
        sim.faults.add("throttle", match="FindItem", seconds=0.2)
        *items, _ = await ask(sim, "view", only=["subject"], patience=30)
        assert len(items) == 6
        assert sim.count["FindItem"] == 2
        sim.faults.add("throttle", match="FindItem", seconds=300)
        (refused,) = await ask(sim, "view")
    assert "300" in refused["text"], refused


@pytest.mark.parametrize("kind", ["unavailable", "sign_in", "half", "html"])
async def test_exchangelib_takes_no_broken_answer_for_an_empty_calendar(kind: str) -> None:
    async with EwsSimulator(world()) as sim:
        sim.faults.add(kind, times=None, match="FindItem")
        *items, refused = await ask(sim, "view", only=["subject"])
    assert "error" in refused, (items, refused)


async def test_exchangelib_is_told_nothing_of_what_is_private_where_delegates_may_not_see_it() -> None:
    async with EwsSimulator(world(), hide_private=True) as sim:
        seen = [each.get("subject") for each in await ask(sim, "view", access="delegate")]
        assert "h: Away" not in seen
        assert "Private Appointment" in seen
        assert "h: Away" in [each.get("subject") for each in await ask(sim, "view")], "its owner sees it"
