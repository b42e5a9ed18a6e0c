"""What is about to happen at one instant, ready made: transitions, and the orders that tell them to switchboards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backsoon.domain.model import Availability
from backsoon.domain.organisation import Person
from backsoon.engine.publisher import Publisher
from backsoon.store.base import AvailabilityChange, PersonState, Trigger
from backsoon.switchboards.base import Order, Presentation, Rendered


@dataclass(frozen=True, slots=True)
class Staged:
    """A transition, ready: what holds for a person from an instant on, and when that changes next."""

    person: Person
    availability: Availability
    due: datetime | None

    @property
    def state(self) -> PersonState:
        """The decision as the store keeps it."""
        return PersonState(self.person.id, self.availability, self.due)


@dataclass(slots=True)
class Bucket:
    """What happens at one instant: transitions by person, and each publisher's orders (lamps, plans) by extension."""

    at: datetime
    staged: dict[int, Staged] = field(default_factory=dict)
    orders: dict[Publisher, tuple[dict[str, Order], dict[str, Order]]] = field(default_factory=dict)
    fired_at: datetime | None = None

    def drop(self, person: int) -> None:
        """Take the person's transition out."""
        staged = self.staged.pop(person, None)
        if staged is not None:
            for lamps, plans in self.orders.values():
                lamps.pop(staged.person.extension, None)
                plans.pop(staged.person.extension, None)

    def shown(self, extension: str) -> dict[Publisher, Rendered]:
        """What publishers will have been told for the extension by then; only of those who are told something."""
        return {
            publisher: order.after
            for publisher, (lamps, plans) in self.orders.items()
            if (order := lamps.get(extension) or plans.get(extension)) is not None
        }

    def changes(self, staged: Iterable[Staged], recorded_at: datetime) -> Iterator[tuple[Person, AvailabilityChange]]:
        """The changes that these transitions are."""
        for each in staged:
            change = AvailabilityChange(each.person.id, self.at, recorded_at, each.availability, Trigger.CLOCK)
            yield each.person, change


def prepare(
    bucket: Bucket,
    kind: int,
    publishers: Iterable[Publisher],
    presentation: Presentation,
    shown: dict[Publisher, Rendered],
) -> None:
    """Make each publisher's order, of kind 0 (lamps) or 1 (plans).

    `shown` is what each will have been told before, and then is this.
    """
    extension = presentation.extension
    for publisher in publishers:
        order = publisher.prepare(extension, publisher.render(presentation), shown.get(publisher))
        shown[publisher] = order.after
        if publisher not in bucket.orders:
            bucket.orders[publisher] = ({}, {})
        bucket.orders[publisher][kind][extension] = order


def lit(availability: Availability) -> tuple[object, ...]:
    """What of a decision lamps tell; the rest concerns only what is written ahead."""
    return availability.reason, availability.informing, availability.back_at
