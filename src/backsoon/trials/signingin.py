"""Whether people can sign in by the issuers that the settings name: discovery and keys are read, nobody signs in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from backsoon.config import Config, SecretError, secret
from backsoon.domain.errors import BacksoonError
from backsoon.domain.signin import Issuer
from backsoon.trials.trying import Tried
from backsoon.wire.http import Http
from backsoon.wire.oidc import Client, Provider
from backsoon.wire.tls import client_context

SECONDS = 10.0


async def try_issuer(config: Config, issuer: Issuer, now: datetime) -> Tried:
    """What an issuer says of itself, and whether it can be believed. Its secret is read, and tried by no one."""
    what = f"sign-in {issuer.name}"
    try:
        said = secret(issuer.client_secret) if issuer.client_secret else ""
        tls = client_context(Path(issuer.ca_file) if issuer.ca_file else None)
        async with Http(tls=tls, deadline=SECONDS) as http:
            await Provider(Client(issuer.url, issuer.client_id, said), http).discover(now)
    except BacksoonError as error:
        remedy = error.remedy if isinstance(error, SecretError) else _REMEDY
        return Tried(what, "error", str(error), remedy)
    except OSError as error:
        return Tried(what, "error", f"{issuer.ca_file}: {error.strerror}", "see that ca_file is PEM and readable")
    redirect = f"{config.sign_in.pages}/sign-in/{issuer.name}/callback"
    return Tried(what, "ok", f"its discovery document and keys were read; it must know {redirect} to send people to")


_REMEDY = "see that issuer is the address that it calls itself by, and that this machine may reach it"
