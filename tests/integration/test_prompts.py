"""Prompts that espeak-ng says, as a real Asterisk reads them: sample for sample."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator

import pytest

from backsoon.voice.language import Language, languages
from backsoon.voice.safe import safe
from backsoon.voice.sound import RATES, Mark, prompts, silence
from backsoon.voice.speech import Program
from tests.peers import not_here, require_peer
from tools.peers.asterisk_server import AsteriskSettings, PrivateAsterisk
from tools.peers.espeak import command_line
from tools.peers.recipe import PeerError

MARK = Mark("acme", "0" * 64)
RAW = {".wav": ".sln", ".wav16": ".sln16"}


@pytest.fixture(scope="module")
def asterisk() -> Iterator[PrivateAsterisk]:
    chroot = require_peer("asterisk")
    try:
        with PrivateAsterisk(chroot, AsteriskSettings(extensions="", accounts={})) as running:
            yield running
    except PeerError as error:
        not_here(str(error))


@pytest.fixture(scope="module")
def espeak() -> Program:
    return Program.of(command_line(require_peer("espeak")))


def samples(file: bytes) -> bytes:
    with wave.open(io.BytesIO(file)) as sound:
        return sound.readframes(sound.getnframes())


def as_read(asterisk: PrivateAsterisk, file: bytes, ending: str) -> bytes:
    """The samples that Asterisk finds in a file."""
    read, written = asterisk.folder / f"prompt{ending}", asterisk.folder / f"prompt{RAW[ending]}"
    read.write_bytes(file)
    written.unlink(missing_ok=True)
    said = asterisk.cli(f"file convert {asterisk.inside(read)} {asterisk.inside(written)}")
    assert written.exists(), said
    return written.read_bytes()


@pytest.mark.parametrize("language", languages().values(), ids=lambda language: language.tag)
async def test_asterisk_reads_what_was_made(asterisk: PrivateAsterisk, espeak: Program, language: Language) -> None:
    for text in ("Åsa Öberg", language.phrases["menu/voicemail"]):
        made = prompts(await espeak.say(text, language), MARK)
        for ending in RATES:
            whole = samples(made[ending])
            assert len(whole) > RATES[ending]  # half a second and more
            read = as_read(asterisk, made[ending], ending)
            assert whole.startswith(read)
            assert len(whole) - len(read) < RATES[ending] // 50 * 2  # it may leave out the last part of a frame


def test_asterisk_reads_silence(asterisk: PrivateAsterisk) -> None:
    for ending, file in silence(MARK).items():
        assert as_read(asterisk, file, ending).strip(b"\0") == b""


@pytest.mark.parametrize(
    "name", ["<break time='20s'/>Anna", "[[_:_:_:]] Anna", "--help", "</speak><audio src='http://127.0.0.1/'/>"]
)
async def test_languages_inside_a_name_are_off(espeak: Program, name: str) -> None:
    said = samples(prompts(await espeak.say(safe(name), languages()["en"]), MARK)[".wav"])
    assert 0.3 < len(said) / 16000 < 8


async def test_languages_sound_different(espeak: Program) -> None:
    said = {tag: await espeak.say("Anna Berg", language) for tag, language in languages().items()}
    assert said["en"] != said["sv"]
