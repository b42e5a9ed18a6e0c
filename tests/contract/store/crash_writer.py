"""A process that saves without end and says what was acknowledged, to be killed: `python -m ... KIND FOLDER FIRST`.

A line is written after each call returned: `override PERSON NUMBER`, `back PERSON NUMBER`, `read CALENDAR NUMBER`,
`token PERSON NUMBER` or `revoked PERSON NUMBER`. Every third override is taken back. A read with number n holds
n % 5 + 1 referrals whose notes, like the token, say n.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from backsoon.store.base import PersonState, Store
from tests.contract.store.factories import FACTORIES
from tests.contract.store.values import after, by_hand, change, complete, health, meeting, referral, token


def numbered(calendar: int, number: int) -> list[str]:
    """The uids of a read."""
    return [f"{calendar}-{each}" for each in range(number % 5 + 1)]


def _say(what: str, which: int, number: int) -> None:
    sys.stdout.write(f"{what} {which} {number}\n")
    sys.stdout.flush()


async def _override(store: Store, person: int, number: int) -> None:
    while True:
        await store.save_override(person, by_hand(number, None, note=str(number)))
        _say("override", person, number)
        if number % 3 == 0:
            await store.remove_override(person, after(number), by=str(number))
            _say("back", person, number)
        number += 1


async def _token(store: Store, person: int, number: int) -> None:
    while True:
        saved = await store.save_token(token(f"{person}-{number}", person=person))
        _say("token", person, number)
        if number % 3 == 0:
            await store.remove_token("acme", saved.id)
            _say("revoked", person, number)
        number += 1


async def _read(store: Store, calendar: int, number: int) -> None:
    while True:
        entries = [referral(calendar, uid, note=str(number)) for uid in numbered(calendar, number)]
        await store.save_read(calendar, complete(*entries), health(str(number)))
        _say("read", calendar, number)
        number += 1


async def _decide(store: Store, person: int, number: int) -> None:
    while True:
        state = PersonState(person, meeting(note=str(number)), None)
        await store.save_states([state], [change(person, number, state.availability)])
        number += 1


async def main(kind: str, folder: str, first: int) -> None:
    store = await FACTORIES[kind](Path(folder))
    everybody = await store.page_people()
    people = [each.id for each in everybody]
    calendars = [each.calendar.id for each in await store.calendars()]
    async with asyncio.TaskGroup() as group:
        for each in people:
            group.create_task(_override(store, each, first))
            group.create_task(_decide(store, each, first))
        for each in calendars:
            group.create_task(_read(store, each, first))
        for one in everybody:
            if one.organisation == "acme":
                group.create_task(_token(store, one.id, first))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
