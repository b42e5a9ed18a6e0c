"""Messages that attendants leave for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backsoon.domain.messages import Message
from backsoon.store.base import NotStored
from tests.contract.store.values import House, after


def message(person: int, minutes: float = 0, by: str = "Eva", text: str = "Call 0701234567 back") -> Message:
    return Message(person, after(minutes), text, "Åsa Öst", by, writer=f"token:{len(by)}")


async def test_a_message_comes_back_whole_and_in_order(house: House) -> None:
    store, anna = house.store, house.anna.id
    assert await store.messages(anna) == ()
    left = [await store.save_message(message(anna, minutes)) for minutes in (3, 1, 2)]
    assert left[0] == replace(message(anna, 3), id=left[0].id)
    assert sorted(left, key=lambda each: each.id) == left
    assert await store.messages(anna) == tuple(left)
    assert await store.messages(house.stranger.id) == ()


async def test_messages_by_who_wrote_them(house: House) -> None:
    store, anna = house.store, house.anna.id
    eva, bo = [await store.save_message(message(anna, by=by)) for by in ("Eva", "Bo")]
    assert await store.messages(anna, eva.writer) == (eva,)
    assert await store.messages(anna, bo.writer) == (bo,)
    assert await store.messages(anna, "token:1") == ()
    assert await store.messages(anna, "Eva") == (), "names are shared"
    assert await store.messages(anna, "") == ()


async def test_a_message_is_for_somebody_there(house: House) -> None:
    with pytest.raises(NotStored, match="1000000"):
        await house.store.save_message(message(10**6))


async def test_reading_is_noted_and_taken_back(house: House) -> None:
    store, anna = house.store, house.anna.id
    first, second = [await store.save_message(message(anna)) for _ in range(2)]
    assert await store.read_message(anna, first.id, after(5))
    assert await store.messages(anna) == (replace(first, read_at=after(5)), second)
    assert await store.read_message(anna, first.id, None)
    assert await store.messages(anna) == (first, second)
    assert not await store.read_message(anna, 10**6, after(5))
    assert not await store.read_message(house.stranger.id, first.id, after(5)), "it is somebody else's"


async def test_a_message_is_taken_out_once_and_by_its_person_only(house: House) -> None:
    store, anna = house.store, house.anna.id
    left = await store.save_message(message(anna))
    assert not await store.remove_message(house.stranger.id, left.id)
    assert await store.remove_message(anna, left.id)
    assert not await store.remove_message(anna, left.id)
    assert await store.messages(anna) == ()


async def test_messages_go_with_their_person(house: House) -> None:
    store, anna = house.store, house.anna.id
    await store.save_message(message(anna))
    await store.remove_people([anna])
    assert await store.messages(anna) == ()


async def test_old_messages_are_forgotten(house: House) -> None:
    store, anna = house.store, house.anna.id
    old, read, fresh = [await store.save_message(message(anna, minutes)) for minutes in (0, 20, 20)]
    await store.read_message(anna, read.id, after(21))
    await store.read_message(anna, fresh.id, after(31))
    assert await store.forget_messages(after(21), after(0)) == 0, "both instants are excluded"
    assert await store.forget_messages(after(30), after(10)) == 2
    assert [each.id for each in await store.messages(anna)] == [fresh.id]
    assert old.id != fresh.id


async def test_text_that_a_database_refuses_is_replaced(house: House) -> None:
    left = await house.store.save_message(message(house.anna.id, text="a\0b\ud800"))
    (kept,) = await house.store.messages(house.anna.id)
    assert kept == replace(left, text="a\ufffdb\ufffd")
