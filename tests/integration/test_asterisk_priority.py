"""A private Asterisk in the real-time class, as Debian's unit for systemd runs it; the benches do, where they may."""

import pytest

from tests.peers import require_peer
from tools.peers.asterisk_server import AsteriskSettings, PrivateAsterisk, may_run_in_real_time


@pytest.mark.parametrize("high_priority", [False, True])
def test_it_runs_in_real_time_where_that_is_asked_for(high_priority: bool) -> None:
    if high_priority and not may_run_in_real_time():
        pytest.skip("the system does not let us have a process in the real-time class (root and SYS_NICE would do)")
    with PrivateAsterisk(require_peer("asterisk"), AsteriskSettings("", {}, high_priority=high_priority)) as server:
        assert server.runs_in_real_time is high_priority
        server.kill()
        server.start()
        assert server.runs_in_real_time is high_priority
