"""Every route, asked with a session's cookie: what a hat may is what a token of that role may, and no byte more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from backsoon.api.cookies import HATLESS, SESSION, cookie_of
from backsoon.api.gate import OPEN
from backsoon.domain.access import Role
from backsoon.store.base import Account
from tests.unit.api.test_who_sees_what import HOOKS, REQUESTS, Asked, House, all_requests
from tests.unit.api.test_who_sees_what import house as house

HATS = {Role.ATTENDANT: Role.ATTENDANT, Role.PERSON: "Anna", Role.ADMINISTRATOR: Role.ADMINISTRATOR}
"""Each with whose token is of the same role."""
GOES_ON = frozenset({"/api/v1/dry-run"})
"""What is begun by one request is under way at the next."""


async def signed_in(house: House, *roles: Role) -> str:
    """The cookie of an account of ours that has these roles."""
    anna, now = house.ours.people["Anna"], house.api.world.clock.now()
    number = len(await house.api.world.store.accounts("acme"))
    name = house.ours.text("tokenattendant")  # as the attendant's token, whose messages are told by it
    account = Account("acme", name, frozenset(roles), now, person=anna.id, user=f"user{number}")
    saved = await house.api.world.store.save_account(account)
    text, _ = await house.api.parts.logins.sessions.begin(saved)
    return f"{SESSION}={text}"


async def ask(house: House, asked: Asked, headers: dict[str, str]) -> tuple[int, str]:
    more: dict[str, Any] = {} if asked.body is None else {"json": asked.body}
    url = URL(f"http://127.0.0.1:{house.api.port}{asked.path}", encoded=True).with_query(asked.query)
    async with house.session.request(asked.method, url, headers=headers, **more) as response:
        return response.status, await response.text()


def asked_about_others(house: House) -> Iterator[Asked]:
    """Each request but those that need no right, and those about the session itself."""
    for (_, path), asked in all_requests(house):
        if path not in OPEN | HATLESS and path not in HOOKS and path.startswith("/api/"):
            yield asked


@pytest.mark.parametrize("role", HATS)
async def test_a_hat_is_what_a_token_is(house: House, role: Role) -> None:
    cookie = await signed_in(house, *HATS)
    by_cookie = {"Cookie": cookie, "Backsoon-Role": role.value, "Sec-Fetch-Site": "same-origin"}
    by_token = {"Authorization": f"Bearer {house.token(HATS[role])}"}
    allowed = 0
    for asked in asked_about_others(house):
        expected, found = await ask(house, asked, by_token), await ask(house, asked, by_cookie)
        if asked.path not in GOES_ON:
            assert found == expected, asked
        allowed += expected[0] == 200
    assert allowed > 20


@pytest.mark.parametrize("role", HATS)
async def test_a_hat_that_is_not_theirs_is_nothing(house: House, role: Role) -> None:
    cookie = await signed_in(house, *(HATS.keys() - {role}))
    answers = set()
    for said in ({"Backsoon-Role": role.value}, {"Backsoon-Role": "switchboard"}, {}):
        headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin", **said}
        answers |= {await ask(house, asked, headers) for asked in asked_about_others(house)}
    assert {status for status, _ in answers} == {403}
    assert len(answers) == 1


async def test_nothing_is_changed_for_another_site(house: House) -> None:
    cookie = await signed_in(house, *HATS)
    for said in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        for role in HATS:
            headers = {"Cookie": cookie, "Backsoon-Role": role.value, **said}
            for asked in asked_about_others(house):
                if asked.method not in ("GET", "HEAD"):
                    assert (await ask(house, asked, headers))[0] == 403, asked


def test_the_table_of_requests_knows_the_routes_of_sessions() -> None:
    assert {path for _, path in REQUESTS} >= HATLESS


@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cookie_header_is_too_odd(lines: list[str]) -> None:
    headers = [(b"cookie", line.encode("latin-1")) for line in lines]
    from starlette.requests import HTTPConnection

    assert cookie_of(HTTPConnection({"type": "http", "headers": headers}), SESSION) is None
    good = [*headers, (b"cookie", f"a=b; {SESSION}=x; c".encode())]
    assert cookie_of(HTTPConnection({"type": "http", "headers": good}), SESSION) == "x"


async def test_the_server_keeps_no_cookie_for_tokens(house: House) -> None:
    async with aiohttp.ClientSession() as plain:
        headers = {"Authorization": f"Bearer {house.token(Role.ATTENDANT)}"}
        async with plain.get(f"http://127.0.0.1:{house.api.port}/api/v1/board", headers=headers) as answer:
            assert "Set-Cookie" not in answer.headers
