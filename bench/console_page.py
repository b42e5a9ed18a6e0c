"""The browser's part of the bench `console`: what is measured, inside the page, by the page's own clock.

Something is on screen when the frame that shows it has been handed over: a task that is posted while a frame is made
runs after that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tools.peers.chromium import environment, flags, program
from tools.peers.recipe import Absent
from tools.peers.registry import find_peer

COOKIE = "__Host-backsoon"
QUERIES = ("anna", "falk", "support", "100512", "kling an", "ost", "zzz")
"""Names, a department, an extension, two words, what nobody is called."""
SCROLLED_S = 5.0
SETTLED_S = 3.0
"""Seconds after the last change within which it is on screen, or missed."""

PROBE = """
{
  const bench = (globalThis.bench = { searches: [], seen: [] });
  const painted = (done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => (channel.port1.close(), done(performance.now()));
    channel.port2.postMessage(0);
  };
  const rows = () => [...document.querySelectorAll("#people [id^=person-]")];
  bench.first = new Promise((done) => {
    const look = () =>
      rows().some((row) => row.querySelector(".now .words")?.textContent.trim())
        ? painted(done)
        : requestAnimationFrame(look);
    requestAnimationFrame(look);
  });

  const folded = (text) => text.normalize("NFKD").replace(/\\p{M}/gu, "").toLowerCase().replace(/ø/g, "o");
  let typed = () => undefined;
  bench.searched = () => new Promise((done) => (bench.searches.length > bench.taken ? done() : (typed = done)));
  bench.searching = () => {
    bench.taken = 0;
    addEventListener(
      "keydown",
      (event) => {
        const begun = event.timeStamp;
        const look = () => {
          const words = folded(document.activeElement.value ?? "").split(" ").filter(Boolean);
          const fits = rows().every((row) => words.every((word) => folded(row.textContent).includes(word)));
          if (fits) painted((at) => (bench.searches.push(at - begun), typed()));
          else requestAnimationFrame(look);
        };
        if (event.key.length === 1) requestAnimationFrame(look);
      },
      true,
    );
  };

  bench.scrolling = (seconds) =>
    new Promise((done) => {
      const list = document.querySelector("#people");
      const frames = [];
      const end = performance.now() + seconds * 1000;
      const step = (at) => {
        frames.push(at);
        list.scrollTop += frames.length % 600 < 300 ? 90 : -90;
        if (performance.now() < end) requestAnimationFrame(step);
        else done(frames);
      };
      requestAnimationFrame(step);
    });

  bench.watching = () => {
    let before = new Map();
    const now = () =>
      new Map(
        rows().map((row) => [
          row.querySelector(".extension").textContent.trim(),
          row.querySelector(".now").classList.contains("r"),
        ]),
      );
    before = now();
    new MutationObserver(() => {
      const after = now();
      const changed = [...after].filter(([extension, referred]) => before.get(extension) !== referred);
      before = after;
      if (changed.length > 0) painted(() => bench.seen.push([Date.now(), changed]));
    }).observe(document.querySelector("#people"), {
      subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class"],
    });
  };
}
"""


@asynccontextmanager
async def opened_console(told: Mapping[str, Any]) -> AsyncIterator[Console]:
    """A browser for the page at `told["address"]`. Raises `RuntimeError` where there is no Chromium."""
    folder = find_peer("chromium")
    if isinstance(folder, Absent):
        raise RuntimeError(f"no Chromium here: {folder.reason}")
    async with async_playwright() as playwright:
        browser = await _launched(playwright.chromium, folder)
        try:
            yield Console(browser, f"http://{told['address']}", told["cookie"])
        finally:
            await browser.close()


async def _launched(chromium: Any, folder: Path) -> Browser:
    launched: Browser = await chromium.launch(
        executable_path=program(folder), args=flags(), env=dict(environment(folder))
    )
    return launched


@dataclass
class Console:
    """The page, opened anew by `first_row`."""

    browser: Browser
    url: str
    cookie: str
    missed: int = 0
    context: BrowserContext | None = None
    _page: list[Page] = field(default_factory=list)

    @property
    def page(self) -> Page:
        """The one that is open."""
        return self._page[-1]

    async def first_row(self) -> float:
        """Open it in a browser that knows nothing of it; milliseconds until a row with its state is painted."""
        if self.context is not None:
            await self.context.close()
        self.context = await self.browser.new_context(base_url=self.url, viewport={"width": 1280, "height": 800})
        await self.context.add_cookies(
            [{"name": COOKIE, "value": self.cookie, "url": self.url.replace("http:", "https:")}]
        )
        await self.context.add_init_script(PROBE)
        self._page.append(await self.context.new_page())
        await self.page.goto("/")
        return float(await self.page.evaluate("bench.first"))

    async def searches(self) -> list[float]:
        """Milliseconds from each letter to the frame in which all rows fit what was typed until then."""
        await self.page.evaluate("bench.searching()")
        for query in QUERIES:
            for letter in query:
                await self.page.keyboard.press("Space" if letter == " " else letter)
                await self.page.evaluate("bench.searched().then(() => (bench.taken += 1))")
            await self.page.keyboard.press("Escape")
        return [float(ms) for ms in await self.page.evaluate("bench.searches")]

    async def scrolling(self) -> dict[str, object]:
        """Frames a second, and the longest time between two, while the list moves in each of them."""
        frames: list[float] = await self.page.evaluate(f"bench.scrolling({SCROLLED_S})")
        gaps = sorted(after - before for before, after in pairwise(frames))
        fps = 1000 * len(gaps) / (frames[-1] - frames[0])
        figures: dict[str, object] = {"scroll_frames_per_s": round(fps, 1)}
        return figures | {
            "scroll_frame_ms.p99": round(gaps[len(gaps) * 99 // 100], 1),
            "scroll_frame_ms.max": round(gaps[-1], 1),
        }

    async def heap(self) -> float:
        """MiB that the page's scripts hold, once what is not needed was collected."""
        assert self.context is not None
        session = await self.context.new_cdp_session(self.page)
        await session.send("HeapProfiler.collectGarbage")
        used = await session.send("Runtime.getHeapUsage")
        return round(used["usedSize"] / 2**20, 1)

    async def changes(self, told: Mapping[str, Any]) -> list[float]:
        """Milliseconds from each change of somebody in sight to its frame; `missed` counts those that never came."""
        await self.page.evaluate("document.querySelector('#people').scrollTop = 0; bench.watching()")
        await asyncio.sleep(max(0.0, told["last_at"] - time.time() + SETTLED_S))
        seen: list[tuple[float, list[tuple[str, bool]]]] = await self.page.evaluate("bench.seen")
        drawn: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('#people [id^=person-] .extension')].map((cell) => cell.textContent.trim())"
        )
        late = [ms for extension in drawn for ms in lateness(extension, told["changes"].get(extension, []), seen)]
        self.missed = sum(ms is None for ms in late)
        return [ms for ms in late if ms is not None]


def lateness(
    extension: str, meetings: Sequence[Sequence[float]], seen: Sequence[tuple[float, list[tuple[str, bool]]]]
) -> list[float | None]:
    """Of each beginning and end of a meeting: milliseconds until it was seen; None where the next one came first."""
    due = [(at * 1000, referred) for start, end in meetings for at, referred in ((start, True), (end, False))]
    theirs = [(at, referred) for at, changed in seen for who, referred in changed if who == extension]
    found: list[float | None] = []
    for number, (at, referred) in enumerate(due):
        until = due[number + 1][0] if number + 1 < len(due) else float("inf")
        found.append(next((when - at for when, what in theirs if at <= when < until and what is referred), None))
    return found
