"""Lets the process have as many files open as its account may: every page that is open, every stream of a calendar
server and every switchboard is one.

Most systems start a program with 1,024 (the soft limit, for the sake of select(2), which nothing here uses) and allow
it many more, if it asks (getrlimit(2)). A thousand employees with their page open are more than that: connections
would then wait until others close.
"""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

WANTED = 65_536
ENOUGH = 4096
"""Fewer are worth a warning."""


def allow_many() -> int:
    """Ask for `WANTED` open files, or as many as the account may have; how many it may have now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError) as error:  # some systems have a lower limit of their own beside it
            log.warning("no more than %d files may be open: %s", soft, error)
    allowed = WANTED if soft == resource.RLIM_INFINITY else soft
    if allowed < ENOUGH:
        log.warning(
            "no more than %d files may be open, and each page that is open is one; allow %d "
            "(LimitNOFILE= in the unit of systemd, `ulimit -Hn`)",
            allowed,
            WANTED,
        )
    return allowed
