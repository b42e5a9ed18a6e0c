"""Reading Asterisk's own database by its manager interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from backsoon.switchboards.base import EXTENSION
from backsoon.wire.ami import AmiRefused
from backsoon.wire.ami_client import AmiClient

NOT_THERE = frozenset({"Database entry could not be deleted", "Database entry not found"})
"""What Asterisk says of a key that is not in AstDB. To delete it was all we wanted."""


class AstDb:
    """AstDB over one connection. `known` names the extensions to ask for where it cannot be listed, which Asterisk
    before 18.14 and 20 cannot; at most `window` questions are open at once. Raises `AmiError`."""

    def __init__(self, client: AmiClient, window: int, known: Callable[[], Iterable[str]] | None = None) -> None:
        self._client = client
        self._window = window
        self._known = known

    async def family(self, family: str, prefix: str = "") -> dict[str, str]:
        """What AstDB has in a family, by the part of the key behind the prefix."""
        try:
            rows = await self._client.listing("DBGetTree", [("Family", family)])
        except AmiRefused as refused:
            if self._known is None or "unknown command" not in refused.said:
                raise
            return await self._ask_each(family, prefix, self._known())
        start = f"/{family}/{prefix}"
        return {row["Key"][len(start) :]: row["Val"] for row in rows if row["Key"].startswith(start)}

    async def value(self, family: str, key: str) -> str | None:
        """One value; `None` where the key is not there."""
        try:
            rows = await self._client.listing("DBGet", [("Family", family), ("Key", key)])
        except AmiRefused as refused:
            if refused.said in NOT_THERE:
                return None
            raise
        return rows[0]["Val"] if rows else None

    async def values(self, family: str, keys: Sequence[str]) -> list[str | None]:
        """The values of these keys, in their order."""
        return list(await asyncio.gather(*(self.value(family, key) for key in keys)))

    async def _ask_each(self, family: str, prefix: str, extensions: Iterable[str]) -> dict[str, str]:
        """The same as `family`, one key at a time."""
        wanted = [extension for extension in extensions if EXTENSION.fullmatch(extension)]
        found: dict[str, str] = {}
        for chunk in chunks(wanted, self._window):
            values = await self.values(family, [prefix + extension for extension in chunk])
            found |= {extension: value for extension, value in zip(chunk, values, strict=True) if value is not None}
        return found


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
