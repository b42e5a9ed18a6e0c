"""Does this presence server take what we publish? Nothing is left behind: what is tried is withdrawn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from backsoon.switchboards.base import Surroundings, SwitchboardDenied, SwitchboardError
from backsoon.switchboards.finding import Finding, Level
from backsoon.switchboards.sip_presence.driver import switchboard_errors
from backsoon.switchboards.sip_presence.pidf import CONTENT_TYPE, document
from backsoon.switchboards.sip_presence.render import Plan, Told
from backsoon.switchboards.sip_presence.settings import SipPresenceSettings
from backsoon.wire.sip import TOKEN, Response
from backsoon.wire.sip_client import SipClient, open_sip

LIFE = 60
"""Seconds that the tried publication would last if we died before it is withdrawn."""
LONG = 300
"""Seconds that a referral may be seen too long without a word of warning."""

REMEDIES = {
    403: "let the account publish for other addresses than its own",
    404: "set domain to one that the server serves",
    405: "load the server's presence module and let it handle PUBLISH",
    481: "load the server's presence module and let it handle PUBLISH",
    489: "let the server know the event package `presence`",
    501: "load the server's presence module and let it handle PUBLISH",
}


async def check(settings: SipPresenceSettings, surroundings: Surroundings) -> list[Finding]:
    """Try the server as a run would. Never raises `SwitchboardError`: that is a finding."""
    findings = privacy(settings)
    try:
        with switchboard_errors():
            async with open_sip(settings.address, settings.account, settings.times) as client:
                findings += [finding async for finding in _look(client, settings, surroundings.now)]
    except SwitchboardDenied as error:
        remedy = "check username and password; the server must know the account by digest (MD5 or SHA-256)"
        findings.append(Finding(Level.ERROR, str(error), remedy))
    except SwitchboardError as error:
        findings.append(
            Finding(Level.ERROR, str(error), "check host, port, transport and ca_file; see whether it runs")
        )
    return findings


def privacy(settings: SipPresenceSettings) -> list[Finding]:
    """Whether somebody between here and there could read along."""
    if settings.address.private:
        return []
    text = f"what people are doing is told to {settings.address.host} without TLS: it can be read on the way"
    return [Finding(Level.WARNING, text, 'write transport = "tls", where the server has it')]


async def _look(
    client: SipClient, settings: SipPresenceSettings, now: Callable[[], datetime]
) -> AsyncIterator[Finding]:
    own = settings.own_address
    answer = await client.request("OPTIONS", f"sip:{settings.domain}", own, [("Accept", CONTENT_TYPE)])
    program = answer.headers.get("server") or answer.headers.get("user-agent")
    shown = "".join(c for c in program if c.isprintable())[:60]
    yield Finding(Level.OK, f"it answers ({shown or answer.said})")
    body = document(own, Told(None, Plan()), now())
    response, life = await _published(client, settings, body)
    if not 200 <= response.status < 300:
        remedy = REMEDIES.get(response.status, "see the server's log for why")
        yield Finding(Level.ERROR, f"the publication of {own} was refused: {response.said}", remedy)
        return
    tag = response.headers.get("sip-etag")
    if not TOKEN.fullmatch(tag):
        text = "the answer to a publication has no entity tag: it could neither be changed nor withdrawn"
        yield Finding(Level.ERROR, text, "use a server that keeps RFC 3903; a proxy in between may take it out")
        return
    if life > LONG:
        text = f"publications last {life} s at least: a referral may be seen so long after Backsoon has ended"
        yield Finding(Level.WARNING, text, "lower the least life of publications at the server (Kamailio: min_expires)")
    gone = await client.request("PUBLISH", own, own, [*_fields(0), ("SIP-If-Match", tag)])
    if 200 <= gone.status < 300:
        yield Finding(Level.OK, f"it takes and withdraws the publication of {own}")
    else:
        text = f"it takes the publication of {own}, and does not let it be withdrawn: {gone.said}"
        yield Finding(Level.ERROR, text, "see the server's log for why")


async def _published(client: SipClient, settings: SipPresenceSettings, body: bytes) -> tuple[Response, int]:
    """The answer to a publication of ours, and how many seconds it was to last."""
    own, life = settings.own_address, LIFE
    content = [("Content-Type", CONTENT_TYPE)]
    response = await client.request("PUBLISH", own, own, [*_fields(life), *content], body)
    least = response.headers.seconds("min-expires")
    if response.status == 423 and least:
        life = least
        response = await client.request("PUBLISH", own, own, [*_fields(life), *content], body)
    return response, life


def _fields(life: int) -> list[tuple[str, str]]:
    return [("Event", "presence"), ("Expires", str(life))]
