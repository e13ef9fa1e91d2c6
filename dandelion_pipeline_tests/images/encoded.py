"""Encoded photos for tests: by Pillow, or chunk by chunk."""

import io
import struct
import zlib

import pillow_heif
from PIL import Image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """A file of a format that Pillow writes, or a HEIC file."""
    if kind == "HEIF":
        return heic(image)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: object) -> bytes:
    """A HEIC file, as phones save it; ``tile_size`` makes it of tiles."""
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=60, **options)
    return out.getvalue()


def exif(**tags: object) -> Image.Exif:
    """EXIF data with an ``orientation``, a ``software``, or both."""
    block = Image.Exif()
    for number, value in {0x0112: tags.get("orientation"), 0x0131: tags.get("software")}.items():
        if value is not None:
            block[number] = value
    return block


def png(
    width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, color: int = 2
) -> bytes:
    """A PNG whose header promises a size, whatever its data hold."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in parts)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
