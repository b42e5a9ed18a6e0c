"""What waits to be told to a switchboard: how urgent it is, and in which portions it is handed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import islice

from backsoon.switchboards.base import Order, Rendered

UNKNOWN = Rendered("unknown", "unknown")
"""Stands for what was told in an order that was prepared without looking that up."""
OVERTAKEN = Order("", UNKNOWN, UNKNOWN)


class Urgency(IntEnum):
    """Who comes first."""

    BY_HAND = 0
    """Somebody pressed a key and looks at the lamp."""
    TRANSITION = 1
    """A lamp changes."""
    AHEAD = 2
    """Only what is written ahead changes."""


def batches(orders: Iterable[Order], size: int) -> Iterator[list[Order]]:
    """The orders in turn, without those that have been overtaken by then."""
    each = iter(orders)
    while batch := list(islice(each, size)):
        yield [order for order in batch if order is not OVERTAKEN]


def divided(orders: list[Order], lamps: int, most: int) -> tuple[list[Order], list[Order]]:
    """The first of the orders, at most `most`, no more than `lamps` of which change a lamp, and the others."""
    if len(orders) <= min(lamps, most):
        return orders, []
    changing = (number for number, order in enumerate(orders) if order.before.lamp != order.after.lamp)
    end = min(next(islice(changing, max(1, lamps), None), len(orders)), most)
    return orders[:end], orders[end:]


def sharing(before: Rendered, wanted: Rendered) -> Rendered:
    """What is wanted, with the texts of what was told where they are equal; the very same where nothing changes."""
    if wanted.plan != before.plan:
        return wanted if wanted.lamp != before.lamp else Rendered(before.lamp, wanted.plan)
    return before if wanted.lamp == before.lamp else Rendered(wanted.lamp, before.plan)
