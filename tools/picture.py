"""Draws docs/board.svg: the board as `backsoon board` shows it, of a made-up morning. `python -m tools.picture`."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from backsoon.commands.board import drawn

TARGET = Path(__file__).resolve().parents[1] / "docs" / "board.svg"
NOW = datetime(2026, 11, 23, 9, 25, 7, tzinfo=UTC)

# No font from elsewhere and no script: whoever opens the page loads nothing else.
FORMAT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="The board">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#16181d"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Draw it."""
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(drawn({"at": NOW.isoformat(), "rows": [row(*some) for some in ROWS]}))
    TARGET.write_text(console.export_svg(code_format=FORMAT, unique_id="board"), encoding="utf-8")


def row(
    extension: str,
    name: str,
    words: str,
    back: int | None,
    by_hand: bool,
    informing: bool,
    coming: tuple[str, int] | None,
) -> dict[str, object]:
    """One person; times in minutes from `NOW`."""
    start = NOW + timedelta(minutes=coming[1]) if coming else NOW
    return {
        "person": {"extension": extension, "name": name, "zone": "UTC"},
        "availability": {
            "state": "referred" if by_hand or back is not None else "available",
            "words": words,
            "by_hand": by_hand,
            "informing": [words] if informing else [],
            "note": None,
            "back_at": None if back is None else (NOW.replace(second=0) + timedelta(minutes=back)).isoformat(),
            "upcoming": {"words": coming[0], "minutes": coming[1], "start": start.isoformat()} if coming else None,
        },
        "calendars": 1,
        "confirmed_at": (NOW - timedelta(minutes=int(extension) % 7)).isoformat(),
        "problem": None,
    }


ROWS: list[tuple[str, str, str, int | None, bool, bool, tuple[str, int] | None]] = [
    ("2001", "Anna Berg", "In a meeting, back 10:00", 35, False, False, None),
    ("2002", "Bo Ek", "Available", None, False, False, ("In a meeting", 35)),
    ("2003", "Carl Dahl", "At lunch, back 10:15", 50, True, False, None),
    ("2004", "Disa Falk", "Available", None, False, False, None),
    ("2005", "Erik Gran", "Available (In a meeting)", None, False, True, None),
    ("2006", "Frida Holm", "On holiday, back 30 Nov 08:00", 7 * 1440 - 85, False, False, None),
    ("2007", "Gustav Ivarsson", "Not available, until further notice", None, True, False, None),
    ("2008", "Hanna Jonsson", "Travelling on business, back Tue 08:00", 1355, False, False, None),
]


if __name__ == "__main__":
    main()
