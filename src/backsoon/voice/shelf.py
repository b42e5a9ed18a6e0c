"""Prompts as files, `FOLDER/LANGUAGE/backsoon/KEY.wav` and `.wav16`: those we made, and recordings.

A recording is any file at a prompt's place that does not say of itself that Backsoon made it as it stands
(`sound.mark_of`), whatever its format. It is never overwritten and never removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from secrets import token_hex

from backsoon.domain.errors import BacksoonError
from backsoon.switchboards.asterisk.render import language_folder
from backsoon.voice.language import KEY
from backsoon.voice.sound import RATES, Mark, mark_of, unplayable

_LONGEST_FILE = 8 * 1024 * 1024
"""Larger ones are not ours, and are not read."""


class ShelfError(BacksoonError):
    """Prompts cannot be read or written here."""

    def __init__(self, what: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(what)


class State(StrEnum):
    """What is at a prompt's place."""

    MADE = "made"
    OUTDATED = "outdated"
    """Made by us, of another text, voice or program, or one of its two files only."""
    RECORDED = "recorded"
    MISSING = "missing"


@dataclass(slots=True)
class Files:
    """The files of one prompt: ours by ending with what they say of themselves, and whether there is a recording."""

    ours: dict[str, Mark] = field(default_factory=dict)
    recorded: bool = False
    unplayable: dict[str, str] = field(default_factory=dict)
    """Recordings that Asterisk does not play, by ending, with the reason."""


class Shelf:
    """The prompts of one language below a folder of sounds, for one organisation."""

    def __init__(self, sounds: Path, tag: str, organisation: str) -> None:
        self.folder = sounds / language_folder(tag) / "backsoon"
        self._organisation = organisation

    def scan(self) -> dict[str, Files]:
        """What is there, by key. Raises `ShelfError`, also where prompts of another organisation are there."""
        found: dict[str, Files] = {}
        with _told(self.folder):
            for path, key in _files(self.folder):
                _see(found.setdefault(key, Files()), path)
        for files in found.values():
            for mark in files.ours.values():
                if mark.organisation != self._organisation:
                    what = f"{self.folder} has the prompts of the organisation {mark.organisation}"
                    raise ShelfError(what, "give each organisation a folder of its own")
        return {key: files for key, files in found.items() if files.ours or files.recorded}

    def state(self, files: Files | None, made_of: str) -> State:
        """What is at the place of a prompt that would be made of this."""
        if files is None:
            return State.MISSING
        if files.recorded:
            return State.RECORDED
        wanted = dict.fromkeys(RATES, Mark(self._organisation, made_of))
        return State.MADE if files.ours == wanted else State.OUTDATED

    def put(self, key: str, files: Mapping[str, bytes]) -> bool:
        """Write the files of a prompt, each at once or not at all; False where a recording has come in its place."""
        now: Files = Files()
        with _told(self.folder):
            for ending in files:
                path = self.folder / f"{key}{ending}"
                if path.is_symlink() or path.exists():
                    _see(now, path)
            if now.recorded:
                return False
            _make(path.parent)
            for ending, content in files.items():
                _replace(self.folder / f"{key}{ending}", content)
        return True

    def remove(self, key: str, files: Files) -> int:
        """Remove those files of a prompt that are ours; how many they were."""
        with _told(self.folder):
            for ending in files.ours:
                (self.folder / f"{key}{ending}").unlink(missing_ok=True)
        return len(files.ours)


class _told:
    """Turns what the system says of files into `ShelfError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            where = error.filename or self._folder
            remedy = "run as an account that may write there, or name another folder with --to"
            raise ShelfError(f"{where}: {error.strerror or type(error).__name__}", remedy) from error


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file and the key at whose place it is; hidden ones (and ours that are being written) are none."""
    for inner in ("", *sorted(_folders(folder))):
        try:
            with os.scandir(folder / inner) as entries:
                paths = [Path(entry.path) for entry in entries if not entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
        for path in paths:
            key = f"{inner}/{path.stem}" if inner else path.stem
            if KEY.fullmatch(key) and path.suffix:
                yield path, key


def _folders(folder: Path) -> list[str]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir()]
    return []


def _see(files: Files, path: Path) -> None:
    """Judge a file. One that is empty (the machine stopped before it was on the disk) is none."""
    if path.suffix not in RATES or path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_FILE:
        files.recorded = True
        return
    content = path.read_bytes()
    mark = mark_of(content)
    if mark is not None:
        files.ours[path.suffix] = mark
    elif content.strip(b"\0"):
        files.recorded = True
        if because := unplayable(content, path.suffix):
            files.unplayable[path.suffix] = because


def _make(folder: Path) -> None:
    """Make a folder, and those above it, that the account which Asterisk runs as may enter."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def _replace(path: Path, content: bytes) -> None:
    """Put the file in place at once, readable for the account that Asterisk runs as."""
    # Asterisk's account may own the folder and ours be root: a name that it can guess could be its link to any file.
    new = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
