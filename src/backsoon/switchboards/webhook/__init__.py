"""Whoever takes an HTTPS request as a switchboard: each change is a signed POST of the whole state."""

from backsoon.switchboards.webhook.driver import WebhookSwitchboard
from backsoon.switchboards.webhook.settings import WebhookSettings, WebhookTimes

__all__ = ["WebhookSettings", "WebhookSwitchboard", "WebhookTimes"]
