"""Health: what is wrong and what to do, a line each, bounded however much there is of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backsoon.api import schemas
from backsoon.api.findings import (
    Level,
    Times,
    is_well,
    of_connection,
    of_problem,
    of_switchboard,
    of_telling,
    telling_words,
)
from backsoon.api.health import CALENDARS, PROBLEMS, health_of
from backsoon.domain.organisation import Calendar, Person
from backsoon.engine.pace import Pace
from backsoon.engine.publisher import SwitchboardHealth
from backsoon.engine.pushing import Telling
from backsoon.sources.base import SourceUnavailable
from backsoon.store.base import CalendarHealth, CalendarProblem, ConnectionHealth
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import NINE, acme, at

TIMES = Times(at(9, 30), ZoneInfo("Europe/Stockholm"))
LIMIT = timedelta(minutes=30)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


def test_a_switchboard_that_is_down() -> None:
    down = SwitchboardHealth(False, at(9, 12), "no answer", "see whether it runs")
    (finding,) = of_switchboard("acme", "pbx", down, TIMES)
    assert str(finding) == "switchboard pbx is not connected since 10:12: no answer; see whether it runs"
    assert (finding.level, finding.code, finding.since) == (Level.ERROR, "switchboard_down", at(9, 12))
    (starting,) = of_switchboard("acme", "pbx", SwitchboardHealth(), TIMES)
    assert starting.what == "switchboard pbx is not connected"
    assert list(of_switchboard("acme", "pbx", SwitchboardHealth(True, at(9)), TIMES)) == []


def test_refused_orders_are_told_by_reason_and_name_a_few() -> None:
    refused = {str(100 + n): "no such hint" for n in range(7)} | {"200": "another"}
    hints, other = of_switchboard("acme", "pbx", SwitchboardHealth(True, None, refused=refused), TIMES)
    assert hints.what == (
        "switchboard pbx refused what is to be shown of 100, 101, 102, 103, 104 and 2 more: no such hint"
    )
    assert (hints.count, other.count) == (7, 1)
    assert other.what.endswith("of 200: another")


def test_what_was_dialled_by_an_unknown_code_is_told_with_what_to_do() -> None:
    (found,) = of_switchboard(
        "acme", "pbx", SwitchboardHealth(connected=True, waiting=frozenset({"102", "101"})), TIMES
    )
    assert found.what == "switchboard pbx keeps what 101, 102 dialled by a code that the settings do not have"
    assert "backsoon apply" in found.remedy
    assert (found.code, found.count, found.level) == ("dialled_unknown", 2, Level.ERROR)


def test_calendars_that_fail_are_told_as_many() -> None:
    problem = CalendarProblem("main", "no answer", "see whether it answers", 37, at(9, 12), 5, 6)
    assert str(of_problem("acme", problem, "101", TIMES)) == (
        "37 calendars of main cannot be read since 10:12: no answer; see whether it answers"
    )
    alone = of_problem("acme", replace(problem, calendars=1, since=None), "101", TIMES)
    assert alone.what == "the calendar of 101 at main cannot be read: no answer"


def test_what_else_is_said_of_a_connection() -> None:
    counted = ConnectionHealth("main", 100, failing=40, unconfirmed=7, behind=5, unread=1, remarked=3)
    more, behind, remarked = of_connection("acme", counted, 37, LIMIT)
    assert (more.what, more.count) == ("3 more calendars of main cannot be read, for other reasons", 3)
    assert behind.what == "5 calendars of main not confirmed: not read for 30 min"
    assert remarked.level is Level.NOTE
    assert is_well([remarked])
    assert not is_well([remarked, behind])
    assert list(of_connection("acme", ConnectionHealth("main", 3, unread=3), 0, LIMIT)) == []


async def test_an_answer_has_the_fields_that_are_described(api: Serving) -> None:
    anna, bo = await api.world.person("101", "Anna"), await api.world.person("102", "Bo")
    (await api.world.calendar_of(anna)).reject("bomb.ics", "RRULE is too costly")
    (await api.world.calendar_of(bo)).fail(SourceUnavailable("no answer"))
    async with api.world.running():
        await api.world.until(lambda: api.world.publisher.health.connected)
        well = await api.remote.health()
        assert (well["well"], well["findings"]) == (True, []), "what was never read is about to be"
        assert well["connections"][0]["unread"] == 2
        for person in (anna, bo):
            await api.world.read(person)
        sick = await api.remote.health("acme")
    schemas.Health.model_validate(sick)
    assert (sick["well"], sick["people"]) == (False, 2)
    assert [f["what"] for f in sick["findings"]] == [
        "the calendar of 102 at memory cannot be read since 09:00: no answer",
        "1 calendar of memory with a warning, or with items left out",
    ]
    assert sick["findings"][0]["remedy"] == SourceUnavailable.remedy
    assert [c["person"] for c in sick["calendars"]] == [anna.id, bo.id]
    counted = {k: v for k, v in sick["connections"][0].items() if isinstance(v, int)}
    assert counted == {"calendars": 2, "failing": 1, "unconfirmed": 0, "behind": 0, "unread": 1, "remarked": 1}
    assert "Anna" not in str(sick)


async def test_a_calendar_that_is_not_read_any_more_is_found(api: Serving) -> None:
    anna = await api.world.person("101", "Anna")
    await api.world.read(anna)
    await api.world.move_to(at(9, 31))
    (_, finding) = (await api.remote.health())["findings"]
    assert (finding["code"], finding["count"]) == ("calendars_unconfirmed", 1)


async def test_an_answer_stays_short_when_everything_fails(api: Serving) -> None:
    store = api.world.store
    people = await store.save_people([Person("acme", f"7{n}", f"Person {n}") for n in range(200)])
    calendars = await store.save_calendars([Calendar(p.id, "acme", "memory", "x") for p in people])
    for number, calendar in enumerate(calendars):
        problem = "no answer" if number % 2 else f"status {number}"
        await store.save_health(calendar.id, CalendarHealth(None, NINE, None, 3, problem, "mend it", NINE))
    api.world.publisher.health.refused = {p.extension: "no such hint" for p in people}
    found = await health_of(api.parts, "acme")
    assert len(found["calendars"]) == CALENDARS
    failing = [f for f in found["findings"] if f["code"] == "calendars_failing"]
    assert len(failing) == PROBLEMS + 1
    assert failing[0]["what"].startswith("100 calendars of memory cannot be read")
    assert sum(f["count"] for f in failing) == 200
    (board,) = found["switchboards"]
    assert (len(board["refused"]), board["refused_count"]) == (50, 200)
    schemas.Health.model_validate(found)


async def test_nothing_of_another_organisation_is_told(api: Serving) -> None:
    store = api.world.store
    await store.save_organisation(replace(acme(), id="other", name="Other"))
    await api.world.directory.refresh()
    await api.world.person("101", "Anna")
    other = await health_of(api.parts, "other")
    assert (other["well"], other["people"], other["switchboards"], other["connections"]) == (True, 0, [], [])
    everywhere = await health_of(api.parts)
    assert everywhere["people"] == 1
    assert [f["organisation"] for f in everywhere["findings"]] == ["acme"]


# -- being told of changes -------------------------------------------------------------------------------------------

TOLD = Telling("acme", "m365", 40, at(8, 12))


@pytest.mark.parametrize(
    ("telling", "words", "code"),
    [
        (None, "polled every 2-15 minutes", ""),
        (TOLD, "notifications since 09:12", ""),
        (replace(TOLD, lost_until=at(9, 41)), "notifications were lost, polled every 2-15 minutes until 10:41",
         "notifications_lost"),
        (Telling("acme", "m365", because="no public address", remedy="write public"),
         "polled every 2-15 minutes: no public address", "calendars_polled"),
        (Telling("acme", "m365", because="notifications are switched off"),
         "polled every 2-15 minutes: notifications are switched off", ""),
        (Telling("acme", "m365"), "polled every 2-15 minutes: notifications are being ordered", ""),
        (replace(TOLD, because="403", remedy="allow it"), "notifications since 09:12", "calendars_polled"),
    ],
)  # fmt: skip
def test_whether_changes_are_told_of(telling: Telling | None, words: str, code: str) -> None:
    assert telling_words(telling, Pace(), TIMES) == words
    found = list(of_telling(telling, Pace(), TIMES))
    assert [finding.code for finding in found] == ([code] if code else [])
    assert is_well(found)


async def test_each_connection_says_whether_changes_are_told_of(api: Serving) -> None:
    await api.world.person()
    found = await health_of(api.parts)
    assert [each["notifications"] for each in found["connections"]] == ["polled every 2-15 minutes"]
    schemas.Health.model_validate(found)


async def test_a_server_that_asks_to_wait_is_named_until_it_is_over(api: Serving) -> None:
    await api.world.person()
    ((name, organisation),) = [(c.name, c.organisation) for c in await api.world.store.connections("acme")]
    api.parts.pushing.waiting = lambda: {(organisation, name): at(10, 12), ("other", name): at(12)}
    found = await health_of(api.parts)
    (one,) = [f for f in found["findings"] if f["code"] == "calendars_wait"]
    assert "the server asks to wait until 10:12" in one["what"]
    assert (one["level"], one["about"]) == ("note", f"calendars of {name}")
    schemas.Health.model_validate(found)
    api.parts.pushing.waiting = dict
    assert [f for f in (await health_of(api.parts))["findings"] if f["code"] == "calendars_wait"] == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (5, "notifications since 09:12"),
        (3, "notifications since 09:12 for 3 of 5 calendars, the others polled every 2-15 minutes"),
    ],
)
def test_it_is_said_where_not_everybody_is_told_of(told: int, words: str) -> None:
    assert telling_words(replace(TOLD, told=told), Pace(), TIMES, 5) == words
