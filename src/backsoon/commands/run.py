"""`backsoon run`: everything, until it is told to stop."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from backsoon.commands import output
from backsoon.commands.options import ConfigOption

if TYPE_CHECKING:
    from backsoon.config import Config

log = logging.getLogger(__name__)


def run(config: ConfigOption = None) -> None:
    """Run until SIGTERM: read calendars, drive switchboards, answer at the socket."""
    from backsoon import wiring
    from backsoon.config import load

    settings = output.trying(lambda: load(config))
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    output.run(_prepare(settings))
    output.trying(lambda: wiring.run_blocking(lambda: wiring.run(settings, _started)))


async def _prepare(config: Config) -> None:
    """Take over the settings where the store has none yet; otherwise say that they differ."""
    from backsoon.config import applying
    from backsoon.wiring import open_offline

    async with open_offline(config) as backsoon:
        found = await applying.differences(backsoon.store, config)
        if not await backsoon.store.organisations():
            await applying.apply(backsoon.store, config)
        elif found:
            log.warning("%d settings in %s are not in force; `backsoon apply` shows them", len(found), config.path)


def _started() -> None:
    log.info("running")
