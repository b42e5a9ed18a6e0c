"""axe on a page, in a world of its own beside the page's scripts, so that the page keeps its policy meanwhile."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import Page

from tests.peers import require_peer
from tools.peers.node import AXE

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


async def violations(page: Page) -> list[str]:
    """What axe finds of the page as it is now: rule, what to do, where."""
    script = (require_peer("node") / AXE).read_text(encoding="utf-8")
    session = await page.context.new_cdp_session(page)
    try:
        tree = await session.send("Page.getFrameTree")
        named = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": "axe"}
        world = (await session.send("Page.createIsolatedWorld", named))["executionContextId"]
        await _evaluated(session, world, f"{script};0")
        options = json.dumps({"runOnly": {"type": "tag", "values": RULES}})
        found = json.loads(await _evaluated(session, world, f"axe.run(document, {options}).then(JSON.stringify)"))
    finally:
        await session.detach()
    assert found["passes"], "axe looked at nothing"
    return [_told(violation, node) for violation in found["violations"] for node in violation["nodes"]]


async def _evaluated(session: Any, world: int, expression: str) -> Any:
    asked = {"expression": expression, "contextId": world, "awaitPromise": True, "returnByValue": True}
    answer = await session.send("Runtime.evaluate", asked)
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


def _told(violation: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{violation['id']}: {violation['help']} - {node['target']} {node['failureSummary']} {node['html'][:200]}"
