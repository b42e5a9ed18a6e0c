"""`backsoon board`: who is where, live in the terminal."""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from backsoon.commands import output
from backsoon.commands.options import ConfigOption, JsonOption, OrganisationOption
from backsoon.commands.port import Json, Port, connected
from backsoon.domain.phrase import when_words

if TYPE_CHECKING:
    import asyncio

    from rich.table import Table

    from backsoon.commands.remote import Remote

EVERY = 15.0
"""Seconds after which the board is drawn anew even if nothing was heard: minutes count down."""
AGAIN = 60.0
"""Seconds after which it is read anew: that a calendar was read once more is no event."""
TOGETHER = 0.1
"""Seconds that are waited after an event, for what comes with it."""
HEAD = ("", "ext.", "name", "state", "back at", "coming", "calendar")
SHARES = {"name": 2, "state": 4, "coming": 3, "calendar": 2}
"""How the columns that may be cut share what the others leave of the width."""


def board(
    once: Annotated[bool, typer.Option("--once", help="Print it once.")] = False,
    organisation: OrganisationOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everybody, live: ● referred by the calendar, ◆ by hand, ◐ inform only, ○ available."""
    if once or as_json or not sys.stdout.isatty():
        read = output.run(_once(config, organisation))
        output.tell_json(read) if as_json else output.table(HEAD, (cells(row, read["at"]) for row in read["rows"]))
    else:
        output.run(_live(config, organisation))


async def _once(config: Path | None, organisation: str) -> Json:
    async with connected(config) as port:
        return await whole_board(port, organisation or None)


async def whole_board(port: Port, organisation: str | None) -> Json:
    """The board, page by page, in order of names."""
    read = await port.board(organisation)
    after = read["next"]
    while after is not None:
        page = await port.board(organisation, after)
        read["rows"] += page["rows"]
        after = page["next"]
    read["rows"].sort(key=lambda row: (row["person"]["name"].casefold(), row["person"]["extension"]))
    read["next"] = None
    return read


# -- live ------------------------------------------------------------------------------------------------------------


async def _live(config: Path | None, organisation: str) -> None:
    import asyncio

    from rich.live import Live

    from backsoon.commands.remote import Remote

    async with connected(config) as port:
        shown = Shown(port, organisation or None)
        with Live(console=output.console(), screen=True, auto_refresh=False) as live:
            while True:
                await shown.read()
                if isinstance(port, Remote) and not shown.listening:
                    shown.listening = True
                    _listen(port, organisation or None, shown.listen_after, asyncio.get_running_loop(), shown)
                live.update(drawn(shown.now()), refresh=True)
                while not await shown.out_of_date():
                    live.update(drawn(shown.now()), refresh=True)


class Shown:
    """What a live board shows: as it was read, with the events since."""

    def __init__(self, port: Port, organisation: str | None) -> None:
        self._port = port
        self._organisation = organisation
        self._rows: dict[int, Json] = {}
        self._at = ""
        self._read_at = 0.0
        self._news: list[tuple[str, Json]] = []
        self._heard: asyncio.Event | None = None
        self.listen_after = ""
        self.listening = False

    async def read(self) -> None:
        """Read the whole board."""
        import asyncio

        read = await whole_board(self._port, self._organisation)
        self._heard = self._heard or asyncio.Event()
        self._rows = {row["person"]["id"]: row for row in read["rows"]}
        self._at, self._read_at, self.listen_after = read["at"], time.monotonic(), read["listen_after"]

    def hear(self, name: str, value: Json) -> None:
        """Take an event, to be shown soon; `end` is that of the stream."""
        self._news.append((name, value))
        if self._heard is not None:
            self._heard.set()

    def now(self) -> Json:
        """The board as it is now, in order of names."""
        at = datetime.fromisoformat(self._at) + timedelta(seconds=time.monotonic() - self._read_at)
        rows = sorted(
            self._rows.values(), key=lambda row: (row["person"]["name"].casefold(), row["person"]["extension"])
        )
        return {"at": at.isoformat(), "rows": rows}

    async def out_of_date(self) -> bool:
        """Wait for what is to be drawn; whether the board must be read anew first."""
        import asyncio

        assert self._heard is not None  # noqa: S101 - it was read
        try:
            async with asyncio.timeout(EVERY):
                await self._heard.wait()
            await asyncio.sleep(TOGETHER)
        except TimeoutError:
            pass
        self._heard.clear()
        news, self._news = self._news, []
        again = [self._take(name, value) for name, value in news]
        return any(again) or time.monotonic() - self._read_at > AGAIN

    def _take(self, name: str, value: Json) -> bool:
        """Change the row that an event is about; whether the board must be read anew."""
        if name in ("restart", "end"):
            self.listening = self.listening and name != "end"
            return True
        id = value["person"]["id"]
        if name == "person":
            self._rows.pop(id, None)
            if value["row"] is not None:
                self._rows[id] = value["row"]
        elif id in self._rows:
            self._rows[id] |= {key: value[key] for key in value.keys() & self._rows[id].keys() - {"person"}}
        return False


def _listen(port: Remote, organisation: str | None, after: str, loop: asyncio.AbstractEventLoop, shown: Shown) -> None:
    """Hand over each event. A stream that ends is news too: the next read tells what is wrong."""
    from backsoon.commands.remote import Refused, Unanswered

    def listen() -> None:
        try:
            for name, value in port.events(organisation, after):
                if name:
                    loop.call_soon_threadsafe(shown.hear, name, value)
        except (Unanswered, Refused, RuntimeError):  # RuntimeError: the loop is closed, the board was left
            if not loop.is_closed():
                loop.call_soon_threadsafe(shown.hear, "end", {})

    threading.Thread(target=listen, name="backsoon-events", daemon=True).start()


# -- drawing ---------------------------------------------------------------------------------------------------------


def lamp(row: Json) -> tuple[str, str]:
    """The mark of a row, and its colour."""
    availability = row["availability"]
    if availability["state"] == "referred":
        return ("◆", "magenta") if availability["by_hand"] else ("●", "red")
    return ("◐", "yellow") if availability["informing"] else ("○", "green")


def cells(row: Json, at: str) -> list[str]:
    """The texts of a row, in the order of `HEAD`."""
    person, availability, coming = row["person"], row["availability"], row["availability"]["upcoming"]
    zone, now = ZoneInfo(person["zone"]), datetime.fromisoformat(at)
    back = availability["back_at"]
    note = f" ({availability['note']})" if availability["note"] else ""
    return [
        lamp(row)[0],
        person["extension"],
        person["name"],
        availability["words"] + note,
        when_words(datetime.fromisoformat(back), now, zone, "en") if back else "",
        f"{_minutes_to(coming['start'], now)} min: {coming['words']}" if coming else "",
        _calendar(row, now),
    ]


def _minutes_to(start: str, now: datetime) -> int:
    return max(0, -((now - datetime.fromisoformat(start)) // timedelta(minutes=1)))


def _calendar(row: Json, now: datetime) -> str:
    if not row["calendars"]:
        return "none"
    if row["unconfirmed"]:
        return f"{row['unconfirmed']}: {row['problem']}" if row["problem"] else str(row["unconfirmed"])
    minutes = (now - datetime.fromisoformat(row["confirmed_at"])) // timedelta(minutes=1)
    age = f"{max(0, minutes)} min ago" if minutes < 120 else f"{minutes // 60} h ago"
    return f"{age}: {row['problem']}" if row["problem"] else age


def drawn(read: Json) -> Table:
    """The board as a table with colours."""
    from rich.table import Table
    from rich.text import Text

    at = datetime.fromisoformat(read["at"])
    away = sum(1 for row in read["rows"] if row["availability"]["state"] == "referred")
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.title = f"{len(read['rows'])} people, {away} referred, {at.astimezone():%H:%M:%S}"
    for head in HEAD:
        table.add_column(head, no_wrap=True, ratio=SHARES.get(head))
    for row in read["rows"]:
        mark, *texts = (output.plain(cell) for cell in cells(row, read["at"]))
        stale = row["problem"] or row["unconfirmed"]
        styles = ("", "bold", "", "", "cyan", "yellow" if stale else "dim")
        lines = (Text(t, s, overflow="ellipsis") for t, s in zip(texts, styles, strict=True))
        table.add_row(Text(mark, lamp(row)[1]), *lines)
    return table
