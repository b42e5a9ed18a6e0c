"""Replaces the settings file by another content: whole or not at all, and by nobody else meanwhile."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from backsoon.domain.settingserrors import NotWritable

FOLDER = "secrets"
BEFORE = ".before"
_OWN = re.compile(r"[a-z0-9_-]{1,80}\.[0-9a-f]{12}")
"""What files of secrets are called that were made here."""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why the file cannot be written, and what to do; "" where it can."""

    what: str = ""
    remedy: str = ""


def why_not_writable(path: Path) -> WhyNot:
    """Whether this account could replace the file."""
    file = path.resolve()
    own = f"chown the folder {file.parent} to Backsoon's account, or change the file by hand and run `backsoon apply`"
    try:
        status = file.stat()
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            return WhyNot(f"{file} belongs to another account", f"make it Backsoon's own: chown it; or {own}")
    except OSError as error:
        return WhyNot(f"{file}: {error.strerror}", own)
    if not os.access(file, os.W_OK):
        return WhyNot(f"{file} is not to be written by this account", own)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return WhyNot(f"the folder {file.parent} is not to be written by this account", own)
    if os.path.ismount(file):
        remedy = "mount the folder that it is in, or change the file by hand and run `backsoon apply`"
        return WhyNot(f"{file} is mounted alone, so it cannot be replaced", remedy)
    return WhyNot()


def name_of_secret(path: tuple[str, ...], value: str) -> str:
    """What the file of a new secret is called: by its field, and another one each time."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", "-".join(path).lower())[:80] or "secret"
    return f"{slug}.{secrets.token_hex(6)}"


def is_secrets_file(path: str) -> bool:
    """Whether a path ends with the name of such a file, whatever leads there: what is in one was sent as a secret, and
    is nothing else's content."""
    return _OWN.fullmatch(Path(path.strip()).name) is not None


class Replacement:
    """Holds the lock of a settings file, and replaces it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.resolve()
        self._lock = -1

    def __enter__(self) -> Replacement:
        """Wait until nobody else replaces it. Raises `NotWritable`."""
        try:
            self._lock = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise _not(self._file.parent, error) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._lock)

    def replace(self, data: bytes, new_secrets: Mapping[str, str]) -> None:
        """First secrets, under names that nothing refers to yet; then the file at once; then what nobody needs goes.

        Raises `NotWritable`; the file is as it was then.
        """
        try:
            status = self._file.stat()
            former = self._file.read_bytes()
            self._write_secrets(new_secrets, status)
            _put(self._file.with_name(self._file.name + BEFORE), former, status)
            _put(self._file, data, status)
        except OSError as error:
            raise _not(self._file, error) from None
        with suppress(OSError):
            self._forget_secrets(data + former)

    def _write_secrets(self, new_secrets: Mapping[str, str], status: os.stat_result) -> None:
        folder = self._path.parent / FOLDER
        if new_secrets:
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_uid != status.st_uid:
                os.chown(folder, status.st_uid, status.st_gid)
        for name, text in new_secrets.items():
            _new(folder / name, text.encode(), 0o600, status)
        if new_secrets:
            _sync(folder)

    def _forget_secrets(self, texts: bytes) -> None:
        """Secrets that neither the file nor the one before names; only those that were made here."""
        folder = self._path.parent / FOLDER
        for one in folder.iterdir() if folder.is_dir() else ():
            if _OWN.fullmatch(one.name) and f"{FOLDER}/{one.name}".encode() not in texts:
                one.unlink()


def _not(path: Path, error: OSError) -> NotWritable:
    return NotWritable(f"{path}: {error.strerror}", f"make {path.parent} writable for Backsoon's account")


def _put(path: Path, data: bytes, like: os.stat_result) -> None:
    """The content at once, by a file beside it; with owner and mode of what was there."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        _new(made, data, stat.S_IMODE(like.st_mode), like)
        made.replace(path)
    finally:
        with suppress(FileNotFoundError):
            made.unlink()
    _sync(path.parent)


def _new(path: Path, data: bytes, mode: int, like: os.stat_result) -> None:
    """A new file, on the disk before this returns; nobody else may read it meanwhile."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
