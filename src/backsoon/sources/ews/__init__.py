"""Calendars on Exchange, read by Exchange Web Services (EWS): Exchange 2007 SP1 to Subscription Edition."""

from backsoon.sources.ews.account import EwsAccount
from backsoon.sources.ews.settings import EwsSettings

__all__ = ["EwsAccount", "EwsSettings"]
