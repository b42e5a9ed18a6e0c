"""A simulated Exchange server (EWS): made after Microsoft's documentation, schemas and recorded answers."""

from tests.simulators.ews.exchange import Limits
from tests.simulators.ews.server import EwsSimulator

__all__ = ["EwsSimulator", "Limits"]
