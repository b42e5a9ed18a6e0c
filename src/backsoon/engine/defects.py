"""Saying where a defect of ours showed, without what the error says: that may quote an entry."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """The error's type and the functions it came through, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at " + " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-6:]))
