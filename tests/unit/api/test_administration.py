"""The administrator's routes: the settings file, dry runs, people on and off, the audit log."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backsoon.domain.access import Role
from tests.unit.api.serving import SETTINGS, Serving, serving

OWN = "organisations.acme"


class Admin:
    """One who asks over the network, as an administrator of acme unless it is said otherwise."""

    def __init__(self, api: Serving, session: aiohttp.ClientSession) -> None:
        self.api = api
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        async with self._session.request(method, f"/api/v1{path}", json=body, **more) as answer:
            return answer.status, await answer.json()

    async def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        status, found = await self.ask(method, path, body, **more)
        assert status < 300, found
        return found

    async def etag(self) -> str:
        return str((await self.good("GET", "/settings"))["etag"])

    async def change(self, **fields: Any) -> dict[str, Any]:
        changes = [{"field": f"{OWN}.{field}", "value": value} for field, value in fields.items()]
        return {"etag": await self.etag(), "changes": changes}

    async def log(self, **query: str) -> list[tuple[str, str, str]]:
        found = (await self.good("GET", "/audit", params=query))["entries"]
        return [(one["who"], one["what"], one["about"]) for one in found]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path) as one:
        yield one


@pytest.fixture
async def admin(api: Serving) -> AsyncIterator[Admin]:
    async with api.network(await api.token(Role.ADMINISTRATOR)) as session:
        yield Admin(api, session)


def file_of(api: Serving) -> Path:
    return api.socket.parent / "backsoon.toml"


class TestSettings:
    async def test_changes_are_checked_written_applied_and_noted(self, admin: Admin) -> None:
        body = await admin.change(warn_before_minutes=30)
        checked = await admin.good("POST", "/settings/check", body)
        assert checked == {
            "faults": [],
            "differences": [{"field": f"{OWN}.warn_before_minutes", "before": "", "after": "30"}],
        }
        assert file_of(admin.api).read_text() == SETTINGS
        admin.api.parts.applied.clear()
        written = await admin.good("PUT", "/settings", body)
        assert written["etag"] == await admin.etag() != body["etag"]
        assert False in admin.api.parts.applied
        assert "warn_before_minutes = 30" in file_of(admin.api).read_text()
        (entry,) = (await admin.good("GET", "/audit", params={"q": "settings"}))["entries"]
        assert (entry["who"], entry["what"]) == ("administrator", "settings.changed")
        assert entry["details"] == {"fields": [f"{OWN}.warn_before_minutes"]}

    async def test_a_secret_is_nowhere_but_in_its_file(self, admin: Admin) -> None:
        body = await admin.change(**{"calendars.main.password": "canary"})
        answers = [await admin.good("POST", "/settings/check", body), await admin.good("PUT", "/settings", body)]
        answers += [await admin.good("GET", "/settings"), await admin.good("GET", "/audit")]
        assert "canary" not in str(answers) + file_of(admin.api).read_text()
        (secret,) = (file_of(admin.api).parent / "secrets").iterdir()
        assert secret.read_text() == "canary"

    async def test_one_that_was_edited_meanwhile_is_a_conflict(self, admin: Admin) -> None:
        body = await admin.change(zone="Europe/Oslo")
        file_of(admin.api).write_text(SETTINGS + "# by hand\n")
        status, problem = await admin.ask("PUT", "/settings", body)
        assert (status, problem["title"]) == (409, "Settings changed")
        assert problem["remedy"]

    async def test_faults_come_with_their_fields(self, admin: Admin) -> None:
        status, problem = await admin.ask("PUT", "/settings", await admin.change(zone="Mars"))
        assert (status, problem["title"]) == (409, "Settings faulty")
        assert [one["field"] for one in problem["faults"]] == [f"{OWN}.zone"]
        assert problem["faults"][0]["remedy"]
        assert await admin.log() == []

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"etag": "x"},
            {"etag": "x", "changes": [{"field": "a"}]},
            {"etag": "x", "changes": [{"field": "", "value": 1}]},
            {"etag": "x", "changes": [{"field": "a", "value": 1, "more": 1}]},
            {"etag": "x", "changes": [{"field": "a", "value": 1}] * 201},
        ],
    )
    async def test_what_is_no_change(self, admin: Admin, body: Any) -> None:
        assert (await admin.ask("PUT", "/settings", body))[0] == 422

    async def test_of_a_file_that_is_broken_it_is_said_where(self, admin: Admin) -> None:
        file_of(admin.api).write_text("this is = = no TOML")
        status, problem = await admin.ask("GET", "/settings")
        assert status == 422
        assert "not TOML" in problem["detail"]

    async def test_a_part_is_tried(self, admin: Admin) -> None:
        changes = [
            {"field": f"{OWN}.switchboards.pbx.kind", "value": "asterisk"},
            {"field": f"{OWN}.switchboards.pbx.port", "value": 1},
            {"field": f"{OWN}.switchboards.pbx.username", "value": "x"},
            {"field": f"{OWN}.switchboards.pbx.secret", "value": "canary"},
        ]
        found = await admin.good("POST", "/settings/try", {"what": f"{OWN}.switchboards.pbx", "changes": changes})
        assert [one["level"] for one in found["tried"]] == ["error"]
        assert "canary" not in str(found)
        status, _ = await admin.ask("POST", "/settings/try", {"what": "organisations.other.switchboards.main"})
        assert status == 404


class TestDryRun:
    async def test_it_is_begun_looked_at_and_stopped(self, admin: Admin) -> None:
        assert (await admin.good("GET", "/dry-run"))["state"] == "none"
        status, begun = await admin.ask("POST", "/dry-run", {"mode": "all-busy", "days": 1})
        assert (status, begun["mode"]) == (202, "all_busy")
        assert (await admin.good("GET", "/dry-run"))["state"] in ("waiting", "running", "done")
        await admin.good("DELETE", "/dry-run")
        assert (await admin.ask("DELETE", "/dry-run"))[0] == 404

    @pytest.mark.parametrize("body", [{"mode": "x"}, {"mode": "keywords", "days": 0}, {"mode": "keywords", "days": 32}])
    async def test_what_is_none(self, admin: Admin, body: Any) -> None:
        assert (await admin.ask("POST", "/dry-run", body))[0] == 422


class TestPeople:
    async def test_somebody_is_switched_off_by_name_and_no_import_changes_that(self, admin: Admin) -> None:
        rows = {"rows": [{"values": {"extension": "701", "name": "Ada Holm"}}]}
        await admin.good("PUT", "/people", rows)
        assert (await admin.good("PUT", "/people/701/active", {"active": False}))["active"] is False
        assert (await admin.good("PUT", "/people", rows))["kept_off"] == [{"extension": "701", "name": "Ada Holm"}]
        assert (await admin.good("PUT", "/people/701/active", {"active": True}))["active"] is True
        await admin.good("PUT", "/people/701/active", {"active": True})
        await admin.good("DELETE", "/people/701")
        assert [what for _, what, _ in await admin.log()] == [
            "person.removed",
            "person.switched_on",
            "person.switched_off",
            "people.imported",
        ]

    async def test_a_name_may_end_like_a_route(self, admin: Admin) -> None:
        assert (await admin.ask("PUT", "/people/nobody/active", {"active": False}))[0] == 404
        assert (await admin.ask("PUT", "/people/701/active", {"active": "no"}))[0] == 422


class TestAudit:
    async def test_pages_follow_each_other_without_a_gap(self, admin: Admin) -> None:
        for number in range(7):
            rows = {"rows": [{"values": {"extension": str(800 + number), "name": f"P{number}"}}]}
            await admin.good("PUT", "/people", rows)
            await admin.good("DELETE", f"/people/{800 + number}")
        found: list[str] = []
        after = ""
        while True:
            page = await admin.good("GET", "/audit", params={"q": "person.removed", "limit": "3", "after": after})
            found += [one["about"] for one in page["entries"]]
            if page["next"] is None:
                break
            after = page["next"]
        assert found == [f"P{number} ({800 + number})" for number in reversed(range(7))]

    async def test_what_was_set_by_hand_is_among_it(self, admin: Admin) -> None:
        await admin.good("PUT", "/people", {"rows": [{"values": {"extension": "702", "name": "Eva Ny"}}]})
        (eva,) = await admin.api.parts.store.find_people("acme", "702", limit=1)
        await admin.api.parts.service.refer(eva, "lunch", note="canary", by="attendant", through="console")
        assert ("attendant", "override.set", "Eva Ny") in await admin.log()
        assert "canary" not in str(await admin.good("GET", "/audit"))

    @pytest.mark.parametrize(
        "query", [{"after": "x"}, {"after": "1.2"}, {"limit": "0"}, {"from": "x"}, {"nobody": "1"}]
    )
    async def test_a_query_that_makes_no_sense(self, admin: Admin, query: dict[str, str]) -> None:
        assert (await admin.ask("GET", "/audit", params=query))[0] == 422

    async def test_times_narrow_it(self, admin: Admin) -> None:
        await admin.good("PUT", "/people", {"rows": [{"values": {"extension": "703", "name": "X"}}]})
        assert await admin.log(**{"from": "2000-01-01T00:00:00Z"})
        assert await admin.log(to="2000-01-01T00:00:00Z") == []


@pytest.mark.parametrize("role", [Role.ATTENDANT, Role.SWITCHBOARD])
async def test_nobody_else_may(api: Serving, role: Role) -> None:
    async with api.network(await api.token(role)) as session:
        other = Admin(api, session)
        for method, path, body in (
            ("GET", "/settings", None),
            ("PUT", "/settings", {"etag": "x", "changes": []}),
            ("POST", "/settings/try", {"what": "calendars.main"}),
            ("POST", "/dry-run", {"mode": "keywords"}),
            ("GET", "/audit", None),
            ("PUT", "/people/1/active", {"active": False}),
            ("POST", "/people/activate", {}),
        ):
            assert (await other.ask(method, path, body))[0] == 403
