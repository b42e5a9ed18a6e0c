"""What the figures ought to be, by bench."""

from __future__ import annotations

from collections.abc import Mapping

TARGETS: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "storm": {
        "lateness_ms.p50": ("<=", 100),
        "lateness_ms.p99": ("<=", 400),
        "lateness_ms.max": ("<=", 1000),
        "early": ("<=", 0),
        "right": (">=", 1),
    },
    "memory": {"rss_mib": ("<=", 128)},
    "restart": {"answers_s": ("<=", 5), "sent_s": ("<=", 15), "right": (">=", 1)},
    "lateness": {"lateness_ms.p99": ("<=", 20), "early": ("<=", 0)},
    "lookup": {"latency_ms.p50": ("<=", 0.5), "latency_ms.p99": ("<=", 3), "latency_ms.p99_9": ("<=", 15)},
    "fanout": {"last_ms.p99": ("<=", 300), "heard_once": (">=", 1)},
    "sight": {
        "last_ms.p99": ("<=", 300),
        "lamps_ms.p99": ("<=", 300),
        "heard_once": (">=", 1),
        "index_ms.cold": ("<=", 1000),
        "index_ms.warm": ("<=", 300),
        "index_ms.changed": ("<=", 300),
        "index_right": (">=", 1),
    },
    "console": {
        "first_row_ms": ("<=", 1000),
        "search_ms.p99": ("<=", 50),
        "change_to_screen_ms.p99": ("<=", 300),
        "change_to_screen_ms_5k.p99": ("<=", 300),
        "changes_missed": ("<=", 0),
        "scroll_frames_per_s": (">=", 59),
        "heap_mib": ("<=", 60),
    },
    "presence": {"publish_per_s": (">=", 900), "notify_ms.p99": ("<=", 1000), "wave_told": (">=", 1)},
    "calls": {
        "added_ms.p50": ("<=", 1),
        "lost": ("<=", 0),
        "setup_p95_ratio.up": ("<=", 1.05),
        "setup_p95_ratio.stopped": ("<=", 1.05),
        "setup_p95_ratio.hung": ("<=", 1.05),
    },
    "ics": {"ratio_to_lean": ("<=", 3)},
    "calendars": {
        "cpu_ratio_to_exchangelib.50": ("<=", 0.05),
        "cpu_ratio_to_exchangelib.200": ("<=", 0.05),
        "first_read_ratio.graph": ("<=", 1.2),
        "first_read_ratio.google": ("<=", 1.2),
        "first_read_ratio.ews": ("<=", 1.2),
        "idle_requests_per_mailbox_day.graph": ("<=", 2),
        "idle_requests_per_mailbox_day.google": ("<=", 2),
        "idle_requests_per_mailbox_day.ews": ("<=", 2),
        "notification_to_switchboard_ms.p50": ("<=", 300),
        "notification_to_switchboard_ms.p99": ("<=", 1000),
        "hooks_ms.p99_9": ("<=", 250),
        "hooks_together_ms.p99_9": ("<=", 250),
    },
}


def judged(name: str, figures: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Each figure of the bench that has a target: the target in words, and whether it was met."""
    return {
        key: {"target": f"{sign} {limit:g}", "met": _met(figures.get(key), sign, limit)}
        for key, (sign, limit) in TARGETS.get(name, {}).items()
    }


def _met(value: object, sign: str, limit: float) -> bool:
    if not isinstance(value, int | float):
        return False
    return value <= limit if sign == "<=" else value >= limit
