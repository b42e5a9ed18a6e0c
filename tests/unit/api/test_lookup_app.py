"""The look-up's own application: who is let in there, and what is at hand for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import Message

from backsoon.api import lookup as api
from backsoon.api.gate import TokenGate
from backsoon.api.lookup import PREFIX, Calls, LookupApp
from backsoon.domain.access import Role
from backsoon.engine.lookup import Lookup
from backsoon.engine.meters import LOOKUP_SECONDS, Histogram
from backsoon.engine.tokens import Tokens
from tests.unit.engine.world import World, world


@dataclass
class There:
    """The application over a fresh world."""

    world: World
    tokens: Tokens
    app: LookupApp

    async def token(self, role: Role) -> bytes:
        """The header of a new token's bearer."""
        person = await self.world.person("900", "Eva") if role is Role.PERSON else None
        return b"Bearer " + (await self.tokens.issue("acme", "t", role, person=person)).text.encode()

    async def ask(self, authorization: bytes, extension: str) -> int:
        """The status of an answer."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": PREFIX + extension,
            "query_string": b"",
            "headers": [(b"authorization", authorization)],
        }
        await self.app(scope, receive, send)
        return int(sent[0]["status"])

    def at_hand(self, authorization: bytes, extension: str) -> bytes | None:
        """What is answered without asking anything."""
        return self.app.at_hand(authorization, f"{PREFIX}{extension}".encode())


@pytest.fixture
async def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[There]:
    monkeypatch.setattr(api, "MOMENT", 60.0)
    async with world(tmp_path) as made:
        tokens = Tokens(made.store, made.clock)
        calls = Calls(Lookup(made.store, made.directory, made.clock), made.directory, Histogram(LOOKUP_SECONDS))
        yield There(made, tokens, LookupApp(calls, TokenGate(tokens, made.clock)))


async def test_what_is_at_hand_is_for_whoever_may_look_up(there: There) -> None:
    await there.world.person("101", "Anna")
    pbx = await there.token(Role.SWITCHBOARD)
    assert there.at_hand(pbx, "101") is None, "nobody was let in yet"
    assert await there.ask(pbx, "101") == 200
    assert there.at_hand(pbx, "101") is not None
    for role in (Role.ATTENDANT, Role.PERSON, Role.ADMINISTRATOR):
        token = await there.token(role)
        for _ in range(2):
            assert await there.ask(token, "101") == 403
            assert there.at_hand(token, "101") is None, f"{role} was refused a moment ago"


async def test_what_is_at_hand_is_of_ones_own_organisation(there: There) -> None:
    acme, pbx = await there.world.person("101", "Anna"), await there.token(Role.SWITCHBOARD)
    assert await there.ask(pbx, "101") == 200
    (other,) = [o for o in await there.world.store.organisations() if o.id == acme.organisation]
    await there.world.store.save_organisation(type(other)("other", "Other", other.rules))
    theirs = b"Bearer " + (await there.tokens.issue("other", "t", Role.SWITCHBOARD)).text.encode()
    await there.world.directory.refresh()
    assert await there.ask(theirs, "500") == 200
    assert there.at_hand(theirs, "101") is None
    for odd in ("101?organisation=acme", "1%301", "../101", ""):
        assert there.at_hand(pbx, odd) is None
