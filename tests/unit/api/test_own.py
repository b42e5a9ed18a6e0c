"""What is a person's own, over the real socket: keywords, preview, messages; and what everybody dials."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.api.previews import CannotPreview, Previews, window_of
from backsoon.domain.access import Role
from backsoon.domain.messages import KEPT, KEPT_READ, MOST, forgotten
from backsoon.domain.organisation import Person
from backsoon.sources.base import Changes, SourceError, Window
from backsoon.testing import MemorySource
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import at, entry

Answer = tuple[int, Any]
SECRET = "zqcanarysubject"


@dataclass
class Office:
    """Anna and Bo, an attendant and an administrator."""

    api: Serving
    anna: Person
    tokens: dict[str, str]

    async def ask(self, who: str, method: str, path: str, body: Any = None, of: str = "101") -> Answer:
        """Status and body of one request about somebody."""
        path = path if path.startswith("/") else f"/people/{of}/{path}"
        async with self.api.network(self.tokens[who]) as session:
            more = {} if body is None else {"json": body}
            async with session.request(method, f"/api/v1{path}", **more) as response:
                assert response.status >= 400 or response.headers["Cache-Control"] == "no-store"
                return response.status, await response.json(content_type=None)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with serving(tmp_path) as api:
        anna, bo = await api.world.person("101", "Anna Berg"), await api.world.person("102", "Bo Ek")
        issue = api.parts.tokens.issue
        tokens = {
            "anna": await issue("acme", "Anna Berg", Role.PERSON, person=anna),
            "bo": await issue("acme", "Bo Ek", Role.PERSON, person=bo),
            "eva": await issue("acme", "Eva", Role.ATTENDANT),
            "liv": await issue("acme", "Liv", Role.ATTENDANT),
            "admin": await issue("acme", "Admin", Role.ADMINISTRATOR),
        }
        yield Office(api, anna, {name: issued.text for name, issued in tokens.items()})


# -- keywords ------------------------------------------------------------------------------------------------------


async def test_own_keywords_hold_at_once(office: Office) -> None:
    world = office.api.world
    (await world.calendar_of(office.anna)).put("r", entry("u1", "Gym: legs", at(8), at(10)))
    await world.read(office.anna)
    status, answer = await office.ask("anna", "PUT", "keywords", {"keywords": {" GYM ": "lunch", "d": "holiday"}})
    assert status == 200, answer
    assert [(one["keyword"], one["reason"]) for one in answer["own"]] == [("d", "holiday"), ("gym", "lunch")]
    assert office.api.parts.woken == 1, "what is due for reading is looked at"
    (noted,) = await office.api.parts.audit.search("acme")
    assert (noted.what, noted.who, noted.about) == ("keywords.changed", "Anna Berg", "Anna Berg (101)")
    assert noted.details == {"keywords": ["d", "gym"]}
    (read,) = await world.store.calendars(person=office.anna.id)
    assert read.health.next_read is None, "it is due at once"
    assert read.health.sync_token is None, "entries that have not changed mean something else now"
    await world.read(office.anna)
    _, shown = await office.ask("anna", "GET", "availability")
    assert shown["availability"]["reason"] == "lunch"
    _, told = await office.ask("anna", "GET", "/keywords")
    assert told["own"] == answer["own"]


async def test_keywords_that_have_not_changed_cost_nothing(office: Office) -> None:
    for _ in range(2):
        assert (await office.ask("anna", "PUT", "keywords", {"keywords": {"d": "holiday"}}))[0] == 200
    assert office.api.parts.woken == 1
    _, answer = await office.ask("anna", "PUT", "keywords", {"keywords": {}})
    assert answer["own"] == []


@pytest.mark.parametrize(
    ("keywords", "status", "says"),
    [
        ({"re": "lunch"}, 409, "mail programs"),
        ({"two words": "lunch"}, 409, "letters or digits"),
        ({"": "lunch"}, 409, "letters or digits"),
        ({"x" * 17: "lunch"}, 409, "1 to 16"),
        ({"d": "nonsense"}, 409, "nonsense"),
        ({"D": "lunch", "d": "lunch"}, 409, "twice"),
        ({f"k{n}": "lunch" for n in range(51)}, 422, "50"),
        ({"d": 5}, 422, "string"),
    ],
)
async def test_a_keyword_that_could_not_work_is_refused(
    office: Office, keywords: dict[str, Any], status: int, says: str
) -> None:
    found, problem = await office.ask("anna", "PUT", "keywords", {"keywords": keywords})
    assert (found, says in problem["detail"]) == (status, True), problem
    assert (await office.api.world.store.people([office.anna.id]))[office.anna.id].keywords == {}


async def test_whose_keywords_one_may_change(office: Office) -> None:
    body = {"keywords": {"d": "holiday"}}
    assert (await office.ask("bo", "PUT", "keywords", body))[0] == 403
    assert (await office.ask("eva", "PUT", "keywords", body))[0] == 403
    assert (await office.ask("admin", "PUT", "keywords", body))[0] == 200


# -- phone codes ---------------------------------------------------------------------------------------------------


async def test_phone_codes_are_told_in_words(office: Office) -> None:
    _, english = await office.ask("anna", "GET", "/phone-codes")
    _, swedish = await office.ask("anna", "GET", "/phone-codes?language=sv")
    first = {row["dial"]: row for row in english["codes"]}
    assert [row["dial"] for row in swedish["codes"]] == list(first)
    assert first["*23*0#"]["means"] == "Back soon, for 30 minutes"
    timed = first["*23*0*HHMM#"]
    assert (timed["means"], timed["argument"]) == ("Back soon, back at HHMM", "HHMM is the time: 1430 for 14:30")
    assert [row["dial"] for row in english["codes"] if row["reason"] == "holiday"] == ["*23*6#", "*23*6*MMDD#"]
    assert first["*23*6#"]["means"] == "On holiday, until the next working morning"
    assert first["*23*9#"]["means"] == "Sick, until you are back"
    assert first["*23*6*MMDD#"]["argument"] == "MMDD is the month and the day: 1224 for 24 December"
    assert english["codes"][-2:] == [
        {"dial": "#23#", "means": "I'm back", "argument": None, "reason": None},
        {"dial": "*23#", "means": "Hear how you are referred", "argument": None, "reason": None},
    ]
    assert swedish["codes"][-2]["means"] == "Jag är tillbaka"


# -- preview -------------------------------------------------------------------------------------------------------


async def test_everybody_sees_what_their_own_entries_do(office: Office) -> None:
    calendar = await office.api.world.calendar_of(office.anna)
    calendar.put("r1", entry("u1", "m: Budget // pay", at(10), at(11)))
    calendar.put("r2", entry("u2", SECRET, at(12), at(13)))
    calendar.put("r3", entry("u3", f"private {SECRET}", at(14), at(15), private=True))
    calendar.reject("r4", "RRULE is too costly")
    status, answer = await office.ask("anna", "GET", "preview?days=3")
    assert status == 200
    rows = {row["uid"]: row for row in answer["rows"]}
    assert (rows["u1"]["outcome"], rows["u1"]["reason"], rows["u1"]["subject"]) == ("referral", "meeting", "m: Budget")
    assert (rows["u2"]["outcome"], rows["u2"]["because"], rows["u2"]["subject"]) == ("ignored", "no keyword", SECRET)
    assert rows["u3"]["subject"] is None
    assert rows[""]["because"] == "RRULE is too costly"
    assert (answer["zone"], answer["start"], answer["left_out"]) == ("UTC", "2026-11-23T00:00:00Z", 0)


@pytest.mark.parametrize("who", ["bo", "eva", "admin"])
async def test_nobody_sees_what_stands_in_anothers_calendar(office: Office, who: str) -> None:
    (await office.api.world.calendar_of(office.anna)).put("r", entry("u", SECRET, at(10), at(11)))
    status, answer = await office.ask(who, "GET", "preview")
    assert status == 403
    assert SECRET not in json.dumps(answer)
    async with office.api.http() as session, session.get("/api/v1/people/101/preview") as response:
        assert response.status == 403, "the Unix socket is nobody's own"


async def test_a_preview_is_kept_nowhere(office: Office, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    (await office.api.world.calendar_of(office.anna)).put("r", entry("u", SECRET, at(10), at(11)))
    status, answer = await office.ask("anna", "GET", "preview")
    assert status == 200
    assert SECRET in json.dumps(answer), "it is a test of something"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.stat().st_size for path in files)
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in caplog.text


class Hanging(MemorySource):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        self.asked.set()
        await self.go_on.wait()
        return await super().changes(window, sync_token)


async def replaced(office: Office, source: MemorySource) -> None:
    (read,) = await office.api.world.store.calendars(person=office.anna.id)
    office.api.world.calendars[read.calendar.id] = source


async def test_one_preview_at_a_time(office: Office) -> None:
    source = Hanging()
    await replaced(office, source)
    first = asyncio.create_task(office.ask("anna", "GET", "preview"))
    await asyncio.wait_for(source.asked.wait(), 5)
    status, problem = await office.ask("anna", "GET", "preview")
    assert (status, problem["title"]) == (409, "Preview runs")
    source.go_on.set()
    assert (await first)[0] == 200
    assert (await office.ask("anna", "GET", "preview"))[0] == 200, "and again after it"


async def test_a_preview_ends_in_time(office: Office) -> None:
    await replaced(office, Hanging())
    window = window_of(at(9), office.api.parts.directory.zone_of(office.anna), 3)
    previews = Previews(seconds=0.05)
    for _ in range(2):  # the second one: the first has left nothing behind
        with pytest.raises(CannotPreview, match="no answer within"):
            await previews.read(office.api.parts, office.anna, window)


class Defective(MemorySource):
    """Quotes what it read."""

    async def changes(self, window: Window, sync_token: str | None) -> Changes:
        raise ValueError(f"cannot read {SECRET}")


async def test_no_error_of_a_preview_quotes_an_entry(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await replaced(office, Defective())
    status, problem = await office.ask("anna", "GET", "preview")
    assert (status, "ValueError at changes" in problem["detail"]) == (503, True)
    assert SECRET not in json.dumps(problem) + caplog.text


async def test_a_calendar_that_cannot_be_read_is_told_with_what_to_do(office: Office) -> None:
    (await office.api.world.calendar_of(office.anna)).fail(SourceError("the server says no"))
    status, problem = await office.ask("anna", "GET", "preview")
    assert (status, problem["detail"]) == (503, "the server says no")
    assert problem["remedy"]


# -- messages ------------------------------------------------------------------------------------------------------


async def left(office: Office, text: str = "Call Olle", who: str = "eva", caller: str = "") -> Any:
    status, answer = await office.ask(who, "POST", "messages", {"text": text, "caller": caller})
    assert status == 201, answer
    return answer


async def test_a_message_reaches_its_person(office: Office) -> None:
    message = await left(office, "Call\nOlle \u202eback\x07", caller="Olle\u200b, 08-1")
    assert (message["text"], message["caller"], message["by"]) == ("Call Olle back", "Olle, 08-1", "Eva")
    assert message["undo_until"] == "2026-11-23T09:00:10Z"
    _, answer = await office.ask("anna", "GET", "messages")
    assert answer["messages"] == [{**message, "undo_until": None}]
    path = f"messages/{message['id']}"
    _, read = await office.ask("anna", "PUT", path, {"read": True})
    assert read["read_at"] == "2026-11-23T09:00:00Z"
    assert (await office.ask("anna", "PUT", path, {"read": True}))[1] == read, "it was read once"
    _, unread = await office.ask("anna", "PUT", path, {"read": False})
    assert unread["read_at"] is None
    assert (await office.ask("anna", "DELETE", path))[0] == 200
    assert (await office.ask("anna", "GET", "messages"))[1] == {"messages": []}
    assert (await office.ask("anna", "PUT", path, {"read": True}))[0] == 404


async def test_a_message_is_between_two(office: Office) -> None:
    message = await left(office)
    await office.ask("anna", "PUT", f"messages/{message['id']}", {"read": True})
    _, mine = await office.ask("eva", "GET", "messages")
    assert [(one["id"], one["read_at"]) for one in mine["messages"]] == [(message["id"], None)]
    assert (await office.ask("liv", "GET", "messages"))[1] == {"messages": []}
    for who in ("bo", "admin"):
        assert (await office.ask(who, "GET", "messages"))[0] == 403
        assert (await office.ask(who, "DELETE", f"messages/{message['id']}"))[0] == 403
        assert (await office.ask(who, "POST", "messages", {"text": "x"}))[0] == 403
    assert (await office.ask("anna", "POST", "messages", {"text": "x"}))[0] == 403
    assert (await office.ask("eva", "PUT", f"messages/{message['id']}", {"read": True}))[0] == 403
    assert (await office.ask("liv", "DELETE", f"messages/{message['id']}"))[0] == 404
    assert len((await office.ask("anna", "GET", "messages"))[1]["messages"]) == 1


async def test_whoever_is_called_the_same_is_somebody_else(office: Office) -> None:
    message = await left(office)
    other = await office.api.parts.tokens.issue("acme", "Eva", Role.ATTENDANT)
    office.tokens["other eva"] = other.text
    assert (await office.ask("other eva", "GET", "messages"))[1] == {"messages": []}
    assert (await office.ask("other eva", "DELETE", f"messages/{message['id']}"))[0] == 404
    assert (await office.ask("eva", "DELETE", f"messages/{message['id']}"))[0] == 200


async def test_a_message_is_taken_back_within_ten_seconds(office: Office) -> None:
    first, second = await left(office), await left(office, "again")
    office.api.world.clock.step_to(at(9, 0, 9))
    assert (await office.ask("eva", "DELETE", f"messages/{first['id']}"))[0] == 200
    office.api.world.clock.step_to(at(9, 0, 10))
    status, problem = await office.ask("eva", "DELETE", f"messages/{second['id']}")
    assert (status, "10 seconds" in problem["detail"]) == (403, True)
    assert [one["text"] for one in (await office.ask("anna", "GET", "messages"))[1]["messages"]] == ["again"]


@pytest.mark.parametrize("text", ["", " \n ", "\u202e\x07", "x" * 1001, None])
async def test_a_message_says_something_and_not_too_much(office: Office, text: str | None) -> None:
    assert (await office.ask("eva", "POST", "messages", {"text": text}))[0] == 422
    assert (await office.ask("anna", "GET", "messages"))[1] == {"messages": []}


async def test_no_more_wait_than_anybody_reads(office: Office) -> None:
    for number in range(MOST):
        await left(office, f"{number}")
    status, problem = await office.ask("eva", "POST", "messages", {"text": "one more"})
    assert (status, problem["title"]) == (409, "Too many messages")


async def test_messages_are_forgotten_in_time(office: Office) -> None:
    store = office.api.world.store
    message = await left(office)
    await office.ask("anna", "PUT", f"messages/{message['id']}", {"read": True})
    unread, now = await left(office), office.api.world.clock.now()
    assert await store.forget_messages(*forgotten(now + KEPT_READ)) == 0
    assert await store.forget_messages(*forgotten(now + KEPT_READ + timedelta(seconds=1))) == 1
    assert await store.forget_messages(*forgotten(now + KEPT)) == 0
    assert [one.id for one in await store.messages(office.anna.id)] == [unread["id"]]
    assert await store.forget_messages(*forgotten(now + KEPT + timedelta(seconds=1))) == 1


async def test_only_the_person_hears_of_a_message(office: Office) -> None:
    heard: dict[str, str] = {}
    events = ("anna", "bo", "eva", "admin")

    async def listen(who: str, ready: asyncio.Event) -> None:
        async with office.api.network(office.tokens[who]) as session, session.get("/api/v1/events") as stream:
            await stream.content.readline()
            ready.set()
            heard[who] = ""
            while '"lunch"' not in heard[who]:
                heard[who] += (await stream.content.readline()).decode()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for who in events:
            ready = asyncio.Event()
            tasks.create_task(listen(who, ready))
            await ready.wait()
        message = await left(office, f"{SECRET}")
        await office.ask("anna", "DELETE", f"messages/{message['id']}")
        await office.ask("eva", "PUT", "override", {"reason": "lunch"})
    assert heard["anna"].count("event: message") == 2
    assert f'"message":{message["id"]}' in heard["anna"]
    for who in events:
        assert SECRET not in heard[who]
        assert who == "anna" or "event: message" not in heard[who]


async def test_whoever_has_no_calendar_is_told_so(office: Office) -> None:
    store = office.api.world.store
    await store.remove_calendars([each.calendar.id for each in await store.calendars(person=office.anna.id)])
    status, problem = await office.ask("anna", "GET", "preview")
    assert (status, problem["title"]) == (422, "No calendar")
