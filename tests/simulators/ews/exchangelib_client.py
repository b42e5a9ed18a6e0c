"""exchangelib at work, run in its own environment: `python -I exchangelib_client.py ORDER`, an order in JSON.

Each thing that it finds is one line of JSON on stdout; what goes wrong is `{"error": CLASS}`.
"""

# exchangelib is not installed where types are checked.
# mypy: disable-error-code="import-not-found, misc, no-any-return"

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from exchangelib import (
    BASIC,
    DELEGATE,
    IMPERSONATION,
    NTLM,
    UTC,
    Account,
    Build,
    Configuration,
    Credentials,
    EWSDateTime,
    EWSTimeZone,
    FaultTolerance,
    Version,
)


def main(order: dict[str, Any]) -> None:
    """Carry out an order."""
    logging.disable(logging.CRITICAL)
    try:
        for found in globals()[f"do_{order['do']}"](order):
            print(json.dumps(found, default=_plain), flush=True)
    except Exception as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)[:300]}), flush=True)


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _account(order: dict[str, Any], mailbox: str = "") -> Any:
    build = order.get("build")
    config = Configuration(
        service_endpoint=order["url"],
        credentials=Credentials(order["account"], order["password"]),
        auth_type={"basic": BASIC, "ntlm": NTLM}[order.get("sign_in", "basic")],
        version=Version(Build(*build)) if build else None,
        retry_policy=FaultTolerance(max_wait=order["patience"]) if "patience" in order else None,
    )
    access = DELEGATE if order.get("access") == "delegate" else IMPERSONATION
    return Account(
        mailbox or order["mailbox"],
        config=config,
        autodiscover=False,
        access_type=access,
        default_timezone=EWSTimeZone(order.get("zone", "UTC")),
    )


def _time(text: str) -> Any:
    return EWSDateTime.from_datetime(datetime.fromisoformat(text)).astimezone(UTC)


def _told(item: Any) -> dict[str, Any]:
    names = (
        "subject", "start", "end", "uid", "is_all_day", "legacy_free_busy_status", "sensitivity", "my_response_type",
        "is_cancelled", "categories", "type", "recurrence_id", "location",
    )  # fmt: skip
    return {name: getattr(item, name) for name in names}


def do_view(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the calendar shows in a window."""
    account = _account(order)
    found = account.calendar.view(start=_time(order["start"]), end=_time(order["end"]))
    if "only" in order:
        found = found.only(*order["only"])
    for item in found:
        yield {name: getattr(item, name) for name in order["only"]} if "only" in order else _told(item)
    yield {"version": account.version.api_version}


def do_sync(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What changed since a state."""
    account = _account(order)
    calendar = account.calendar
    for change, item in calendar.sync_items(sync_state=order.get("state"), only_fields=["subject", "uid", "type"]):
        yield {"change": change, "subject": getattr(item, "subject", None), "uid": getattr(item, "uid", None)}
    yield {"state": calendar.item_sync_state}


def do_availability(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """When mailboxes are busy, in a time zone of the order's."""
    account = _account(order)
    accounts = [(mailbox, "Required", False) for mailbox in order["mailboxes"]]
    views = account.protocol.get_free_busy_info(
        accounts=accounts, start=_time(order["start"]), end=_time(order["end"]),
        merged_free_busy_interval=60, requested_view=order.get("view", "DetailedMerged"),
    )  # fmt: skip
    for view in views:
        if isinstance(view, Exception):
            yield {"failed": type(view).__name__}
            continue
        yield {
            "view": view.view_type,
            "merged": view.merged,
            "events": [
                [event.start, event.end, event.busy_type, event.details.subject if event.details else None]
                for event in view.calendar_events or ()
            ],
        }


def do_reply(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The automatic reply."""
    settings = _account(order).oof_settings
    yield {"state": settings.state, "start": settings.start, "end": settings.end}


def do_names(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Who is called so."""
    for found in _account(order).protocol.resolve_names([order["name"]]):
        yield {"address": found.email_address}


def do_stream(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Listen until something happened."""
    calendar = _account(order).calendar
    with calendar.streaming_subscription() as subscription:
        yield {"listening": True}
        for notification in calendar.get_streaming_events(
            [subscription], connection_timeout=1, max_notifications_returned=order.get("notifications", 1)
        ):
            yield {"events": [type(event).__name__ for event in notification.events]}


def do_pull(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Ask twice what happened: at once, and when a line comes on stdin."""
    calendar = _account(order).calendar
    with calendar.pull_subscription() as (subscription, watermark):
        for _ in range(2):
            for notification in calendar.get_events(subscription, watermark):
                yield {"events": [type(event).__name__ for event in notification.events]}
                watermark = notification.events[-1].watermark
            sys.stdin.readline()


def do_cpu(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The processor time that reading each mailbox's calendar takes, and how many entries there were."""
    start, end = _time(order["start"]), _time(order["end"])
    warm = order["mailboxes"][: order["warm"]]
    for mailbox in warm:
        list(_account(order, mailbox).calendar.view(start=start, end=end))
    accounts = [_account(order, mailbox) for mailbox in order["mailboxes"][order["warm"] :]]
    folders = [account.calendar for account in accounts]
    cpu, wall, entries = time.process_time(), time.perf_counter(), 0
    for folder in folders:
        found = folder.view(start=start, end=end)
        if "only" in order:
            found = found.only(*order["only"])
        entries += len(list(found))
    yield {
        "cpu_s": (time.process_time() - cpu) / len(folders),
        "wall_s": (time.perf_counter() - wall) / len(folders),
        "entries": entries / len(folders),
    }


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
