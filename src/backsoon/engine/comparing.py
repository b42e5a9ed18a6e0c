"""What is ordered against what is wanted: a pure comparison that says what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backsoon.sources.account import Ordered
from backsoon.store.base import Subscription

SAME = timedelta(minutes=1)


@dataclass(slots=True)
class Compared:
    """What a comparison found."""

    adopt: list[tuple[int, Ordered]] = field(default_factory=list)
    """At the vendor, ours, and of use: for that calendar."""
    cancel: list[Ordered] = field(default_factory=list)
    """At the vendor, ours, and of no use."""
    drop: list[Subscription] = field(default_factory=list)
    """In the store and not wanted (any more): to be cancelled."""
    gone: list[Subscription] = field(default_factory=list)
    """In the store and not at the vendor."""
    differ: list[tuple[Subscription, Ordered]] = field(default_factory=list)
    """In both, ending at different times: the vendor's holds."""
    kept: list[Subscription] = field(default_factory=list)
    """In both, or where the vendor has no list in the store, and wanted."""


def compared(
    rows: Sequence[Subscription],
    listed: Sequence[Ordered] | None,
    wanted: Mapping[int, str],
    url: str,
    now: datetime,
) -> Compared:
    """Compare a connection's rows with the vendor's list (None: it has none) and the calendars that there are.

    `wanted` is each calendar's mailbox in lower case, `url` where notifications shall arrive. Whatever in the vendor's
    list arrives elsewhere and is not in a row is somebody else's, and left alone.
    """
    found = Compared()
    at_vendor = None if listed is None else {ordered.id: ordered for ordered in listed}
    kept = _kept(rows, at_vendor, wanted, url, now, found)
    known = {row.id for row in rows}
    calendars = {address: calendar for calendar, address in wanted.items() if address}
    for ordered in (o for o in listed or () if o.id not in known and url and o.url == url):
        calendar = ordered.calendar if ordered.calendar in wanted else calendars.get(ordered.address.lower(), 0)
        if calendar and calendar not in kept and ordered.expires_at > now:
            kept[calendar] = ordered.id
            found.adopt.append((calendar, ordered))
        else:
            found.cancel.append(ordered)
    return found


def _kept(
    rows: Iterable[Subscription],
    at_vendor: Mapping[str, Ordered] | None,
    wanted: Mapping[int, str],
    url: str,
    now: datetime,
    found: Compared,
) -> dict[int, str]:
    """The calendars that have one, with its id: of several the one that lasts longest."""
    kept: dict[int, str] = {}
    for row in sorted((r for r in rows if not r.replaced and r.expires_at > now), key=_last, reverse=True):
        ordered = None if at_vendor is None else at_vendor.get(row.id)
        if at_vendor is not None and ordered is None:
            found.gone.append(row)
        elif row.calendar not in wanted or row.url != url or row.calendar in kept or _moved(wanted, row, ordered):
            found.drop.append(row)
        else:
            kept[row.calendar] = row.id
            if ordered is None or abs(ordered.expires_at - row.expires_at) <= SAME:
                found.kept.append(row)
            else:
                found.differ.append((row, ordered))
    return kept


def _moved(wanted: Mapping[int, str], row: Subscription, ordered: Ordered | None) -> bool:
    """Whether it tells of a mailbox that is not the calendar's any more. The vendor knows best of which it tells;
    where it does not say, it is the one that was ordered for."""
    address = (ordered.address.lower() if ordered is not None else "") or row.address
    return bool(address) and bool(wanted[row.calendar]) and address != wanted[row.calendar]


def _last(row: Subscription) -> tuple[datetime, str]:
    return row.expires_at, row.id
