"""A picture that is made smaller has the same pixels."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.png import SIGNATURE, squeezed


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def picture(data: bytes, level: int = 1, *more: bytes) -> bytes:
    """One row of grey pixels."""
    head = struct.pack(">IIBBBBB", len(data), 1, 8, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" + data, level)
    middle = len(packed) // 2
    parts = [chunk(b"IDAT", packed[:middle]), chunk(b"IDAT", packed[middle:])]
    return b"".join([SIGNATURE, chunk(b"IHDR", head), *more, *parts, chunk(b"IEND", b"")])


def pixels(made: bytes) -> bytes:
    at, data = len(SIGNATURE), b""
    while at < len(made):
        (length,) = struct.unpack_from(">I", made, at)
        name, body = made[at + 4 : at + 8], made[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", made, at + 8 + length)[0] == zlib.crc32(name + body)
        data += body if name == b"IDAT" else b""
        at += 12 + length
    return zlib.decompress(data)


@given(st.binary(min_size=1, max_size=2000))
def test_no_pixel_is_lost(data: bytes) -> None:
    before = picture(data)
    after = squeezed(before)
    assert pixels(after) == b"\0" + data
    assert len(after) <= len(before)


def test_it_is_smaller_and_says_nothing_of_who_made_it() -> None:
    before = picture(bytes(range(250)) * 40, 1, chunk(b"tEXt", b"Author\0Anna Berg"))
    after = squeezed(before)
    assert len(after) < len(before)
    assert b"Anna" not in after


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="no PNG"):
        squeezed(b"GIF89a")
