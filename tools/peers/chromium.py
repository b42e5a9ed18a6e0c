"""Chromium, a browser: this machine's own, or unpacked from Debian's packages into the cache folder (350 MB).

With it comes one font, so that pictures look alike wherever they are made.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.peers.debian import libraries, unpack
from tools.peers.recipe import PeerError, Recipe, Say

PACKAGES = ("chromium", "chromium-common")
"""Named both: of what is installed here already only what is named would be fetched."""
FONTS = ("fonts-inter", "fonts-dejavu-core")
PROGRAM = "usr/lib/chromium/chromium"
LINK = "chromium"
"""In the peer's folder: a link to the machine's own."""
FONT_SETTINGS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>{folder}/usr/share/fonts</dir>
<dir>/usr/share/fonts</dir>
<cachedir>{folder}/font-cache</cachedir>
<alias binding="same"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias binding="same"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
<alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""

FLAGS = (
    # It asks nothing of anybody but the pages that are opened.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    # The same picture everywhere.
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)
"""How it is started, wherever."""


def install(folder: Path, say: Say) -> None:
    """Fill ``folder`` with Chromium, or a link to this machine's, and the fonts."""
    for font in FONTS:
        unpack(font, folder, say)
    (folder / "fonts.conf").write_text(FONT_SETTINGS.format(folder=folder), encoding="utf-8")
    if own := shutil.which("chromium"):
        say(f"found {own}")
        (folder / LINK).symlink_to(own)
    else:
        for package in PACKAGES:
            unpack(package, folder, say)
    if "<p>it shows pages" not in (said := _run(folder, "--dump-dom", "data:text/html,<p>it shows pages")):
        raise PeerError(f"Chromium shows no page: {said[-200:]}")


def probe(folder: Path) -> str | None:
    """Whether it is there, with its libraries. That it shows a page was tried when it was set up."""
    try:
        said = _run(folder, "--version")
    except PeerError as error:
        return str(error)
    return None if "Chromium" in said else f"Chromium does not start: {said[-200:]}"


def program(folder: Path) -> Path:
    """The program itself. Raises :class:`PeerError`."""
    for found in (folder / LINK, folder / PROGRAM):
        if found.exists():
            return found
    raise PeerError(f"{PROGRAM} is missing in {folder}")


def flags() -> list[str]:
    """:data:`FLAGS`, and for root that it has no sandbox, which Chromium refuses it."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def environment(folder: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What it is started with: its libraries where they were unpacked, and its fonts."""
    fonts = {"FONTCONFIG_FILE": str(folder / "fonts.conf")}
    own = {} if (folder / LINK).exists() else {"LD_LIBRARY_PATH": libraries(folder)}
    return {**environ, **fonts, **own}


def _run(folder: Path, *arguments: str) -> str:
    """Run it to its end; what it said. Raises :class:`PeerError` where it does not start."""
    command = [str(program(folder)), "--headless", *flags(), *arguments]
    try:
        done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"Chromium does not start: {error}") from error
    return done.stdout or done.stderr.strip()


RECIPE = Recipe(
    name="chromium",
    version=f"1-{platform.machine()}",
    about="Chromium, a browser",
    install=install,
    probe=probe,
)
