"""PNG pictures made smaller without losing a pixel: what describes them otherwise goes, the rest is packed tighter."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = (b"IHDR", b"PLTE", b"tRNS")
LEVEL = 9


def squeezed(picture: bytes) -> bytes:
    """The same picture (PNG, third edition, section 5), smaller or as it was. Raises ValueError where it is none."""
    parts = list(_chunks(picture))
    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    packed = min((_packed(data, strategy) for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)), key=len)
    head = [(name, body) for name, body in parts if name in KEPT]
    made = SIGNATURE + b"".join(_chunk(*part) for part in [*head, (b"IDAT", packed), (b"IEND", b"")])
    return made if len(made) < len(picture) else picture


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not picture.startswith(SIGNATURE):
        raise ValueError("that is no PNG picture")
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _packed(data: bytes, strategy: int) -> bytes:
    pack = zlib.compressobj(LEVEL, zlib.DEFLATED, 15, 9, strategy)
    return pack.compress(data) + pack.flush()
