"""What Exchange says went wrong, in our words: one error and one remedy for each kind of mistake.

The names are Microsoft's response codes (ResponseCodeType in messages.xsd). Message texts are never repeated: they may
quote what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from backsoon.sources.base import (
    SourceBroken,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceMissing,
    SourceTooLarge,
    SourceUnavailable,
)
from backsoon.wire.auth import BadCredentials
from backsoon.wire.http import BadCertificate, HttpError, TimedOut, TooLarge, Unreachable
from backsoon.wire.throttle import Blocked
from backsoon.wire.xml import BadXml

MAX_BACK_OFF: Final = 3_600.0
USUAL_BACK_OFF: Final = 10.0
"""Seconds to wait where a server is busy and does not say for how long."""

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")

BUSY: Final = frozenset(
    {
        "ErrorServerBusy",
        "ErrorExceededConnectionCount",
        "ErrorTooManyObjectsOpened",
    }
)
"""The account is asked to wait."""
NO_MORE_SUBSCRIPTIONS: Final = "ErrorExceededSubscriptionCount"
ELSEWHERE: Final = frozenset(
    {
        "ErrorNonExistentMailbox",
        "ErrorNoApplicableProxyCASServersAvailable",
        "ErrorNoDestinationCASDueToKerberosRequirements",
        "ErrorNoDestinationCASDueToSSLRequirements",
        "ErrorNoDestinationCASDueToVersionMismatch",
        "ErrorNoRespondingCASInDestinationSite",
        "ErrorProxyRequestNotAllowed",
        "ErrorProxyServiceDiscoveryFailed",
    }
)
"""What is answered of a mailbox that has moved to where the server that was asked does not reach."""
WRONG_VERSION: Final = frozenset({"ErrorInvalidServerVersion", "ErrorIncorrectSchemaVersion", "ErrorSchemaValidation"})
"""What a server answers that does not know the version of a request (the last: Exchange 2007)."""
NOT_SHARED: Final = frozenset({"ErrorAccessDenied", "ErrorItemNotFound", "ErrorFolderNotFound"})
"""What is answered to a delegate with whom a calendar is not shared."""
TOO_WIDE: Final = frozenset({"ErrorCalendarViewRangeTooBig", "ErrorExceededFindCountLimit", "ErrorTimeIntervalTooBig"})

_MISSING: Final = {
    "ErrorNonExistentMailbox": "there is no such mailbox",
    "ErrorMailRecipientNotFound": "there is no such mailbox",
    "ErrorMissingEmailAddress": "the account has no mailbox",
    "ErrorInvalidSmtpAddress": "the address is none of a mailbox",
    "ErrorNonPrimarySmtpAddress": "the address is not the mailbox's primary one",
    "ErrorFolderNotFound": "there is no such calendar",
    "ErrorItemNotFound": "there is no such calendar",
    "ErrorMailboxConfiguration": "the mailbox is not set up",
}
_DENIED: Final = {
    "ErrorAccessDenied": "the account may not read this calendar",
    "ErrorNoFreeBusyAccess": "the account may not see when this person is busy",
    "ErrorImpersonateUserDenied": "the account may not act for this mailbox",
    "ErrorImpersonationDenied": "the account may not act for other mailboxes",
    "ErrorImpersonationFailed": "the account cannot act for this mailbox",
    "ErrorCalendarIsNotAnAccessibleFolder": "the account may not read this calendar",
    "ErrorAccountDisabled": "the account, or the mailbox's, is disabled",
    "ErrorPasswordExpired": "the account's password has expired",
    "ErrorPasswordChangeRequired": "the account's password must be changed",
    "ErrorMailboxLogonFailed": "the mailbox cannot be signed in to",
    "ErrorSubscriptionDelegateAccessNotSupported": "this server tells delegates of no changes",
    NO_MORE_SUBSCRIPTIONS: "the server allows no more subscriptions",
}
_PASSING: Final = {
    "ErrorMailboxMoveInProgress": "the mailbox is being moved",
    "ErrorMailboxStoreUnavailable": "the mailbox's database is not available",
    "ErrorMailboxFailover": "the mailbox's database is changing servers",
    "ErrorTimeoutExpired": "the server took too long",
}
_REMEDIES: Final = {
    "ErrorNonExistentMailbox": "check the person's e-mail address; a mailbox in Microsoft 365 needs a connection of "
    "kind graph",
    "ErrorNonPrimarySmtpAddress": "use the mailbox's primary address",
    "ErrorAccessDenied": "share the calendar with the account (Reviewer), or use access = impersonation",
    "ErrorFolderNotFound": "share the calendar with the account (Reviewer), or use access = impersonation",
    "ErrorItemNotFound": "share the calendar with the account (Reviewer), or use access = impersonation",
    "ErrorImpersonateUserDenied": "give the account the role ApplicationImpersonation, with a scope that holds this "
    "mailbox (New-ManagementRoleAssignment), and wait until the servers know of it",
    "ErrorImpersonationDenied": "give the account the role ApplicationImpersonation (New-ManagementRoleAssignment)",
    "ErrorMailboxMoveInProgress": "nothing to do: it is read again when the move is over",
    "ErrorPasswordExpired": "give the account a new password, best one that does not expire",
    NO_MORE_SUBSCRIPTIONS: "raise EWSMaxSubscriptions in the account's throttling policy (Set-ThrottlingPolicy); "
    "those of a program that has ended are gone half an hour later",
    "ErrorInvalidServerVersion": "set version to the one of the server, or to auto",
}


_NOT_EWS: Final = "see whether the address in url answers, and not a proxy or a sign-in page before it"
OF_MAILBOX: Final = frozenset(_MISSING) | frozenset(_DENIED) | frozenset(_PASSING)
"""What concerns a mailbox itself, whichever server is asked."""


class EwsFailure(Exception):
    """The server answered with an error code; `back_off` seconds where it asked us to wait, `server` its version."""

    def __init__(self, code: str, back_off: float | None = None) -> None:
        self.code = known_code(code)
        self.back_off = back_off
        super().__init__(self.code)

    def as_source_error(self) -> SourceError:
        """The error of the contract."""
        return source_error(self.code, self.back_off)


def known_code(text: str | None) -> str:
    """A response code as it may be shown: a name and nothing else."""
    found = _CODE.fullmatch((text or "").strip())
    return found.group() if found else "an error without a name"


def source_error(code: str, back_off: float | None = None) -> SourceError:
    """The error of the contract for a response code."""
    if code in BUSY:
        return SourceBusy(
            f"Exchange asks to wait ({code})",
            retry_after=USUAL_BACK_OFF if back_off is None else min(back_off, MAX_BACK_OFF),
        )
    error: SourceError
    if code in _MISSING:
        error = SourceMissing(f"{_MISSING[code]} ({code})")
    elif code in _DENIED:
        error = SourceDenied(f"{_DENIED[code]} ({code})")
    elif code in TOO_WIDE:
        error = SourceTooLarge(f"the window is too wide for the server ({code})")
    else:
        error = SourceUnavailable(f"{_PASSING.get(code, 'Exchange could not answer')} ({code})", retry_after=back_off)
    return with_remedy(error, _REMEDIES.get(code, ""))


def with_remedy(error: SourceError, remedy: str) -> SourceError:
    """The same error with its own remedy, where there is one."""
    if remedy:
        error.remedy = remedy
    return error


@contextmanager
def source_errors(*, named: bool = True) -> Iterator[None]:
    """Turn what goes wrong on the wire into the errors of the contract.

    `named` False: an `EwsFailure` stays one, for whoever knows better what it means.
    """
    try:
        yield
    except EwsFailure as error:
        if not named:
            raise
        raise error.as_source_error() from None
    except Blocked as error:
        raise SourceBusy("Exchange asked to wait", retry_after=error.seconds) from None
    except TooLarge as error:
        raise SourceTooLarge(str(error)) from None
    except BadCertificate as error:
        remedy = "name the certificate authority's file in ca_file, or mend the server's certificate"
        raise with_remedy(SourceUnavailable(str(error)), remedy) from None
    except (Unreachable, TimedOut) as error:
        raise SourceUnavailable(str(error)) from None
    except BadCredentials as error:
        raise SourceDenied(str(error)) from None
    except BadXml as error:
        raise with_remedy(SourceBroken(f"the answer is none of EWS, mostly a web page ({error})"), _NOT_EWS) from None
    except HttpError as error:
        raise with_remedy(SourceBroken(str(error)), _NOT_EWS) from None
