"""What Asterisk plays: rates, levels, silence at the ends, and what a file says of itself."""

from __future__ import annotations

import io
import struct
import sys
import wave

import numpy as np
import pytest
from numpy.typing import NDArray

from backsoon.voice.sound import (
    LOUDNESS,
    PEAK,
    RATES,
    BadSound,
    Mark,
    MissingVoice,
    check_libraries,
    mark_of,
    prompts,
    silence,
    unplayable,
    wav,
)
from tests.unit.voice.made_up import tone

MARK = Mark("acme", "a" * 64)


def samples(file: bytes) -> NDArray[np.float64]:
    with wave.open(io.BytesIO(file)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768


def power_at(file: bytes, hertz: float, rate: int) -> float:
    """How much of the sound is within 50 Hz of a frequency: 0 to 1."""
    spectrum = np.abs(np.fft.rfft(samples(file))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples(file)), 1 / rate) - hertz) < 50
    return float(spectrum[near].sum() / spectrum.sum())


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_both_rates_are_made(rate: int) -> None:
    made = prompts(tone(seconds=0.5, rate=rate), MARK)
    assert made.keys() == RATES.keys()
    for ending, wanted in RATES.items():
        with wave.open(io.BytesIO(made[ending])) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (wanted, 1, 2)
            assert sound.getnframes() / wanted == pytest.approx(0.6, abs=0.01)  # with a pause at both ends
        assert power_at(made[ending], 440, wanted) > 0.98


def test_nothing_folds_back() -> None:
    """6 kHz is above what 8,000 samples a second can hold: badly resampled it would be heard at 2 kHz."""
    both = np.frombuffer(tone(500, 0.5)[44:], "<i2") // 2 + np.frombuffer(tone(6000, 0.5)[44:], "<i2") // 2
    made = prompts(wav(both.astype("<i2").tobytes(), 22050), MARK)
    assert power_at(made[".wav"], 2000, 8000) < 0.001
    assert power_at(made[".wav"], 500, 8000) > 0.98
    assert power_at(made[".wav16"], 6000, 16000) > 0.4


def test_silence_at_the_ends_is_cut() -> None:
    lengths = {len(prompts(tone(seconds=0.5, silence=still), MARK)[".wav"]) for still in (0.0, 0.3, 2.0)}
    assert max(lengths) - min(lengths) < 40


def test_all_are_equally_loud_and_none_too_loud() -> None:
    for level in (0.01, 0.3, 1.0):
        for file in prompts(tone(level=level), MARK).values():
            assert np.sqrt(np.mean(samples(file) ** 2)) == pytest.approx(LOUDNESS, rel=0.02)
    click = bytearray(tone(level=0.01, seconds=1))
    click[10000:10002] = struct.pack("<h", 32767)
    for file in prompts(bytes(click), MARK).values():
        assert np.abs(samples(file)).max() == pytest.approx(PEAK, abs=0.01)


def test_two_channels_are_mixed() -> None:
    mono = np.frombuffer(tone()[44:], "<i2")
    data = np.stack([mono, mono], axis=1).tobytes()
    form = struct.pack("<HHIIHH", 1, 2, 22050, 88200, 4, 16)
    stereo = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    made = prompts(b"RIFF" + struct.pack("<I", len(stereo)) + stereo, MARK)
    assert power_at(made[".wav"], 440, 8000) > 0.98


def test_a_program_that_writes_to_a_pipe_does_not_know_the_length() -> None:
    said = bytearray(tone())
    said[4:8] = said[40:44] = b"\xff\xff\xff\x7f"
    assert prompts(bytes(said), MARK) == prompts(tone(), MARK)
    assert prompts(bytes(said) + b"x", MARK) == prompts(tone(), MARK)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (b"", "no WAV"),
        (b"hello", "no WAV"),
        (b"ID3" + bytes(500), "no WAV"),
        (b"RIFF\0\0\0\0WAVE", "no format"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd", "no format"),
        (tone()[:22] + b"\x07\0" + tone()[24:], "channels"),
        (tone()[:34] + b"\x08\0" + tone()[36:], "16-bit"),
        (tone()[:20] + b"\x03\0" + tone()[22:], "16-bit"),
        (tone()[:24] + b"\x01\0\0\0" + tone()[28:], "PCM"),
        (tone(level=0), "nothing is said"),
        (wav(b"", 22050), "nothing is said"),
        (wav(b"\1\2" * 22050 * 31, 22050), "longer than 30"),
    ],
)
def test_what_is_no_such_sound_is_refused(said: bytes, what: str) -> None:
    with pytest.raises(BadSound, match=what):
        prompts(said, MARK)


def test_a_file_says_what_it_was_made_of() -> None:
    for file in [*prompts(tone(), MARK).values(), *silence(MARK).values()]:
        assert mark_of(file) == MARK


def test_a_file_that_was_changed_is_not_ours() -> None:
    file = prompts(tone(), MARK)[".wav"]
    assert mark_of(tone()) is None
    assert mark_of(b"") is None
    assert mark_of(file[:-2] + b"\1\2") is None
    assert mark_of(file.replace(b"1 acme", b"2 acme")) is None
    louder = wav((samples(file) * 20000).astype("<i2").tobytes(), 8000, None)
    assert mark_of(louder) is None


@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_file_that_breaks_off_is_ours_and_made_of_nothing(part: float) -> None:
    file = prompts(tone(), MARK)[".wav"]
    assert mark_of(file[: int(len(file) * part)]) == Mark("acme", "")


def riff(kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, more: bytes = b"") -> bytes:
    """A WAV file of any form, with nothing in it."""
    form = struct.pack("<HHIIHH", kind, channels, rate, rate, 2, bits) + more
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form + b"data\0\0\0\0"


@pytest.mark.parametrize("ending", RATES)
def test_what_is_made_is_played(ending: str) -> None:
    assert unplayable(prompts(tone(), MARK)[ending], ending) == ""
    assert unplayable(riff(rate=RATES[ending], more=b"\0\0"), ending) == ""


@pytest.mark.parametrize(
    ("file", "ending", "because"),
    [  # `file convert` of Asterisk 22 refuses each of these
        (riff(rate=44100), ".wav", "44100 samples a second, and not 8000"),
        (riff(rate=16000), ".wav", "16000 samples a second, and not 8000"),
        (riff(rate=8000), ".wav16", "8000 samples a second, and not 16000"),
        (riff(channels=2), ".wav", "one channel"),
        (riff(bits=8), ".wav", "16-bit"),
        (riff(kind=7, bits=8), ".wav", "PCM"),
        (riff(kind=0xFFFE), ".wav", "PCM"),
        (b"ID3 some music", ".wav", "no WAV file"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", ".wav", "no format"),
    ],
)
def test_which_recordings_asterisk_does_not_play(file: bytes, ending: str, because: str) -> None:
    assert because in unplayable(file, ending)


def test_silence_is_short() -> None:
    assert {ending: len(samples(file)) for ending, file in silence(MARK).items()} == {".wav": 160, ".wav16": 320}


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_libraries()
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingVoice, match="soxr is missing") as raised:
        check_libraries()
    assert "backsoon[voice]" in raised.value.remedy
