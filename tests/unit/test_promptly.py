"""A process that is to run at once when it wakes; each in a process of its own, for ours must not become so."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="only Linux knows of it")


def said(code: str) -> str:
    """What a process says."""
    head = "import os, time\nfrom backsoon.promptly import is_real_time, run_promptly\n"
    return subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, check=True).stdout


def real_time() -> None:
    """Or a visible skip."""
    if said("run_promptly(); print(is_real_time())") != "True\n":
        pytest.skip("this account may not run anything in real time")


def test_it_is_asked_for_and_no_more() -> None:
    assert said("run_promptly(); run_promptly(); print('goes on')") == "goes on\n"


def test_one_that_runs_away_is_as_any_other() -> None:
    real_time()
    code = """
run_promptly()
until = time.process_time() + 30
while is_real_time() and time.process_time() < until: pass
print(is_real_time(), time.process_time() < 5)
run_promptly()
time.sleep(0.01)  # the system counts anew from here
print(is_real_time())
"""
    assert said(code) == "False True\nTrue\n"


def test_what_it_begins_is_as_any_other() -> None:
    real_time()
    code = "run_promptly()\npid = os.fork()\nif not pid: print(is_real_time(), flush=True)\nelse: os.waitpid(pid, 0)"
    assert said(code) == "False\n"


def test_without_the_right_to_it_nothing_happens() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give its rights up")
    assert said("os.setuid(65534); run_promptly(); print(is_real_time())") == "False\n"
