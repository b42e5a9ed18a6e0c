"""Ports of 127.0.0.1 for servers that are told where to listen before they do.

Between the moment that a port is found free and the moment that a server listens on it, nobody else should get it.
So they lie below those that the system gives away by itself (on Linux from 32768, /proc/sys/net/ipv4/
ip_local_port_range), and above those of the RTP of the private Asterisk; and whoever got one keeps others of these
programs, such as a second worker of the tests, from getting it too.
"""

import fcntl
import itertools
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

FIRST, LAST = 30_000, 32_767
KEPT = 64
"""How many of the last ones are kept from others: by then the server of an older one listens, or never will."""

_following = itertools.count(random.randrange(LAST - FIRST + 1))
_kept: deque[int] = deque()
"""The open files whose locks keep them."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, by TCP or UDP, and that nobody else is told soon."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many, one behind the other, for a server that wants them so. Raises `OSError` where there are none."""
    for _ in range(FIRST, LAST + 1):
        first = FIRST + next(_following) % (LAST - FIRST + 1)
        ports = list(range(first, first + count))
        if ports[-1] <= LAST and keep(ports):
            while len(_kept) > KEPT:
                os.close(_kept.popleft())
            return ports
    raise OSError(f"no free port of 127.0.0.1 between {FIRST} and {LAST}")


def keep(ports: list[int]) -> bool:
    """Keep them from others, unless one of them is in use or somebody else's."""
    folder = Path(tempfile.gettempdir()) / f"backsoon-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    locks: list[int] = []
    for port in ports:
        locks.append(os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600))
        try:
            fcntl.flock(locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except BlockingIOError:
            break
        if not _is_free(port):
            break
    else:
        _kept.extend(locks)
        return True
    for lock in locks:
        os.close(lock)
    return False


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
