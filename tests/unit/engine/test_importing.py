"""Taking people in: what is stored, what goes, and what nobody inherits."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backsoon.domain.listing import LeftOut, Listed, Listing
from backsoon.domain.model import AVAILABLE
from backsoon.domain.organisation import Connection, Person
from backsoon.engine.importing import Doubtful, Imported, ImportOptions, everybody, import_listing, import_rows
from backsoon.engine.roster import Row
from backsoon.store.base import Grounds
from tests.unit.engine.world import NINE, World, acme, at, entry, world

ALL = ImportOptions(everybody=True)
PRUNE = ImportOptions(everybody=True, prune=True)
EVA = Row(2, {"extension": "1001", "name": "Eva Falk", "email": "eva@example.com"})


async def do(w: World, *rows: Row, options: ImportOptions = ALL) -> Imported:
    return await import_rows(rows, acme(), w.store, w.service, options)


def rows(*several: tuple[str, str, str]) -> list[Row]:
    return [
        Row(number, {"extension": extension, "name": name, "email": email})
        for number, (extension, name, email) in enumerate(several, 2)
    ]


async def names(w: World) -> dict[str, str]:
    return {p.extension: p.name for p in await everybody(w.store, "acme")}


# -- an extension that passes on ---------------------------------------------------------------------------------------


async def _anna(w: World) -> Person:
    """Somebody of whom everything is stored that can be."""
    anna = await w.person(email="anna@example.com", keywords={"z": "lunch"})
    calendar = await w.calendar_of(anna)
    calendar.put("a", entry("a", "m: the secret plan", at(8), at(17)))
    calendar.put("b", entry("b", "z: own keyword", at(17), at(18)))
    await w.read(anna)
    await w.service.refer(anna, "lunch", until=at(16), note="with Bo", by="anna", through="phone")
    return anna


async def _eva_has_nothing(w: World, anna: Person, since: datetime) -> None:
    (eva,) = await everybody(w.store, "acme")
    assert eva == Person("acme", "1001", "Eva Falk", "eva@example.com", id=eva.id)
    assert eva.id > anna.id
    assert not await w.store.people([anna.id])
    claims = await w.store.claims([eva.id, anna.id], at(0))
    assert not any(c.referrals or c.override for c in claims.values())
    assert not await w.store.calendars(person=anna.id)
    for person in (eva, anna):
        assert not await w.store.overrides_since(person.id, at(0))
        for instant in (since, at(15)):
            assert await w.store.grounds(person.id, instant) == Grounds()
        changes = await w.store.history(person.id, at(0), at(20))
        assert not [c for c in changes if c.availability != AVAILABLE]
    assert await w.store.lamps_told("acme", "pbx", "1001", since) is None
    assert await w.store.held_since("acme", "1001") == since


async def test_who_gets_an_extension_inherits_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await _anna(w)
        async with w.running():
            await w.shows("1001", "lunch")
            found = await do(w, EVA)
            assert [(old.id, new.name) for old, new in found.replaced] == [(anna.id, "Eva Falk")]
            assert (found.added, found.changed, found.gone) == (1, 0, ())
            await w.shows("1001", "")
            await w.publisher.drained()
            assert "1001" not in w.switchboard.held
            await _eva_has_nothing(w, anna, w.clock.now())


async def test_nor_where_backsoon_is_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await _anna(w)
        async with w.running():
            await w.shows("1001", "lunch")
        await do(w, EVA)
        board = w.switchboard
        assert w.lamp("1001") == "lunch"  # nobody has told it yet
        await _eva_has_nothing(w, anna, w.clock.now())
    async with world(tmp_path) as w:
        w.switchboard = w.publisher._driver = board
        async with w.running():
            await w.shows("1001", "")
            await w.publisher.drained()
            assert "1001" not in board.held


async def test_who_moves_takes_everything_along(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await _anna(w)
        async with w.running():
            await w.shows("1001", "lunch")
            found = await do(w, *rows(("1005", "Anna Larsson", "anna@example.com"), ("1001", "Eva Falk", "")))
            assert (found.added, found.changed, found.replaced) == (1, 1, ())
            await w.shows("1005", "lunch")
            await w.shows("1001", "")
            (moved,) = (await w.store.people([anna.id])).values()
            assert moved == replace(anna, extension="1005", name="Anna Larsson")


async def test_people_who_swap_keep_what_is_theirs(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna = await _anna(w)
        bo = await w.person("1002", "Bo Ek", email="bo@example.com")
        async with w.running():
            await w.shows("1001", "lunch")
            await do(w, *rows(("1002", "Anna Berg", "anna@example.com"), ("1001", "Bo Ek", "bo@example.com")))
            await w.shows("1002", "lunch")
            await w.shows("1001", "")
            assert {p.id: p.extension for p in await everybody(w.store, "acme")} == {anna.id: "1002", bo.id: "1001"}


# -- who is gone -------------------------------------------------------------------------------------------------------


async def _three(w: World) -> list[Person]:
    await do(w, *rows(("1", "Anna", "a@x.se"), ("2", "Bo", "b@x.se"), ("3", "Carl", "")))
    return await everybody(w.store, "acme")


async def test_who_is_gone_is_told_and_taken_out_where_it_is_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, bo, _ = await _three(w)
        await w.service.refer(bo, "lunch")
        still = rows(("1", "Anna", "a@x.se"), ("3", "Carl", ""))
        async with w.running():
            await w.shows("2", "lunch")
            found = await do(w, *still)
            assert [p.name for p in found.gone] == ["Bo"]
            assert (found.removed, found.unchanged) == ((), 2)
            assert len(await names(w)) == 3
            found = await do(w, *still, options=PRUNE)
            assert [p.name for p in found.removed] == ["Bo"]
            assert await names(w) == {"1": "Anna", "3": "Carl"}
            await w.shows("2", "")


async def test_some_rows_make_nobody_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await _three(w)
        found = await do(w, *rows(("4", "Dora", "")), options=ImportOptions())
        assert (found.added, found.gone) == (1, ())


async def test_who_was_switched_off_by_name_stays_off_and_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo, _ = await _three(w)
        await w.service.save_people([replace(anna, active=False), replace(bo, active=False)])
        found = await do(w, *rows(("1", "Anna B", "a@x.se"), ("3", "Carl", "")), options=PRUNE)
        assert [p.name for p in found.kept_off] == ["Anna B", "Bo"]
        assert found.removed == ()
        assert {p.name: p.active for p in await everybody(w.store, "acme")} == {
            "Anna B": False, "Bo": False, "Carl": True,
        }  # fmt: skip
        back = await do(w, *rows(("9", "Bo", "b@x.se")), options=ImportOptions())
        assert [p.name for p in back.kept_off] == ["Bo"]


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ([], "0 people are listed where there were 3"),
        ([("1", "Anna", "a@x.se")], "1 person is listed where there were 3"),
        ([("4", "Dora", ""), ("5", "Eva", "")], "3 people would be taken out, of 3"),
        ([("1", "Anna", "a@x.se"), ("2", "Bo", "b@x.se"), ("x x", "?", "")], "1 rows that do not fit may be some"),
    ],
)
async def test_a_source_that_may_be_broken_empties_nothing(
    tmp_path: Path, given: list[tuple[str, str, str]], because: str
) -> None:
    async with world(tmp_path) as w:
        before = await _three(w)
        with pytest.raises(Doubtful, match=because):
            await do(w, *rows(*given), options=PRUNE)
        assert await everybody(w.store, "acme") == before
        judged = await do(w, *rows(*given), options=replace(PRUNE, dry_run=True))
        assert because in judged.doubts[0]
        forced = await do(w, *rows(*given), options=replace(PRUNE, force=True))
        assert forced.removed
        assert not forced.doubts


async def test_names_of_another_kind_replace_nobody_in_a_small_company_either(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before = await _three(w)
        await w.service.refer(before[0], "lunch")
        listed = rows(("1", "ACME AB", ""), ("2", "ACME AB", ""), ("3", "ACME AB", ""))  # voicemail was not loaded
        with pytest.raises(Doubtful, match="3 of 3 extensions would pass to somebody else"):
            await do(w, *listed)
        assert await everybody(w.store, "acme") == before
        assert (await w.service.show(before[0])).override is not None


async def test_who_is_there_and_cannot_be_taken_in_is_not_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before = await _three(w)
        listed = tuple(Listed(n, {"extension": n, "name": name}) for n, name in (("1", "Anna"), ("3", "Carl")))
        two_numbers = LeftOut("uid=bo", "has several extensions in telephoneNumber: 2, 7", "B@x.se")
        for options in (ALL, PRUNE):
            found = await import_listing(Listing(listed, (two_numbers,)), acme(), w.store, w.service, options)
            assert (found.gone, found.removed) == ((), ())
        assert {p.id for p in await everybody(w.store, "acme")} == {p.id for p in before}
        gone = await import_listing(Listing(listed, (replace(two_numbers, email=""),)), acme(), w.store, w.service, ALL)
        assert [p.name for p in gone.gone] == ["Bo"]


async def test_who_is_switched_off_does_not_count_for_how_many_stay(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        anna, bo, _ = await _three(w)
        await w.service.save_people([replace(anna, active=False), replace(bo, active=False)])
        listed = rows(("1", "Anna", "a@x.se"), ("2", "Bo", "b@x.se"))
        with pytest.raises(Doubtful, match="1 people would be taken out, of 1"):
            await do(w, *listed, options=PRUNE)
        assert len(await everybody(w.store, "acme")) == 3


async def test_a_listing_of_blurred_names_gives_nobodys_extension_away(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        before = await _three(w)
        names = (("1", "Telephone 1"), ("2", "Bo"), ("3", "Carl"))
        listed = tuple(Listed(n, {"extension": n, "name": name}) for n, name in names)
        listing = Listing(listed, blurred=("voicemail is not loaded",))
        with pytest.raises(Doubtful, match="1 extensions would pass to somebody else, but voicemail is not loaded"):
            await import_listing(listing, acme(), w.store, w.service)
        assert {p.id for p in await everybody(w.store, "acme")} == {p.id for p in before}
        forced = await import_listing(listing, acme(), w.store, w.service, ImportOptions(force=True))
        assert [(old.name, new.name) for old, new in forced.replaced] == [("Anna", "Telephone 1")]


async def test_a_listing_that_may_lack_people_takes_nobody_out(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await _three(w)
        listing = Listing(
            (Listed("PJSIP/1", {"extension": "1", "name": "Anna"}), Listed("PJSIP/2", {"extension": "2", "name": ""})),
            (LeftOut("trunk", "is a trunk"),), ("a note",), ("who is at b is not listed",),
        )  # fmt: skip
        with pytest.raises(Doubtful, match="but who is at b is not listed"):
            await import_listing(listing, acme(), w.store, w.service, PRUNE)
        found = await import_listing(listing, acme(), w.store, w.service, ImportOptions())
        assert (found.left_out, found.notes, found.doubts) == (listing.left_out, listing.notes, ())
        assert [p.name for p in found.gone] == ["Carl"]
        assert [(r.label, r.because) for r in found.rejected] == [("PJSIP/2", "name: is missing")]


async def test_most_extensions_pass_on_only_when_that_is_confirmed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await do(w, *rows(*((str(n), f"P {n}", "") for n in range(100, 118))))
        others = rows(*((str(n), f"Q {n}", "") for n in range(100, 110)))
        with pytest.raises(Doubtful, match="10 of 18 extensions would pass to somebody else"):
            await do(w, *others)
        assert len((await do(w, *others, options=ImportOptions(force=True))).replaced) == 10


# -- calendars ---------------------------------------------------------------------------------------------------------


async def test_everybody_has_everybodys_calendars_from_the_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        url = "https://dav.example.com/{email}/"
        await w.store.save_connections(
            "acme", [Connection("acme", "dav", "caldav", {"url": url, "people": "everybody"})]
        )
        listing = Listing(
            tuple(Listed(f"PJSIP/{r.extension}", r.values) for r in rows(("1", "A", "a@x.se"), ("2", "B", "")))
        )
        await import_listing(listing, acme(), w.store, w.service)
        anna, bo = await everybody(w.store, "acme")
        assert [(c.calendar.connection, c.calendar.address) for c in await w.store.calendars(person=anna.id)] == [
            ("dav", "")
        ]
        assert not await w.store.calendars(person=bo.id)
        assert (await import_listing(listing, acme(), w.store, w.service)).unchanged == 2
        listing = Listing((*listing.people[:1], Listed("PJSIP/2", {"extension": "2", "email": "b@x.se"})))
        assert (await import_listing(listing, acme(), w.store, w.service)).changed == 1
        assert len(await w.store.calendars(person=bo.id)) == 1


async def test_calendars_of_many_are_found_as_those_of_few(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        url = "https://dav.example.com/{extension}/"
        await w.store.save_connections(
            "acme", [Connection("acme", "dav", "caldav", {"url": url, "people": "everybody"})]
        )
        many = rows(*((str(n), f"P {n}", "") for n in range(1000, 1250)))
        assert (await do(w, *many)).added == 250
        assert (await do(w, *many)).unchanged == 250
        assert len(await w.store.calendars(limit=1000)) == 250


# -- a dry run ---------------------------------------------------------------------------------------------------------

_EXTENSIONS = st.sampled_from(["1", "2", "3", "4", "5"])
_ROW = st.fixed_dictionaries(
    {"extension": _EXTENSIONS},
    optional={
        "name": st.sampled_from(["Anna", "Bo", "Carl"]),
        "email": st.sampled_from(["", "a@x.se", "b@x.se", "c@x.se"]),
        "zone": st.sampled_from(["", "Nowhere"]),
        "active": st.sampled_from(["", "yes", "no"]),
    },
)


@settings(max_examples=40)
@given(st.lists(_ROW, max_size=5), st.lists(_ROW, max_size=6), st.booleans())
def test_a_dry_run_says_what_is_then_done(first: list[dict[str, str]], then: list[dict[str, str]], prune: bool) -> None:
    asyncio.run(_dry_run_says_what_is_done(first, then, prune))


async def _dry_run_says_what_is_done(first: list[dict[str, str]], then: list[dict[str, str]], prune: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), NINE) as w:
            await do(w, *(Row(n, v) for n, v in enumerate(first)))
            before = await everybody(w.store, "acme")
            several = [Row(n, v) for n, v in enumerate(then)]
            options = ImportOptions(everybody=True, prune=prune, force=True)
            judged = await do(w, *several, options=replace(options, dry_run=True))
            assert await everybody(w.store, "acme") == before
            done = await do(w, *several, options=options)
            assert done.added == judged.added
            assert replace(done, replaced=()) == replace(judged, replaced=())
            assert [old for old, _ in done.replaced] == [old for old, _ in judged.replaced]
            after = await everybody(w.store, "acme")
            assert len(after) == len(before) + done.added - len(done.replaced) - len(done.removed)
            assert len(several) == done.added + done.changed + done.unchanged + len(done.rejected)
            again = await do(w, *several, options=replace(options, force=False, prune=False))
            assert (again.added, again.changed, again.replaced) == (0, 0, ())


# -- who listens -------------------------------------------------------------------------------------------------------


async def test_who_listens_is_told_of_people_once_it_has_effect(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        told: list[tuple[str, str]] = []
        w.service.announce = lambda people, news: told.extend((news.value, p.name) for p in people)
        anna, bo, _ = await _three(w)
        assert told == [("added", "Anna"), ("added", "Bo"), ("added", "Carl")]
        told.clear()
        await do(w, *rows(("1", "Anna B", "a@x.se"), ("2", "Eva", "e@x.se"), ("3", "Carl", "")))
        assert told == [("removed", "Bo"), ("added", "Eva"), ("changed", "Anna B")]
        assert not await w.store.people([bo.id])
        assert (await w.store.people([anna.id]))[anna.id].name == "Anna B"
