"""Does this receiver take what we send? A test message is sent to it, which says nothing of anybody."""

from __future__ import annotations

from backsoon.domain.address import this_machine
from backsoon.switchboards.base import Surroundings, SwitchboardError
from backsoon.switchboards.finding import Finding, Level
from backsoon.switchboards.webhook.driver import keys_of, outward_of
from backsoon.switchboards.webhook.judging import Judged, Meaning, judged, unanswered
from backsoon.switchboards.webhook.message import trial_message
from backsoon.switchboards.webhook.settings import WebhookSettings
from backsoon.wire.http import HttpError, parse_address
from backsoon.wire.outward import Resolve, system_resolve


async def check(
    settings: WebhookSettings, surroundings: Surroundings, resolve: Resolve = system_resolve
) -> list[Finding]:
    """Send a test message, and tell what came. Never raises `SwitchboardError`: that is a finding."""
    try:
        found = await _sent(settings, surroundings, resolve)
    except SwitchboardError as error:
        return [Finding(Level.ERROR, str(error), error.remedy)]
    origin = str(parse_address(settings.url).origin())
    if found.meaning is Meaning.DONE:
        return [*_privacy(settings), Finding(Level.OK, f"{origin}: it took a signed test message")]
    if found.meaning is Meaning.REFUSED:
        remedy = "let it answer 2xx to messages of a type that it does not know"
        return [*_privacy(settings), Finding(Level.WARNING, f"{origin}: {found.why}", remedy)]
    return [*_privacy(settings), Finding(Level.ERROR, f"{origin}: {found.why}", found.remedy)]


async def _sent(settings: WebhookSettings, surroundings: Surroundings, resolve: Resolve) -> Judged:
    keys, outward = keys_of(settings, surroundings), outward_of(settings, resolve)
    message = trial_message(settings, surroundings.now())
    try:
        answer = await outward.post(message.body, keys.headers(message, surroundings.now()))
    except HttpError as error:
        return unanswered(error)
    finally:
        await outward.close()
    return judged(answer, surroundings.now())


def _privacy(settings: WebhookSettings) -> list[Finding]:
    """Whether somebody between here and there could read along."""
    url = parse_address(settings.url)
    if url.scheme == "https" or this_machine(url.host or ""):
        return []
    text = f"{url.origin()} is told without TLS: whoever is between here and there reads where everybody is"
    return [Finding(Level.WARNING, text, "use https")]
