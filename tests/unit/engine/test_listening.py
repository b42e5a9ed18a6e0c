"""Listening to a stream: behind the first reads, and without missing what changes in between."""

from __future__ import annotations

from pathlib import Path

from backsoon.domain.organisation import Person
from backsoon.engine.listening import LOOK_SOON, WAIT, WAIT_EACH
from backsoon.sources.base import SourceMissing
from backsoon.store.base import ReadCalendar
from tests.simulators.account import MemoryStream
from tests.unit.engine.pushed import PLACE, Pushed, pushed
from tests.unit.engine.world import at, entry


def stream_of(p: Pushed) -> MemoryStream:
    assert p.account.streaming is not None
    return p.account.streaming


async def calendars(p: Pushed) -> tuple[ReadCalendar, ...]:
    return await p.store.calendars_at(*PLACE)


def addresses(people: list[Person]) -> set[str]:
    return {person.email for person in people}


async def test_nobody_is_listened_for_before_the_first_reads_and_everybody_at_once_after_them(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(10)
        await p.start(sync=False, sweep=False)
        stream = stream_of(p)
        assert not stream.wanted
        for read in (await calendars(p))[:9]:
            await p.sync.read(read)
        await p.settle()
        assert not stream.wanted  # the tenth is still to be read
        await p.sync.read((await calendars(p))[9])
        await p.settle()  # and no look is waited for
        assert stream.wanted == addresses(people)
        assert p.account.requests["subscribe"] == 1


async def test_first_reads_that_take_long_are_not_waited_for_by_those_who_were_read(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(10)
        await p.start(sync=False, sweep=False)
        stream = stream_of(p)
        for read in (await calendars(p))[:4]:
            await p.sync.read(read)
        await p.pass_by(seconds=WAIT + 10 * WAIT_EACH - 1)
        assert not stream.wanted
        await p.pass_by(seconds=LOOK_SOON)
        assert stream.wanted == addresses(people[:4])
        for read in (await calendars(p))[4:]:
            await p.sync.read(read)
        await p.settle()
        assert stream.wanted == addresses(people)


async def test_a_mailbox_that_cannot_be_read_is_not_waited_for(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(3)
        p.account.box(people[0].email).source.fail(SourceMissing("there is no such mailbox"))
        await p.start(sweep=False)
        await p.pass_by(seconds=LOOK_SOON + 1)
        assert stream_of(p).wanted == addresses(people[1:])


async def test_a_new_person_does_not_keep_the_others_from_being_listened_for(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(3)
        await p.start(sweep=False)
        stream = stream_of(p)
        assert stream.wanted == addresses(people)
        p.account.box("p9@example.com").source.fail(SourceMissing("there is no such mailbox"))
        await p.store.save_people([Person("acme", "1009", "P 9", "p9@example.com")])
        p.pushing.changed()
        await p.pass_by(minutes=6)
        assert stream.wanted == addresses(people)
        assert stream.wanted == stream._told


async def test_what_changes_between_the_first_read_and_the_subscription_is_found(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        people = await p.people(4)
        stream = stream_of(p)
        stream.cut()
        await p.start(sweep=False)
        assert all(read.health.confirmed_at is not None for read in await calendars(p))
        p.account.box(people[1].email).source.put("a", entry("a", "m: Budget", at(14), at(15)))
        await p.account.change(people[1].email)  # nobody is told
        assert not await p.world.service.referrals(people[1])
        stream.mend()
        await p.settle()
        assert len(await p.world.service.referrals(people[1])) == 1


async def test_the_health_report_says_why_a_stream_tells_nobody(tmp_path: Path) -> None:
    async with pushed(tmp_path, stream=True) as p:
        await p.people(2)
        await p.start(sweep=False)
        telling = p.pushing.telling(*PLACE)
        assert telling is not None
        assert (telling.told, telling.because, telling.remedy) == (2, "", "")
        stream_of(p).cut()
        await p.settle()
        telling = p.pushing.telling(*PLACE)
        assert telling is not None
        assert (telling.told, telling.because) == (0, "the connection was cut")
        assert "address answers" in telling.remedy
        stream_of(p).mend()
        await p.settle()
        telling = p.pushing.telling(*PLACE)
        assert telling is not None
        assert (telling.told, telling.because) == (2, "")
