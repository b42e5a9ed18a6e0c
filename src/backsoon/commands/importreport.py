"""What `people import` says: counts, who went and who is gone, what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from backsoon.commands.port import Json

MOST = 20
"""The most of one kind that are listed by name; `--json` has all."""
HEADINGS = 1
"""The line of a file that has the headings; the one row of `people add` is 1 too, and has no line."""


def summary(imported: Json) -> Iterator[str]:
    """The result: a line of counts, then people by name."""
    yield ", ".join(_counts(imported)) + (" (nothing was stored)" if imported["dry_run"] else "")
    yield from _listed(imported["replaced"], lambda p: f"replaced: {_who(p)} by {p['by']}")
    out = "removed" if imported["removed"] else "gone"
    kept = {p["extension"] for p in imported["kept_off"]}
    gone = [p for p in imported["gone"] if out == "gone" or p["extension"] not in kept]
    yield from _listed(gone, lambda p: f"{out}: {_who(p)}")


def _counts(imported: Json) -> Iterator[str]:
    for what in ("added", "changed", "unchanged"):
        yield f"{imported[what]} {what}"
    for what, count in (
        ("replaced", len(imported["replaced"])),
        ("removed", imported["removed"]),
        ("gone", len(imported["gone"]) - imported["removed"]),
        ("kept switched off", len(imported["kept_off"])),
        ("rejected", len(imported["rejected"])),
        ("left out", len(imported["left_out"])),
    ):
        if count:
            yield f"{count} {what}"


def remarks(imported: Json) -> Iterator[str]:
    """What whoever imports should know."""
    yield from (f"note: {note}" for note in imported["notes"])
    if imported["dry_run"]:
        yield from (f"only with --force: {doubt}" for doubt in imported["doubts"])
    yield from _listed(imported["left_out"], lambda one: f"left out: {one['label']}: {one['because']}")
    for row in imported["rejected"]:
        yield f"{_place(row)}: {row['because']}"


def _place(row: Mapping[str, object]) -> str:
    if row.get("label"):
        return f"{row['label']} (extension {row['extension'] or '-'})"
    number = row["row"]
    if isinstance(number, int) and number > HEADINGS:
        return f"line {number} (extension {row['extension'] or '-'})"
    return str(row["extension"])


def _who(person: Mapping[str, object]) -> str:
    return f"{person['name']} ({person['extension']})"


def _listed(several: Sequence[Json], words: Callable[[Json], str]) -> Iterator[str]:
    yield from map(words, several[:MOST])
    if len(several) > MOST:
        yield f"... and {len(several) - MOST} more (--json lists them)"
