"""Why, over the API: exactly the fields that are described, and no more of them than the asker may know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.api import schemas
from backsoon.api.explanations import explanation_view
from backsoon.domain.access import LOCAL, Identity, Role
from backsoon.engine.explaining import Explaining
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import at, entry


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


async def told(api: Serving, *when: int, **more: Any) -> dict[str, Any]:
    """The answer at an hour of that Monday; it has exactly the fields of the description."""
    answer = await api.remote.why("101", "acme", at(*when) if when else None)
    schemas.Why.model_validate(answer)
    return answer


async def test_the_chain_in_words_and_as_data(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg")
    calendar = await api.world.calendar_of(anna)
    calendar.put("a", entry("a", "m: Budget", at(9), at(10)))
    calendar.put("b", entry("b", "l: x", at(9), at(12)))
    calendar.put("c", entry("c", "Zebra h: x", at(9), at(10)))
    await api.world.read(anna)
    why = await told(api)
    assert (why["tense"], why["agrees"], why["availability"]["reason"]) == ("present", True, "meeting")
    winner = why["winner"]
    assert (winner["kind"], winner["uid"], winner["keyword"], winner["reason"]) == ("entry", "a", "m", "meeting")
    assert (winner["start"], winner["end"]) == ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z")
    assert winner["connection"] == "memory"
    assert winner["known_from"].startswith("2026-11-23T09:00")
    assert [(b["uid"], b["ground"]) for b in why["beaten"]] == [("b", "priority")]
    assert [(p["uid"], p["because"], p["keyword"]) for p in why["passed_over"]] == [("c", "not_first", "h")]
    assert [(link["wait"], link["end"]) for link in why["later"]] == [("chained", "2026-11-23T12:00:00Z")]
    assert why["decided"]["trigger"] == "calendar"
    assert [link["code"] for link in why["chain"]] == [
        "head.present",
        "entry.keyword",
        "beaten.priority",
        "passed.not_first",
        "later.chained",
        "decided.calendar",
        "told.never",
    ]
    assert "Budget" not in str({**why, "availability": None}), "notes are with the answer only"
    assert "Zebra" not in str(why)


async def test_past_by_hand_and_what_is_to_come(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg")
    (await api.world.calendar_of(anna)).put("a", entry("a", "m: Budget", at(14), at(15)))
    await api.world.read(anna)
    await api.remote.refer("101", "acme", "lunch", lasting=timedelta(minutes=30), by="bo", through="cli")
    await api.world.move_to(at(9, 45))
    past = await told(api, 9, 10)
    assert (past["tense"], past["winner"]["kind"], past["winner"]["by"]) == ("past", "by_hand", "bo")
    assert past["decided"]["by"] == "bo"
    coming = await told(api, 14, 30)
    assert (coming["tense"], coming["winner"]["uid"], coming["decided"]) == ("coming", "a", None)
    status, kind, problem = await api.ask("GET", "/people/101/why?at=2026-10-01T00:00:00Z")
    assert (status, kind) == (409, "application/problem+json")
    assert problem["remedy"] == "ask about an instant of the last 30 days"


async def test_each_sees_what_is_theirs(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg", keywords={"fl": "sick"})
    calendar = await api.world.calendar_of(anna)
    calendar.put("a", entry("uid-a", "s: flu", at(9), at(10)))
    calendar.put("b", entry("uid-b", "Zebra fl: x", at(9), at(10)))
    await api.world.read(anna)
    world = api.world
    why = await Explaining(world.store, world.directory, world.clock, world.publishers).explain(anna)

    def seen(who: Identity) -> dict[str, Any]:
        answer = explanation_view(why, who, world.directory)
        schemas.Why.model_validate(answer)
        return answer

    own = seen(Identity(Role.PERSON, "acme", anna.id))
    assert (own["winner"]["reason"], own["winner"]["keyword"], own["passed_over"][0]["keyword"]) == ("sick", "s", "fl")
    for who in (LOCAL, Identity(Role.ATTENDANT, "acme"), Identity(Role.ADMINISTRATOR, "acme")):
        other = seen(who)
        assert (other["winner"]["reason"], other["winner"]["keyword"]) == ("not_available", None)
        assert other["passed_over"][0]["keyword"] is None
        assert "Sick" not in str(other)
        assert "keyword s" not in str(other)
    assert "uid-a" not in str(seen(Identity(Role.ADMINISTRATOR, "acme")))
    assert "flu" not in str(seen(Identity(Role.ADMINISTRATOR, "acme")))
    for who in (Identity(Role.SWITCHBOARD, "acme"), Identity(Role.PERSON, "acme", anna.id + 1)):
        nothing = seen(who)
        assert (nothing["winner"], nothing["passed_over"], nothing["told"]) == (None, [], [])
        assert len(nothing["chain"]) == 1


async def test_what_ranks_higher_does_not_tell_the_reason_that_is_kept(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg")
    calendar = await api.world.calendar_of(anna)
    calendar.put("a", entry("a", "s: flu", at(8), at(10)))
    calendar.put("b", entry("b", "p: x", at(9), at(10)))
    calendar.put("c", entry("c", "h: x", at(9), at(10)))
    await api.world.read(anna)
    world = api.world
    why = await Explaining(world.store, world.directory, world.clock, world.publishers).explain(anna)

    def grounds(who: Identity) -> tuple[set[str], set[str]]:
        answer = explanation_view(why, who, world.directory)
        codes = {link["code"] for link in answer["chain"] if link["code"].startswith("beaten")}
        return {each["ground"] for each in answer["beaten"]}, codes

    for role in (Role.ATTENDANT, Role.ADMINISTRATOR):
        assert grounds(Identity(role, "acme")) == ({"rank"}, {"beaten.rank"}), "parental leave alone ranks lower"
    assert grounds(Identity(Role.PERSON, "acme", anna.id)) == ({"priority"}, {"beaten.priority"})


async def test_words_are_in_the_language_asked_for(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg", language="sv")
    world = api.world
    why = await Explaining(world.store, world.directory, world.clock, world.publishers).explain(anna)
    swedish = explanation_view(why, LOCAL, world.directory)
    assert swedish["chain"][0]["words"] == "Anna Berg (101) nu: Anträffbar."
    assert swedish["unconfirmed"] == "inte läst än"
    assert explanation_view(why, LOCAL, world.directory, "en")["chain"][0]["words"] == "Anna Berg (101) now: Available."


async def test_what_is_not_confirmed_is_said_in_every_face(api: Serving) -> None:
    anna = await api.world.person("101", "Anna Berg")
    await api.world.read(anna)
    assert (await api.remote.show("101", "acme"))["unconfirmed"] is None
    await api.world.move_to(at(9, 31))
    faces = [
        await api.remote.show("101", "acme"),
        (await api.remote.board("acme"))["rows"][0],
        await api.remote.why("101", "acme"),
    ]
    for face in faces:
        assert face["unconfirmed"] == "not confirmed since 09:00"
        assert face["unconfirmed_since"] == face["confirmed_at"]
        assert face["confirmed_at"].startswith("2026-11-23T09:00:0")
    off = replace(anna, active=False)
    await api.world.service.save_people([off])
    assert (await api.remote.show("101", "acme"))["unconfirmed"] is None, "nobody reads their calendar"
