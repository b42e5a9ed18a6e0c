"""Secrets by reference: where one is, never what it is. It is read at the moment it is used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from backsoon.domain.errors import BacksoonError

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+|credential:[A-Za-z0-9_.-]+")
_LARGEST = 65_536
"""Bytes; nothing longer is a password, a key or an address."""


class SecretError(BacksoonError):
    """A secret cannot be read. `reference` says where it should be; the text never holds what was found."""

    def __init__(self, reference: str, because: str, remedy: str) -> None:
        self.reference = reference
        self.remedy = remedy
        super().__init__(f"secret {reference}: {because}")


def is_reference(text: str) -> bool:
    """Whether the text is `env:NAME`, `file:PATH` or `credential:NAME`."""
    return _REFERENCE.fullmatch(text) is not None


def absolute_reference(reference: str, folder: Path) -> str:
    """The same reference, a file's path made absolute from `folder`."""
    if not reference.startswith("file:"):
        return reference
    return f"file:{folder / Path(reference.removeprefix('file:')).expanduser()}"


def secret(reference: str, environment: Mapping[str, str] | None = None) -> str:
    """The secret behind a reference, without the line's end. `credential:` is systemd's (systemd.exec, LoadCredential).

    Raises `SecretError`; so too for a text that is no reference at all, which is not quoted.
    """
    environment = os.environ if environment is None else environment
    if not is_reference(reference):
        remedy = "write env:NAME, file:PATH or credential:NAME in the settings"
        raise SecretError("(not shown)", "that is no reference to a secret", remedy)
    kind, _, name = reference.partition(":")
    if kind == "env":
        return _from_environment(reference, name, environment)
    return _from_file(reference, Path(name) if kind == "file" else _credential(reference, name, environment))


def _from_environment(reference: str, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise SecretError(reference, "the environment variable is not set", f"set {name} for Backsoon's process")
    return value


def _credential(reference: str, name: str, environment: Mapping[str, str]) -> Path:
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    if not folder or name.startswith("."):
        remedy = f"run Backsoon as a systemd service with LoadCredential={name}:PATH"
        raise SecretError(reference, "no such credential was given by systemd", remedy)
    return Path(folder) / name


def _from_file(reference: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        because = error.strerror or "it cannot be read"
        raise SecretError(
            reference, because, f"make {path} readable for Backsoon's account, and for no other"
        ) from None
    except UnicodeDecodeError:
        raise SecretError(reference, "the file is not UTF-8 text", "write the secret alone into the file") from None
    if not text or len(data) > _LARGEST:
        raise SecretError(reference, "the file is empty or far too long", "write the secret alone into the file")
    return text
