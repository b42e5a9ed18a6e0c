"""Pages in a browser that is watched: whatever goes wrong in them is a failure of the test that opened them.

Held against a page: errors and warnings of its console (a breach of its policy is one), exceptions, dialogs of scripts,
and requests to anybody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Request

BREACHES = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`breach of ${event.effectiveDirective} by ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Watched:
    """A context of its own with one page. `expected`: what may be said, as regular expressions."""

    context: BrowserContext
    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        """Watch from now on."""
        await self.context.add_init_script(BREACHES)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("dialog", self._asked)
        self.context.on("request", self._requested)

    def expect(self, *patterns: str) -> None:
        """What is no fault in this test."""
        self.expected += patterns

    def verdict(self) -> list[str]:
        """All faults that were not expected."""
        return [fault for fault in self.faults if not any(re.search(each, fault) for each in self.expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    async def _asked(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "about:")):
            self.faults.append(f"asked {request.url}")
