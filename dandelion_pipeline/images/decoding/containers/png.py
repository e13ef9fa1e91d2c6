"""PNG files (W3C, third edition): the chunks of the still picture.

An animation's first picture is, for those who know no animations, the whole of it.
"""

import struct
import zlib
from collections.abc import Iterator

from dandelion_pipeline.images.decoding.containers.sanitized import (
    MAX_PARTS,
    Sanitized,
    broken,
    check_size,
    too_complex,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_UNPACKED = 16_000_000
"""Bytes of compressed text and profiles. Nothing reads them here, but the file is kept."""

_GREY, _COLOR, _PALETTE = 0, 2, 3
_IHDR_SIZE = 13


def sanitized(data: bytes) -> Sanitized:
    """The chunks that make the pixels.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    chunks = _chunks(data)
    kind, header = next(chunks, (b"", b""))
    if kind != b"IHDR" or len(header) != _IHDR_SIZE:
        raise broken("its header is missing")
    width, height, depth, color = struct.unpack_from(">IIBB", header)
    check_size(width, height)
    before: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    room = MAX_UNPACKED
    for kind, body in chunks:
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in {b"iCCP", b"zTXt", b"iTXt"}:
            room -= _unpacked(kind, body, room)
        elif not pixels or kind == b"eXIf":
            before.setdefault(kind, body)
    if color == _PALETTE and b"PLTE" not in before:
        raise broken("its palette is missing")
    parts = [SIGNATURE, _chunk(b"IHDR", header)]
    if color == _PALETTE:
        parts.append(_chunk(b"PLTE", before[b"PLTE"]))
    if b"tRNS" in before and color in {_GREY, _COLOR, _PALETTE}:
        parts.append(_chunk(b"tRNS", _transparency(before[b"tRNS"], depth, color)))
    parts += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    return Sanitized(b"".join(parts), width, height, before.get(b"eXIf", b""))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk before IEND."""
    view, at = memoryview(data), len(SIGNATURE)
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[at + 4 : end]) != checksum:
            raise broken("a checksum in it is wrong")
        if kind == b"IEND":
            return
        yield kind, data[at + 8 : end]
        at = end + 4
    raise too_complex(f"it has more than {MAX_PARTS} chunks")


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _unpacked(kind: bytes, body: bytes, room: int) -> int:
    """How many bytes a compressed chunk unpacks to."""
    _, _, packed = body.partition(b"\0")
    if kind == b"iTXt":  # whether it is compressed, the method, the language, the translated key
        packed = packed[1:].split(b"\0", 3)[-1] if packed[:1] == b"\1" else b""
    else:
        packed = packed[1:]  # the method: there is only one
    try:
        unpacked = len(zlib.decompressobj().decompress(packed, room + 1))
    except zlib.error:  # nobody will read it
        return 0
    if unpacked > room:
        raise broken(f"its texts unpack to more than {MAX_UNPACKED / 1e6:.0f} MB")
    return unpacked


def _transparency(body: bytes, depth: int, color: int) -> bytes:
    """The transparent colour on the scale of 8 bits, as Pillow compares it after unpacking."""
    if color == _GREY and depth < 8:  # noqa: PLR2004 (bits)
        (grey,) = struct.unpack_from(">H", body)
        return struct.pack(">H", grey * 255 // (2**depth - 1))
    if color == _COLOR and depth > 8:  # noqa: PLR2004 (bits)
        return struct.pack(">3H", *(value >> 8 for value in struct.unpack_from(">3H", body)))
    return body
