"""Asterisk 16 and later, by its manager interface (AMI) and its database (AstDB)."""

from backsoon.switchboards.asterisk.driver import AsteriskSession, AsteriskSettings, AsteriskSwitchboard

__all__ = ["AsteriskSession", "AsteriskSettings", "AsteriskSwitchboard"]
