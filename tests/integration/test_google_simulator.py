"""The simulated Google, checked by what we did not write: Google's own client, and prism over the API's description."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.sources.account import Ordered, Wanted
from backsoon.sources.base import SourceUnavailable, Window
from backsoon.sources.google import GoogleAccount, GoogleSettings
from backsoon.wire.http import Http
from tests.node_servers import running_prism
from tests.peers import require_peer
from tests.simulators import google
from tests.simulators.google import GoogleSimulator, Limits
from tests.simulators.google.signing import EVENTS, FREE_BUSY, LIST
from tests.simulators.model import Mailbox, Meeting, Repeats, World

PROGRAM = Path(google.__file__).with_name("googleclient.py")
DATA = os.environ.get("BACKSOON_DATA")
ANNA, BO, CARL = "anna@example.com", "bo@example.com", "carl@example.com"
SPAN = {"timeMin": "2026-11-20T00:00:00Z", "timeMax": "2026-12-20T00:00:00Z"}
LISTED = {"calendarId": ANNA, "singleEvents": True, "maxAttendees": 1}
WINDOW = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 20, tzinfo=UTC))


def at(day: int, hour: int) -> datetime:
    """A time in November, by the clocks of Stockholm."""
    return datetime(2026, 11, day, hour, tzinfo=UTC).replace(tzinfo=None)


def world() -> World:
    """Anna, whose calendar can be read; Bo, of whom one sees the times only; Carl, of whom nothing."""
    anna = Mailbox(ANNA)
    anna.put(Meeting("one", at(23, 9), at(23, 10), "m: Budget", attendees=(BO, CARL), body="text", location="Room 4"))
    moved = Meeting("series", at(26, 14), at(26, 15), "l: Late lunch", response="tentativelyAccepted")
    exceptions: dict[datetime | date, Meeting | None] = {at(25, 12): None, at(26, 12): moved}
    anna.put(Meeting("series", at(24, 12), at(24, 13), "l: Lunch", repeats=Repeats(count=4), exceptions=exceptions))
    anna.put(Meeting("day", date(2026, 11, 27), date(2026, 11, 28), "h: Away", kind="outOfOffice"))
    anna.put(Meeting("private", at(28, 9), at(28, 10), "canary", sensitivity="private", show_as="tentative"))
    bo = Mailbox(BO, access="freeBusyReader")
    bo.put(Meeting("secret", at(23, 9), at(23, 10), "canary"))
    return World([anna, bo, Mailbox(CARL, access="none")])


@pytest.fixture
async def simulator() -> AsyncIterator[GoogleSimulator]:
    async with GoogleSimulator(world()) as simulator:
        simulator.listed_for_service_account = True
        yield simulator


async def ask(simulator: GoogleSimulator, *steps: tuple[str, dict[str, Any]], **order: Any) -> list[Any]:
    """What Google's client finds, a step each."""
    python = require_peer("googleclient") / "bin" / "python"
    told = {
        "url": simulator.url,
        "credentials": simulator.service_account(),
        "scopes": [EVENTS, LIST, FREE_BUSY],
        "steps": steps,
        **order,
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(python), "-I", str(PROGRAM), json.dumps(told), stdout=pipe, stderr=pipe
    )
    said, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-2000:]
    return [json.loads(line) for line in said.splitlines()]


class TestGooglesOwnClient:
    async def test_a_first_read_a_change_and_what_changed(self, simulator: GoogleSimulator) -> None:
        (first,) = await ask(simulator, ("events.list", {**LISTED, **SPAN}))
        assert sorted(each.get("summary", "") for each in first["items"]) == [
            "", "h: Away", "l: Late lunch", "l: Lunch", "l: Lunch", "m: Budget",
        ]  # fmt: skip
        assert first["accessRole"] == "reader"
        budget = next(each for each in first["items"] if each.get("summary") == "m: Budget")
        assert budget["attendees"] == [{"email": ANNA, "self": True, "responseStatus": "accepted"}]
        simulator.world[ANNA].remove("one")
        simulator.world[ANNA].put(Meeting("new", at(30, 9), at(30, 10), "m: New"))
        (second,) = await ask(simulator, ("events.list", {**LISTED, "syncToken": first["nextSyncToken"]}))
        assert {each["id"]: each["status"] for each in second["items"]} == {
            budget["id"]: "cancelled",
            next(s.id for s in simulator.world[ANNA].items.values() if s.meeting.uid == "new"): "confirmed",
        }

    async def test_pages(self, simulator: GoogleSimulator) -> None:
        told = {**LISTED, **SPAN, "maxResults": 4}
        first, second, none = await ask(simulator, ("events.list", told), ("next", {}), ("next", {}))
        assert (len(first["items"]), len(second["items"]), none) == (4, 2, None)
        assert "nextSyncToken" not in first
        assert "nextPageToken" not in second

    async def test_without_expansion_a_series_has_its_rule(self, simulator: GoogleSimulator) -> None:
        (found,) = await ask(simulator, ("events.list", {"calendarId": ANNA}))
        series = next(each for each in found["items"] if each["iCalUID"] == "series")
        assert series["recurrence"] == ["RRULE:FREQ=DAILY;INTERVAL=1;COUNT=4"]

    async def test_a_mask_leaves_what_it_names(self, simulator: GoogleSimulator) -> None:
        told = {**LISTED, **SPAN, "fields": "items(id,start/dateTime),nextSyncToken"}
        (found,) = await ask(simulator, ("events.list", told))
        assert set(found) == {"items", "nextSyncToken"}
        assert all(set(each) <= {"id", "start"} for each in found["items"])

    async def test_refusals_are_googles(self, simulator: GoogleSimulator) -> None:
        simulator.world[ANNA].put(Meeting("other", at(23, 9), at(23, 10)))
        (first,) = await ask(simulator, ("events.list", {**LISTED, **SPAN}))
        simulator.forget_tokens(ANNA)
        since = {**LISTED, "syncToken": first["nextSyncToken"]}
        found = await ask(
            simulator,
            ("events.list", since),
            ("events.list", {**since, **SPAN}),
            ("events.list", {**LISTED, "syncToken": "nonsense"}),
            ("events.list", {**LISTED, "calendarId": CARL}),
            ("events.list", {**LISTED, "calendarId": "nobody@example.com"}),
        )
        assert found == [
            {"error": 410, "reason": "fullSyncRequired"},
            {"error": 400, "reason": "invalid"},
            {"error": 400, "reason": "invalid"},
            {"error": 404, "reason": "notFound"},
            {"error": 404, "reason": "notFound"},
        ]

    async def test_rights(self, simulator: GoogleSimulator) -> None:
        (found,) = await ask(simulator, ("freebusy.query", {"body": _asked(ANNA)}), scopes=[EVENTS])
        assert found == {"error": 403, "reason": "insufficientPermissions"}
        (found,) = await ask(simulator, ("events.list", {**LISTED, "calendarId": CARL}), subject=CARL, scopes=[EVENTS])
        assert found["accessRole"] == "owner"

    async def test_shared_without_details(self, simulator: GoogleSimulator) -> None:
        (found,) = await ask(simulator, ("events.list", {**LISTED, **SPAN, "calendarId": BO}))
        assert found["accessRole"] == "freeBusyReader"
        assert "canary" not in json.dumps(found)

    async def test_free_busy_and_the_list_of_calendars(self, simulator: GoogleSimulator) -> None:
        busy, listed = await ask(
            simulator, ("freebusy.query", {"body": _asked(ANNA, BO, CARL)}), ("calendarList.list", {})
        )
        nine = {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T09:00:00Z"}
        assert busy["calendars"][BO]["busy"] == [nine]
        assert nine in busy["calendars"][ANNA]["busy"]
        assert busy["calendars"][CARL]["errors"][0]["reason"] == "notFound"
        assert [(each["id"], each["accessRole"]) for each in listed["items"]] == [
            (ANNA, "reader"),
            (BO, "freeBusyReader"),
        ]

    async def test_channels(self, simulator: GoogleSimulator) -> None:
        body = {"id": "c1", "type": "web_hook", "address": "https://public.example/hooks/google", "token": "hush"}
        watch = ("events.watch", {"calendarId": ANNA, "body": body})
        first, again, plain = await ask(
            simulator,
            watch,
            watch,
            ("events.watch", {"calendarId": ANNA, "body": body | {"id": "c2", "address": "http://public.example/"}}),
        )
        assert (again["reason"], plain["reason"]) == ("channelIdNotUnique", "push.webhookUrlNotHttps")
        left = int(first["expiration"]) / 1_000 - datetime.now(UTC).timestamp()
        assert timedelta(days=6).total_seconds() < left <= timedelta(days=7).total_seconds()
        stop = ("channels.stop", {"body": {"id": "c1", "resourceId": first["resourceId"]}})
        assert await ask(simulator, stop, stop) == ["", {"error": 404, "reason": "notFound"}]

    async def test_limits(self) -> None:
        async with GoogleSimulator(world(), limits=Limits(per_user=3, per_project=5, window=3_600)) as simulator:
            told = {**LISTED, **SPAN}
            found = await ask(
                simulator,
                *[("events.list", told)] * 4,
                *[("events.list", {**told, "quotaUser": "x"})] * 3,
            )
            assert [each.get("reason", "") for each in found] == [
                "", "", "", "userRateLimitExceeded", "", "", "rateLimitExceeded",
            ]  # fmt: skip


def _asked(*addresses: str) -> dict[str, Any]:
    return {**SPAN, "items": [{"id": each} for each in addresses]}


@pytest.mark.skipif(not DATA, reason="BACKSOON_DATA names no folder with the description of the API")
class TestDescription:
    """Whatever our source and the simulator say to each other is as Google's description has it: prism is between."""

    async def test_requests_and_answers(self, simulator: GoogleSimulator, tmp_path: Path) -> None:
        assert DATA is not None
        folder = require_peer("node")
        described = Path(DATA) / "google" / "calendar.v3.swagger.json"
        with running_prism(folder, tmp_path, described, simulator.url) as url:
            async with Http(deadline=20) as http:
                account = GoogleAccount(GoogleSettings(simulator.service_account(), url=url), http)
                await self._everything(simulator, account)
        assert set(simulator.count) == {
            "token", "events.list", "freebusy.query", "calendarList.list", "events.watch", "channels.stop",
        }  # fmt: skip

    async def _everything(self, simulator: GoogleSimulator, account: GoogleAccount) -> None:
        simulator.listing.most_per_page = 4
        source = account.source(ANNA, zone="Europe/Stockholm", owner=frozenset({ANNA}))
        first = await source.changes(WINDOW, None)
        assert len(first.entries) == 6
        simulator.world[ANNA].remove("series")
        second = await source.changes(WINDOW, first.sync_token)
        assert (second.complete, len(second.touched)) == (False, 3)
        simulator.forget_tokens(ANNA)
        assert (await source.changes(WINDOW, second.sync_token)).complete
        found = await account.busy([ANNA, BO, CARL], WINDOW)
        assert len(found) == 3
        assert [each.address for each in await account.discover([CARL])] == [ANNA, BO]
        webhooks = account.webhooks
        assert webhooks is not None
        (made,) = await webhooks.order([Wanted(1, ANNA, "c1", "https://public.example/hooks/google", "hush")])
        assert isinstance(made, Ordered), made
        with pytest.raises(SourceUnavailable):  # 204 is what Google says, and its description does not
            await webhooks.cancel([made])
        assert simulator.channels.open == {}
