"""Whose messages are not taken, and when they are told again."""

from __future__ import annotations

from backsoon.switchboards.base import NOTHING, Order
from backsoon.switchboards.webhook.judging import Judged, Meaning
from backsoon.switchboards.webhook.patience import LONGEST
from backsoon.switchboards.webhook.settings import WebhookTimes
from backsoon.switchboards.webhook.trouble import Failed, Trouble, Waiting

FAILED = Judged(Meaning.AGAIN, "answered 500")
LATE = Judged(Meaning.LATE, "no whole answer within 10 s")
REFUSED = Judged(Meaning.REFUSED, "answered 400")


def order(extension: str) -> Order:
    return Order(extension, NOTHING, NOTHING)


class TestTrouble:
    """Each extension has patience of its own."""

    def test_each_waits_twice_as_long_each_time_by_itself(self) -> None:
        trouble = Trouble(WebhookTimes())
        waits = [trouble.failed("1001", FAILED) for _ in range(2000)]
        assert waits[:5] == [1, 2, 4, 8, 16]
        assert set(waits[10:]) == {LONGEST}
        assert trouble.failed("1002", FAILED) == 1
        trouble.over(["1001", "1003"])
        assert [trouble.failed("1001", FAILED), trouble.failed("1002", FAILED)] == [1, 2]

    def test_what_was_refused_waits_longer_and_is_not_given_up(self) -> None:
        trouble = Trouble(WebhookTimes())
        assert [trouble.failed("1001", REFUSED) for _ in range(6)] == [60, 120, 240, 480, 900, 900]

    def test_it_knows_what_came_last(self) -> None:
        trouble = Trouble(WebhookTimes())
        assert trouble.of("1001") is None
        trouble.failed("1001", LATE)
        assert trouble.of("1001") == Failed(LATE.why, True, 1)
        trouble.failed("1001", FAILED)
        assert trouble.of("1001") == Failed(FAILED.why, False, 2)

    def test_sessions_are_ended_five_minutes_apart_at_least(self) -> None:
        trouble = Trouble(WebhookTimes())
        assert trouble.before_the_end(10.0) == 0
        trouble.ended(10.0)
        assert trouble.before_the_end(20.0) == 290
        assert trouble.before_the_end(400.0) == 0


class TestWaiting:
    """The latest order of each extension, in order of time."""

    def test_they_come_in_order_of_time(self) -> None:
        waiting = Waiting()
        assert waiting.first() is None
        for extension, at in (("1001", 3.0), ("1002", 1.0), ("1003", 2.0)):
            waiting.put(order(extension), at)
        assert waiting.changed.is_set()
        came = []
        while due := waiting.first():
            came.append((due.order.extension, due.at))
            waiting.drop(due.order.extension)
        assert came == [("1002", 1.0), ("1003", 2.0), ("1001", 3.0)]

    def test_the_same_order_put_in_again_is_there_once(self) -> None:
        waiting, same = Waiting(), order("1001")
        waiting.put(same, 1.0)
        before = waiting.first()
        assert before is not None
        waiting.put(same, 5.0)
        assert not waiting.holds(before)
        due = waiting.first()
        assert due is not None
        assert (due.order, due.at) == (same, 5.0)
        waiting.drop("1001")
        assert waiting.first() is None
