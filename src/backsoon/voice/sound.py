"""From what a speech program says to what Asterisk plays: 16-bit mono WAV files of 8 and 16 kHz.

Silence at both ends is cut, all prompts are equally loud, and the rate is changed by a filter that lets nothing fold
back (soxr). Ours carry a chunk of their own in front of the samples (RIFF, 1991: readers skip chunks that they do not
know): whose prompt it is, what it was made of, and the digest of its samples. So a file says itself whether Backsoon
made it as it stands, wherever it was copied to, and a recording that somebody put in its place is told from it.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backsoon.domain.errors import BacksoonError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATES = {".wav": 8000, ".wav16": 16000}
"""The files of a prompt, and their samples a second, as Asterisk's `format_wav` reads them."""
LONGEST_SECONDS = 30
LOUDNESS = 0.1
"""Root mean square of what is said, of full scale: -20 dB."""
PEAK = 0.84
"""No sample goes beyond: -1.5 dB."""
_MARK = b"bksn"
_MARKED = re.compile(rb"1 ([a-z0-9][a-z0-9_-]{0,31}) ([0-9a-f]{64}) ([0-9a-f]{64}) *")
_QUIET = 0.01
"""Quieter than this share of the loudest sample is silence at the ends."""
_BEFORE, _AFTER = 0.02, 0.08
"""Seconds of silence that are kept (or put) around what is said: prompts follow each other closely."""


class BadSound(BacksoonError):
    """What a speech program answered is no sound that can be used."""


class MissingVoice(BacksoonError):
    """The libraries that change sounds are not installed."""

    remedy = "install the extra: pip install 'backsoon[voice]' (in a checkout: pip install '.[voice]')"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file of ours says of itself: whose it is, and the digest of what it was made of."""

    organisation: str
    made_of: str


def check_libraries() -> None:
    """Raises `MissingVoice` where the extra is not installed."""
    try:
        import numpy  # noqa: F401
        import soxr  # noqa: F401
    except ImportError as error:
        raise MissingVoice(f"prompts are made with numpy and soxr, and {error.name} is missing") from error


def prompts(said: bytes, mark: Mark) -> dict[str, bytes]:
    """The files of a prompt, by ending, from the WAV of a speech program. Raises `BadSound`."""
    import numpy as np
    import soxr

    rate, samples = _read(said)
    trimmed = _trimmed(samples, rate)
    files = {}
    for ending, wanted in RATES.items():
        resampled = trimmed if rate == wanted else soxr.resample(trimmed, rate, wanted, quality="HQ")
        files[ending] = wav(_levelled(np.asarray(resampled, dtype=np.float32)), wanted, mark)
    return files


def silence(mark: Mark) -> dict[str, bytes]:
    """The files of a prompt that says nothing: a fiftieth of a second."""
    return {ending: wav(bytes(rate // 50 * 2), rate, mark) for ending, rate in RATES.items()}


def wav(samples: bytes, rate: int, mark: Mark | None = None) -> bytes:
    """A WAV file of 16-bit mono samples (little-endian), with our mark in front of them."""
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    chunks = [_chunk(b"fmt ", form)]
    if mark is not None:
        whole = f"1 {mark.organisation} {mark.made_of} {hashlib.sha256(samples).hexdigest()}".encode()
        chunks.append(_chunk(_MARK, whole + b" " * (len(whole) % 2)))
    body = b"WAVE" + b"".join(chunks) + _chunk(b"data", samples)
    return _chunk(b"RIFF", body)


def mark_of(file: bytes) -> Mark | None:
    """What a file says of itself; None for one that is not ours, or not any more as we made it.

    One of ours that breaks off (the machine stopped before it was all on the disk) was made of nothing known.
    """
    try:
        chunks = dict(_chunks(file))
    except BadSound:
        return None
    found = _MARKED.fullmatch(chunks.get(_MARK, b""))
    if found is None:
        return None
    if len(file) < 8 + int.from_bytes(file[4:8], "little"):
        return Mark(found[1].decode(), "")
    whole = hashlib.sha256(chunks.get(b"data", b"")).hexdigest().encode() == found[3]
    return Mark(found[1].decode(), found[2].decode()) if whole else None


def unplayable(file: bytes, ending: str) -> str:
    """Why Asterisk's `format_wav` does not play a WAV file of that ending (`RATES`); "" where it does."""
    try:
        form = dict(_chunks(file)).get(b"fmt ", b"")
    except BadSound as error:
        return str(error)
    if len(form) < 16:
        return "it has no format"
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if (kind, channels, bits) != (1, 1, 16):
        return "it is not plain 16-bit PCM of one channel"
    return "" if rate == RATES[ending] else f"it has {rate} samples a second, and not {RATES[ending]}"


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk. A program that writes to a pipe does not know the length of the last one."""
    if file[:4] != b"RIFF" or file[8:12] != b"WAVE":
        raise BadSound("it is no WAV file")
    at = 12
    while at + 8 <= len(file):
        name, (size,) = file[at : at + 4], struct.unpack_from("<I", file, at + 4)
        yield name, file[at + 8 : at + 8 + size]
        if name == b"data":
            return
        at += 8 + size + size % 2


def _read(said: bytes) -> tuple[int, Samples]:
    """Samples a second, and the samples between -1 and 1, channels mixed."""
    import numpy as np

    chunks = dict(_chunks(said))
    form, data = chunks.get(b"fmt ", b""), chunks.get(b"data", b"")
    if len(form) < 16:
        raise BadSound("it has no format")
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if (kind, bits) not in ((1, 16), (0xFFFE, 16)) or channels not in (1, 2) or not 4000 <= rate <= 192000:
        raise BadSound("it is not 16-bit PCM of one or two channels")
    frame = 2 * channels
    samples = np.frombuffer(data[: len(data) // frame * frame], dtype="<i2").astype(np.float32) / 32768
    if samples.size > LONGEST_SECONDS * rate * channels:
        raise BadSound(f"it is longer than {LONGEST_SECONDS} seconds")
    return rate, samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)


def _trimmed(samples: Samples, rate: int) -> Samples:
    import numpy as np

    loud = np.flatnonzero(np.abs(samples) > _QUIET * np.abs(samples).max(initial=0.0))
    if not loud.size or np.abs(samples).max() < 0.001:
        raise BadSound("nothing is said")
    before, after = int(_BEFORE * rate), int(_AFTER * rate)
    spoken = samples[loud[0] : loud[-1] + 1]
    return np.concatenate([np.zeros(before, np.float32), spoken, np.zeros(after, np.float32)])


def _levelled(samples: Samples) -> bytes:
    import numpy as np

    gain = LOUDNESS / float(np.sqrt(np.mean(np.square(samples))))
    gain = min(gain, PEAK / float(np.abs(samples).max()))
    return bytes(np.round(samples * gain * 32767).astype("<i2").tobytes())
