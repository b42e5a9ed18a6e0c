"""Autodiscover, the old way (POX) and the newer (SOAP, 2010 on): where EWS is for a mailbox."""

from __future__ import annotations

from lxml import etree

from tests.simulators.ews.exchange import Exchange
from tests.simulators.ews.soap import BY_SCHEMA, SOAP, escape
from tests.simulators.model import Mailbox

_POX = "http://schemas.microsoft.com/exchange/autodiscover"
_SVC = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_WSA = "http://www.w3.org/2005/08/addressing"


def _parsed(raw: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None


def _texts(root: etree._Element | None, name: str) -> list[str]:
    return [] if root is None else [(found.text or "").strip() for found in root.iter(f"{{*}}{name}")]


def autodiscover_pox(exchange: Exchange, base: str, raw: bytes) -> str:
    """The answer to a POX request."""
    address = next(iter(_texts(_parsed(raw), "EMailAddress")), "")
    mailbox = exchange.world.get(address)
    if mailbox is None:
        return (
            f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_POX}/responseschema/2006"><Response>'
            '<Error Time="08:00:00.0000000" Id="1"><ErrorCode>500</ErrorCode><Message>There is no such mailbox.'
            "</Message><DebugData/></Error></Response></Autodiscover>"
        )
    url = f"<EwsUrl>{base}/EWS/Exchange.asmx</EwsUrl>"
    protocols = "".join(
        f"<Protocol><Type>{kind}</Type>{url}<ASUrl>{base}/EWS/Exchange.asmx</ASUrl></Protocol>"
        for kind in ("EXCH", "EXPR")
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_POX}/responseschema/2006">'
        f'<Response xmlns="{_POX}/outlook/responseschema/2006a"><User><DisplayName>{escape(mailbox.address)}'
        f"</DisplayName><AutoDiscoverSMTPAddress>{escape(mailbox.address)}</AutoDiscoverSMTPAddress></User>"
        f"<Account><AccountType>email</AccountType><Action>settings</Action>{protocols}</Account></Response>"
        "</Autodiscover>"
    )


def autodiscover_soap(exchange: Exchange, base: str, raw: bytes) -> str:
    """The answer to GetUserSettings."""
    root = _parsed(raw)
    wanted = _texts(root, "Setting")
    users = "".join(_user(exchange, base, address, wanted) for address in _texts(root, "Mailbox"))
    names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    build = "".join(f"<h:{n}>{v}</h:{n}>" for n, v in zip(names, exchange.version.build, strict=True))
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:a="{_WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{_SVC}/Autodiscover/GetUserSettingsResponse</a:Action>'
        f'<h:ServerVersionInfo xmlns:h="{_SVC}">{build}<h:Version>{exchange.version.schema}</h:Version>'
        f'</h:ServerVersionInfo></s:Header><s:Body><GetUserSettingsResponseMessage xmlns="{_SVC}">'
        '<Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ErrorCode>NoError</ErrorCode><ErrorMessage/>'
        f"<UserResponses>{users}</UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    )


def _user(exchange: Exchange, base: str, address: str, wanted: list[str]) -> str:
    mailbox = exchange.world.get(address)
    if mailbox is None:
        return (
            "<UserResponse><ErrorCode>InvalidUser</ErrorCode><ErrorMessage>There is no such mailbox.</ErrorMessage>"
            '<RedirectTarget i:nil="true"/><UserSettingErrors/><UserSettings/></UserResponse>'
        )
    known = _settings(exchange, base, mailbox)
    told = "".join(
        f'<UserSetting i:type="StringSetting"><Name>{name}</Name><Value>{escape(known[name])}</Value></UserSetting>'
        for name in wanted
        if name in known
    )
    return (
        "<UserResponse><ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage>"
        f'<RedirectTarget i:nil="true"/><UserSettingErrors/><UserSettings>{told}</UserSettings></UserResponse>'
    )


def _settings(exchange: Exchange, base: str, mailbox: Mailbox) -> dict[str, str]:
    schemas = [schema for schema, version in BY_SCHEMA.items() if version.rank <= exchange.version.rank]
    return {
        "UserDisplayName": mailbox.address,
        "AutoDiscoverSMTPAddress": mailbox.address,
        "InternalEwsUrl": f"{base}/EWS/Exchange.asmx",
        "ExternalEwsUrl": f"{base}/EWS/Exchange.asmx",
        "EwsSupportedSchemas": ", ".join(schemas),
        "ExternalEwsVersion": ".".join(f"{part:02}" for part in exchange.version.build),
        "CasVersion": ".".join(f"{part:02}" for part in exchange.version.build),
        "GroupingInformation": exchange.backend(mailbox.address),
    }
