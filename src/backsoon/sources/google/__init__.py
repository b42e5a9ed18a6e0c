"""Google Calendar: one account that reads many people's calendars."""

from backsoon.sources.google.account import GoogleAccount
from backsoon.sources.google.settings import GoogleSettings

__all__ = ["GoogleAccount", "GoogleSettings"]
