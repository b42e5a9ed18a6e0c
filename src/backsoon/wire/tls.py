"""TLS for clients: verification is never off; a private authority is named by its file."""

from __future__ import annotations

import ssl
from pathlib import Path

from backsoon.domain.errors import BacksoonError


class BadCaFile(BacksoonError):
    """The file of certificate authorities cannot be used."""

    def __init__(self, path: Path, because: str) -> None:
        self.path = path
        self.because = because
        super().__init__(f"{path}: {because}; it must hold the authority's certificates in PEM")


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """What clients verify servers with: the system's authorities, or only those in `ca_file` where one is named.

    Certificate and host name are always checked. Raises `BadCaFile`.
    """
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except FileNotFoundError:
        raise BadCaFile(ca_file, "there is no such file") from None
    except ssl.SSLError:
        raise BadCaFile(ca_file, "no certificate in it") from None
    except OSError as error:
        raise BadCaFile(ca_file, error.strerror or "it cannot be read") from None
