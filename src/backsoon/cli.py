"""The commands a person types."""

import sys

from backsoon import __version__


def main() -> None:
    """Print the version."""
    sys.stdout.write(f"backsoon {__version__}\n")
