"""What an attacker would try at the API that is not tried elsewhere: across organisations, accounts and sites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.access import Role
from backsoon.domain.organisation import Connection
from tests.unit.api.serving import Serving, serving
from tests.unit.engine.world import acme


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


class TestSeveralOrganisations:
    async def test_nobodys_calendar_becomes_a_file_of_another_organisations(self, api: Serving) -> None:
        await api.world.store.save_connections("acme", [Connection("acme", "feeds", "ics", {"people": "named"})])
        row = {"extension": "101", "name": "Anna", "connection": "feeds", "calendar": "/srv/other/boss.ics"}
        body = {"rows": [{"number": 2, "values": row}]}
        path, told = "/people?organisation=acme&dry_run=true", []
        for number in range(2):
            if number:
                await api.world.store.save_organisation(replace(acme(), id="other"))
                await api.world.directory.refresh()
            token = await api.token(Role.ADMINISTRATOR)
            async with api.network(token) as session, session.put(f"/api/v1{path}", json=body) as answer:
                assert answer.status == 200
                told.append([one["because"] for one in (await answer.json())["rejected"]])
        assert told[0] == []
        assert "file of this machine" in told[1][0]
        assert (await api.ask("PUT", path, json=body))[2]["rejected"] == [], "whoever works on the machine may"
