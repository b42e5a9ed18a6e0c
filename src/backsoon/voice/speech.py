"""Speech programs: text on standard input, a WAV file on standard output, never through a shell."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from dataclasses import dataclass

from backsoon.domain.errors import BacksoonError
from backsoon.voice.language import Language

ESPEAK = "espeak-ng --stdin --stdout -b 1 -v {voice} -s {speed}"
"""The usual program. GPL-3: it is called, never linked."""
SECONDS = 20.0
"""How long a program may take for one prompt."""
MOST_BYTES = 8 * 1024 * 1024
_SAID = 200


class SpeechFailed(BacksoonError):
    """A speech program did not say what it was asked to."""

    def __init__(self, program: str, what: str, remedy: str = "") -> None:
        self.remedy = remedy
        super().__init__(f"{program}: {what}")


class _TooMuch(Exception):
    """More than `MOST_BYTES`."""


class NoProgram(SpeechFailed):
    """There is no such program, so that no prompt can be made."""


@dataclass(frozen=True, slots=True)
class Program:
    """A speech program with its arguments, each word by itself; `{language}`, `{voice}` and `{speed}` are filled in."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Program:
        """A program from one line, split as a shell would, once. Raises `SpeechFailed`."""
        try:
            words = tuple(shlex.split(line))
        except ValueError as error:
            raise SpeechFailed("the speech program", str(error), "close its quotes") from error
        if not words or not words[0]:
            raise SpeechFailed("the speech program", "is not named", f"write one such as: {ESPEAK}")
        return cls(words)

    def command(self, language: Language) -> list[str]:
        """What is started for a language."""
        filled = {"{language}": language.tag, "{voice}": language.voice, "{speed}": str(language.speed)}
        return [_filled(word, filled) for word in self.words]

    async def say(self, text: str, language: Language, seconds: float = SECONDS) -> bytes:
        """The WAV file that it answers. Raises `SpeechFailed`; the program is gone then, with all that it started."""
        command = self.command(language)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            because = getattr(error, "strerror", None) or "cannot be started"
            remedy = "install it (Debian: apt install espeak-ng), or name another with --speech"
            raise NoProgram(command[0], because, remedy) from error
        try:
            async with asyncio.timeout(seconds):
                said, complaint = await _answer(process, text.encode() + b"\n")
                status = await process.wait()
        except TimeoutError as error:
            raise SpeechFailed(command[0], f"was not done within {seconds:g} seconds") from error
        except ExceptionGroup as error:
            if error.subgroup(_TooMuch) is None:
                raise
            raise SpeechFailed(command[0], f"answered more than {MOST_BYTES // 1024 // 1024} MB") from error
        finally:
            await _end(process)
        return _judged(command[0], status, said, complaint)


def _filled(word: str, filled: dict[str, str]) -> str:
    for name, value in filled.items():
        word = word.replace(name, value)
    return word


async def _answer(process: asyncio.subprocess.Process, text: bytes) -> tuple[bytes, bytes]:
    """What it says on its standard output and the beginning of what it complains of. Raises a group of `_TooMuch`."""
    async with asyncio.TaskGroup() as group:
        said = group.create_task(_all(process.stdout))
        complaint = group.create_task(_beginning(process.stderr))
        group.create_task(_give(process.stdin, text))
    return said.result(), complaint.result()


async def _give(to: asyncio.StreamWriter | None, text: bytes) -> None:
    if to is None:
        return
    with suppress(ConnectionError):  # a program that does not read is judged by what it says
        to.write(text)
        await to.drain()
    to.close()
    with suppress(ConnectionError):
        await to.wait_closed()


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    said = bytearray()
    while stream is not None and (more := await stream.read(65536)):
        said += more
        if len(said) > MOST_BYTES:
            raise _TooMuch
    return bytes(said)


async def _beginning(stream: asyncio.StreamReader | None) -> bytes:
    """The first bytes of a stream, which is read to its end."""
    said = b""
    while stream is not None and (more := await stream.read(65536)):
        said = said or more[: 4 * _SAID]
    return said


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # What it still says is not read, and without this nobody would wait for its end: there is no other way.
    process._transport.close()  # type: ignore[attr-defined]
    await process.wait()


def _judged(program: str, status: int, said: bytes, complaint: bytes) -> bytes:
    if status != 0 or not said:
        text = "".join(c if c.isprintable() else " " for c in complaint.decode(errors="replace")).strip()[:_SAID]
        raise SpeechFailed(program, f"ended with {status}" + (f": {text}" if text else " and said nothing"))
    return said
