"""What every test shares: Hypothesis profiles, the number of random histories, and the peers."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.peers",
    "tests.servers",
    "tests.asterisk_server",
    "tests.spoken_server",
    "tests.node_servers",
    "tests.kamailio_server",
]

os.environ.setdefault("BACKSOON_API__LISTEN", "")  # runs at the same time never meet at a port
# Hundreds of programs are started: each would compile all of its modules where nothing compiled may be kept.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    compiled = Path(__file__).resolve().parents[1] / ".pytest_cache" / "compiled"
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(compiled))
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# No deadline: it would assert timing, which belongs in bench/. A slow machine is no defect.
_EXAMPLES = {"dev": 50, "ci": 300}


def _examples(profile: str) -> int:
    return int(os.environ.get("BACKSOON_EXAMPLES", _EXAMPLES[profile]))


settings.register_profile("dev", deadline=None, max_examples=_examples("dev"))
# Fresh randomness in each run of CI too; the blob reproduces what it found.
settings.register_profile("ci", deadline=None, max_examples=_examples("ci"), derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--histories`` and ``--interleavings``."""
    parser.addoption(
        "--histories",
        type=int,
        default=2000 if IN_CI else 200,
        help="random histories that the oracle is compared with (default 200, in CI 2000)",
    )
    parser.addoption(
        "--interleavings",
        type=int,
        default=10_000 if IN_CI else 400,
        help="random lives with deaths in which nothing set by hand may be lost (default 400, in CI 10000)",
    )


@pytest.fixture(scope="session")
def interleavings(pytestconfig: pytest.Config) -> int:
    """How many lives in which Backsoon dies to live."""
    return int(pytestconfig.getoption("--interleavings"))


@pytest.fixture(scope="session")
def histories(pytestconfig: pytest.Config) -> int:
    """How many random histories to compare with the oracle."""
    return int(pytestconfig.getoption("--histories"))
