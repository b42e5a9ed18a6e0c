"""Signing in at Google as the user with whom everybody shares: in a browser, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backsoon.config import ConfigError, Problem
from backsoon.domain.organisation import Connection


async def sign_in(
    connection: Connection, client: Path, port: int, show: Callable[[str], None], *, seconds: float = 300.0
) -> tuple[Path, list[str]]:
    """Wait until somebody has consented at the address that `show` is given, and write the connection's file.

    `client` is the OAuth client's JSON. Gives the file and the rights that it covers, without their addresses.
    Raises `ConfigError`, `SourceError`.
    """
    from backsoon.sources.google.signin import signing_in
    from backsoon.wire.http import Http
    from backsoon.wire.tls import client_context

    path, ca_file = Path(str(connection.settings["credentials"])), str(connection.settings.get("ca_file", ""))
    async with (
        Http(tls=client_context(Path(ca_file) if ca_file else None)) as http,
        signing_in(str(client), http, port=port) as pending,
    ):
        show(pending.address)
        try:
            granted = await pending.finish(path, seconds=seconds)
        except OSError as error:
            what = error.strerror or "it cannot be written"
            raise ConfigError([Problem(str(path), "", what, "make its folder writable for this account")]) from None
    return path, sorted(right.rpartition("/")[2] for right in granted)
