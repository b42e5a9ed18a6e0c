"""Presence servers by SIP: PUBLISH (RFC 3903) of what everybody is doing (PIDF, RPID)."""

from backsoon.switchboards.sip_presence.driver import SipPresenceSession, SipPresenceSwitchboard
from backsoon.switchboards.sip_presence.settings import Available, SipPresenceSettings

__all__ = ["Available", "SipPresenceSession", "SipPresenceSettings", "SipPresenceSwitchboard"]
