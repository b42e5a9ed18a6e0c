"""Prompts that spell their own names, so that a recording says exactly which of them were played, in which order.

A prompt's first 20 ms are samples whose G.711 mu-law codes are its name in ASCII, between brackets; the rest is
silence. Mu-law is what goes over the wire, and its own levels come through unchanged.
"""

import io
import re
import struct
import wave
from collections.abc import Iterable

FRAME = 160
"""Samples of one RTP packet: 20 ms at 8,000 a second."""
SILENCE = b"\xff"
_NAME = re.compile(rb"\[([0-9A-Za-z_/-]+)\]")


def level(code: int) -> int:
    """The 16-bit sample that a mu-law code stands for (ITU-T G.711 table 2)."""
    inverted = ~code & 0xFF
    size = (((inverted & 0x0F) << 3) + 0x84) << (inverted >> 4 & 7)
    return 0x84 - size if inverted & 0x80 else size - 0x84


def spelled(name: str, frames: int = 1) -> bytes:
    """A WAV file, 8,000 samples a second, that spells `name` once."""
    text = f"[{name}]".encode()
    assert len(text) <= FRAME
    assert _NAME.fullmatch(text), name
    codes = text.ljust(FRAME * frames, SILENCE)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        out.writeframes(struct.pack(f"<{len(codes)}h", *map(level, codes)))
    return file.getvalue()


def names_in(heard: bytes) -> list[str]:
    """The names of the prompts in what was heard, in order."""
    return [name.decode() for name in _NAME.findall(heard)]


def spelling(folder: str, keys: Iterable[str]) -> dict[str, bytes]:
    """Files of prompts: `en/backsoon/at.wav` spells `en/at`."""
    language, _, rest = folder.partition("/")
    within = f"{rest}/" if rest else ""
    return {f"{language}/{within}{key}.wav": spelled(f"{language}/{key}") for key in keys}
