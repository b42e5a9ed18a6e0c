"""A language that nobody speaks, and a speech program that says one tone: for tests."""

from __future__ import annotations

import math
import struct
import tomllib
from pathlib import Path

from backsoon.voice.language import FOLDER
from backsoon.voice.sound import wav

RULES = """
from backsoon.voice.language import NumberRules

RULES = NumberRules(
    weekdays=tuple(f"wo {n}" for n in range(1, 8)),
    days=tuple(f"da {n}" for n in range(1, 32)),
    months=tuple(f"mo {n}" for n in range(1, 13)),
    hours=tuple(f"ho {n}" for n in range(24)),
    oclock=tuple(f"ho {n}" for n in range(24)),
    minutes=tuple(f"mi {n}" for n in range(1, 60)),
    more={"past": "la"},
    past=("minute/{minute}", "past", "hour/{hour}"),
    date=("month/{month}", "day/{day}"),
    menu_item=("press/{digit}", "menu/{choice}"),
)
"""


def write_language(folder: Path, tag: str = "xx", *, rules: str = RULES, without: str = "", more: str = "") -> Path:
    """The two files of a made-up language, below `folder`; every phrase is its key."""
    (folder / "phrases").mkdir(parents=True, exist_ok=True)
    (folder / "numbers").mkdir(exist_ok=True)
    english = tomllib.loads((FOLDER / "phrases" / "en.toml").read_text())
    lines = ['voice = "eo"', "[phrases]"]
    lines += [f'"{key}" = "{key.replace("/", " ")}"' for key in english["phrases"] if key != without]
    lines += ["[of_its_own]", 'others = "lo {label}"', 'own = "li {label}"', "[reasons]"]
    lines += [
        f'{code} = {{ others = "lo {code}", own = "li {code}" }}' for code in english["reasons"] if code != without
    ]
    (folder / "phrases" / f"{tag}.toml").write_text("\n".join([*lines, more]))
    (folder / "numbers" / f"{tag}.py").write_text(rules)
    return folder


def tone(
    hertz: float = 440, seconds: float = 0.2, rate: int = 22050, *, level: float = 0.5, silence: float = 0
) -> bytes:
    """A WAV file of a sine, with so many seconds of silence before and after it."""
    still = bytes(2 * int(silence * rate))
    said = (level * math.sin(2 * math.pi * hertz * n / rate) for n in range(int(seconds * rate)))
    return wav(still + b"".join(struct.pack("<h", round(value * 32767)) for value in said) + still, rate)
