"""Google Calendar, made after its API description and its guides: for tests and benches, on 127.0.0.1."""

from tests.simulators.google.quota import Limits
from tests.simulators.google.server import GoogleSimulator

__all__ = ["GoogleSimulator", "Limits"]
