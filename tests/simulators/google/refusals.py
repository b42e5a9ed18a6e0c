"""Errors as Google words them, the mask of fields, and answers that are spoiled on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from tests.simulators.faults import Fault

REASONS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    410: "fullSyncRequired",
    429: "rateLimitExceeded",
    503: "backendError",
}


class Refused(Exception):
    """The answer is an error."""

    def __init__(self, status: int, reason: str = "", headers: dict[str, str] | None = None, domain: str = "") -> None:
        self.status = status
        self.reason = reason or REASONS.get(status, "invalid")
        self.headers = headers or {}
        self.domain = domain or ("usageLimits" if status in (403, 429) else "global")

    def answer(self) -> web.Response:
        """As Google says it."""
        one = {"domain": self.domain, "reason": self.reason, "message": f"simulated {self.reason}"}
        told = {"error": {"errors": [one], "code": self.status, "message": one["message"]}}
        return web.json_response(told, status=self.status, headers=self.headers)


async def spoiled(fault: Fault, request: web.Request) -> web.StreamResponse:
    """The answer that a fault makes of a request."""
    told = fault.told
    match fault.kind:
        case "throttle":
            headers = {"Retry-After": str(told["seconds"])} if "seconds" in told else {}
            reason = told.get("reason", "userRateLimitExceeded")
            return Refused(told.get("status", 403), reason, headers).answer()
        case "unavailable":
            return Refused(503).answer()
        case "expire":
            return Refused(410, told.get("reason", "fullSyncRequired"), domain="calendar").answer()
        case "deny":
            return Refused(403, domain="calendar").answer()
        case "sign_in":
            return Refused(401).answer()
        case "missing":
            return Refused(404).answer()
        case "html":
            return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")
        case "redirect":
            return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})
        case "vendor":
            return Refused(told["status"], told["code"]).answer()
    await asyncio.Event().wait()  # "hang": until the client gives up
    raise AssertionError


async def half(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of an answer, then nothing more."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def masked(value: Any, fields: str) -> Any:
    """What a mask leaves of a value ("Partial responses": `a,b(c,d),e/f`)."""
    return value if not fields or fields == "*" else _apply(value, _tree(fields))


def _tree(fields: str) -> dict[str, Any]:
    tokens = re.findall(r"[A-Za-z*]+|[(),/]", fields)
    assert "".join(tokens) == fields, f"no mask: {fields}"
    tree, rest = _names(tokens)
    assert not rest, f"no mask: {fields}"
    return tree


def _names(tokens: list[str]) -> tuple[dict[str, Any], list[str]]:
    tree: dict[str, Any] = {}
    while tokens:
        name, *tokens = tokens
        node = tree.setdefault(name, {})
        while tokens and tokens[0] == "/":
            node = node.setdefault(tokens[1], {})
            tokens = tokens[2:]
        if tokens and tokens[0] == "(":
            inner, tokens = _names(tokens[1:])
            node.update(inner)
            assert tokens[0] == ")"
            tokens = tokens[1:]
        if not tokens or tokens[0] != ",":
            break
        tokens = tokens[1:]
    return tree, tokens


def _apply(value: Any, tree: dict[str, Any]) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_apply(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _apply(each, tree[name]) for name, each in value.items() if name in tree}


def to_bytes(value: Any) -> bytes:
    """As JSON."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
