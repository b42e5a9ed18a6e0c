"""What goes wrong when a test wants it so: on the line, in Graph's answers, and when an app signs in."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from tests.simulators.faults import Fault
from tests.simulators.graph import views
from tests.simulators.graph.limits import Gate
from tests.simulators.graph.protocol import Answer, Asked, Refused
from tests.simulators.graph.signin import SignInRefused

BY_THE_LINE: Final = ("half", "hang", "html", "redirect")
BY_THE_ANSWER: Final = ("throttle", "unavailable", "expire", "deny", "sign_in", "missing", "empty", "vendor")


async def by_the_line(request: web.Request, fault: Fault) -> web.StreamResponse:
    """What is wrong with an answer before Graph says anything in it."""
    if fault.kind == "redirect":
        return web.Response(status=302, headers={"Location": "https://login.example.test/"})
    if fault.kind == "html":
        return web.Response(text="<html><title>Sign in</title></html>", content_type="text/html")
    if fault.kind == "hang":
        await asyncio.Event().wait()
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"value": [{"id": "half')
    assert request.transport is not None
    request.transport.close()
    return response


def refusal(fault: Fault, asked: Asked, scope: str, gate: Gate) -> Refused:
    """What Graph says instead of an answer; `scope` is the mailbox (lower case) that it concerns."""
    match fault.kind:
        case "throttle":
            return gate.refuse(scope, float(fault.told.get("seconds", 10)))
        case "unavailable":
            return Refused(503, "ServiceUnavailable", "the service cannot answer now")
        case "expire":
            return views.expired(asked)
        case "deny":
            return Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        case "sign_in":
            return Refused(401, "InvalidAuthenticationToken", "the token has expired")
        case "missing":
            return Refused(404, "ErrorInvalidUser", "the requested user is invalid")
        case _:
            return Refused(int(fault.told.get("status", 400)), str(fault.told.get("code", "UnknownError")))


def signing_fault(fault: Fault) -> Answer:
    """What is said to who signs in, instead of a token."""
    if fault.kind == "throttle":
        return Answer(429, {"error": "temporarily_unavailable", "error_description": "AADSTS90055: too many"}).also(
            Retry_After=str(fault.told.get("seconds", 10))
        )
    if fault.kind == "unavailable":
        return Answer(503, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: try again"})
    number = int(str(fault.told.get("code", "7000215")).removeprefix("AADSTS"))
    status, error = int(fault.told.get("status", 401)), str(fault.told.get("error", "invalid_client"))
    return SignInRefused(status, error, number, "scripted.").answer
