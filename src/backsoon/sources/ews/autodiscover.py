"""Where EWS is: a written address, or autodiscover (POX and SOAP).

An account is sent by https only, and only to hosts within the domain of its own user name: the domain itself, and what
ends in it. Whatever autodiscover points to elsewhere is named in the error, for the administrator to write as `url` if
it is theirs. Nothing is guessed from people's addresses: somebody else's domain would be told the password.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree
from yarl import URL

from backsoon.sources.base import SourceBroken, SourceBusy, SourceDenied, SourceError, SourceMissing, SourceUnavailable
from backsoon.sources.ews.failures import USUAL_BACK_OFF, source_errors, with_remedy
from backsoon.sources.ews.settings import EwsSettings
from backsoon.sources.ews.transport import Transport
from backsoon.wire.http import HttpError, Response, parse_address, retry_after
from backsoon.wire.xml import BadXml, parse_xml

HOPS: Final = 5
FAILED_FOR, LONGEST_FAILED = 60.0, 900.0
"""Seconds for which a failure stands: at first, and after some in a row."""
LONGEST: Final = 90.0
"""Seconds that asking may take, whatever hosts say nothing: less than the reading of a calendar may."""
DOUBT_AGAIN: Final = 600.0
"""Seconds after which an address may be doubted that autodiscover gave."""
_POX: Final = "/autodiscover/autodiscover.xml"
_SOAP: Final = "/autodiscover/autodiscover.svc"
_REQUEST: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_RESPONSE: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_SETTINGS: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_ACTION: Final = f"{_SETTINGS}/Autodiscover/GetUserSettings"


class Written:
    """An address that the administrator wrote."""

    def __init__(self, url: str) -> None:
        self._url = str(parse_address(url))

    async def find(self, mailbox: str) -> str:
        """See `Addresses`."""
        return self._url

    def doubt(self) -> None:
        """See `Addresses`. It stands: who wrote it may have meant it."""


class Autodiscover:
    """Finds EWS and remembers it, until it is doubted. `bases` are where it is asked for (none: as the user name's
    domain says). What fails is remembered for a while, too: many mailboxes wait for one answer."""

    def __init__(self, settings: EwsSettings, transport: Transport, *, bases: tuple[str, ...] = ()) -> None:
        self._transport = transport
        self._user = settings.username
        self._domain = settings.username.rpartition("@")[2].lower() if "@" in settings.username else ""
        self._bases = bases or tuple(f"https://{host}" for host in (f"autodiscover.{self._domain}", self._domain))
        self._found = ""
        self._doubted = False
        self._asked_at = float("-inf")
        self._failure: SourceError | None = None
        self._failures = 0
        self._again_at = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, mailbox: str) -> str:
        """See `Addresses`. Raises `SourceError`."""
        if not self._domain:
            error = SourceMissing("the address of Exchange is not known")
            raise with_remedy(
                error, "write url, or the user name as name@example.com so that autodiscover can be asked"
            )
        if self._found and self._turn.locked():
            return self._found  # it is doubted, and asked for again: what one mailbox needs the others do not wait for
        async with self._turn:
            if (self._doubted or not self._found) and _now() >= self._again_at:
                await self._ask(self._asked_for(mailbox))
        if not self._found and self._failure is not None:
            raise self._again(self._failure)
        return self._found

    def doubt(self) -> None:
        """See `Addresses`. Autodiscover is asked again, but not time and again: it may say the same."""
        if self._found and _now() >= self._asked_at + DOUBT_AGAIN:
            self._doubted = True

    async def _ask(self, mailbox: str) -> None:
        """Ask, and remember what came of it. What was found before stands where nothing is found now."""
        self._asked_at = _now()
        try:
            async with asyncio.timeout(LONGEST):
                self._found = await self._discover(mailbox)
        except SourceError as error:
            self._failed(error)
        except TimeoutError:
            self._failed(_unanswered())
        except asyncio.CancelledError:
            self._failed(_unanswered())  # whoever asked cannot wait longer; nor shall the next one
            raise
        else:
            self._doubted, self._failure, self._failures = False, None, 0

    def _failed(self, error: SourceError) -> None:
        self._failure = error
        pause = min(FAILED_FOR * 2**self._failures, LONGEST_FAILED)
        self._failures = min(self._failures + 1, 10)
        asked = error.retry_after if isinstance(error, SourceBusy) else None
        self._again_at = _now() + (pause if asked is None else asked)

    def _again(self, failure: SourceError) -> SourceError:
        """What went wrong, as an error of its own, which says when it is tried again."""
        left = max(math.ceil(self._again_at - _now()), 1)
        return with_remedy(type(failure)(failure.detail, retry_after=left), failure.remedy)

    def _asked_for(self, mailbox: str) -> str:
        return mailbox if mailbox.rpartition("@")[2].lower() == self._domain else self._user

    async def _discover(self, mailbox: str) -> str:
        failures: list[SourceError] = []
        for base in self._bases:
            for asking in (self._pox, self._soap):
                try:
                    with source_errors():
                        return await asking(base, mailbox)
                except (SourceDenied, SourceBusy):
                    raise
                except SourceError as error:
                    failures.append(error)
        elsewhere = [f for f in failures if isinstance(f, SourceBroken) and "points to" in f.detail]
        if elsewhere:
            raise elsewhere[0]
        nowhere = SourceMissing(f"autodiscover for {self._domain} finds no EWS ({failures[-1].detail})")
        raise with_remedy(nowhere, "write url = https://HOST/EWS/Exchange.asmx")

    def trusted(self, url: str) -> str:
        """The address, where the account may be sent there. Raises `SourceBroken`."""
        target = parse_address(url)
        host = (target.host or "").lower()
        ours = host == self._domain or host.endswith(f".{self._domain}")
        written = any(target.origin() == URL(base).origin() for base in self._bases)
        if written or (ours and target.scheme == "https"):
            return str(target)
        error = SourceBroken(f"autodiscover points to {target.origin()}, where the account is not sent unasked")
        raise with_remedy(error, f"if it is yours, write url = {target.origin()}/EWS/Exchange.asmx")

    # -- plain old XML (MS-OXDSCLI) --------------------------------------------------------------------------------

    async def _pox(self, base: str, mailbox: str) -> str:
        url = base + _POX
        for _ in range(HOPS):
            body = (
                f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_REQUEST}"><Request>'
                f"<EMailAddress>{escape(mailbox)}</EMailAddress>"
                f"<AcceptableResponseSchema>{_RESPONSE}</AcceptableResponseSchema></Request></Autodiscover>"
            )
            response = await self._transport.post(self.trusted(url), {}, body.encode())
            leads = _location(response)
            if leads:
                url = leads
                continue
            account = _answered(response).find(f"{{{_RESPONSE}}}Response/{{{_RESPONSE}}}Account")
            if account is None:
                raise SourceMissing("autodiscover does not know this address")
            action = account.findtext(f"{{{_RESPONSE}}}Action", "").lower()
            if action == "redirecturl":
                url = account.findtext(f"{{{_RESPONSE}}}RedirectUrl", "").strip()
            elif action == "redirectaddr":
                mailbox = self._same_domain(account.findtext(f"{{{_RESPONSE}}}RedirectAddr", "").strip())
            else:
                return self.trusted(_of_protocols(account))
        raise SourceBroken(f"autodiscover leads on more than {HOPS} times")

    def _same_domain(self, mailbox: str) -> str:
        domain = mailbox.rpartition("@")[2].lower()
        if domain != self._domain:
            error = SourceBroken("autodiscover points to another domain, where the account is not sent unasked")
            raise with_remedy(error, "write url = https://HOST/EWS/Exchange.asmx of the server the mailbox is on")
        return mailbox

    # -- SOAP (MS-OXWSADISC; Exchange 2010 and later) ----------------------------------------------------------------

    async def _soap(self, base: str, mailbox: str) -> str:
        url = base + _SOAP
        for _ in range(HOPS):
            told = {"SOAPAction": f'"{_ACTION}"'}
            response = await self._transport.post(self.trusted(url), told, _user_settings(url, mailbox))
            leads = _location(response)
            if leads:
                url = leads
                continue
            root = _answered(response)
            answer = root.find(f".//{{{_SETTINGS}}}UserResponse")
            if answer is None:
                raise SourceMissing("autodiscover does not know this address")
            code = answer.findtext(f"{{{_SETTINGS}}}ErrorCode", "")
            target = answer.findtext(f"{{{_SETTINGS}}}RedirectTarget", "").strip()
            if code == "RedirectUrl":
                url = target
            elif code == "RedirectAddress":
                mailbox = self._same_domain(target)
            else:
                return self.trusted(_of_settings(answer))
        raise SourceBroken(f"autodiscover leads on more than {HOPS} times")


def _unanswered() -> SourceError:
    error = SourceUnavailable("autodiscover did not answer in time")
    return with_remedy(error, "write url = https://HOST/EWS/Exchange.asmx, or see which of its hosts says nothing")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _location(response: Response) -> str:
    if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
        try:
            return str(URL(response.url, encoded=True).join(URL(response.headers["location"], encoded=True)))
        except ValueError:
            raise SourceBroken("autodiscover leads to something that is no address") from None
    return ""


def _answered(response: Response) -> etree._Element:
    if response.status in (401, 403):
        raise SourceDenied(f"autodiscover refused the account ({response.status})")
    pause = retry_after(response.headers)
    if response.status == 429 or (response.status == 503 and pause is not None):
        wait = USUAL_BACK_OFF if pause is None else pause
        raise SourceBusy(f"autodiscover asks to wait ({response.status})", retry_after=wait)
    if response.status != 200:
        raise SourceMissing(f"autodiscover answered {response.status}")
    try:
        return parse_xml(response.body)
    except (BadXml, HttpError):
        raise SourceBroken("autodiscover's answer is no XML") from None


def _of_protocols(account: etree._Element) -> str:
    """EWS from outside (EXPR), else from inside (EXCH): servers before 2013 have no other."""
    found: dict[str, str] = {}
    for protocol in account.iterfind(f"{{{_RESPONSE}}}Protocol"):
        url = protocol.findtext(f"{{{_RESPONSE}}}EwsUrl", "").strip()
        if url:
            found.setdefault(protocol.findtext(f"{{{_RESPONSE}}}Type", ""), url)
    if not found:
        raise SourceMissing("autodiscover names no EWS")
    return found.get("EXPR") or found.get("EXCH") or next(iter(found.values()))


def _of_settings(answer: etree._Element) -> str:
    found = {
        setting.findtext(f"{{{_SETTINGS}}}Name", ""): setting.findtext(f"{{{_SETTINGS}}}Value", "").strip()
        for setting in answer.iter(f"{{{_SETTINGS}}}UserSetting")
    }
    url = found.get("ExternalEwsUrl") or found.get("InternalEwsUrl")
    if not url:
        raise SourceMissing("autodiscover names no EWS")
    return url


def _user_settings(url: str, mailbox: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="{_SETTINGS}" '
        'xmlns:w="http://www.w3.org/2005/08/addressing"><s:Header>'
        "<a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>"
        f"<w:Action>{_ACTION}</w:Action><w:To>{escape(url)}</w:To></s:Header><s:Body>"
        "<a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User>"
        f"<a:Mailbox>{escape(mailbox)}</a:Mailbox></a:User></a:Users><a:RequestedSettings>"
        "<a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting>"
        "</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
    ).encode()
