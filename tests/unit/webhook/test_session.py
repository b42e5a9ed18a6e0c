"""Sessions with a receiver that takes messages, or does otherwise."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from backsoon.domain.model import Phone
from backsoon.store.base import StoreError
from backsoon.switchboards.base import (
    NOTHING,
    Lamp,
    MemoryKeep,
    Order,
    OrdersRefused,
    PlannedReferral,
    Presentation,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.webhook import WebhookSwitchboard
from backsoon.switchboards.webhook.judging import Judged, Meaning
from backsoon.switchboards.webhook.message import BadSecret
from backsoon.switchboards.webhook.render import render
from backsoon.switchboards.webhook.session import IN_A_ROW, WebhookSession
from tests.unit.test_http import make_certificate
from tests.webhook_receiver import QUICK, Took, WebhookReceiver, answering, around, each, receiving

NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)
HANGING = replace(QUICK, deadline=0.1)
SLOWLY = replace(QUICK, failed=60.0)
EAGER = replace(QUICK, refused=0.05)


def order(extension: str, reason: str = "meeting") -> Order:
    plan = (PlannedReferral(NINE, NINE + timedelta(hours=1), None, reason),)
    return Order(extension, NOTHING, render(Presentation(extension, Lamp(reason, reason, Phone.CLOSED), plan)))


def orders(count: int) -> list[Order]:
    return [order(str(1001 + number)) for number in range(count)]


def only(extension: str, *statuses: int) -> Callable[[Took], web.Response]:
    """Answers these to one extension's messages, and takes all others."""
    answer = answering(*statuses)

    async def chosen(took: Took) -> web.Response:
        return await answer(took) if took.data.get("extension") == extension else web.Response(status=200)

    return chosen  # type: ignore[return-value]


class TestTaking:
    """What is taken is whole, verified and in order."""

    async def test_each_message_is_the_whole_of_one_person(self) -> None:
        async with receiving() as receiver, WebhookSwitchboard(receiver.settings(), around()).session() as session:
            assert await session.read_back() is None
            await session.show(orders(50))
            assert len(receiver.took) == receiver.requests == 50
            assert set(receiver.states().values()) == {"meeting"}
            await session.show([Order(o.extension, o.after, NOTHING) for o in orders(50)])
            assert set(receiver.states().values()) == {"available"}

    async def test_versions_grow_through_sessions_and_restarts(self) -> None:
        surroundings = around()
        async with receiving() as receiver:
            for _ in range(3):
                switchboard = WebhookSwitchboard(receiver.settings(), surroundings)
                for _ in range(2):
                    async with switchboard.session() as session:
                        await session.show([order("1001", "meeting")])
                        await session.show([order("1001", "lunch")])
            versions = [version for _, version in each(receiver)]
            assert versions == sorted(set(versions))
            assert len(versions) == 12

    async def test_of_two_orders_of_one_person_the_last_counts(self) -> None:
        async with receiving() as receiver, WebhookSwitchboard(receiver.settings(), around()).session() as session:
            await session.show([order("1001", "meeting"), order("1001", "lunch")])
            assert [took.data["reason"] for took in receiver.took] == ["lunch"]

    async def test_no_more_than_so_many_at_once(self) -> None:
        under_way, most = 0, 0

        async def answer(took: Took) -> web.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return web.Response()

        async with receiving() as receiver:
            receiver.answer = answer
            async with WebhookSwitchboard(receiver.settings(at_once=3), around()).session() as session:
                await session.show(orders(30))
        assert 1 <= most <= 3

    async def test_the_secret_is_that_of_the_moment(self) -> None:
        told = {"env:SECRET": "the first secret of all"}
        async with receiving() as receiver:
            surroundings = replace(around(), secret=told.__getitem__)
            switchboard = WebhookSwitchboard(receiver.settings(), surroundings)
            told["env:SECRET"] = receiver.secret
            async with switchboard.session() as session:
                await session.show([order("1001")])
            assert receiver.states() == {"1001": "meeting"}

    async def test_over_tls_by_an_authority_of_their_own(self, tmp_path: Path) -> None:
        ours, key = make_certificate(tmp_path, "receiver")
        strangers, _ = make_certificate(tmp_path, "stranger")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(ours, key)
        async with receiving(tls=tls) as receiver:
            async with WebhookSwitchboard(receiver.settings(ca_file=ours), around()).session() as session:
                await session.show([order("1001")])
            other_name = receiver.url.replace("127.0.0.1", "localhost")
            for wrong in (
                receiver.settings(ca_file=strangers),
                receiver.settings(),
                receiver.settings(ca_file=ours, url=other_name, internal_hosts=("localhost",)),
            ):
                with pytest.raises(SwitchboardError, match="certificate"):
                    async with WebhookSwitchboard(wrong, around()).session():
                        pytest.fail("a session with a stranger")
            assert receiver.requests == 1

    async def test_a_file_of_authorities_that_is_none(self, tmp_path: Path) -> None:
        async with receiving() as receiver:
            gone = receiver.settings(ca_file=tmp_path / "gone.pem")
            with pytest.raises(SwitchboardError, match="no such file"):
                async with WebhookSwitchboard(gone, around()).session():
                    pytest.fail("a session without authorities")


class TestRefusing:
    """What one message is refused for touches no other; what the receiver is wrong about ends the session."""

    @pytest.mark.parametrize("status", [400, 413, 422])
    async def test_one_message_is_refused(self, status: int) -> None:
        async with receiving() as receiver:
            receiver.answer = only("1002", status)  # type: ignore[assignment]
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                with pytest.raises(OrdersRefused, match=str(status)) as refused:
                    await session.show(orders(5))
                assert set(refused.value.refused) == {"1002"}
                assert set(receiver.people) == {"1001", "1003", "1004", "1005"}
                assert receiver.requests == 5
                await session.show([order("1001", "lunch")])

    @pytest.mark.parametrize(
        ("status", "kind", "remedy"),
        [
            *((401, SwitchboardDenied, "secret"), (403, SwitchboardDenied, "secret")),
            *((status, SwitchboardError, "url") for status in (301, 302, 307, 308, 404, 405, 410, 451)),
        ],
    )
    async def test_nobody_there_takes_messages(self, status: int, kind: type[SwitchboardError], remedy: str) -> None:
        async with receiving() as receiver:
            receiver.answer = answering(status, headers={"Location": receiver.url + "/elsewhere"})
            async with WebhookSwitchboard(receiver.settings(at_once=1), around()).session() as session:
                with pytest.raises(kind, match=str(status)) as wrong:
                    await session.show(orders(5))
                assert remedy in wrong.value.remedy
                assert type(wrong.value) is kind
                assert await session.lost() is wrong.value
            assert [took.type for took in receiver.took][1:] == ["test"] * (status in (404, 405, 410, 451))

    @pytest.mark.parametrize("status", [404, 405, 410, 451])
    async def test_one_that_knows_not_everybody(self, status: int) -> None:
        """Many answer so for an extension that they do not have: nobody else waits for that."""
        async with receiving() as receiver:
            receiver.answer = only("1002", status)  # type: ignore[assignment]
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                with pytest.raises(OrdersRefused, match=f"{status}.*not this message") as refused:
                    await session.show(orders(5))
                assert set(refused.value.refused) == {"1002"}
                assert set(receiver.people) == {"1001", "1003", "1004", "1005"}
                await session.show([order("1001", "lunch")])
                assert receiver.states()["1001"] == "lunch"

    async def test_a_secret_that_the_receiver_does_not_have(self) -> None:
        async with receiving() as receiver:
            surroundings = around(secret="another secret than the receiver's")
            async with WebhookSwitchboard(receiver.settings(), surroundings).session() as session:
                with pytest.raises(SwitchboardDenied):
                    await session.show([order("1001")])
            assert receiver.people == {}

    async def test_a_secret_that_is_none(self) -> None:
        async with receiving() as receiver:
            with pytest.raises(SwitchboardDenied) as denied:
                async with WebhookSwitchboard(receiver.settings(), around(secret="short")).session():
                    pytest.fail("a session without a secret")
            assert denied.value.remedy == BadSecret.remedy
            assert receiver.requests == 0

    async def test_an_address_inside_that_nobody_named(self) -> None:
        async with receiving() as receiver:
            url = receiver.url.replace("http:", "https:")
            with pytest.raises(SwitchboardError) as refused:
                async with WebhookSwitchboard(receiver.settings(url=url, internal_hosts=()), around()).session():
                    pytest.fail("a session with this machine")
            assert "internal_hosts" in refused.value.remedy
            assert "/hook" not in str(refused.value)

    async def test_a_certificate_that_nobody_signed(self) -> None:
        async with receiving() as receiver:
            url = receiver.url.replace("http:", "https:")
            with pytest.raises(SwitchboardError, match="TLS"):
                async with WebhookSwitchboard(receiver.settings(url=url), around()).session():
                    pytest.fail("a session without TLS")


class TestFailing:
    """A few tries, then another session, after longer and longer."""

    async def test_the_same_message_is_sent_again(self) -> None:
        async with receiving() as receiver:
            receiver.answer = answering(500, 408, 200)
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                await session.show([order("1001")])
            assert len({took.id for took in receiver.took}) == len({took.body for took in receiver.took}) == 1
            assert len(receiver.took) == 3
            assert receiver.states() == {"1001": "meeting"}

    async def test_a_receiver_that_is_restarted_meanwhile(self) -> None:
        async with receiving() as receiver:
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                await session.show([order("1001")])
                await receiver.close()
                await receiver.open()
                await session.show([order("1001", "lunch")])
            assert receiver.states() == {"1001": "lunch"}

    @pytest.mark.parametrize("status", [500, 502, 504, 599])
    async def test_a_receiver_that_takes_nothing(self, status: int) -> None:
        async with receiving() as receiver:
            receiver.answer = answering(status)
            switchboard = WebhookSwitchboard(receiver.settings(at_once=1, times=SLOWLY), around())
            pauses = []
            for _ in range(12):
                async with switchboard.session() as session:
                    with pytest.raises(SwitchboardError, match=str(status)) as failed:
                        await session.show(orders(10))
                    pauses.append(failed.value.retry_after)
            assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
            assert "since" in str(failed.value)
            assert receiver.requests == 12 * (IN_A_ROW * (1 + len(QUICK.again)) + 1)  # a test message before it is lost
            receiver.answer = None
            async with switchboard.session() as session:
                await session.show(orders(10))
            receiver.answer = answering(status)
            async with switchboard.session() as session:
                with pytest.raises(SwitchboardError) as failed:
                    await session.show(orders(10))
            assert failed.value.retry_after == 1

    async def test_nobody_there_for_long(self) -> None:
        receiver = WebhookReceiver()
        switchboard = WebhookSwitchboard(receiver.settings(), around())
        pauses = []
        for _ in range(3):
            with pytest.raises(SwitchboardError) as failed:
                async with switchboard.session():
                    pytest.fail("a session with nobody")
            pauses.append(failed.value.retry_after)
        assert pauses == [1, 2, 4]

    @pytest.mark.parametrize(
        ("status", "said", "least"), [(429, None, 1), (429, "120", 120), (503, "120", 120), (503, "999999", 3600)]
    )
    async def test_a_receiver_that_asks_to_be_left_alone(self, status: int, said: str | None, least: float) -> None:
        headers: Mapping[str, str] = {"Retry-After": said} if said else {}
        async with receiving() as receiver:
            receiver.answer = answering(status, headers=headers)
            async with WebhookSwitchboard(receiver.settings(at_once=1), around()).session() as session:
                with pytest.raises(SwitchboardError) as slower:
                    await session.show(orders(5))
            assert slower.value.retry_after == least
            assert receiver.requests == 1

    async def test_a_receiver_that_hangs(self) -> None:
        done = asyncio.Event()

        async def hang(took: Took) -> web.Response:
            await done.wait()
            return web.Response()

        async with receiving() as receiver:
            receiver.answer = hang
            async with WebhookSwitchboard(receiver.settings(times=HANGING), around()).session() as session:
                with pytest.raises(SwitchboardError, match="no whole answer"):
                    await session.show(orders(5))
            done.set()

    async def test_while_nothing_is_told_it_is_seen_whether_somebody_is_there(self) -> None:
        async with receiving() as receiver, WebhookSwitchboard(receiver.settings(), around()).session() as session:
            await receiver.close()
            async with asyncio.timeout(10):
                assert (await session.lost()).retry_after == 1

    async def test_whoever_waits_learns_of_the_end(self) -> None:
        async with receiving() as receiver:
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                waiting = asyncio.ensure_future(session.lost())
            assert isinstance(await asyncio.wait_for(waiting, 10), SwitchboardError)
            with pytest.raises(SwitchboardError):
                await session.show([order("1001")])


class Hanging:
    """Answers nothing to these extensions' messages until it is told to, and counts them; takes all others."""

    def __init__(self, *extensions: str) -> None:
        self.extensions = extensions
        self.came = 0
        self.end = asyncio.Event()

    async def __call__(self, took: Took) -> web.Response:
        """See `WebhookReceiver.answer`."""
        if took.data.get("extension") in self.extensions:
            self.came += 1
            await self.end.wait()
        return web.Response()


async def taken_at_last(session: WebhookSession) -> None:
    """Wait until the session ends for that, and for nothing else."""
    async with asyncio.timeout(10):
        ended = await session.lost()
    assert "at last" in str(ended)
    assert ended.retry_after == 0


async def seen(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


class TestOneMessage:
    """One that the receiver cannot digest delays nobody, and is told again by itself until it is taken."""

    @pytest.mark.parametrize("fault", ["fails", "drops", "hangs", "refuses"])
    @pytest.mark.parametrize("others", [0, 19])
    async def test_it_is_refused_and_others_are_taken(self, fault: str, others: int) -> None:
        """Whether others are told at that time, or it is a quiet hour."""
        hanging = Hanging("1001")
        answers = {"fails": only("1001", 500), "hangs": hanging, "refuses": only("1001", 400)}
        times = replace(EAGER, deadline=1.0) if fault == "hangs" else EAGER
        async with receiving() as receiver:
            receiver.answer = answers.get(fault)  # type: ignore[assignment]
            receiver.drops = {"1001"} if fault == "drops" else set()
            switchboard = WebhookSwitchboard(receiver.settings(times=times), around())
            async with switchboard.session() as session:
                with pytest.raises(OrdersRefused, match="again later") as refused:
                    await session.show(orders(1 + others))
                assert set(refused.value.refused) == {"1001"}
                assert len(receiver.people) == others
                await session.show([order("1002", "lunch")])
                receiver.answer = None
                receiver.drops.clear()
                hanging.end.set()
                await taken_at_last(session)
            assert receiver.states()["1001"] == "meeting"
            async with switchboard.session() as session:
                await session.show(orders(1 + others))

    @pytest.mark.parametrize("fault", ["fails", "drops", "hangs"])
    async def test_several_of_them_are_not_the_receiver(self, fault: str) -> None:
        """It takes a message that says nothing of anybody."""
        whose = {o.extension for o in orders(2 * IN_A_ROW)}
        hanging = Hanging(*whose)

        async def fail(took: Took) -> web.Response:
            return web.Response(status=500 if took.data.get("extension") in whose else 204)

        async with receiving() as receiver:
            receiver.answer = fail if fault == "fails" else hanging if fault == "hangs" else None
            receiver.drops = whose if fault == "drops" else set()
            times = replace(QUICK, deadline=2.0)
            async with WebhookSwitchboard(receiver.settings(times=times), around()).session() as session:
                with pytest.raises(OrdersRefused) as refused:
                    await session.show(orders(2 * IN_A_ROW))
                assert set(refused.value.refused) == whose
                await session.show([order("1100")])
            hanging.end.set()

    async def test_a_receiver_that_drops_all_connections_is_gone(self) -> None:
        async with receiving() as receiver:
            receiver.drops = {o.extension for o in orders(10)} | {None}  # type: ignore[arg-type]
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                with pytest.raises(SwitchboardError, match="without an answer") as lost:
                    await session.show(orders(10))
            assert not isinstance(lost.value, OrdersRefused)
            assert lost.value.retry_after == 1

    async def test_what_had_no_answer_in_time_is_not_waited_for(self) -> None:
        """Not for a second attempt, and the next time not at all."""
        hanging = Hanging("1002")
        async with receiving() as receiver:
            receiver.answer = hanging
            switchboard = WebhookSwitchboard(receiver.settings(times=replace(SLOWLY, deadline=1.0)), around())
            async with switchboard.session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show(orders(5))
                assert hanging.came == 1
            switchboard.settings = receiver.settings(times=replace(QUICK, deadline=300.0))
            async with switchboard.session() as session:
                async with asyncio.timeout(30):
                    with pytest.raises(OrdersRefused, match="no whole answer") as refused:
                        await session.show([order("1002", "lunch"), order("1001", "lunch")])
                assert set(refused.value.refused) == {"1002"}
                assert receiver.states()["1001"] == "lunch"
                await seen(lambda: hanging.came == 2)
                hanging.end.set()
                await taken_at_last(session)
            assert receiver.states()["1002"] == "lunch"

    async def test_one_that_fails_for_ever_makes_nobody_elses_wait(self) -> None:
        async with receiving() as receiver:
            switchboard = WebhookSwitchboard(receiver.settings(), around())
            for _ in range(20):
                switchboard._trouble.failed("1001", Judged(Meaning.AGAIN, "answered 500"))
            async with switchboard.session() as session:
                receiver.answer = answering(500, 502, 502, 502, 200)
                for extension in ("1001", "1002"):
                    with pytest.raises(OrdersRefused):
                        await session.show([order(extension)])
                await taken_at_last(session)
            assert receiver.states() == {"1002": "meeting"}

    async def test_while_it_waits_it_is_seen_whether_somebody_is_there(self) -> None:
        async with receiving() as receiver:
            receiver.answer = answering(500)
            async with WebhookSwitchboard(receiver.settings(times=SLOWLY), around()).session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show([order("1001")])
                await receiver.close()
                async with asyncio.timeout(10):
                    assert (await session.lost()).retry_after == 1

    async def test_what_is_newer_takes_its_place(self) -> None:
        async with receiving() as receiver:
            receiver.answer = answering(500, 500, 500, 200, 500, 500, 500, 200)
            settings = receiver.settings(at_once=1, times=replace(QUICK, failed=0.5))
            async with WebhookSwitchboard(settings, around()).session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show([order("1001", "meeting")])
                await session.show([order("1001", "lunch")])
                with pytest.raises(OrdersRefused):
                    await session.show([order("1002")])
                await taken_at_last(session)
            assert [took.data["reason"] for took in receiver.took[3:]] == ["lunch", *["meeting"] * 4]
            assert receiver.states() == {"1001": "lunch", "1002": "meeting"}

    async def test_what_is_newer_counts_though_the_older_is_under_way(self) -> None:
        hanging = Hanging("1001")
        async with receiving() as receiver:
            receiver.answer = answering(500)
            async with WebhookSwitchboard(receiver.settings(), around()).session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show([order("1001", "meeting")])
                receiver.answer = hanging
                await seen(lambda: hanging.came == 1)
                receiver.answer = None
                await session.show([order("1001", "lunch")])
                hanging.end.set()
                await seen(lambda: receiver.took[-1].data["reason"] == "meeting")
                await session.show([order("1002")])
            assert receiver.states() == {"1001": "lunch", "1002": "meeting"}

    async def test_a_store_that_fails_meanwhile_ends_the_session(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("backsoon.switchboards.webhook.versions.BLOCK", 1)
        keep = Failing()
        async with receiving() as receiver:
            receiver.answer = answering(500)
            async with WebhookSwitchboard(receiver.settings(), around(keep)).session() as session:
                with pytest.raises(OrdersRefused):
                    await session.show([order("1001")])
                keep.fails = True
                async with asyncio.timeout(10):
                    assert "full" in str(await session.lost())


class Failing(MemoryKeep):
    """Remembers until it fails."""

    fails = False

    async def save(self, values: Mapping[str, str | None]) -> None:
        """See `Keep`."""
        if self.fails:
            raise StoreError("the disk is full")
        await super().save(values)
