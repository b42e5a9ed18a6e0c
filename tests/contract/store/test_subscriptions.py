"""Notifications that were ordered: whose they are, when they are renewed, and what is left of those who go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from backsoon.domain.organisation import Calendar, Connection
from backsoon.store.base import BEGINNING, NotStored, Subscription
from tests.contract.store.factories import Factory
from tests.contract.store.values import House, after


def ordered(calendar: Calendar | int, id: str = "s", *, lasts: float = 60, renew: float = 40) -> Subscription:
    number = calendar if isinstance(calendar, int) else calendar.id
    return Subscription("acme", "home", number, id, after(lasts), after(renew), "resource", "https://x.example/hooks")


def cancelled(subscription: Subscription) -> Subscription:
    """As what it becomes when it is nobody's any more."""
    return replace(subscription, calendar=0, renew_at=BEGINNING)


async def kept(house: House, id: str = "s") -> Subscription | None:
    return (await house.store.subscriptions([id])).get(id)


async def test_they_come_back_whole(house: House) -> None:
    mine, theirs = ordered(house.calendars[0], "a"), replace(ordered(house.calendars[1], "b"), replaced=True)
    await house.store.save_subscriptions([mine, theirs])
    assert await house.store.subscriptions(["a", "b", "nobody's"]) == {"a": mine, "b": theirs}
    assert await house.store.subscriptions([]) == {}
    later = replace(
        mine, expires_at=after(99), renew_at=after(90), resource="", url="https://y.example", address="b@x.example"
    )
    await house.store.save_subscriptions([theirs, mine, later])
    assert await kept(house, "a") == later, "of two the last"
    await house.store.remove_subscriptions(["a", "nobody's"])
    assert await house.store.subscriptions(["a", "b"]) == {"b": theirs}


async def test_they_outlive_a_restart(factory: Factory, tmp_path: Path, house: House) -> None:
    await house.store.save_subscriptions([ordered(house.calendars[0])])
    made = await house.store.key("hooks")
    await house.store.close()
    again = await factory(tmp_path)
    try:
        assert await again.subscriptions(["s"]) == {"s": ordered(house.calendars[0])}
        assert await again.key("hooks") == made
    finally:
        await again.close()


async def test_a_connections_by_pages(house: House) -> None:
    everything = [ordered(house.calendars[0], id) for id in ("a", "b", "c")]
    await house.store.save_subscriptions([*everything, replace(ordered(0, "d"), organisation="other")])
    assert await house.store.page_subscriptions("acme", "home") == tuple(everything)
    assert await house.store.page_subscriptions("acme", "home", limit=2) == tuple(everything[:2])
    assert await house.store.page_subscriptions("acme", "home", after="b") == tuple(everything[2:])
    assert await house.store.page_subscriptions("acme", "nowhere") == ()


async def test_which_are_to_be_renewed(house: House) -> None:
    assert await house.store.next_renewal("acme", "home") is None
    late, soon, far = (ordered(house.calendars[0], id, renew=at) for id, at in (("z", 1), ("a", 2), ("m", 50)))
    await house.store.save_subscriptions([far, soon, late])
    assert await house.store.next_renewal("acme", "home") == after(1)
    assert await house.store.next_renewal("other", "home") is None
    assert await house.store.subscriptions_to_renew("acme", "home", after(2), 9) == (late, soon)
    assert await house.store.subscriptions_to_renew("acme", "home", after(2), 1) == (late,)
    assert await house.store.subscriptions_to_renew("acme", "home", after(0), 9) == ()
    assert await house.store.subscriptions_to_renew("other", "home", after(99), 9) == ()


async def test_who_has_none_that_lasts(house: House) -> None:
    store, (anna, bob, carol, _) = house.store, house.calendars
    assert await store.unsubscribed("acme", "home", after()) == (anna, bob, carol)
    await store.save_subscriptions([ordered(anna, "a"), replace(ordered(bob, "b"), replaced=True)])
    await store.save_subscriptions([ordered(carol, "c", lasts=5)])
    assert await store.unsubscribed("acme", "home", after()) == (bob,)
    assert await store.unsubscribed("acme", "home", after(5)) == (bob, carol), "it lasts until then, not beyond"
    assert await store.unsubscribed("acme", "home", after(5), limit=1) == (bob,)
    assert await store.unsubscribed("acme", "home", after(5), after=bob.id) == (carol,)
    assert await store.unsubscribed("acme", "nowhere", after(5)) == ()
    await store.save_people([replace(house.bob, active=False)])
    assert await store.unsubscribed("acme", "home", after()) == ()


async def test_who_is_switched_off_leaves_theirs_to_be_cancelled(house: House) -> None:
    mine, theirs = ordered(house.calendars[0], "mine"), ordered(house.calendars[1], "theirs")
    await house.store.save_subscriptions([mine, theirs])
    await house.store.save_people([replace(house.bob, active=False), house.anna])
    assert await house.store.subscriptions(["mine", "theirs"]) == {"mine": mine, "theirs": cancelled(theirs)}
    assert await house.store.subscriptions_to_renew("acme", "home", after(), 9) == (cancelled(theirs),)
    await house.store.save_people([house.bob])
    assert await house.store.unsubscribed("acme", "home", after()) == house.calendars[1:3]
    assert await kept(house, "theirs") == cancelled(theirs), "a new one is ordered"


@pytest.mark.parametrize("how", ["person", "calendar", "address"])
async def test_what_goes_leaves_its_own_to_be_cancelled(house: House, how: str) -> None:
    store, calendar = house.store, house.calendars[0]
    mine, theirs = ordered(calendar, "mine"), ordered(house.calendars[1], "theirs")
    await store.save_subscriptions([mine, theirs])
    if how == "person":
        await store.remove_people([house.anna.id])
    elif how == "calendar":
        await store.remove_calendars([calendar.id])
    else:
        await store.save_calendars([calendar])
        assert await kept(house, "mine") == mine, "nothing was changed"
        await store.save_calendars([replace(calendar, address="elsewhere")])
    assert await store.subscriptions(["mine", "theirs"]) == {"mine": cancelled(mine), "theirs": theirs}


async def test_what_is_saved_for_a_calendar_that_is_gone_is_to_be_cancelled(house: House) -> None:
    store, calendar = house.store, house.calendars[0]
    await store.save_people([replace(house.bob, active=False)])
    everything = [ordered(calendar, "a"), ordered(house.calendars[1], "b"), ordered(house.calendars[3], "c")]
    await store.remove_calendars([calendar.id])
    await store.save_subscriptions([*everything, ordered(10**6, "d")])
    found = await store.page_subscriptions("acme", "home")
    assert found == tuple(cancelled(each) for each in [*everything, ordered(10**6, "d")])
    unknown = ordered(0, "e", renew=7)
    await store.save_subscriptions([unknown])
    assert await kept(house, "e") == unknown, "cancelling may be tried again later"


async def test_with_a_connection_go_its_own(house: House) -> None:
    await house.store.save_connections("acme", [Connection("acme", "home", "graph"), Connection("acme", "x", "ews")])
    await house.store.save_subscriptions([ordered(house.calendars[0]), replace(ordered(0, "t"), connection="x")])
    await house.store.save_connections("acme", [Connection("acme", "x", "ews")])
    assert set(await house.store.subscriptions(["s", "t"])) == {"t"}
    with pytest.raises(NotStored, match="connection"):
        await house.store.save_subscriptions([replace(ordered(0, "u"), connection="x"), ordered(house.calendars[0])])
    assert await kept(house, "u") is None


async def test_with_another_kind_go_its_own(house: House) -> None:
    await house.store.save_subscriptions([ordered(house.calendars[0])])
    home = next(c for c in await house.store.connections("acme") if c.name == "home")
    others = [c for c in await house.store.connections("acme") if c.name != "home"]
    await house.store.save_connections("acme", [*others, replace(home, settings={"push": False})])
    assert await kept(house) == ordered(house.calendars[0]), "it is still of the same kind"
    await house.store.save_connections("acme", [*others, replace(home, kind="other")])
    assert await kept(house) is None
    assert house.calendars[0].id in {c.id for c in await house.store.unsubscribed("acme", "home", after(0))}


async def test_keys_are_made_once(house: House) -> None:
    made = await asyncio.gather(*(house.store.key("hooks") for _ in range(5)))
    assert len(set(made)) == 1
    assert len(made[0]) == 32
    assert await house.store.key("hooks") == made[0]
    assert await house.store.key("other") != made[0]


async def test_very_many(house: House) -> None:
    many = [ordered(house.calendars[0], f"s{each:05}") for each in range(9000)]
    await house.store.save_subscriptions(many)
    assert len(await house.store.subscriptions(each.id for each in many)) == 9000
    await house.store.remove_calendars([house.calendars[0].id])
    assert len(await house.store.subscriptions_to_renew("acme", "home", after(), 10_000)) == 9000
