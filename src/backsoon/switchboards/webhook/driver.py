"""A receiver of signed requests as a switchboard.

It cannot be asked what it holds, so what it acknowledged last is taken for that (`read_back` answers None). Messages
are absolute and numbered by a version that only grows: one that comes twice, or late, changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import Organisation
from backsoon.switchboards.base import (
    Finding,
    Presentation,
    Rendered,
    Surroundings,
    SwitchboardDenied,
    SwitchboardError,
)
from backsoon.switchboards.webhook.judging import unconnected
from backsoon.switchboards.webhook.message import Keys
from backsoon.switchboards.webhook.patience import Patience
from backsoon.switchboards.webhook.receiver import Receiver
from backsoon.switchboards.webhook.render import render
from backsoon.switchboards.webhook.session import WebhookSession
from backsoon.switchboards.webhook.settings import WebhookSettings
from backsoon.switchboards.webhook.trouble import Trouble
from backsoon.switchboards.webhook.versions import Versions
from backsoon.wire.http import HttpError
from backsoon.wire.outward import Outward, Resolve, system_resolve
from backsoon.wire.tls import client_context


class WebhookSwitchboard:
    """One receiver. See `backsoon.switchboards.base.Switchboard` for what it promises."""

    def __init__(
        self, settings: WebhookSettings, surroundings: Surroundings, resolve: Resolve = system_resolve
    ) -> None:
        """`resolve` is how host names become addresses."""
        self.settings = settings
        self.surroundings = surroundings
        self._resolve = resolve
        self._versions = Versions(surroundings.keep, surroundings.now)
        self._patience = Patience(surroundings.now)
        self._trouble = Trouble(settings.times)

    def render(self, presentation: Presentation) -> Rendered:
        """See `render.render`."""
        return render(presentation)

    async def check(self, organisation: Organisation) -> list[Finding]:
        """See `check.check`."""
        from backsoon.switchboards.webhook.check import check

        return await check(self.settings, self.surroundings, self._resolve)

    def session(self) -> AbstractAsyncContextManager[WebhookSession]:
        """See that the receiver is there. Raises `SwitchboardDenied` where a secret is none, `SwitchboardError`."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[WebhookSession]:
        receiver = self._receiver()
        try:
            await _reach(receiver)
            session = WebhookSession(receiver)
            watching = asyncio.create_task(session.watch())
            try:
                yield session
            finally:
                session.end("the session was closed")
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
        finally:
            await receiver.outward.close()

    def _receiver(self) -> Receiver:
        told, now = self.settings, self.surroundings.now
        keys, outward = keys_of(told, self.surroundings), outward_of(told, self._resolve)
        return Receiver(outward, told, keys, self._versions, now, self._patience, self._trouble)


async def _reach(receiver: Receiver) -> None:
    try:
        await receiver.outward.reach()
    except HttpError as error:
        raise receiver.error(unconnected(error)) from None


def keys_of(settings: WebhookSettings, surroundings: Surroundings) -> Keys:
    """What is signed with. Raises `SwitchboardDenied`."""
    try:
        return Keys.of(settings, surroundings.secret)
    except BacksoonError as error:
        denied = SwitchboardDenied(str(error))
        denied.remedy = getattr(error, "remedy", denied.remedy)
        raise denied from None


def outward_of(settings: WebhookSettings, resolve: Resolve = system_resolve) -> Outward:
    """The connections to a receiver. Raises `SwitchboardError`."""
    try:
        tls = client_context(settings.ca_file)
    except BacksoonError as error:
        raise SwitchboardError(str(error)) from None
    deadline = settings.times.deadline
    return Outward(settings.url, named=settings.internal, tls=tls, deadline=deadline, resolve=resolve)
