"""For whoever writes a plug-in, and for our own tests: the parts of Backsoon in memory, to be told what to do.

`backsoon.testing.switchboards` and `backsoon.testing.sources` are the contracts as suites of tests; they need pytest
and pytest-asyncio, and nothing else here does.
"""

from __future__ import annotations

import sys

from backsoon.testing.board import MemorySwitchboard
from backsoon.testing.calendar import MemorySource
from backsoon.testing.clock import FakeClock

__all__ = ["FakeClock", "MemorySource", "MemorySwitchboard"]

if "pytest" in sys.modules:  # what the suites assert is then explained like the assertions of whoever runs them
    sys.modules["pytest"].register_assert_rewrite("backsoon.testing.switchboards", "backsoon.testing.sources")
