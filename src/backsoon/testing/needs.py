"""What the suites of tests need beside Backsoon."""

from __future__ import annotations

from importlib.util import find_spec


class MissingTestTools(ImportError):
    """The suites of tests need pytest and pytest-asyncio."""


def need_pytest() -> None:
    """Raises `MissingTestTools`, which says what to install."""
    if missing := [name for name in ("pytest", "pytest_asyncio") if find_spec(name) is None]:
        names = " and ".join(name.replace("_", "-") for name in missing)
        raise MissingTestTools(f"the suites of backsoon.testing need {names}: pip install pytest pytest-asyncio")
