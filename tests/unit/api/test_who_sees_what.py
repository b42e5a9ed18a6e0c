"""Every route, asked by every role about every organisation: nobody learns what is not theirs.

The requests are made for each route that the application has: a route that is added is asked too, or fails here.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from yarl import URL

from backsoon.api import schemas
from backsoon.api.app import application
from backsoon.api.gate import OPEN
from backsoon.api.routes.common import right_of
from backsoon.domain.access import _RIGHTS, Right, Role
from backsoon.domain.organisation import Person
from backsoon.store.base import Token
from tests.unit.api.company import NAMES, Company, companies
from tests.unit.api.serving import Serving, _serving
from tests.unit.engine.world import NINE

Json = dict[str, Any]
ROLES = (Role.ATTENDANT, "Anna", "Dan", Role.ADMINISTRATOR, Role.SWITCHBOARD)
NOBODIES = ("none", "garbage", "expired", "revoked")
PAGE_PATHS = ("/", "/me", "/admin", "/assets/{name}", "/manifest.webmanifest", "/sw.js", "/icon{rest}")
"""Files for browsers, the same for everybody: test_pages.py."""
SIGNING_IN = (
    ("POST", "/api/v1/session"),
    ("GET", "/sign-in/{name}"),
    ("GET", "/sign-in/{name}/callback"),
    ("GET", "/sign-in/demo/{code}"),
)
ABOUT_ONESELF = frozenset({"/api/v1/sign-in", "/api/v1/session", "/api/v1/session/password"})
"""Needs no right: anybody's, or of whoever is signed in."""
WORDS = ("/api/v1/reasons", "/api/v1/keywords", "/api/v1/here")
"""Which words there are is no secret to insiders."""
SWITCHBOARDS_NOT = ("insidelabel", "mail", "department", "title", "competence", "key", "by", "resource")
"""What no switchboard is told."""
HOOKS = ("/hooks/graph", "/hooks/graph/{tag}", "/hooks/google", "/hooks/google/{tag}")


@dataclass(frozen=True)
class Asked:
    """One request, about one of the organisations' people or about none."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    about: str = ""

    def echoed(self, text: str) -> str:
        """The answer without what was only said back."""
        for said in sorted({self.about, *(value for _, value in self.query)}, key=len, reverse=True):
            text = text.replace(said, "") if said else text
        return text


@dataclass
class House:
    """Both companies behind one API."""

    api: Serving
    ours: Company
    others: Company

    session: aiohttp.ClientSession

    async def ask(self, asked: Asked, token: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        more: Json = {} if asked.body is None else {"json": asked.body}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = URL(f"http://127.0.0.1:{self.api.port}{asked.path}", encoded=True).with_query(asked.query)
        async with self.session.request(asked.method, url, headers=headers, **more) as response:
            return response.status, dict(response.headers), await response.text()

    def token(self, who: str) -> str:
        """What somebody of ours sends."""
        return {"none": "", "garbage": "bsn_" + "x" * 43}.get(who) or self.ours.tokens.get(who, "")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="backsoon-") as short:
        async with companies(tmp_path) as (made, ours, others), _serving(made, Path(short), {}) as api:
            await made.clock.move_to(made.clock.now() + timedelta(seconds=2))
            async with aiohttp.ClientSession() as session:
                yield House(api, ours, others, session)


# -- every request there is ------------------------------------------------------------------------------------------


def ways(company: Company) -> Iterator[str]:
    """Each person in each way that somebody can be named."""
    for person in company.people.values():
        yield from (person.extension, person.email, person.name, f"id:{person.id}", person.name.upper())


def of_people(suffix: str, *queries: tuple[tuple[str, str], ...]) -> Callable[[House], Iterator[Asked]]:
    def make(house: House) -> Iterator[Asked]:
        for company in (house.ours, house.others):
            for way in ways(company):
                for query in queries or ((),):
                    yield Asked("GET", f"/api/v1/people/{quote(way, safe='')}{suffix}", query, about=way)

    return make


def of_organisations(path: str, *queries: tuple[tuple[str, str], ...]) -> Callable[[House], Iterator[Asked]]:
    def make(house: House) -> Iterator[Asked]:
        for query in queries or ((),):
            yield Asked("GET", path, query)
            for name in ("acme", "other", "none"):
                yield Asked("GET", path, (*query, ("organisation", name)))

    return make


def searches(house: House) -> Iterator[Asked]:
    yield from of_organisations("/api/v1/people", (), (("limit", "1"),), (("after", "3"),))(house)
    for company in (house.ours, house.others):
        for text in ("name", "mail", "department"):
            yield Asked("GET", "/api/v1/people", (("q", company.text(text)),))
        yield Asked("GET", "/api/v1/people", (("department", company.text("department")),))


def calendars(house: House) -> Iterator[Asked]:
    yield from of_organisations("/api/v1/calendars")(house)
    for company in (house.ours, house.others):
        yield from (Asked("GET", "/api/v1/calendars", (("person", way),), about=way) for way in ways(company))


def changes(method: str, suffix: str, body: Any = None) -> Callable[[House], Iterator[Asked]]:
    """Of the others' people only: ours are changed in the tests of what is changed."""

    def make(house: House) -> Iterator[Asked]:
        for way in ways(house.others):
            yield Asked(method, f"/api/v1/people/{quote(way, safe='')}{suffix}", (), body, about=way)
            yield Asked(
                method, f"/api/v1/people/{quote(way, safe='')}{suffix}", (("organisation", "other"),), body, way
            )

    return make


def bodies(
    method: str, path: str, *made: Json, query: tuple[tuple[str, str], ...] = ()
) -> Callable[[House], Iterator[Asked]]:
    def make(house: House) -> Iterator[Asked]:
        for body in made:
            yield Asked(method, path, query, body)
            yield Asked(method, path, (*query, ("organisation", "other")), body)

    return make


def single_tokens(method: str) -> Callable[[House], Iterator[Asked]]:
    def make(house: House) -> Iterator[Asked]:
        for id in [*range(7, 13), 999]:  # the others'
            yield Asked(method, f"/api/v1/tokens/{id}", about=str(id))
        if method == "GET":
            yield from (Asked("GET", f"/api/v1/tokens/{id}", about=str(id)) for id in range(1, 7))

    return make


def single_users(method: str) -> Callable[[House], Iterator[Asked]]:
    def make(house: House) -> Iterator[Asked]:
        for id in (3, 4, 999):  # the others'
            body = {"name": "X", "new_password": True} if method == "PATCH" else None
            yield Asked(method, f"/api/v1/users/{id}", (), body, about=str(id))
            yield Asked(method, f"/api/v1/users/{id}", (("organisation", "other"),), body, about=str(id))

    return make


def lookups(house: House) -> Iterator[Asked]:
    for company in (house.ours, house.others):
        for person in company.people.values():
            for query in ((), (("organisation", "other"),)):
                yield Asked("GET", f"/api/v1/lookup/{person.extension}", query, about=person.extension)


CHANGES = (
    {"etag": "x", "changes": [{"field": "organisations.other.zone", "value": "Europe/Oslo"}]},
    {"etag": "x", "changes": []},
)
TIMES = (*((("at", f"2026-11-23T{time}:00Z"),) for time in ("08:30", "09:30", "14:30")), ())
REQUESTS: Mapping[tuple[str, str], Callable[[House], Iterator[Asked]]] = {
    ("GET", "/api/v1/people"): searches,
    ("PUT", "/api/v1/people"): bodies(
        "PUT",
        "/api/v1/people",
        {"rows": []},
        {"rows": [{"values": {"extension": "201", "name": "X"}}]},
        query=(("dry_run", "true"),),
    ),
    ("POST", "/api/v1/import"): bodies("POST", "/api/v1/import", query=(("source", "asterisk"), ("dry_run", "true"))),
    ("GET", "/api/v1/people/{person}"): of_people("", *TIMES, (("language", "sv"),), (("audience", "person"),)),
    ("DELETE", "/api/v1/people/{person}"): changes("DELETE", ""),
    ("GET", "/api/v1/people/{person}/availability"): of_people("/availability", *TIMES),
    ("GET", "/api/v1/people/{person}/timeline"): of_people("/timeline", (), (("start", "2026-11-22T00:00:00Z"),)),
    ("GET", "/api/v1/people/{person}/why"): of_people("/why", *TIMES),
    ("GET", "/api/v1/people/{person}/override"): of_people("/override", (), (("organisation", "other"),)),
    ("PUT", "/api/v1/people/{person}/override"): changes("PUT", "/override", {"reason": "lunch"}),
    ("DELETE", "/api/v1/people/{person}/override"): changes("DELETE", "/override"),
    ("PUT", "/api/v1/people/{person}/keywords"): changes("PUT", "/keywords", {"keywords": {"z": "lunch"}}),
    ("GET", "/api/v1/people/{person}/preview"): of_people("/preview", (), (("days", "3"),)),
    ("GET", "/api/v1/people/{person}/messages"): of_people("/messages", (), (("organisation", "other"),)),
    ("POST", "/api/v1/people/{person}/messages"): changes("POST", "/messages", {"text": "zq", "caller": "zq"}),
    ("PUT", "/api/v1/people/{person}/messages/{id}"): changes("PUT", "/messages/3", {"read": True}),
    ("DELETE", "/api/v1/people/{person}/messages/{id}"): changes("DELETE", "/messages/3"),
    ("GET", "/api/v1/phone-codes"): of_organisations("/api/v1/phone-codes", (), (("language", "sv"),)),
    ("POST", "/api/v1/people/{person}/override/undo"): changes("POST", "/override/undo", {"id": "0" * 32}),
    ("GET", "/api/v1/people/index"): of_organisations("/api/v1/people/index"),
    ("PUT", "/api/v1/events/sight/{name}"): bodies(
        "PUT", "/api/v1/events/sight/mine", {"people": list(range(13))}, {"people": []}
    ),
    ("GET", "/api/v1/here"): of_organisations("/api/v1/here", (), (("language", "sv"),)),
    ("GET", "/api/v1/board"): of_organisations("/api/v1/board", (), (("language", "sv"),)),
    ("GET", "/api/v1/organisation"): of_organisations("/api/v1/organisation"),
    ("GET", "/api/v1/reasons"): of_organisations("/api/v1/reasons", (), (("language", "sv"),)),
    ("GET", "/api/v1/keywords"): of_organisations("/api/v1/keywords"),
    ("GET", "/api/v1/calendars"): calendars,
    ("GET", "/api/v1/switchboards"): of_organisations("/api/v1/switchboards"),
    ("GET", "/api/v1/health"): of_organisations("/api/v1/health"),
    ("POST", "/api/v1/sync"): bodies(
        "POST",
        "/api/v1/sync",
        {},
        {"organisation": "other"},
        {"person": "201"},
        {"person": "201", "organisation": "other"},
    ),
    ("POST", "/api/v1/apply"): bodies("POST", "/api/v1/apply", {}),
    ("GET", "/api/v1/tokens"): of_organisations("/api/v1/tokens", (), (("limit", "1"),)),
    ("POST", "/api/v1/tokens"): bodies("POST", "/api/v1/tokens", {"name": "x", "role": "person", "person": "201"}),
    ("GET", "/api/v1/tokens/{id}"): single_tokens("GET"),
    ("DELETE", "/api/v1/tokens/{id}"): single_tokens("DELETE"),
    ("GET", "/api/v1/users"): of_organisations("/api/v1/users", (), (("limit", "1"),)),
    ("POST", "/api/v1/users"): bodies("POST", "/api/v1/users", {"user": "x", "roles": ["person"], "person": "201"}),
    ("PATCH", "/api/v1/users/{id}"): single_users("PATCH"),
    ("DELETE", "/api/v1/users/{id}"): single_users("DELETE"),
    ("GET", "/api/v1/session"): lambda _: iter([Asked("GET", "/api/v1/session")]),
    ("DELETE", "/api/v1/session"): lambda _: iter([Asked("DELETE", "/api/v1/session")]),
    ("PUT", "/api/v1/session/password"): bodies("PUT", "/api/v1/session/password", {"old": "x" * 12, "new": "y" * 12}),
    ("GET", "/api/v1/sign-in"): lambda _: iter([Asked("GET", "/api/v1/sign-in")]),
    ("GET", "/api/v1/lookup/{extension}"): lookups,
    ("GET", "/api/v1/settings"): of_organisations("/api/v1/settings"),
    ("POST", "/api/v1/settings/check"): bodies("POST", "/api/v1/settings/check", *CHANGES),
    ("PUT", "/api/v1/settings"): bodies("PUT", "/api/v1/settings", *CHANGES),
    ("POST", "/api/v1/settings/try"): bodies(
        "POST", "/api/v1/settings/try", {"what": "switchboards.main"}, {"what": "organisations.other.switchboards.main"}
    ),
    ("POST", "/api/v1/dry-run"): bodies("POST", "/api/v1/dry-run", {"mode": "all_busy", "people": [7, 8, 9]}),
    ("GET", "/api/v1/dry-run"): of_organisations("/api/v1/dry-run"),
    ("DELETE", "/api/v1/dry-run"): lambda _: iter(
        [Asked("DELETE", "/api/v1/dry-run", query) for query in ((), (("organisation", "other"),))]
    ),
    ("PUT", "/api/v1/people/{person}/active"): changes("PUT", "/active", {"active": False}),
    ("POST", "/api/v1/people/activate"): bodies("POST", "/api/v1/people/activate", {"dry_run": True}),
    ("GET", "/api/v1/audit"): of_organisations("/api/v1/audit", (), (("q", "zq"),), (("limit", "1"),)),
    ("GET", "/api/v1/openapi.json"): lambda _: iter([Asked("GET", "/api/v1/openapi.json")]),
    ("GET", "/healthz"): lambda _: iter([Asked("GET", "/healthz")]),
    ("GET", "/readyz"): lambda _: iter([Asked("GET", "/readyz")]),
    ("GET", "/metrics"): lambda _: iter([Asked("GET", "/metrics")]),
    ("GET", "/api/v1/events"): lambda _: iter(()),  # has no end: asked below
    **{("GET", path): lambda _: iter(()) for path in PAGE_PATHS},
    **{route: lambda _: iter(()) for route in SIGNING_IN},  # for anybody: test_session.py, test_doors.py
    **{("POST", path): lambda _: iter(()) for path in HOOKS},  # vendors bring proofs of their own: test_hooks.py
}


def all_requests(house: House) -> Iterator[tuple[tuple[str, str], Asked]]:
    for route, make in REQUESTS.items():
        for asked in make(house):
            yield route, asked


def routes_of(api: Serving) -> set[tuple[str, str]]:
    """Each method and path that the application has."""
    app = application(api.parts, api.stop)
    found = set()
    for route in app.routes:
        path = getattr(route, "path_format", getattr(route, "path", ""))
        found |= {(method, path) for method in getattr(route, "methods", ()) if method != "HEAD"}
    return found


async def test_every_route_is_asked_here(house: House) -> None:
    assert routes_of(house.api) == set(REQUESTS)


async def test_every_route_names_the_right_that_it_needs(house: House) -> None:
    app = application(house.api.parts, house.api.stop)
    for route in (r for r in app.routes if isinstance(r, APIRoute) and r.path not in ABOUT_ONESELF):
        rights = [right_of(d.call) for d in route.dependant.dependencies if d.call is not None]
        assert len([r for r in rights if r is not None]) == 1, route.path


class Described:
    """What the description of the API says of answers."""

    def __init__(self, app: FastAPI) -> None:
        self._paths = app.openapi()["paths"]
        self._models: dict[tuple[str, str], type[BaseModel]] = {}
        for route in (r for r in app.routes if isinstance(r, APIRoute)):
            (model,) = (
                cast(type[BaseModel], more["model"]) for status, more in route.responses.items() if int(status) < 300
            )
            for method in route.methods or ():
                self._models[method, route.path_format] = model

    def check(self, route: tuple[str, str], status: int, headers: Mapping[str, str], body: str) -> None:
        """Fail where an answer is not as it is described."""
        method, path = route
        if path in OPEN or path == "/metrics":
            return
        described = self._paths[path][method.lower()]["responses"]
        assert str(status) in described, f"{route}: {status} {body}"
        assert status < 500, f"{route}: {body}"
        kind = headers["Content-Type"].partition(";")[0]
        assert kind in described[str(status)]["content"], f"{route}: {status} is {kind}"
        if status >= 400:
            problem = schemas.Problem.model_validate_json(body)
            assert problem.status == status
        elif route in self._models:
            self._models[route].model_validate_json(body)
        else:
            shape = described["200"]["content"]["application/json"]["schema"]
            assert json.loads(body).keys() == set(shape["required"]) == shape["properties"].keys()


# -- what may be in an answer ------------------------------------------------------------------------------------------


def hidden(house: House, who: str, asked: Asked, route: tuple[str, str]) -> Iterator[str]:
    """Texts that must not be in the answer to somebody."""
    ours, path = house.ours, route[1]
    yield "zqother"
    yield from house.others.tokens.values()
    yield from (text for text in ours.tokens.values() if text)
    own = house.ours.people.get(who)
    own_asked = own is not None and path.startswith("/api/v1/people/{person}") and asked.about in ways_of(own)
    yield from hidden_but_from_their_owner(ours, who, path, own_asked)
    if who != Role.ATTENDANT and not own_asked:
        yield from (ours.text("note"), ours.text("uid"))
    if path not in WORDS:
        yield from (ours.text("hidden"), ours.text("hiddenlabel"))
    if own is not None and not own_asked:
        yield from (ours.text("by"), "zqthrough", ours.text("resource"))
        if path not in WORDS:
            yield from (ours.text("coming"), ours.text("key")[:16])
    if who == Role.SWITCHBOARD:
        yield from (ours.text(what) for what in SWITCHBOARDS_NOT)
        yield from ("zqthrough", "Europe/Vaduz" if "lookup" not in path else ours.text("by"))
        if path not in WORDS:
            yield ours.text("coming")
    if who == Role.ATTENDANT:
        yield from (ours.text("key")[:16], ours.text("resource"))


def hidden_but_from_their_owner(ours: Company, who: str, path: str, own_asked: bool) -> Iterator[str]:
    """Subjects, which only a preview tells, and messages, which those who wrote them see as well."""
    if not (own_asked and path.endswith("/preview")):
        yield ours.text("secret")
    if not own_asked:
        yield ours.text("message") + (ours.text("else") if who == Role.ATTENDANT else "")


def without_own(body: str, person: Person | None) -> str:
    """A listing without the entry about whoever asks: to themselves they may be everything."""
    answer = json.loads(body) if body.startswith("{") else {"text": body}
    for name in ("rows", "people", "calendars"):
        if person is not None and isinstance(answer.get(name), list):
            answer[name] = [one for one in answer[name] if _whose(one) != person.id]
    return json.dumps(answer, ensure_ascii=False)


def _whose(one: Any) -> Any:
    if not isinstance(one, dict):
        return None
    return one["person"].get("id") if isinstance(one.get("person"), dict) else one.get("id")


def ways_of(person: Any) -> tuple[str, ...]:
    return (person.extension, person.email, person.name, f"id:{person.id}", person.name.upper())


@pytest.mark.parametrize("who", ROLES)
async def test_nobody_learns_what_is_not_theirs(house: House, who: str) -> None:
    seen: dict[tuple[str, str], set[int]] = {}
    described = Described(application(house.api.parts, house.api.stop))
    for route, asked in all_requests(house):
        status, headers, body = await house.ask(asked, house.token(who))
        seen.setdefault(route, set()).add(status)
        text = asked.echoed(without_own(body, house.ours.people.get(who)) + json.dumps(headers))
        for wrong in hidden(house, who, asked, route):
            assert wrong not in text, f"{asked}: {status} {body}"
        described.check(route, status, headers, body)
    role = Role.PERSON if who in NAMES else Role(who)
    assert {route for route, found in seen.items() if found - {403, 404, 409}} >= allowed_routes(role)


def allowed_routes(role: Role) -> set[tuple[str, str]]:
    """What somebody of the role must be answered, so that the test is about something."""
    by_right = {
        Right.LOOK: ["people", "people/{person}", "people/{person}/availability", "reasons", "keywords"],
        Right.FOLLOW: ["board", "people/index", "here", "phone-codes"],
        Right.EXPLAIN: ["people/{person}/timeline", "people/{person}/why"],
        Right.REFER: ["people/{person}/override"],
        Right.LEAVE: [],
        Right.MESSAGES: ["people/{person}/messages"],
        Right.OWN: ["people/{person}/preview"],
        Right.KEYWORDS: [],
        Right.LOOK_UP: ["lookup/{extension}"],
        Right.MANAGE: ["organisation", "calendars", "switchboards", "health", "tokens", "tokens/{id}", "users"],
    }
    by_right[Right.MANAGE] += ["settings", "audit"]
    paths = {path for right in _RIGHTS[role] for path in by_right[right]} | {"openapi.json"}
    return {("GET", f"/api/v1/{path}") for path in paths}


@pytest.mark.parametrize("who", NOBODIES)
async def test_without_a_good_token_there_is_nothing_at_all(house: House, who: str) -> None:
    house.api.parts.clock.step_to(NINE.replace(second=5))
    answers = set()
    for number, (route, asked) in enumerate(all_requests(house)):
        if route[1] in OPEN:
            continue
        if number % 20 == 0:  # so that guessing is forgiven
            house.api.parts.clock.step_to(house.api.parts.clock.now().replace(minute=number // 20 % 60))
            house.api.world.clock.step_to(house.api.world.clock.now())
        status, headers, body = await house.ask(asked, house.token(who))
        answers.add((status, headers.get("WWW-Authenticate"), body))
    refused = {answer for answer in answers if answer[0] != 429}
    assert len(refused) == 1
    assert next(iter(refused))[0] == 401
    assert not [answer for answer in answers if "zq" in answer[2]]


@pytest.mark.parametrize("who", ROLES)
async def test_others_are_answered_as_nobody(house: House, who: str) -> None:
    """Byte by byte, but for the echo of what was asked and the instant of the answer."""
    token = house.token(who)
    for route, make in REQUESTS.items():
        for asked in (a for a in make(house) if a.about in set(ways(house.others))):
            nobody = unknown(asked)
            found, missing = await house.ask(asked, token), await house.ask(nobody, token)
            assert comparable(found, asked.about) == comparable(missing, nobody.about), f"{route} {asked}"


def unknown(asked: Asked) -> Asked:
    """The same about somebody who is nowhere, called by a text of the same form and length."""
    about = asked.about
    if about.startswith("id:"):
        other = "id:" + "9" * len(about[3:])
    elif about.isdigit():
        other = "9" * len(about)
    else:
        other = "".join("q" if c.islower() else "Q" if c.isupper() else c for c in about)
    query = tuple((name, other if value == about else value) for name, value in asked.query)
    return Asked(
        asked.method, asked.path.replace(quote(about, safe=""), quote(other, safe="")), query, asked.body, other
    )


def comparable(answer: tuple[int, dict[str, str], str], about: str) -> tuple[int, dict[str, str], str]:
    status, headers, body = answer
    return status, {k: v for k, v in headers.items() if k.lower() != "date"}, body.replace(about, "*")


async def test_nothing_of_the_others_was_changed(house: House) -> None:
    async def state() -> Any:
        store = house.api.world.store
        people = await store.page_people("other")
        claims = await store.claims([p.id for p in people], NINE)
        tokens: tuple[Token, ...] = await store.tokens("other")
        accounts = await store.accounts("other")
        return people, claims, tokens, accounts, [await store.messages(p.id) for p in people]

    before = await state()
    for who in ROLES:
        for _, asked in all_requests(house):
            if asked.method != "GET":
                await house.ask(asked, house.token(who))
    assert await state() == before


# -- events ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [w for w in ROLES if w != Role.SWITCHBOARD])
async def test_events_tell_nobody_what_is_not_theirs(house: House, who: str) -> None:
    world, asked = house.api.world, Asked("GET", "/api/v1/events")
    async with house.api.network(house.token(who)) as session, session.get("/api/v1/events") as stream:
        assert stream.status == 200
        await stream.content.readline()
        for company in (house.others, house.ours):
            note, by = company.text("note"), company.text("by")
            for name in ("Bo", "Eva"):
                await world.service.refer(
                    company.people[name], company.text("hidden"), note=note, by=by, through="zqthrough"
                )
            await world.service.refer(company.people["Eva"], "holiday", note=note, by=by, through="zqthrough")
        text = await heard(stream, "holiday")
    for wrong in hidden(house, who, asked, ("GET", "/api/v1/events")):
        if wrong not in (house.ours.text("by"), "zqthrough") or who in NAMES:
            assert wrong not in text, text


async def heard(stream: aiohttp.ClientResponse, last: str) -> str:
    """What a stream says, up to a line that holds `last`."""
    text = ""
    async with asyncio.timeout(20):
        while last not in text:
            text += (await stream.content.readline()).decode()
    return text


async def test_a_switchboard_hears_nothing(house: House) -> None:
    status, _, _ = await house.ask(Asked("GET", "/api/v1/events"), house.token(Role.SWITCHBOARD))
    assert status == 403
    status, _, _ = await house.ask(Asked("GET", "/api/v1/events", (("organisation", "other"),)), house.token("Anna"))
    assert status == 404
