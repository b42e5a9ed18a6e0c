"""Backsoon: a calendar connection for telephone switchboards."""

from typing import Final

__version__: Final = "0.1.0"
