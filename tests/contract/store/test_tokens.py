"""Tokens: never the token, but its digest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.access import Role
from backsoon.store.base import NotStored, StoreConflict
from tests.contract.store.values import House, after, token


@pytest.mark.parametrize("role", list(Role))
async def test_a_token_comes_back_whole(house: House, role: Role) -> None:
    store = house.store
    wanted = replace(token(person=house.anna.id if role is Role.PERSON else 0, expires=5), role=role, name="Åsa's")
    saved = await store.save_token(wanted)
    assert saved == replace(wanted, id=saved.id)
    assert saved.id > 0
    assert await store.token("d" * 64) == saved
    assert await store.tokens() == (saved,)
    assert await store.token("D" * 64) is None
    assert await store.token("") is None


async def test_tokens_come_in_order_and_by_organisation(house: House) -> None:
    store = house.store
    saved = [await store.save_token(token(f"{n:064}", org="other" if n % 2 else "acme")) for n in (5, 1, 4, 2)]
    assert list(await store.tokens()) == saved
    assert [each.digest for each in await store.tokens("other")] == [f"{n:064}" for n in (5, 1)]
    assert await store.tokens("nowhere") == ()


async def test_a_token_is_of_somebody_there(house: House) -> None:
    store = house.store
    with pytest.raises(NotStored, match="nowhere"):
        await store.save_token(token(org="nowhere"))
    for stranger in (house.stranger.id, 10**6):
        with pytest.raises(NotStored, match=str(stranger)):
            await store.save_token(token(person=stranger))
    assert await store.tokens() == ()


async def test_a_token_is_stored_once_and_no_error_quotes_it(house: House) -> None:
    await house.store.save_token(token())
    with pytest.raises(StoreConflict) as caught:
        await house.store.save_token(replace(token(org="other"), name="again"))
    assert "ddd" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert len(await house.store.tokens()) == 1


async def test_a_token_is_taken_out_in_its_organisation_only(house: House) -> None:
    store = house.store
    saved = await store.save_token(token())
    assert not await store.remove_token("other", saved.id)
    assert not await store.remove_token("acme", saved.id + 1)
    assert await store.token(saved.digest) == saved
    assert await store.remove_token("acme", saved.id)
    assert not await store.remove_token("acme", saved.id)
    assert await store.token(saved.digest) is None
    assert (await store.save_token(token())).id > saved.id, "an id is never given again"


async def test_tokens_go_with_their_person(house: House) -> None:
    store = house.store
    await store.save_token(token("a", person=house.anna.id))
    kept = [await store.save_token(token("b", person=house.bob.id)), await store.save_token(token("c"))]
    await store.remove_people([house.anna.id])
    assert list(await store.tokens()) == kept


async def test_tokens_that_have_expired_are_listed_until_they_are_forgotten(house: House) -> None:
    store = house.store
    for digest, expires in (("a", 5), ("b", 15), ("c", None)):
        await store.save_token(token(digest, expires=expires))
    assert len(await store.tokens()) == 3
    assert await store.forget(after(15)) == 1
    assert [each.digest for each in await store.tokens()] == ["b", "c"]
