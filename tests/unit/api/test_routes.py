"""Every route over the real socket, asked by the commands' client and by another."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from backsoon.commands.remote import Refused
from backsoon.domain.phrase import Audience
from backsoon.engine.roster import Row
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import at, entry


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


async def test_people_come_in_pages_to_the_last(api: Serving) -> None:
    for number in range(5):
        await api.world.person(f"10{number}", f"Person {number}")
    found: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await api.remote.people("acme", after, 2)
        assert len(page["people"]) <= 2
        found += [p["extension"] for p in page["people"]]
        after = page["next"]
    assert found == ["100", "101", "102", "103", "104"]
    with pytest.raises(Refused, match="no organisation 'other'"):
        await api.remote.people("other")


async def test_somebody_in_a_meeting_is_shown_with_the_reason_why(api: Serving) -> None:
    anna = await api.world.person("101", "Anna", email="anna@example.com")
    (await api.world.calendar_of(anna)).put("r", entry("u1", "m: Budget // pay", at(9), at(10)))
    await api.world.read(anna)
    shown = await api.remote.show("anna@example.com", "acme", at(9, 30))
    availability = shown["availability"]
    assert (availability["state"], availability["reason"], availability["note"]) == ("referred", "meeting", "Budget")
    assert availability["words"] == "In a meeting, back 10:00"
    assert (availability["until"], availability["back_at"]) == ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z")
    assert availability["by_hand"] is False
    assert shown["entry"]["uid"] == "u1"
    assert shown["at"] == "2026-11-23T09:30:00Z"
    before = await api.remote.show("101", None, at(8, 30))
    assert before["availability"]["state"] == "available"
    assert before["availability"]["upcoming"] is None, "nobody knew of it then"


async def test_each_audience_sees_its_part(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    (await api.world.calendar_of(anna)).put("r", entry("u1", "s: flu", at(9), at(10)))
    await api.world.read(anna)
    shown = {a: await api.remote.show("101", "acme", at(9, 30), a) for a in Audience}
    seen = {a: (s["availability"]["reason"], s["availability"]["note"]) for a, s in shown.items()}
    assert seen == {
        Audience.CALLER: ("not_available", None),
        Audience.COLLEAGUE: ("not_available", None),
        Audience.ATTENDANT: ("not_available", "flu"),
        Audience.PERSON: ("sick", "flu"),
        Audience.ADMINISTRATOR: ("not_available", None),
    }
    assert shown[Audience.CALLER]["entry"] is None
    assert "flu" not in str(shown[Audience.COLLEAGUE])


async def test_referred_by_hand_and_back(api: Serving) -> None:
    await api.world.person("101", "Anna")
    shown = await api.remote.refer(
        "101", "acme", "lunch", lasting=timedelta(minutes=30), note="x", divert_to="102", by="bo", through="cli"
    )
    assert shown["availability"]["reason"] == "lunch"
    assert shown["availability"]["until"] == "2026-11-23T09:30:00Z"
    assert shown["availability"]["by_hand"] is True
    assert shown["divert_to"] == "102"
    assert shown["override"] == {
        "since": "2026-11-23T09:00:00Z",
        "until": "2026-11-23T09:30:00Z",
        "by": "bo",
        "through": "cli",
    }
    shown = await api.remote.refer("101", "acme", "meeting", until=at(11))
    assert shown["availability"]["until"] == "2026-11-23T11:00:00Z"
    shown = await api.remote.back("101", "acme", by="bo", through="cli")
    assert shown["availability"]["state"] == "available"
    assert shown["override"] is None


async def test_back_during_a_meeting_lasts_to_its_end(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    (await api.world.calendar_of(anna)).put("r", entry("u1", "m: x", at(8), at(10)))
    await api.world.read(anna)
    shown = await api.remote.back("101", None)
    assert shown["availability"]["state"] == "available"
    assert shown["override"]["until"] == "2026-11-23T10:00:00Z"


async def test_people_are_taken_in_by_rows(api: Serving) -> None:
    rows = [Row(2, {"extension": "101", "name": "Anna"}), Row(3, {"extension": "1 2", "name": "Bo"})]
    dry = await api.remote.import_people(rows, "acme", dry_run=True)
    assert (dry["added"], dry["dry_run"]) == (1, True)
    assert (await api.remote.people("acme"))["people"] == []
    done = await api.remote.import_people(rows, None, dry_run=False)
    assert done["added"] == 1
    assert [(r["row"], r["extension"]) for r in done["rejected"]] == [(3, "1 2")]
    again = await api.remote.import_people(rows, None, dry_run=False)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 1)
    assert api.parts.woken == 2


async def test_the_board_shows_everybody_active(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    await api.world.person("102", "Bo", active=False)
    (await api.world.calendar_of(anna)).put("r", entry("u1", "m: x", at(8), at(10)))
    await api.world.read(anna)
    board = await api.remote.board("acme")
    (row,) = board["rows"]
    assert row["person"]["extension"] == "101"
    assert row["availability"]["reason"] == "meeting"
    assert row["confirmed_at"] is not None
    assert board["at"].startswith("2026-11-23T09:00:00")
    assert board["next"] is None


async def test_sync_apply_and_health(api: Serving) -> None:
    await api.world.person("101", "Anna")
    await api.world.person("102", "Bo")
    assert await api.remote.sync(None, None, whole=True) == {"calendars": 2}
    assert await api.remote.sync("101", "acme", whole=False) == {"calendars": 1}
    answer = await api.remote.apply(dry_run=True)
    assert answer["differences"] == [{"field": "organisations.acme.zone", "before": "UTC", "after": "Europe/Oslo"}]
    assert api.parts.applied == [True]
    health = await api.remote.health()
    assert health["people"] == 2
    assert health["well"] is False, "the switchboard is not connected"
    assert [s["name"] for s in health["switchboards"]] == ["pbx"]


async def test_health_names_calendars_with_something_to_say(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    (await api.world.calendar_of(anna)).reject("bomb.ics", "RRULE is too costly")
    await api.world.read(anna)
    (calendar,) = (await api.remote.health())["calendars"]
    assert calendar["person"] == anna.id
    assert calendar["rejected"] == [{"resource": "bomb.ics", "because": "RRULE is too costly"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/people/nobody", None, 404, "no-such-person"),
        ("GET", "/people/Berg", None, 409, "several-people"),
        ("GET", "/people/101?at=2026-11-23T09:00", None, 422, "bad-request"),
        ("GET", "/people/101?audience=spy", None, 422, "bad-request"),
        ("GET", "/people?limit=0", None, 422, "bad-request"),
        ("GET", "/people?limit=1000000", None, 422, "bad-request"),
        ("GET", "/nothing", None, 404, "not-found"),
        ("POST", "/people", None, 405, "method-not-allowed"),
        ("PUT", "/people/101/override", {}, 422, "bad-request"),
        ("PUT", "/people/101/override", {"reason": "gone fishing"}, 409, "unknown-reason"),
        ("PUT", "/people/101/override", {"reason": "lunch", "until": "2026-11-23T08:00:00Z"}, 409, "bad-override"),
        (
            "PUT",
            "/people/101/override",
            {"reason": "lunch", "until": "2026-11-23T12:00:00Z", "seconds": 60},
            409,
            "bad-override",
        ),
        ("PUT", "/people/101/override", {"reason": "lunch", "until": "2026-11-23T12:00:00"}, 422, "bad-request"),
        ("PUT", "/people/101/override", {"reason": "lunch", "seconds": -1}, 422, "bad-request"),
        ("PUT", "/people/101/override", {"reason": "lunch", "divert_to": "1\r\nAction: x"}, 422, "bad-request"),
        ("PUT", "/people/101/override", {"reason": "lunch", "unknown": 1}, 422, "bad-request"),
        ("PUT", "/people?organisation=none", {"rows": []}, 404, "unknown-organisation"),
        ("PUT", "/people", {"rows": [{"values": {"extension": 7}}]}, 422, "bad-request"),
        ("POST", "/sync", {"person": "nobody"}, 404, "no-such-person"),
    ],
)
async def test_errors_are_problem_details(
    api: Serving, method: str, path: str, body: object, status: int, kind: str
) -> None:
    await api.world.person("101", "Anna Berg")
    await api.world.person("102", "Bo Berg")
    found, media, problem = await api.ask(method, path, json=body)
    assert (found, media) == (status, "application/problem+json")
    assert problem["type"] == f"urn:backsoon:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


async def test_a_body_that_is_no_json_is_told_so_and_where(api: Serving) -> None:
    await api.world.person("101", "Anna Berg")
    headers = {"Content-Type": "application/json"}
    status, _, problem = await api.ask("PUT", "/people/101/override", data=b'{"lunch"}', headers=headers)
    assert status == 422
    (fault,) = problem["faults"]
    assert fault["field"] == "body"
    assert "no JSON" in fault["what"]
    assert "character 8" in fault["what"]


async def test_the_commands_client_says_what_was_refused(api: Serving) -> None:
    with pytest.raises(Refused, match="nobody has the extension") as caught:
        await api.remote.show("no/body?", None)
    assert caught.value.status == 404


async def test_the_description_lists_every_route(api: Serving) -> None:
    status, _, description = await api.ask("GET", "/openapi.json")
    assert status == 200
    assert description["paths"].keys() == {
        f"/api/v1/{path}"
        for path in (
            "apply",
            "audit",
            "board",
            "calendars",
            "dry-run",
            "events",
            "events/sight/{name}",
            "health",
            "here",
            "keywords",
            "lookup/{extension}",
            "organisation",
            "people",
            "import",
            "people/activate",
            "people/index",
            "people/{person}",
            "people/{person}/active",
            "people/{person}/availability",
            "people/{person}/override",
            "people/{person}/override/undo",
            "people/{person}/keywords",
            "people/{person}/messages",
            "people/{person}/messages/{id}",
            "people/{person}/preview",
            "people/{person}/timeline",
            "people/{person}/why",
            "phone-codes",
            "reasons",
            "settings",
            "settings/check",
            "settings/try",
            "switchboards",
            "sync",
            "tokens",
            "tokens/{id}",
            "session",
            "session/password",
            "sign-in",
            "users",
            "users/{id}",
        )
    }
