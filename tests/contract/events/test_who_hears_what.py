"""Who hears what of whom, and for how long: by tokens, as the network's door lets in."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backsoon.api.gate import TokenGate
from backsoon.domain.access import Role
from backsoon.domain.model import Availability, Layer
from backsoon.domain.organisation import Person
from backsoon.engine.hub import News
from backsoon.engine.tokens import Tokens
from backsoon.store.base import AvailabilityChange, Trigger
from tests.sse import Client, listening
from tests.unit.api.streaming import Streaming, streaming
from tests.unit.engine.world import World, acme, world

END = 5.0
"""Seconds within which a stream ends whose token is worth nothing any more."""


class Company:
    """Two organisations with tokens of every role."""

    def __init__(self, world: World, streams: Streaming, tokens: Tokens) -> None:
        self.world, self.streams, self.tokens = world, streams, tokens

    async def token(self, role: Role, organisation: str = "acme", **more: Any) -> str:
        return (await self.tokens.issue(organisation, role.value, role, **more)).text

    def sick(self, person: Person, note: str) -> None:
        """Announce that somebody is sick, set by hand."""
        now = self.world.clock.now()
        availability = Availability("sick", Layer.OVERRIDE, note=note)
        change = AvailabilityChange(person.id, now, now, availability, Trigger.OVERRIDE, "bo", "console")
        self.streams.hub.announce([(person, change)])


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    async with world(tmp_path) as w:
        await w.store.save_organisation(replace(acme(), id="other", name="Other"))
        await w.directory.refresh()
        tokens = Tokens(w.store, w.clock)
        async with streaming(w, TokenGate(tokens, w.clock)) as streams:
            yield Company(w, streams, tokens)


async def notes(client: Client, count: int) -> list[str]:
    return [(await client.next()).value["availability"]["note"] for _ in range(count)]


async def test_nothing_crosses_from_one_organisation_to_another(company: Company) -> None:
    anna = await company.world.person("101", "Anna")
    (olof,) = await company.world.store.save_people([Person("other", "101", "Olof")])
    ours, theirs = await company.token(Role.ATTENDANT), await company.token(Role.ATTENDANT, "other")
    async with (
        company.streams.http(ours) as us,
        company.streams.http(theirs) as them,
        listening(us) as here,
        listening(them) as there,
    ):
        for number in range(5):
            company.streams.announce(anna, [f"a{number}"])
            company.streams.announce(olof, [f"o{number}"])
        company.streams.hub.announce_people([olof], News.ADDED)
        company.streams.announce(anna, ["last"])
        assert await notes(here, 6) == ["a0", "a1", "a2", "a3", "a4", "last"]
        assert await notes(there, 5) == ["o0", "o1", "o2", "o3", "o4"]
        assert (await there.next()).name == "person"


@pytest.mark.parametrize("asked", ["other", "nowhere"])
async def test_another_organisation_is_none_that_there_is(company: Company, asked: str) -> None:
    token = await company.token(Role.ATTENDANT)
    async with (
        company.streams.http(token) as session,
        session.get("/api/v1/events", params={"organisation": asked}) as response,
    ):
        assert response.status in (404, 500)
        assert b"event" not in await response.read()


async def test_each_role_hears_what_its_audience_may_know(company: Company) -> None:
    anna = await company.world.person("101", "Anna")
    roles: dict[Any, tuple[Any, ...]] = {
        Role.ATTENDANT: ("not_available", "flu", "bo"),
        Role.ADMINISTRATOR: ("not_available", None, "bo"),
        Role.PERSON: ("sick", "flu", "bo"),
        "colleague": ("not_available", None, None),
    }
    bo = await company.world.person("102", "Bo")
    company.streams.hub.position()
    company.sick(anna, "flu")
    first = company.streams.hub.id_of(0)
    for role, (reason, note, by) in roles.items():
        if role == "colleague":
            token = await company.token(Role.PERSON, person=bo)
        else:
            token = await company.token(role, person=anna if role is Role.PERSON else None)
        async with company.streams.http(token) as session, listening(session, after=first) as client:
            value = (await client.next()).value
            assert (value["availability"]["reason"], value["availability"]["note"], value["by"]) == (reason, note, by)
            if reason != "sick":
                assert "sick" not in json.dumps(value).lower()


async def test_a_person_hears_of_themselves_among_others(company: Company) -> None:
    """In one piece, of which all other colleagues get the same bytes."""
    anna, bo = await company.world.person("101", "Anna"), await company.world.person("102", "Bo")
    company.streams.hub.position()
    for person in (anna, bo, anna):
        company.sick(person, "flu")
    token = await company.token(Role.PERSON, person=bo)
    async with (
        company.streams.http(token) as session,
        listening(session, after=company.streams.hub.id_of(0)) as client,
    ):
        assert await notes(client, 3) == [None, "flu", None]


async def test_a_switchboard_may_not_listen(company: Company) -> None:
    token = await company.token(Role.SWITCHBOARD)
    async with company.streams.http(token) as session, session.get("/api/v1/events") as response:
        assert response.status != 200


async def test_without_a_token_nobody_listens(company: Company) -> None:
    for token in ("", "bsn_" + "x" * 43):
        async with company.streams.http(token) as session, session.get("/api/v1/events") as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_revoked_token_is_cut_off(company: Company) -> None:
    token = await company.token(Role.ATTENDANT)
    other = (await company.tokens.issue("acme", "other", Role.ATTENDANT)).text
    async with (
        company.streams.http(token) as session,
        company.streams.http(other) as rest,
        listening(session) as client,
        listening(rest) as staying,
    ):
        (found,) = [each for each in await company.world.store.tokens("acme") if each.name == "attendant"]
        await company.tokens.revoke("acme", found.id)
        await client.until_end(END)
        anna = await company.world.person("101", "Anna")
        company.streams.announce(anna, ["still"])
        assert await notes(staying, 1) == ["still"]
        async with session.get("/api/v1/events", headers={"Last-Event-ID": client.parser.last_id}) as response:
            assert response.status == 401, "and does not come back"


async def test_a_token_that_is_over_is_cut_off(company: Company) -> None:
    now = company.world.clock.now()
    token = await company.token(Role.ATTENDANT, expires_at=now + timedelta(hours=1))
    async with company.streams.http(token) as session, listening(session) as client:
        await company.world.clock.move_to(now + timedelta(hours=1))
        await client.until_end(END)


async def test_all_end_when_backsoon_stops(company: Company) -> None:
    token = await company.token(Role.ATTENDANT)
    async with company.streams.http(token) as session, listening(session) as one, listening(session) as other:
        company.streams.stop.set()
        await asyncio.gather(one.until_end(END), other.until_end(END))
    assert company.streams.hub.listeners == 0


async def test_who_goes_away_is_noticed(company: Company) -> None:
    token = await company.token(Role.ATTENDANT)
    async with company.streams.http(token) as session, listening(session):
        assert company.streams.hub.listeners == 1
    await company.world.until(lambda: company.streams.hub.listeners == 0)


async def test_the_language_may_be_chosen(company: Company) -> None:
    anna = await company.world.person("101", "Anna")
    token = await company.token(Role.ATTENDANT)
    async with company.streams.http(token) as session, listening(session, language="sv") as client:
        company.streams.announce(anna, ["x"])
        assert (await client.next()).value["availability"]["words"] == "I möte, tills vidare"


async def test_whoever_is_switched_off_is_removed(company: Company) -> None:
    anna = await company.world.person("101", "Anna")
    token = await company.token(Role.ATTENDANT)
    async with company.streams.http(token) as session, listening(session) as client:
        company.streams.hub.announce_people([anna], News.ADDED)
        company.streams.hub.announce_people([replace(anna, active=False)], News.CHANGED)
        added, removed = (await client.next()).value, (await client.next()).value
    assert (added["what"], added["row"]["person"]["extension"]) == ("added", "101")
    assert (removed["what"], removed["row"], removed["person"]["extension"]) == ("removed", None, "101")
