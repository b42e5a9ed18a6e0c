"""What comes of taking people in and out."""

from __future__ import annotations

from backsoon.api.schemas.base import Model


class Named(Model):
    """Somebody by extension and name."""

    extension: str
    name: str


class Replaced(Named):
    """Somebody whose extension another one has now."""

    by: str


class Rejected(Model):
    """A row that was left out."""

    row: int
    extension: str
    because: str
    label: str


class Unlisted(Model):
    """What a source has that is nobody."""

    label: str
    because: str


class Imported(Model):
    """What came of rows of people."""

    added: int
    changed: int
    unchanged: int
    replaced: list[Replaced]
    gone: list[Named]
    removed: int
    kept_off: list[Named]
    rejected: list[Rejected]
    left_out: list[Unlisted]
    notes: list[str]
    doubts: list[str]
    dry_run: bool


class Removed(Model):
    """Who was taken out."""

    removed: Named
