"""When a request is said again (RFC 3261 section 17.1.2), by hand and by the table in its appendix A."""

from __future__ import annotations

import pytest

from backsoon.wire.sip_transaction import ClientTransaction, SipTimes


def said_at(transaction: ClientTransaction, *, proceeding_from: float = 1e9) -> tuple[list[float], float]:
    """When it is said again, and when it is given up."""
    again: list[float] = []
    while True:
        now = transaction.next_at
        if now >= proceeding_from:
            transaction.provisional()
        if transaction.due(now) is False:
            return again, now
        again.append(now)


def test_over_udp() -> None:
    again, over = said_at(ClientTransaction(0, SipTimes(), reliable=False))
    assert again == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert over == 32


def test_more_seldom_once_the_server_works_at_it() -> None:
    again, over = said_at(ClientTransaction(0, SipTimes(), reliable=False), proceeding_from=0.5)
    assert again == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert over == 32


def test_never_where_the_transport_sees_to_it() -> None:
    assert said_at(ClientTransaction(5, SipTimes(), reliable=True)) == ([], 37)


@pytest.mark.parametrize("early", [0.0, 0.4999])
def test_nothing_before_its_time(early: float) -> None:
    transaction = ClientTransaction(0, SipTimes(), reliable=False)
    assert transaction.due(early) is None
    assert transaction.next_at == 0.5
