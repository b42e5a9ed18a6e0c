"""What Google says when it refuses, in our words. Sources: Google's "Handle API errors" of the Calendar API,
"Using OAuth 2.0 for server to server applications" (error codes), "Push notifications".

Reasons are quoted where they are one of Google's words; messages never: they may hold addresses or titles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from backsoon.sources.google.settings import EVENTS
from backsoon.wire.http import (
    BadAddress,
    BadCertificate,
    BadRedirect,
    Cut,
    HttpError,
    TimedOut,
    TooLarge,
    retry_after,
)

_WORD: Final = re.compile(r"[A-Za-z_.]{1,64}")
_BUSY: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
)
_FOR_TODAY: Final = frozenset({"dailyLimitExceeded", "dailyLimitExceededUnreg"})
_NO_SCOPE: Final = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientScopes"})
_API_OFF: Final = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
UNTIL_TOMORROW: Final = 3_600.0
"""How long (seconds) nothing is asked when the day's quota is used up; it comes back at midnight in California."""


class NotGoogles(SourceBroken):
    """Something answers in Google's place: a proxy's page, a gateway that leads elsewhere."""

    remedy = (
        "something on the way answers in Google's place, mostly a proxy with a page of its own: let this machine reach"
        " www.googleapis.com and oauth2.googleapis.com past it"
    )


class NotShared(SourceMissing):
    """404: the calendar is not shared with this account, or there is none at that address; Google tells neither."""

    remedy = "share the calendar with the account's address and the right to see all event details, or mend the address"


class NotAllowed(SourceDenied):
    """403: the account may not do that with this calendar."""

    remedy = "share the calendar with the account's address, with the right to see all event details"


class ScopeMissing(SourceDenied):
    """403: the consent does not cover what was asked."""

    remedy = f"consent to {EVENTS}: sign in again, or add it to the domain-wide delegation in the admin console"


class ApiDisabled(SourceDenied):
    """403: the Calendar API is not switched on in the project that the credentials belong to."""

    remedy = "open APIs & Services in the Google Cloud console and enable the Google Calendar API for this project"


class NoCalendarUser(SourceMissing):
    """403: the mailbox has no Google Calendar."""

    remedy = "switch Google Calendar on for this user in the admin console"


class SignInFailed(SourceDenied):
    """Google took a token back, or never knew it."""

    remedy = "make a new key or sign in again"


class DelegationMissing(SourceDenied):
    """`unauthorized_client`: the service account may not act for others, or not to this extent."""

    remedy = (
        "in the admin console under Security, API controls, Domain-wide delegation, add the service account's"
        f" client id with the scope {EVENTS}"
    )


class KeyRefused(SourceDenied):
    """`invalid_grant`: the key is disabled or deleted, or the service account is."""

    remedy = "see in the Google Cloud console whether the service account and this key still exist; make a new key"


class ConsentGone(SourceDenied):
    """`invalid_grant`: the user's consent has expired or was taken back."""

    remedy = (
        "sign in again with `backsoon calendars sign-in`; the consent of an app whose publishing status is Testing"
        " lasts seven days"
    )


class ClockOff(SourceDenied):
    """`invalid_grant`: to Google the assertion is from the past or from the future."""

    remedy = "set this machine's clock (NTP): Google refuses an assertion that is off by more than some minutes"


class NoSuchUser(SourceMissing):
    """`invalid_grant`: there is no such mailbox in the domain that delegated."""

    remedy = "check the mailbox's address: it must be a user's main address in this Google Workspace domain"


class ClientRefused(SourceDenied):
    """`invalid_client` and its kin: the OAuth client is gone, disabled or has another secret."""

    remedy = "download the OAuth client's JSON from the Google Cloud console again, and sign in with it"


class PolicyForbids(SourceDenied):
    """An administrator's policy forbids this app."""

    remedy = "trust this app in the admin console under Security, API controls, App access control"


class TokenTooOld(SourceMissing):
    """410: the sync token cannot be used any more (`fullSyncRequired`, `updatedMinTooLongAgo`); its age, or rights
    that changed. Everything has to be read again."""

    remedy = "nothing to do: everything is read again"


class BadRequest(SourceBroken):
    """400: Google does not understand what was asked; a sync token or an id, mostly."""

    remedy = "report it with the log's lines"


class _Reason(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    status: str = ""
    errors: list[_Reason] = []
    details: list[_Reason] = []


class _Envelope(msgspec.Struct):
    error: _Error


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


def reasons(body: bytes) -> list[str]:
    """Google's words for what went wrong, the most telling first; [] where the answer holds none."""
    try:
        error = msgspec.json.decode(body, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    said = [*(each.reason for each in error.errors), *(each.reason for each in error.details), error.status]
    return [word for word in said if _WORD.fullmatch(word)]


def refused(status: int, headers: Mapping[str, str], body: bytes, backoff: float) -> SourceError:
    """The error for an answer that is none. `backoff` is the wait in seconds where Google asks for one without a
    number."""
    words = reasons(body)
    said = f"{status} {words[0]}" if words else f"{status}"
    found = set(words)
    asked = retry_after(headers)
    if found & _FOR_TODAY:
        return SourceBusy(f"{said}: the day's quota is used up", retry_after=asked or UNTIL_TOMORROW)
    if status == 429 or (status == 403 and found & _BUSY) or (status == 503 and asked is not None):
        return SourceBusy(f"{said}: Google asks to wait", retry_after=asked or backoff)
    if status == 403:
        return _forbidden(said, found)
    return _other(status, said, asked)


def _forbidden(said: str, found: set[str]) -> SourceError:
    if found & _API_OFF:
        return ApiDisabled(f"{said}: the Calendar API is not enabled")
    if found & _NO_SCOPE:
        return ScopeMissing(f"{said}: the consent does not cover this")
    if "notACalendarUser" in found:
        return NoCalendarUser(f"{said}: this user has no Google Calendar")
    if "domainPolicy" in found:
        return PolicyForbids(f"{said}: the domain's policy forbids it")
    return NotAllowed(f"{said}: the account may not read this calendar")


def _other(status: int, said: str, asked: float | None) -> SourceError:
    if status == 401:
        return SignInFailed(f"{said}: Google does not accept the token")
    if status == 404:
        return NotShared(f"{said}: not shared with this account, or no such calendar")
    if status == 410:
        return TokenTooOld(f"{said}: Google has forgotten what was read before")
    if status == 400:
        return BadRequest(f"{said}: Google does not understand the request")
    if status >= 500:
        return SourceUnavailable(f"{said}: Google cannot answer now", retry_after=asked)
    if 300 <= status < 400:
        return NotGoogles(f"{said}: redirected; that is not the Calendar API")
    return NotGoogles(f"{said}: an answer that makes no sense here")


def token_refused(status: int, body: bytes, *, user: bool) -> SourceError:
    """The error for a token that was not given (RFC 6749 section 5.2; RFC 7523). `user`: it was a user's, not a
    service account's."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refusal = _Refusal()
    said = refusal.error if _WORD.fullmatch(refusal.error) else str(status)
    if status == 429 or refusal.error == "rate_limit_exceeded":
        return SourceBusy(f"{said}: Google's sign-in asks to wait", retry_after=30.0)
    if status >= 500:
        return SourceUnavailable(f"{said}: Google's sign-in cannot answer now")
    if refusal.error == "invalid_grant":
        return _bad_grant(refusal.error_description.casefold(), user=user)
    return _grants(refusal.error, said)


def _bad_grant(description: str, *, user: bool) -> SourceError:
    if user:
        return ConsentGone("invalid_grant: the consent has expired or was taken back")
    if "iat" in description and "exp" in description:
        return ClockOff("invalid_grant: Invalid JWT (iat/exp): this machine's clock is off")
    if "invalid email or user id" in description:
        return NoSuchUser("invalid_grant: no such user in the domain")
    return KeyRefused("invalid_grant: the key or its service account is disabled or deleted")


def _grants(error: str, said: str) -> SourceError:
    if error == "unauthorized_client":
        return DelegationMissing("unauthorized_client: domain-wide delegation is not granted for this")
    if error in ("invalid_client", "disabled_client", "deleted_client"):
        return ClientRefused(f"{said}: the OAuth client is refused")
    if error in ("admin_policy_enforced", "org_internal", "access_denied"):
        return PolicyForbids(f"{said}: an administrator's policy forbids it")
    if error == "invalid_scope":
        return DelegationMissing("invalid_scope: the delegation does not cover this scope")
    return SignInFailed(f"{said}: no token was given")


def with_remedy(error: SourceError, remedy: str) -> SourceError:
    """The error with a remedy of its own."""
    error.remedy = remedy
    return error


def of_http(error: HttpError) -> SourceError:
    """The error for an exchange that failed."""
    match error:
        case TooLarge():
            return SourceTooLarge(str(error))
        case Cut():
            return with_remedy(SourceBroken(str(error)), SourceUnavailable.remedy)
        case BadRedirect() | BadAddress():
            return SourceBroken(str(error))
        case BadCertificate():
            remedy = "name the proxy's certificate authority in `ca_file`, or mend the certificate"
            return with_remedy(SourceUnavailable(str(error)), remedy)
        case TimedOut():
            return SourceUnavailable(str(error))
    return SourceUnavailable(str(error))
