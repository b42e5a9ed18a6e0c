"""The driver against a presence server that refuses, forgets, insists and is overloaded as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    MemoryKeep,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    Rendered,
    Surroundings,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.finding import Level
from backsoon.switchboards.sip_presence import SipPresenceSettings, SipPresenceSwitchboard, publishing
from backsoon.switchboards.sip_presence.again import Again
from backsoon.switchboards.sip_presence.check import privacy
from backsoon.switchboards.sip_presence.ledger import OURS, Held, Ledger
from backsoon.switchboards.sip_presence.pace import Pace, PaceSettings
from backsoon.switchboards.sip_presence.settings import Beat
from backsoon.wire.sip import Headers, Request
from backsoon.wire.sip_client import SipAccount, SipAddress, Transport
from backsoon.wire.sip_transaction import SipTimes
from tests.unit.sip.server import Answer, answer, serving

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
QUICK = SipTimes(t1=0.01, t2=0.08, connect=2)
SHOWN = Rendered('["","meeting","In a meeting","en","c"]')
Say = Callable[[Request], bytes | None]


def header(request: Request, name: str) -> str:
    return Headers(tuple(request.fields)).get(name)


@dataclass
class Presence:
    """Keeps publications as RFC 3903 says, but where `odd` has another answer by the user's part of the address.

    A copy of a request, as UDP has them on a busy machine, gets the same answer, and is none of what was asked.
    """

    odd: dict[str, Say] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """The tag of each user's publication."""
    asked: list[tuple[str, str, int, bool]] = field(default_factory=list)
    """User, tag, seconds, and whether it had a document: of each PUBLISH."""
    made: int = 0
    said: dict[str, list[Answer]] = field(default_factory=dict)
    """By the request's Via."""

    def __call__(self, request: Request) -> list[Answer]:
        via = header(request, "via")
        if via not in self.said:
            self.said[via] = self._answer(request)
        return self.said[via]

    def _answer(self, request: Request) -> list[Answer]:
        user = request.uri.removeprefix("sip:").partition("@")[0]
        tag, life = header(request, "sip-if-match"), int(header(request, "expires") or 0)
        self.asked.append((user, tag, life, bool(request.body)))
        if user in self.odd and (said := self.odd[user](request)) is not None:
            return [said]
        if tag and self.held.get(user) != tag:
            return [answer(request, 412)]
        self.made += 1
        self.held[user] = f"tag{self.made}"
        if life == 0:
            del self.held[user]
        return [answer(request, 200, f"SIP-ETag: tag{self.made}", f"Expires: {life}")]

    def of(self, user: str) -> list[tuple[str, int, bool]]:
        """What was asked of a user: tag, seconds, document."""
        return [(tag, life, body) for name, tag, life, body in self.asked if name == user]


def board_at(
    address: SipAddress, keep: MemoryKeep | None = None, now: Callable[[], datetime] = lambda: NINE, **changes: object
) -> SipPresenceSwitchboard:
    usual = SipPresenceSettings(address, "example.com", times=QUICK, beat=Beat(600, 1))
    settings = replace(usual, **changes)  # type: ignore[arg-type]  # checked by the dataclass
    return SipPresenceSwitchboard(settings, Surroundings(keep or MemoryKeep(), now, str))


def orders(*extensions: str, after: Rendered = SHOWN) -> list[Order]:
    return [Order(extension, NOTHING, after) for extension in extensions]


class TestPublishing:
    """Tags, lives and refusals."""

    async def test_a_tag_leads_to_the_next(self) -> None:
        presence = Presence()
        async with serving(presence) as (_, address), board_at(address).session() as session:
            await session.show(orders("1001"))
            await session.show(orders("1001", after=Rendered('["","lunch","Lunch","en","c"]')))
            await session.show(orders("1001", after=NOTHING))
            assert await session.read_back() == {}
        assert presence.of("1001") == [("", 3600, True), ("tag2", 3600, True), ("tag3", 0, False)]
        assert presence.of("backsoon") == [("", 3600, True)]

    async def test_what_is_held_is_not_told_again(self) -> None:
        presence = Presence()
        async with serving(presence) as (_, address), board_at(address).session() as session:
            for _ in range(3):
                await session.show(orders("1001"))
        assert len(presence.of("1001")) == 1

    @pytest.mark.parametrize(
        ("end", "seconds"),
        [(timedelta(minutes=20), 1200), (timedelta(hours=5), 3600), (timedelta(seconds=90.4), 90), (None, 3600)],
    )
    async def test_never_longer_than_the_referral(self, end: timedelta | None, seconds: int) -> None:
        presence = Presence()
        async with serving(presence) as (_, address):
            board = board_at(address)
            until = None if end is None else NINE + end
            plan = (PlannedReferral(NINE - timedelta(hours=1), until, None, "meeting"),)
            after = board.render(Presentation("1001", Lamp("meeting", "x"), plan))
            async with board.session() as session:
                await session.show(orders("1001", after=after))
        assert presence.of("1001") == [("", seconds, True)]

    @pytest.mark.parametrize("text", ["In a meeting, back 10:00", "é" * 300])
    async def test_it_fits_into_a_datagram(self, text: str) -> None:
        """With all that is coming, with credentials and a tag."""
        presence, asked = Presence(), 'WWW-Authenticate: Digest realm="example.com", nonce="{}", qop="auth"'

        def script(request: Request) -> list[Answer]:
            known = header(request, "authorization")
            return presence(request) if known else [answer(request, 401, asked.format("n" * 40))]

        hours = [NINE + timedelta(hours=number) for number in range(8)]
        plan = tuple(PlannedReferral(at, at + timedelta(minutes=30), None, "meeting") for at in hours)
        async with serving(script) as (server, address):
            board = board_at(address, account=SipAccount("backsoon", "correct horse"))
            after = board.render(Presentation("1001", Lamp("meeting", text), plan, "sv"))
            async with board.session() as session:
                await session.show(orders("1001", after=after))
                await session.show(orders("1001", after=replace(after, lamp=after.lamp.replace("meeting", "lunch", 1))))
        assert max(server.sizes) <= 1300
        for request in server.asked:
            assert text[:20].encode() in request.body or "1001" not in request.uri

    async def test_too_short_for_the_server(self) -> None:
        """423 is heeded, and from then on without being asked."""

        def least(request: Request) -> bytes | None:
            short = int(header(request, "expires")) < 7200
            return answer(request, 423, "Min-Expires: 7200") if short else None

        presence = Presence({"1001": least, "1002": least})
        async with serving(presence) as (_, address), board_at(address).session() as session:
            await session.show(orders("1001"))
            await session.show(orders("1002"))
        assert [life for _, life, _ in presence.of("1001")] == [3600, 7200]
        assert [life for _, life, _ in presence.of("1002")] == [7200]

    @pytest.mark.parametrize(
        "say",
        [
            lambda request: answer(request, 403),
            lambda request: answer(request, 489),
            lambda request: answer(request, 604),
            lambda request: answer(request, 412),
            lambda request: answer(request, 423),
            lambda request: answer(request, 423, "Min-Expires: 99999999999"),
            lambda request: answer(request, 423, "Min-Expires: 60"),
            lambda request: answer(request, 200),
            lambda request: answer(request, 200, "SIP-ETag: a b"),
            lambda request: answer(request, 200, "SIP-ETag: " + "x" * 300),
        ],
    )
    async def test_one_that_is_refused_harms_no_other(self, say: Say) -> None:
        async with serving(Presence({"1002": say})) as (_, address), board_at(address).session() as session:
            with pytest.raises(OrdersRefused) as refused:
                await session.show(orders("1001", "1002", "1003", "10 04"))
            assert set(refused.value.refused) == {"1002", "10 04"}
            assert set(await session.read_back()) == {"1001", "1003"}

    async def test_overloaded_for_a_while(self) -> None:
        left = [3]

        def strained(request: Request) -> bytes | None:
            left[0] -= 1
            return answer(request, 503, "Retry-After: 0") if left[0] >= 0 else None

        async with serving(Presence({"1001": strained})) as (_, address), board_at(address).session() as session:
            await session.show(orders("1001"))
            assert set(await session.read_back()) == {"1001"}
            assert session.pace.rate < 1000

    async def test_overloaded_for_good(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where it takes nothing at all the session ends; where it takes others, one is refused."""
        monkeypatch.setattr(publishing, "FIRST_PAUSE", 0.001)
        presence = Presence({"1001": lambda request: answer(request, 500)})
        async with serving(presence) as (_, address), board_at(address).session() as session:
            with pytest.raises(OrdersRefused):
                await session.show(orders("1001", "1002"))
            presence.odd["backsoon"] = presence.odd["1001"]
            with pytest.raises(SwitchboardError, match="takes nothing now"):
                await session.show(orders("1001"))

    async def test_some_that_are_never_taken_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With nobody else to be told, our own publication shows that others would be taken."""
        monkeypatch.setattr(publishing, "FIRST_PAUSE", 0.001)
        some = [str(number) for number in range(1001, 1011)]
        presence = Presence(dict.fromkeys(some, lambda request: answer(request, 500)))
        async with serving(presence) as (_, address), board_at(address).session() as session:
            for _ in range(2):
                with pytest.raises(OrdersRefused) as refused:
                    await session.show(orders(*some))
                assert set(refused.value.refused) == set(some)
            await session.show(orders("1011"))
            assert await session.read_back() == {"1011": SHOWN}

    async def test_one_that_is_never_answered_holds_up_no_other(self) -> None:
        presence = Presence()

        def script(request: Request) -> list[Answer]:
            return [] if "1001" in request.uri else presence(request)

        async with serving(script) as (_, address), board_at(address).session() as session:
            with pytest.raises(OrdersRefused) as refused:
                await session.show(orders("1001", "1002"))
            assert set(refused.value.refused) == {"1001"}
            await session.show(orders("1003"))
            assert await session.read_back() == {"1002": SHOWN, "1003": SHOWN}

    async def test_one_that_cannot_be_withdrawn_at_its_old_address_just_now(self) -> None:
        """It is not forgotten: what is published at the new address waits until it is gone from the old one."""
        presence, keep, silent = Presence(), MemoryKeep(), [False]

        def script(request: Request) -> list[Answer]:
            return [] if silent[0] and "p-1001" not in request.uri and "1001" in request.uri else presence(request)

        async with serving(script) as (_, address):
            async with board_at(address, keep).session() as session:
                await session.show(orders("1001"))
            silent[0] = True
            async with board_at(address, keep, presentity="sip:p-{extension}@{domain}").session() as session:
                assert await session.read_back() == {}
                silent[0] = False
                await session.show(orders("1001"))
        assert presence.held.keys() == {"backsoon", "p-1001"}

    async def test_lost_datagrams_slow_it_down(self) -> None:
        lost = set[str]()

        def loses(request: Request) -> list[Answer]:
            first = header(request, "via") not in lost
            lost.add(header(request, "via"))
            return [] if first else presence(request)

        presence = Presence()
        async with serving(loses) as (_, address), board_at(address).session() as session:
            assert session.pace.rate < 1000
            assert session.at_once < 250

    async def test_a_life_that_the_server_cuts_short(self) -> None:
        keep = MemoryKeep()

        def short(request: Request) -> bytes | None:
            return answer(request, 200, "SIP-ETag: x", "Expires: 30")

        async with serving(Presence({"1001": short})) as (_, address), board_at(address, keep).session() as session:
            await session.show(orders("1001"))
        assert msgspec.json.decode(keep.values["1001"])[3] == int(NINE.timestamp()) + 30

    async def test_a_renamed_person_leaves_nothing_behind(self) -> None:
        presence, keep = Presence(), MemoryKeep()
        async with serving(presence) as (_, address):
            async with board_at(address, keep).session() as session:
                await session.show(orders("1001"))
            async with board_at(address, keep, presentity="sip:p-{extension}@{domain}").session() as session:
                assert await session.read_back() == {}
                await session.show(orders("1001"))
        assert presence.held.keys() == {"backsoon", "p-1001"}


class TestSessions:
    """When a session begins, and when it is over."""

    @pytest.mark.parametrize(
        ("status", "kind"), [(403, SwitchboardDenied), (489, SwitchboardError), (405, SwitchboardError)]
    )
    async def test_ours_is_refused(self, status: int, kind: type[SwitchboardError]) -> None:
        presence = Presence({"backsoon": lambda request: answer(request, status)})
        async with serving(presence) as (_, address):
            with pytest.raises(kind, match=f"{status} Said"):
                async with board_at(address).session():
                    pytest.fail("a session")
            findings = await board_at(address).check()
            assert findings[-1].level is Level.ERROR
            assert findings[-1].remedy

    async def test_what_is_kept_goes_on(self) -> None:
        presence, keep = Presence(), MemoryKeep()
        async with serving(presence) as (_, address):
            async with board_at(address, keep).session() as session:
                await session.show(orders("1001", "1002"))
            async with board_at(address, keep).session() as session:
                assert await session.read_back() == {"1001": SHOWN, "1002": SHOWN}
                presence.held.clear()
            async with board_at(address, keep).session() as session:
                assert await session.read_back() == {}
                await session.show(orders("1001"))
                assert await session.read_back() == {"1001": SHOWN}
        assert set(presence.held) == {"backsoon", "1001"}

    async def test_forgotten_in_the_middle(self) -> None:
        """The first tag that is unknown has ours looked at, at once."""
        presence = Presence()
        async with serving(presence) as (_, address), board_at(address, beat=Beat(600, 1)).session() as session:
            await session.show(orders("1001"))
            presence.held.clear()
            await session.show(orders("1001", after=Rendered('["","lunch","Lunch","en","c"]')))
            lost = await asyncio.wait_for(session.lost(), 10)
            assert "forgotten" in str(lost)
            with pytest.raises(SwitchboardError):
                await session.read_back()

    async def test_ours_overloaded_is_alive(self) -> None:
        said = list[int]()

        def strained(request: Request) -> bytes | None:
            said.append(1)
            return answer(request, 503) if 1 < len(said) < 5 else None

        presence = Presence({"backsoon": strained})
        async with serving(presence) as (_, address), board_at(address, beat=Beat(0.01, 1)).session() as session:
            while len(said) < 8:
                await asyncio.sleep(0.005)
            assert await session.read_back() == {}

    async def test_silent(self) -> None:
        said = list[int]()

        def script(request: Request) -> list[Answer]:
            return [] if said else Presence()(request)

        async with serving(script) as (_, address), board_at(address, beat=Beat(0.01, 0.1)).session() as session:
            said.append(1)
            lost = await asyncio.wait_for(session.lost(), 10)
            assert "did not answer" in str(lost)

    async def test_nothing_is_left_running(self) -> None:
        before = asyncio.all_tasks()
        async with serving(Presence()) as (_, address), board_at(address).session() as session:
            await session.show(orders("1001"))
        assert asyncio.all_tasks() == before

    async def test_a_keep_that_fails_is_told(self) -> None:
        class Full(MemoryKeep):
            async def save(self, values: Mapping[str, str | None]) -> None:
                if "1001" in values:
                    raise BacksoonError("the disk is full")
                await super().save(values)

        async with serving(Presence()) as (_, address), board_at(address, Full()).session() as session:
            with pytest.raises(BacksoonError, match="disk"):
                await session.show(orders("1001"))


class TestLedger:
    """What is kept, and when it is due."""

    HELD = Held("sip:1001@example.com", "tag", int(NINE.timestamp()) + 1000, 0, SHOWN)

    async def test_it_is_read_again(self) -> None:
        keep = MemoryKeep()
        ledger = Ledger(keep, lambda: NINE)
        ledger.put("1001", self.HELD)
        ledger.put("1002", replace(self.HELD, tag="", expires_at=0))
        await ledger.save()
        again = Ledger(keep, lambda: NINE)
        await again.load()
        assert again.get("1001") == self.HELD
        assert again.sure() == {"1001": SHOWN, "1002": SHOWN}

    @pytest.mark.parametrize("odd", ["", "x", "[]", "[1]", '[2,"a","b",9999999999,0,"",""]', '{"a":1}', "null"])
    async def test_what_cannot_be_read_is_forgotten(self, odd: str) -> None:
        keep = MemoryKeep()
        keep.values = {"1001": odd, "10 01": odd}
        ledger = Ledger(keep, lambda: NINE)
        await ledger.load()
        await ledger.save()
        assert (ledger.sure(), keep.values) == ({}, {})

    async def test_what_has_ended_is_forgotten(self) -> None:
        clock = [NINE]
        ledger = Ledger(MemoryKeep(), lambda: clock[0])
        ledger.put("1001", self.HELD)
        clock[0] += timedelta(seconds=999)
        assert ledger.get("1001") is not None
        clock[0] += timedelta(seconds=1)
        assert ledger.get("1001") is None
        assert ledger.sure() == {}
        assert ledger.last("1001") == self.HELD, "the server may hold it yet"
        clock[0] += timedelta(seconds=10)
        assert ledger.last("1001") is None

    def test_due_once_between_sixty_and_eighty_five_percent_of_its_life(self) -> None:
        clock = [NINE]
        ledger = Ledger(MemoryKeep(), lambda: clock[0])
        for number in range(50):
            ledger.put(str(number), self.HELD)
            ledger.put(str(number), self.HELD)
        assert list(ledger.take_due()) == []
        due = ledger.next_due()
        assert due is not None
        assert 600 <= due - NINE.timestamp() <= 850
        clock[0] += timedelta(seconds=850)
        assert sorted(ledger.take_due(), key=int) == [str(number) for number in range(50)]
        assert ledger.next_due() is None

    @pytest.mark.parametrize(
        "held", [replace(HELD, until=HELD.expires_at), replace(HELD, tag=""), replace(HELD, doubtful=True)]
    )
    def test_what_is_not_to_last_longer_is_never_due(self, held: Held) -> None:
        clock = [NINE]
        ledger = Ledger(MemoryKeep(), lambda: clock[0])
        ledger.put("1001", held)
        clock[0] += timedelta(seconds=900)
        assert list(ledger.take_due()) == []

    async def test_saved_in_groups(self) -> None:
        class Slow(MemoryKeep):
            groups: list[int] = []  # noqa: RUF012

            async def save(self, values: Mapping[str, str | None]) -> None:
                self.groups.append(len(values))
                await asyncio.sleep(0)
                await super().save(values)

        ledger = Ledger(keep := Slow(), lambda: NINE)

        async def one(number: int) -> bool:
            ledger.put(str(number), self.HELD)
            await ledger.save()
            return str(number) in keep.values

        assert all(await asyncio.gather(*map(one, range(100))))
        assert sum(keep.groups) == 100
        assert len(keep.groups) < 5

    async def test_whoever_is_saved_does_not_wait_for_what_came_later(self) -> None:
        """Else each save would let go of one who waits, and a thousand a second would be a thousand saves."""
        saves, groups = asyncio.Semaphore(0), list[set[str]]()

        class Gated(MemoryKeep):
            async def save(self, values: Mapping[str, str | None]) -> None:
                groups.append(set(values))
                await saves.acquire()

        ledger = Ledger(Gated(), lambda: NINE)

        async def one(key: str) -> None:
            ledger.put(key, self.HELD)
            await ledger.save()

        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            first = tasks.create_task(one("1"))
            await asyncio.sleep(0)
            others = [tasks.create_task(one(key)) for key in ("2", "3", "4")]
            await asyncio.sleep(0)
            saves.release()
            await first
            while len(groups) < 2:
                await asyncio.sleep(0)
            last = tasks.create_task(one("5"))
            await asyncio.sleep(0)
            saves.release()
            await asyncio.gather(*others)
            assert not last.done()
            saves.release()
        assert groups == [{"1"}, {"2", "3", "4"}, {"5"}]

    def test_ours_is_nobody_s(self) -> None:
        ledger = Ledger(MemoryKeep(), lambda: NINE)
        ledger.put(OURS, self.HELD)
        ledger.doubt()
        assert ledger.sure() == {}
        held = ledger.get(OURS)
        assert held is not None
        assert not held.doubtful


class TestPace:
    """An even rate that follows the server."""

    def test_even(self) -> None:
        pace = Pace(PaceSettings(limit=100))
        assert [round(pace.delay(5), 3) for _ in range(6)] == [0, 0, 0, 0.01, 0.02, 0.03]
        assert [round(pace.delay(5.02), 3) for _ in range(3)] == [0.02, 0.03, 0.04]
        assert [round(pace.delay(9), 3) for _ in range(4)] == [0, 0, 0, 0.01], "little is saved up"

    def test_slower_when_it_strains_and_back(self) -> None:
        pace = Pace(PaceSettings(limit=90, least=20))
        assert pace.strained(1) == 0
        assert pace.rate == pytest.approx(60)
        pace.strained(1.05)
        assert pace.rate == pytest.approx(60), "one moment is one sign"
        for second in range(2, 20):
            pace.strained(second)
        assert pace.rate == 20
        for tenth in range(2000):
            pace.done(20 + tenth / 10)
        assert pace.rate == 90

    def test_retry_after_holds_for_all(self) -> None:
        pace = Pace(PaceSettings(limit=100, longest=60))
        assert pace.strained(0, 7) == 7
        assert pace.delay(0) == 7
        assert pace.strained(0, 86_400) == 60


def test_what_is_refused_is_told_again_after_longer_and_longer() -> None:
    again = Again()
    assert [again.refused("1001", passing=True) for _ in range(4)] == [60, 120, 240, 300]
    assert [again.refused("1002", passing=False) for _ in range(6)] == [300, 600, 1200, 2400, 3600, 3600]
    again.taken("1002")
    assert again.refused("1002", passing=False) == 300


def test_what_is_told_in_the_clear_is_said() -> None:
    for host, transport, count in (
        ("127.0.0.1", Transport.UDP, 0), ("sip.example.com", Transport.TLS, 0), ("sip.example.com", Transport.UDP, 1)
    ):  # fmt: skip
        settings = SipPresenceSettings(SipAddress(host, 5060, transport), "example.com")
        assert [finding.level for finding in privacy(settings)] == [Level.WARNING] * count
