"""Microsoft 365: calendars in Exchange Online, read through Microsoft Graph by an application's own rights."""

from backsoon.sources.graph.account import GraphAccount
from backsoon.sources.graph.settings import GraphSettings

__all__ = ["GraphAccount", "GraphSettings"]
