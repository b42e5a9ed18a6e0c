"""What Graph says when it refuses, in our words. Sources: Microsoft Graph reference, "Error responses", "Throttling
guidance", "Outlook error codes"; Microsoft Entra, "Authentication and authorization error codes" (AADSTS).

Codes are quoted where they look like codes; messages never: they may hold addresses, titles or parts of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
)
from backsoon.wire.http import BadCertificate, Cut, HttpError, TimedOut, TooLarge, Unreachable, retry_after

_CODE: Final = re.compile(r"[A-Za-z0-9_.]{1,64}")
_STALE: Final = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired", "resyncchangesapplydifferences"})
_NO_MAILBOX: Final = frozenset(
    {"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi", "resourcenotfound_mailbox", "errormailboxnotfound"}
)
DEFAULT_WAIT: Final = 10.0
"""Seconds to wait where the vendor throttles and does not say for how long."""

CONSENT = (
    "give the application the right Calendars.Read: to a group of mailboxes by RBAC for Applications, or in the whole"
    " tenant by the administrator's consent; then wait up to two hours"
)
NO_MAILBOX = (
    "the mailbox has no licence for Exchange Online, or still lives on premises: give it one, move it, or read it"
    " through a connection of kind ews"
)


class NotGraphs(SourceBroken):
    """Something answers in the place of Microsoft 365: a proxy's page, a gateway that leads elsewhere."""

    remedy = (
        "something on the way answers in Microsoft's place, mostly a proxy with a page of its own: let this machine"
        " reach graph.microsoft.com and login.microsoftonline.com (of a national cloud: its own) past it"
    )


class Stale(Exception):
    """The vendor does not know the delta token any more (410, `syncStateNotFound`): everything is to be read."""


class Told(msgspec.Struct):
    """What an error says. `code` is "" where it has none that looks like one."""

    code: str = ""
    crowded: bool = False
    """Too many at once at one mailbox, rather than too many altogether."""


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Envelope(msgspec.Struct):
    error: _Error


_decode = msgspec.json.Decoder(_Envelope, strict=False).decode


def told(body: bytes) -> Told:
    """The error in an answer's body."""
    try:
        error = _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Told()
    code = error.code if _CODE.fullmatch(error.code) else ""
    return Told(code, "mailboxconcurrency" in (error.code + error.message).replace(" ", "").lower())


def remedied(error: SourceError, remedy: str) -> SourceError:
    """The error with a remedy of its own."""
    error.remedy = remedy
    return error


def is_stale(status: int, body: bytes) -> bool:
    """Whether an answer says that a delta token is not known any more."""
    return status == 410 or (400 <= status < 500 and told(body).code.lower() in _STALE)


def is_gone(status: int, body: bytes) -> bool:
    """Whether an answer says that there is no such event; where there is no such mailbox it says nothing of events."""
    return status == 404 and told(body).code.lower() not in _NO_MAILBOX


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """The error for an answer that is none of those hoped for."""
    said = told(body)
    named = f"{status} {said.code}".rstrip()
    wait = retry_after(headers)
    if status == 429 and said.crowded:  # it concerns this mailbox, and keeps nobody else waiting
        return SourceUnavailable(
            f"too much is asked of this mailbox at once ({named})", retry_after=wait or DEFAULT_WAIT
        )
    if status == 429:
        return SourceBusy(f"Microsoft 365 asks to wait ({named})", retry_after=DEFAULT_WAIT if wait is None else wait)
    if said.code.lower() in _NO_MAILBOX:
        return remedied(SourceMissing(f"there is no mailbox in the cloud at that address ({named})"), NO_MAILBOX)
    if status == 401:
        remedy = "see that this machine's clock is right, and that tenant and cloud are those of the application"
        return remedied(SourceDenied(f"Microsoft 365 does not accept the token ({named})"), remedy)
    if status == 403:
        return remedied(SourceDenied(f"the application may not read this mailbox's calendar ({named})"), CONSENT)
    if status in (404, 410):
        remedy = "see that the address is a mailbox's main one in this tenant, and that it has a licence"
        return remedied(SourceMissing(f"there is no such mailbox in the tenant ({named})"), remedy)
    if status >= 500 or status in (408, 409, 412, 423):
        return SourceUnavailable(f"Microsoft 365 cannot answer now ({named})", retry_after=wait)
    if status < 300:
        return NotGraphs(f"status {status} with something that is no answer of Graph's (a login page?)")
    if status < 400:
        return NotGraphs(f"status {status}: a redirect, which was not followed")
    return remedied(SourceBroken(f"Microsoft 365 does not understand the request ({named})"), "report it as a defect")


@contextmanager
def http_errors() -> Iterator[None]:
    """Turns errors of the transport into ours."""
    try:
        yield
    except BadCertificate as error:
        raise remedied(SourceUnavailable(str(error)), "name the file of your authority as ca_file") from None
    except TooLarge as error:
        raise SourceTooLarge(str(error)) from None
    except (Unreachable, TimedOut, Cut) as error:
        raise SourceUnavailable(str(error)) from None
    except HttpError as error:
        raise SourceBroken(str(error)) from None


# -- signing in ------------------------------------------------------------------------------------------------------

_AADSTS: Final = re.compile(r"AADSTS(\d{4,7})")
_SIGN_IN: Final[Mapping[str, tuple[str, str]]] = {
    "7000215": (
        "the client secret is wrong",
        "write the secret's *value*, not its id; it is shown once, when it is made",
    ),
    "7000222": ("the client secret has expired", "make a new one in the app's Certificates & secrets, and store it"),
    "7000216": ("neither a secret nor a certificate was shown", "write client_secret or certificate"),
    "90002": ("there is no such tenant", "write the Directory (tenant) id; see that cloud is the tenant's own"),
    "900023": ("the tenant is no name of one", "write the Directory (tenant) id from the app's overview"),
    "700016": (
        "the application is not in this tenant",
        "see that client_id and tenant belong together, and that an administrator has consented",
    ),
    "7000229": ("the application is not in this tenant", "have an administrator of the tenant consent to it"),
    "7000112": ("the application has been switched off", "enable it in the tenant's Enterprise applications"),
    "500011": ("Graph is not known in this tenant", "set cloud to the national cloud that the tenant lives in"),
    "700027": ("the certificate is not the application's", "upload it in the app's Certificates & secrets"),
    "700024": ("this machine's clock is wrong", "set the clock (NTP): the signed assertion is not valid at this time"),
    "53003": (
        "a Conditional Access policy refuses the application",
        "take it out of the policy for workload identities",
    ),
    "50196": ("it was tried too often", "nothing to do: it is tried again later"),
}


def sign_in_refused(said: Mapping[str, object]) -> SourceError:
    """The error for an answer of the token endpoint that is no token."""
    found = _AADSTS.search(str(said.get("error_description", "")))
    code = found[1] if found else ""
    if str(said.get("error", "")) == "temporarily_unavailable" or code in ("90033", "90012", "50196", "50058"):
        return SourceUnavailable(f"signing in to Microsoft 365 is not possible now (AADSTS{code})", retry_after=60.0)
    known = _SIGN_IN.get(code)
    if known is not None:
        return remedied(SourceDenied(f"signing in to Microsoft 365: {known[0]} (AADSTS{code})"), known[1])
    error = str(said.get("error", ""))
    named = f"AADSTS{code}" if code else (error if _CODE.fullmatch(error) else "no reason given")
    remedy = "check tenant, client_id and the secret or certificate; look the code up at Microsoft's"
    return remedied(SourceDenied(f"signing in to Microsoft 365 was refused ({named})"), remedy)
