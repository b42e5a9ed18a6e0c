"""Who is let in, by which token, and what everybody else is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response

from backsoon.api.failures import Failures, network
from backsoon.api.gate import Admitted, TokenGate, bearer
from backsoon.domain.access import Identity, Role
from backsoon.engine.tokens import KNOWN_FOR, BadToken, Tokens, digest_of
from backsoon.store.base import NotStored, StoreUnavailable, Token
from tests.unit.engine.world import NINE, World, world


@dataclass
class Door:
    """A gate over a real store."""

    world: World
    tokens: Tokens
    gate: TokenGate

    async def ask(self, *authorization: str, address: str = "192.0.2.1") -> Admitted | Response:
        """Knock."""
        headers = [(b"authorization", value.encode("latin-1")) for value in authorization]
        return await self.gate.admit(HTTPConnection({"type": "http", "headers": headers, "client": (address, 1)}))

    async def refused(self, *authorization: str, address: str = "192.0.2.1") -> tuple[int, bytes, dict[str, str]]:
        """What somebody who is not let in is told."""
        answer = await self.ask(*authorization, address=address)
        assert isinstance(answer, Response)
        return answer.status_code, bytes(answer.body), dict(answer.headers)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with world(tmp_path) as made:
        tokens = Tokens(made.store, made.clock)
        yield Door(made, tokens, TokenGate(tokens, made.clock, Failures(allowed=5, every=2.0, most=3)))


async def test_a_token_is_who_it_was_made_for(door: Door) -> None:
    anna = await door.world.person("101", "Anna")
    issued = await door.tokens.issue("acme", " Anna's app ", Role.PERSON, person=anna, by="bo")
    found = await door.ask(f"Bearer {issued.text}")
    assert isinstance(found, Admitted)
    assert found.identity == Identity(Role.PERSON, "acme", anna.id, "Anna's app", token=issued.token.id)
    assert await found.holds()
    assert await door.ask(f"bEARER   {issued.text} ") is not None


async def test_only_the_digest_is_stored(door: Door, tmp_path: Path) -> None:
    issued = await door.tokens.issue("acme", "console", Role.ATTENDANT)
    assert issued.text.startswith("bsn_")
    assert len(issued.text) == 47
    (stored,) = await door.world.store.tokens()
    assert stored.digest == digest_of(issued.text)
    assert all(issued.text[4:].encode() not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


async def test_whatever_is_wrong_the_answer_is_the_same(door: Door) -> None:
    over = await door.tokens.issue("acme", "over", Role.ATTENDANT, expires_at=NINE + timedelta(minutes=1))
    revoked = await door.tokens.issue("acme", "revoked", Role.ATTENDANT)
    good = await door.tokens.issue("acme", "good", Role.ATTENDANT)
    await door.tokens.revoke("acme", revoked.token.id)
    await door.world.clock.move_to(NINE + timedelta(minutes=1))
    wrong = [
        (),
        ("",),
        ("Bearer",),
        (f"Basic {good.text}",),
        (good.text,),
        (f"Bearer {good.text}", f"Bearer {good.text}"),
        (f"Bearer {good.text}x",),
        (f"Bearer {digest_of(good.text)}",),
        (f"Bearer {over.text}",),
        (f"Bearer {revoked.text}",),
        ("Bearer bsn_" + "A" * 43,),
        ("Bearer ÿþ",),
    ]
    answers = [await door.refused(*headers, address=f"192.0.2.{n}") for n, headers in enumerate(wrong)]
    assert answers == [answers[0]] * len(wrong)
    status, _, headers = answers[0]
    assert status == 401
    assert headers["www-authenticate"].startswith("Bearer")


async def test_revoked_is_gone_at_once_and_its_streams_with_it(door: Door) -> None:
    issued = await door.tokens.issue("acme", "console", Role.ATTENDANT)
    found = await door.ask(f"Bearer {issued.text}")
    assert isinstance(found, Admitted)
    with pytest.raises(NotStored):
        await door.tokens.revoke("other", issued.token.id)
    await door.tokens.revoke("acme", issued.token.id)
    assert not await found.holds()
    assert (await door.refused(f"Bearer {issued.text}"))[0] == 401
    with pytest.raises(NotStored):
        await door.tokens.revoke("acme", issued.token.id)


async def test_what_another_process_revokes_is_gone_soon(door: Door) -> None:
    issued = await door.tokens.issue("acme", "console", Role.ATTENDANT)
    found = await door.ask(f"Bearer {issued.text}")
    assert isinstance(found, Admitted)
    await door.world.store.remove_token("acme", issued.token.id)
    assert await found.holds(), "known from memory"
    await door.world.clock.move_to(NINE + KNOWN_FOR)
    assert not await found.holds()


async def test_a_clock_that_is_set_back_keeps_nobody_in(door: Door) -> None:
    issued = await door.tokens.issue("acme", "console", Role.ATTENDANT)
    found = await door.ask(f"Bearer {issued.text}")
    assert isinstance(found, Admitted)
    await door.world.store.remove_token("acme", issued.token.id)
    door.world.clock.step_to(NINE - timedelta(hours=1))
    assert not await found.holds()


async def test_one_revoked_while_it_was_looked_up_is_not_remembered(door: Door) -> None:
    issued = await door.tokens.issue("acme", "console", Role.ATTENDANT)
    read = door.world.store.token

    async def slow(digest: str) -> Token | None:
        token = await read(digest)
        await door.tokens.revoke("acme", issued.token.id)
        return token

    door.world.store.token = slow  # type: ignore[method-assign]
    await door.tokens.known(issued.text)
    door.world.store.token = read  # type: ignore[method-assign]
    assert await door.tokens.known(issued.text) is None


async def test_the_tokens_of_somebody_taken_out_go_too(door: Door) -> None:
    anna = await door.world.person("101", "Anna")
    issued = await door.tokens.issue("acme", "app", Role.PERSON, person=anna)
    await door.world.service.remove_people([anna])
    door.tokens.forget()
    assert (await door.refused(f"Bearer {issued.text}"))[0] == 401


async def test_a_store_that_fails_is_no_wrong_token(door: Door) -> None:
    async def fails(digest: str) -> Token | None:
        raise StoreUnavailable("locked")

    door.world.store.token = fails  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await door.ask("Bearer bsn_" + "A" * 43)


async def test_who_guesses_is_told_to_wait_and_keeps_nobody_out(door: Door) -> None:
    guess = "Bearer bsn_" + "A" * 43
    good = await door.tokens.issue("acme", "pbx", Role.SWITCHBOARD)
    assert [(await door.refused(guess))[0] for _ in range(7)] == [401] * 5 + [429] * 2
    status, _, headers = await door.refused(guess)
    assert (status, int(headers["retry-after"]) >= 1) == (429, True)
    assert isinstance(await door.ask(f"Bearer {good.text}"), Admitted), "though it asks for the first time"
    assert (await door.refused(guess, address="192.0.2.9"))[0] == 401
    await door.world.clock.move_to(NINE + timedelta(seconds=2))
    assert (await door.refused(guess))[0] == 401
    assert isinstance(await door.ask(f"Bearer {good.text}"), Admitted)


async def test_no_token_at_all_is_no_guess(door: Door) -> None:
    assert {(await door.refused())[0] for _ in range(20)} == {401}


def test_addresses_are_remembered_within_bounds() -> None:
    failures = Failures(allowed=1, every=2.0, most=3)
    for number in range(100):
        failures.note(f"192.0.2.{number}", NINE)
    assert [n for n in range(100) if failures.wait(f"192.0.2.{n}", NINE)] == [97, 98, 99]


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_a_household_counts_as_one_address(address: str, counts_as: str) -> None:
    assert network(address) == counts_as


def test_a_clock_that_was_set_back_forgives_nothing() -> None:
    failures = Failures(allowed=1, every=2.0)
    failures.note("192.0.2.1", NINE)
    assert failures.wait("192.0.2.1", NINE - timedelta(hours=1)) == 2


@pytest.mark.parametrize(
    ("name", "role", "more", "what"),
    [
        ("", Role.ATTENDANT, {}, "1 to 64"),
        ("x" * 65, Role.ATTENDANT, {}, "1 to 64"),
        ("a\nb", Role.ATTENDANT, {}, "printable"),
        ("a", Role.PERSON, {}, "needs the person"),
        ("a", Role.ATTENDANT, {"expires_at": NINE}, "after it is made"),
        ("a", Role.ATTENDANT, {"expires_at": NINE + timedelta(days=4000)}, "within"),
    ],
)
async def test_tokens_that_make_no_sense(door: Door, name: str, role: Role, more: dict[str, object], what: str) -> None:
    with pytest.raises(BadToken, match=what):
        await door.tokens.issue("acme", name, role, **more)  # type: ignore[arg-type]
    assert await door.world.store.tokens() == ()


async def test_a_person_and_another_role_do_not_go_together(door: Door) -> None:
    anna = await door.world.person("101", "Anna")
    with pytest.raises(BadToken, match="nobody's own"):
        await door.tokens.issue("acme", "a", Role.ATTENDANT, person=anna)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], None),
        (["Bearer x"], "x"),
        (["bearer  x "], "x"),
        (["Digest x"], ""),
        (["x"], ""),
        (["Bearer a", "Bearer a"], ""),
    ],
)
def test_the_header(values: list[str], found: str | None) -> None:
    assert bearer(values) == found
