"""From settings to objects: which driver tells a switchboard.

A new kind of ours is one line here; kinds of others come by plug-ins, which never replace one of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backsoon.config import secret
from backsoon.config.plugins import SWITCHBOARDS, BrokenPlugin, described, failure, switchboard_kind, unread
from backsoon.domain.errors import BacksoonError
from backsoon.domain.organisation import SwitchboardSettings
from backsoon.engine.defects import where
from backsoon.store.base import NotStored, Store
from backsoon.switchboards.base import (
    NOTHING,
    MemoryKeep,
    Presentation,
    Rendered,
    Session,
    Surroundings,
    Switchboard,
    SwitchboardError,
)

if TYPE_CHECKING:
    from backsoon.switchboards.asterisk import AsteriskSettings

log = logging.getLogger(__name__)

MEND = "mend the settings and run `backsoon apply`"


class StoredKeep:
    """What a driver remembers, in the store; and in memory as long as it lives, so that one whose switchboard was taken
    out of the settings can still clear what it shows."""

    def __init__(self, store: Store, settings: SwitchboardSettings) -> None:
        self._store = store
        self._place = settings.organisation, settings.name
        self._known: dict[str, str] | None = None

    async def all(self) -> Mapping[str, str]:
        """See `Keep`. Raises `StoreError`."""
        return dict(await self._loaded())

    async def save(self, values: Mapping[str, str | None]) -> None:
        """See `Keep`. Raises `StoreError`: then nothing of it is remembered here either.

        It costs what these values cost, however many are kept, and leaves alone what is saved meanwhile.
        """
        known = await self._loaded()  # before the store forgets it
        with suppress(NotStored):  # it is gone from the settings, and what is kept with it
            await self._store.save_kept(*self._place, values)
        for key, value in values.items():
            if value is None:
                known.pop(key, None)
            else:
                known[key] = value

    async def _loaded(self) -> dict[str, str]:
        if self._known is None:
            stored = dict(await self._store.kept(*self._place))
            if self._known is None:  # of two who read at once the first counts: it may have been changed since
                self._known = stored
        return self._known


def surroundings_of(settings: SwitchboardSettings, store: Store, now: Callable[[], datetime]) -> Surroundings:
    """What the driver of a switchboard in the store is given; `now` gives the instant in UTC."""
    return Surroundings(StoredKeep(store, settings), now, secret)


def passing(now: Callable[[], datetime]) -> Surroundings:
    """For a driver that is made for one try only: nothing is remembered."""
    return Surroundings(MemoryKeep(), now, secret)


class Unusable:
    """Stands for a switchboard whose settings cannot be used: it is down, for that reason, and harms no other."""

    def __init__(self, why: SwitchboardError) -> None:
        self.why = why

    def render(self, presentation: Presentation) -> Rendered:
        """Nothing is shown."""
        return NOTHING

    def session(self) -> AbstractAsyncContextManager[Session]:
        """One that raises why as soon as it is entered."""
        return _Refusing(self.why)


class _Refusing(AbstractAsyncContextManager[Session]):
    def __init__(self, why: SwitchboardError) -> None:
        self._why = why

    async def __aenter__(self) -> Session:
        raise self._why

    async def __aexit__(self, *_: object) -> None:
        pass


def switchboard_of(settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
    """The driver of a switchboard; one that is down for that reason where its settings cannot be used."""
    make = _SWITCHBOARDS.get(settings.kind, _of_a_plugin)
    try:
        return make(settings, surroundings)
    except BacksoonError as error:
        return Unusable(_why(str(error), getattr(error, "remedy", MEND)))
    except Exception as error:
        if settings.kind in _SWITCHBOARDS:
            if isinstance(error, (ValueError, OSError)):
                return Unusable(_why(str(error), MEND))
            raise
        log.warning("switchboard %s: %s", settings.name, where(error))
        text = f"{described(SWITCHBOARDS, settings.kind)} failed: {failure(error)}"
        return Unusable(_why(text, BrokenPlugin.remedy))


def _why(text: str, remedy: str) -> SwitchboardError:
    why = SwitchboardError(text)
    why.remedy = remedy
    return why


def _of_a_plugin(settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
    if (broken := unread(settings.settings)) is not None:
        raise broken
    kind = switchboard_kind(settings.kind)
    if kind is None:
        raise BrokenPlugin(f"{settings.kind!r} is no kind of switchboard, nor does a plug-in bring it")
    made = kind.make(settings, surroundings)
    if not isinstance(made, Switchboard):
        raise BrokenPlugin(f"{described(SWITCHBOARDS, settings.kind)} makes no switchboard")
    return made


def asterisk_settings(settings: SwitchboardSettings, secret: Callable[[str], str]) -> AsteriskSettings:
    """How an Asterisk is reached. Raises `BacksoonError`, `OSError`."""
    from backsoon.switchboards.asterisk import AsteriskSettings
    from backsoon.switchboards.asterisk.pace import PaceSettings
    from backsoon.wire.ami_client import AmiAccount, AmiAddress
    from backsoon.wire.tls import client_context

    told = settings.settings
    ca_file = str(told.get("ca_file", ""))
    tls = client_context(Path(ca_file) if ca_file else None) if told.get("tls") else None
    pace = PaceSettings(limit=float(str(told["lamps_per_second"]))) if "lamps_per_second" in told else PaceSettings()
    return AsteriskSettings(
        AmiAddress(str(told.get("host", "127.0.0.1")), int(str(told.get("port", 5038))), tls),
        AmiAccount(str(told.get("username", "backsoon")), secret(str(told.get("secret", "")))),
        pace,
    )


def _asterisk(settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
    from backsoon.switchboards.asterisk import AsteriskSwitchboard

    return AsteriskSwitchboard(asterisk_settings(settings, surroundings.secret), _spoken)


def _spoken() -> str:
    from backsoon.voice.dialplan import spoken_text

    return spoken_text()


def _sip_presence(settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
    from backsoon.switchboards.sip_presence import SipPresenceSwitchboard
    from backsoon.switchboards.sip_presence.reading import settings_of

    return SipPresenceSwitchboard(settings_of(settings.settings, surroundings.secret), surroundings)


def _webhook(settings: SwitchboardSettings, surroundings: Surroundings) -> Switchboard:
    from backsoon.switchboards.webhook import WebhookSwitchboard
    from backsoon.switchboards.webhook.settings import settings_of

    return WebhookSwitchboard(settings_of(settings, surroundings.secret), surroundings)


_SWITCHBOARDS: Mapping[str, Callable[[SwitchboardSettings, Surroundings], Switchboard]] = {
    "asterisk": _asterisk,
    "sip_presence": _sip_presence,
    "webhook": _webhook,
}
