"""The API over real HTTP, asked by schemathesis all that its description allows and much that it does not.

Every check is on, with each role's token, over two organisations with real data. Streams of events are left out: they
have no end, and their contract has tests of its own.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backsoon.api import server
from backsoon.api.failures import Failures
from backsoon.api.gate import TokenGate
from backsoon.domain.access import Role
from tests.peers import in_ci, require_peer
from tests.unit.api.company import Company, companies
from tests.unit.api.serving import Serving, _serving

SEED = int(os.environ.get("BACKSOON_SEED", "20261123"))
"""What it generates is the same in each run; another seed by BACKSOON_SEED."""
EXAMPLES = int(os.environ.get("BACKSOON_EXAMPLES", "40" if in_ci() else "8"))
ROLES = (Role.ADMINISTRATOR, Role.ATTENDANT, "Anna", Role.SWITCHBOARD)
SETTINGS = """
[dictionaries]
people = {{ values = {people} }}
ids = {{ values = {ids} }}
reasons = {{ values = ["lunch", "meeting", "sick", "zqacmehidden"] }}

[parameters]
"path.person" = {{ dictionary = "people", probability = 0.7 }}
"path.extension" = {{ dictionary = "people", probability = 0.7 }}
"path.id" = {{ dictionary = "ids", probability = 0.7 }}
"body.person" = {{ dictionary = "people", probability = 0.5 }}
"body.reason" = {{ dictionary = "reasons", probability = 0.7 }}
"""
"""So that what is generated often meets somebody: some of those asked about are there."""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Serving, Company, Company]]:
    """The API over both companies."""
    with tempfile.TemporaryDirectory(prefix="backsoon-") as short:
        async with companies(folder) as (made, ours, others), _serving(made, Path(short), {}) as api:
            yield api, ours, others


def settings(*asked: Company) -> str:
    """The tester's own."""
    people = [p for company in asked for p in company.people.values()]
    named = [*(p.extension for p in people), *(p.email for p in people), f"id:{people[0].id}", people[1].name]
    return SETTINGS.format(people=json.dumps(named), ids=json.dumps(list(range(1, 13))))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("who", ROLES)
async def test_the_api_is_as_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = require_peer("schemathesis") / "bin" / "schemathesis"
    patient = Failures(allowed=10**9)  # it sends many tokens that are none
    monkeypatch.setattr(server, "TokenGate", lambda tokens, clock: TokenGate(tokens, clock, patient))
    async with served(tmp_path) as (api, ours, others):
        (tmp_path / "schemathesis.toml").write_text(settings(ours, others))
        command = [
            str(program), "run", f"http://127.0.0.1:{api.port}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {ours.tokens[who]}",
            "--checks", "all", "--exclude-path", "/api/v1/events",
            "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--generation-database", "none",
            "--continue-on-failure", "--no-color", "--workers", "1", "--request-timeout", "20",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    text = said.decode()
    with capsys.disabled():
        print(f"\nschemathesis as {who}: seed {SEED}, {EXAMPLES} examples for each operation")
    assert process.returncode == 0, text
