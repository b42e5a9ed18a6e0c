"""`make demo`: runs `backsoon demo` with the peers that `make peers` set up.

`--asterisk` starts a private Asterisk first and has the demonstration drive it; what it shows can be asked of it with
the command that is printed. Everything else is handed on.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from backsoon.switchboards.asterisk.dialplan import dialplan_text
from tools.peers.asterisk_server import AsteriskSettings, ManagerAccount, PrivateAsterisk
from tools.peers.recipe import Absent, PeerError
from tools.peers.registry import find_peer

SECRET = "BACKSOON_DEMO_SECRET"  # noqa: S105 - the name of a variable
BACKSOON = str(Path(sys.executable).parent / "backsoon")


def main(arguments: list[str]) -> int:
    """Run it; the exit status of `backsoon demo`."""
    rest = [a for a in arguments if a != "--asterisk"]
    if len(rest) == len(arguments):
        return demo(rest, {})
    chroot = find_peer("asterisk")
    if isinstance(chroot, Absent):
        sys.stderr.write(f"No Asterisk here: {chroot.reason}\n")
        return 1
    secret = secrets.token_hex(16)
    settings = AsteriskSettings(dialplan_text(), {"backsoon": ManagerAccount(secret)}, {"caller": "backsoon-example"})
    try:
        with PrivateAsterisk(chroot, settings) as server:
            say_how_to_look(server, chroot)
            manager = ["--asterisk-manager", f"127.0.0.1:{server.ami_port}", "--secret", f"env:{SECRET}"]
            return demo([*rest, *manager], {SECRET: secret})
    except PeerError as error:
        sys.stderr.write(f"The private Asterisk does not start: {error}\n")
        return 1


def demo(arguments: list[str], more: dict[str, str]) -> int:
    """Run the command, with Ctrl-C left to it; what ends this one ends it."""
    process = subprocess.Popen([BACKSOON, "demo", *arguments], env=os.environ | more)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def say_how_to_look(server: PrivateAsterisk, chroot: Path) -> None:
    """Tell how to ask this Asterisk what it shows."""
    console = f"chroot {chroot} asterisk -C {server.inside(server.folder / 'asterisk.conf')} -rx"
    sys.stderr.write(
        f"A private Asterisk runs: SIP on 127.0.0.1:{server.sip_port}, manager on {server.ami_port}. Ask it with\n"
        f"  {console} 'core show hints'\n  {console} 'database show backsoon'\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
