"""A switchboard that is a folder: one JSON file for each extension of which there is something to show."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from backsoon.domain.organisation import Organisation, SwitchboardSettings
from backsoon.switchboards.base import (
    EXTENSION,
    NOTHING,
    Finding,
    Level,
    Order,
    OrdersRefused,
    Presentation,
    Rendered,
    Surroundings,
    SwitchboardError,
)
from backsoon.switchboards.plugin import BadSetting


class FolderKind:
    """What the entry point names."""

    def read(self, given: Mapping[str, object], folder: Path) -> Mapping[str, object]:
        for unknown in given.keys() - {"path"}:
            raise BadSetting(unknown, "is not a setting", "take it out; there is only path")
        path = given.get("path")
        if not isinstance(path, str) or not path:
            raise BadSetting("path", "is missing", "write the folder that the files go to")
        whole = str(folder / path)
        return {"path": whole, "place": whole}  # called otherwise it is the same; another folder is another switchboard

    def make(self, settings: SwitchboardSettings, surroundings: Surroundings) -> FolderSwitchboard:
        return FolderSwitchboard(Path(str(settings.settings["path"])))


class FolderSwitchboard:
    def __init__(self, path: Path) -> None:
        self.path = path

    def render(self, presentation: Presentation) -> Rendered:
        lamp = presentation.lamp
        plan = [
            [*(at and at.isoformat() for at in (one.start, one.end, one.back_at)), one.reason, one.phone, one.divert_to]
            for one in presentation.plan
        ]
        return Rendered(
            lamp=json.dumps([lamp.reason, lamp.text, lamp.phone]) if lamp else "",
            plan=json.dumps(plan) if plan else "",
        )

    async def check(self, organisation: Organisation) -> Sequence[Finding]:
        if self.path.is_dir():
            return [Finding(Level.OK, f"{self.path} is there")]
        return [Finding(Level.ERROR, f"{self.path} is no folder", "make it, for Backsoon's account")]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[FolderSession]:
        with _told():
            session = FolderSession(self.path)
        yield session


class FolderSession:
    """Ours as long as the file `owner` says so."""

    at_once = 1000

    def __init__(self, path: Path) -> None:
        self._path, self._name = path, uuid.uuid4().hex
        (path / "owner").write_text(self._name)

    async def read_back(self) -> Mapping[str, Rendered]:
        self._must_be_ours()
        return await asyncio.to_thread(self._read)

    async def show(self, orders: Sequence[Order]) -> None:
        self._must_be_ours()
        refused = {o.extension: "no extension" for o in orders if not EXTENSION.fullmatch(o.extension)}
        await asyncio.to_thread(self._write, [o for o in orders if o.extension not in refused])
        if refused:
            raise OrdersRefused(refused)

    async def lost(self) -> SwitchboardError:
        while True:
            try:
                self._must_be_ours()
            except SwitchboardError as error:
                return error
            await asyncio.sleep(0.5)

    def _must_be_ours(self) -> None:
        with _told():
            if (self._path / "owner").read_text() != self._name:
                raise SwitchboardError(f"{self._path} was taken over by somebody else")

    def _read(self) -> dict[str, Rendered]:
        with _told():
            return {file.stem: Rendered(*json.loads(file.read_text())) for file in self._path.glob("*.json")}

    def _write(self, orders: Sequence[Order]) -> None:
        with _told():
            for order in orders:
                file = self._path / f"{order.extension}.json"
                if order.after == NOTHING:
                    file.unlink(missing_ok=True)
                else:
                    half = file.with_suffix(".half")
                    half.write_text(json.dumps([order.after.lamp, order.after.plan]))
                    half.replace(file)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise SwitchboardError(f"the folder cannot be used: {type(error).__name__}") from error
