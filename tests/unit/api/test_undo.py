"""Undoing by the API: whoever did it is told how, and nobody else can."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.domain.access import Role
from tests.unit.api.serving import serving
from tests.unit.engine.world import at

OVERRIDE = "/api/v1/people/101/override"


async def ask(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with session.request(method, path, json=body) as response:
        return response.status, await response.json(content_type=None)


async def test_there_and_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.network(await api.token(Role.ATTENDANT)) as session:
        await api.world.person("101", "Anna")
        _, lunch = await ask(session, "PUT", OVERRIDE, {"reason": "lunch", "note": "Thai", "through": "console"})
        assert lunch["undo"]["until"] == "2026-11-23T09:00:10Z"
        _, back = await ask(session, "DELETE", OVERRIDE)
        assert (back["availability"]["state"], back["undo"]["id"] != lunch["undo"]["id"]) == ("available", True)
        status, problem = await ask(session, "POST", f"{OVERRIDE}/undo", {"id": lunch["undo"]["id"]})
        assert (status, problem["type"]) == (409, "urn:backsoon:problem:cannot-undo")
        assert problem["remedy"]
        status, undone = await ask(session, "POST", f"{OVERRIDE}/undo", {"id": back["undo"]["id"], "through": "app"})
        assert status == 200
        assert (undone["availability"], undone["override"]) == (lunch["availability"], lunch["override"])
        assert "undo" not in undone
        (*_, last) = await api.world.store.history(1, at(8), at(12))
        assert (last.by, last.through) == ("attendant", "app")


async def test_nothing_done_is_nothing_to_undo(tmp_path: Path) -> None:
    async with serving(tmp_path) as api, api.network(await api.token(Role.ATTENDANT)) as session:
        await api.world.person("101", "Anna")
        _, back = await ask(session, "DELETE", OVERRIDE)
        assert back["undo"] is None
        _, shown = await ask(session, "GET", OVERRIDE)
        assert "undo" not in shown, "who looks is not told how to undo what others did"


async def test_who_may_not_refer_may_not_undo(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        anna = await api.world.person("101", "Anna")
        bo = await api.world.person("102", "Bo")
        async with api.network(await api.token(Role.ATTENDANT)) as session:
            _, lunch = await ask(session, "PUT", OVERRIDE, {"reason": "lunch"})
        body = {"id": lunch["undo"]["id"]}
        for token in (await api.token(Role.ADMINISTRATOR), await api.token(Role.PERSON, person=bo)):
            async with api.network(token) as session:
                status, _ = await ask(session, "POST", f"{OVERRIDE}/undo", body)
                assert status == 403
        async with api.network(await api.token(Role.PERSON, person=anna)) as session:
            status, _ = await ask(session, "POST", f"{OVERRIDE}/undo", body)
            assert status == 200, "they were given the id: it is about themselves"


@pytest.mark.parametrize("body", [{}, {"id": "x"}, {"id": "0" * 31}, {"id": "0" * 32, "more": 1}, {"id": None}])
async def test_what_is_no_request(tmp_path: Path, body: Any) -> None:
    async with serving(tmp_path) as api, api.network(await api.token(Role.ATTENDANT)) as session:
        await api.world.person("101", "Anna")
        status, problem = await ask(session, "POST", f"{OVERRIDE}/undo", body)
        assert (status, problem["type"]) == (422, "urn:backsoon:problem:bad-request")
        status, _ = await ask(session, "GET", f"{OVERRIDE}/undo")
        assert status == 405
