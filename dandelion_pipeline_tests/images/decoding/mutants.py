"""Damaged files: thousands of them, the same ones each time.

Sound small files of every format, supported or not, are changed by a seeded generator: as
disks, networks and mischief change them, at random places and at those that formats live by.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from PIL import Image

from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.images.decoding.bombs import bmp
from dandelion_pipeline_tests.images.encoded import encode, exif, heic, png

EACH = 170
"""Mutants of each sound file."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SIZES = {b"\x89PNG": (16, 20), b"GIF8": (6, 8), b"RIFF": (24, 26, 27, 28), b"BM": (18, 22)}


@cache
def sound_files() -> dict[str, bytes]:
    """Small sound files by name."""
    return {**_supported(), **_unsupported()}


def mutants(name: str) -> Iterator[bytes]:
    """What becomes of a sound file."""
    for number in range(EACH):
        yield mutant(name, number)


def mutant(name: str, number: int) -> bytes:
    """One of them. Equal arguments give equal bytes."""
    chance = random.Random(f"{name} {number}")  # noqa: S311 (it has to be the same each time)
    changed = bytearray(sound_files()[name])
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        if changed:
            chance.choice(_CHANGES)(changed, chance)
    if changed.startswith(_PNG) and chance.random() < 0.7:
        _repair_checksums(changed)  # or nothing behind them would ever be tried
    return bytes(changed)


def _supported() -> dict[str, bytes]:
    photo = render("dandelion", 3, (48, 40))
    small = photo.resize((20, 16))
    see_through = photo.convert("RGBA")
    see_through.putalpha(photo.convert("L"))
    frames = {"save_all": True, "append_images": [photo.rotate(90)]}
    turned = exif(orientation=6, software="x")
    rows = b"".join(b"\0" + bytes(range(row, row + 80)) for row in range(10))
    return {
        "jpeg": encode(photo, "JPEG", exif=turned, icc_profile=bytes(200), comment=b"hello"),
        "jpeg progressive": encode(photo, "JPEG", progressive=True),
        "jpeg restarts": encode(photo, "JPEG", restart_marker_blocks=1, subsampling=0),
        "jpeg grey": encode(photo.convert("L"), "JPEG"),
        "jpeg cmyk": encode(photo.convert("CMYK"), "JPEG"),
        "jpeg large": encode(Image.new("RGB", (1100, 1030), "teal"), "JPEG", progressive=True),
        "mpo": encode(photo, "MPO", **frames),
        "png": encode(small, "PNG", exif=turned, dpi=(72, 72), icc_profile=bytes(200)),
        "png palette": encode(photo.quantize(16), "PNG", transparency=0),
        "png grey 16": encode(Image.new("I;16", (40, 30), 40_000), "PNG"),
        "png rgba 16": png(10, 10, (b"IDAT", zlib.compress(rows)), depth=16, color=6),
        "png animated": encode(photo, "PNG", **frames),
        "webp": encode(photo, "WEBP", exif=turned),
        "webp lossless": encode(photo, "WEBP", lossless=True),
        "webp palette": encode(photo.quantize(4).convert("RGB"), "WEBP", lossless=True),
        "webp alpha": encode(see_through, "WEBP"),
        "webp animated": encode(photo, "WEBP", **frames),
        "gif": encode(photo, "GIF", comment=b"hello", transparency=3),
        "gif animated": encode(photo, "GIF", **frames),
        "bmp": encode(small, "BMP"),
        "bmp palette": encode(photo.quantize(200), "BMP"),
        **_of_scanners_and_phones(small, turned),
        "bmp run lengths": bmp((10, 4), 1, b"\4\1\0\4\1\2\3\4\2\7\0\0" * 4 + b"\0\1"),
    }


def _of_scanners_and_phones(photo: Image.Image, turned: Image.Exif) -> dict[str, bytes]:
    frames = {"save_all": True, "append_images": [photo.rotate(90)]}
    floats = Image.fromarray(np.linspace(-1, 9, 320, dtype=np.float32).reshape(16, 20))
    return {
        "tiff": encode(photo, "TIFF", exif=turned),
        "tiff lzw": encode(photo, "TIFF", compression="tiff_lzw"),
        "tiff deflate cmyk": encode(photo.convert("CMYK"), "TIFF", compression="tiff_deflate"),
        "tiff jpeg": encode(photo, "TIFF", compression="jpeg"),
        "tiff fax": encode(photo.convert("1"), "TIFF", compression="group4"),
        "tiff palette": encode(photo.quantize(16), "TIFF", compression="packbits"),
        "tiff floats": encode(floats, "TIFF"),
        "avif": encode(photo, "AVIF", exif=turned, speed=9),
        "avif alpha": encode(photo.convert("RGBA"), "AVIF", speed=9),
        "avif animated": encode(photo, "AVIF", speed=9, **frames),
        "heic": encode(photo, "HEIF"),
        "heic alpha": encode(photo.convert("RGBA"), "HEIF"),
        "heic tiles": heic(photo.resize((96, 80)), tile_size=64),
    }


def _unsupported() -> dict[str, bytes]:
    photo = render("grass", 5, (24, 20))
    kinds = ("ICO", "PPM", "TGA", "PCX", "SGI", "PDF", "EPS")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("photo.jpg"), encode(photo, "JPEG"))
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'
    return {
        **{kind.lower(): encode(photo, kind) for kind in kinds},
        "j2k": encode(photo, "JPEG2000"),
        "svg": drawing,
        "zip": packed.getvalue(),
    }


def _flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 3, 10])):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random) -> None:
    at, length = _place(data, chance), chance.randrange(1, 64)
    filling = chance.choice([b"\0", b"\xff", chance.randbytes(1)]) * length
    data[at : at + length] = chance.choice([filling, chance.randbytes(length)])


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = chance.randbytes(chance.randrange(1, 40))


def _delete(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randrange(1, 40)]


def _duplicate_part(data: bytearray, chance: random.Random) -> None:
    start, end = chance.choice(_parts(data))
    at, _ = chance.choice(_parts(data))
    data[at:at] = data[start:end] * chance.choice([1, 1, 2, 50])


def _swap_parts(data: bytearray, chance: random.Random) -> None:
    (a, b), (c, d) = sorted(chance.choice(_parts(data)) for _ in range(2))
    if b <= c:
        data[a:d] = data[c:d] + data[b:c] + data[a:b]


def _extreme_length(data: bytearray, chance: random.Random) -> None:
    at, _ = chance.choice(_parts(data))
    at += chance.choice([0, 2, 4])  # JPEG, PNG and RIFF have their lengths there
    value = chance.choice([0, 1, 2, 0x7F, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
    _write_number(data, at, value, chance)


def _change_size(data: bytearray, chance: random.Random) -> None:
    places = [at for magic, known in _SIZES.items() if data.startswith(magic) for at in known]
    frame = data.find(b"\xff\xc0") if b"\xff\xc0" in data else data.find(b"\xff\xc2")
    places += [frame + 5, frame + 7] if data.startswith(b"\xff\xd8") else []
    at = chance.choice(places or [_place(data, chance)])
    value = chance.choice([0, 1, 7, 5000, 16_383, 65_535, 2**24, 2**31 - 1, 2**32 - 1])
    _write_number(data, at, value, chance)


def _splice(data: bytearray, chance: random.Random) -> None:
    other = chance.choice(list(sound_files().values()))
    data[_place(data, chance) :] = other[chance.randrange(len(other)) :]


_CHANGES: list[Callable[[bytearray, random.Random], None]] = [
    _flip_bits,
    _overwrite,
    _truncate,
    _insert,
    _delete,
    _duplicate_part,
    _swap_parts,
    _extreme_length,
    _change_size,
    _splice,
]


def _place(data: bytearray, chance: random.Random) -> int:
    """Anywhere, and more often in the headers."""
    return chance.randrange(min(len(data), 400) if chance.random() < 0.6 else len(data))


def _write_number(data: bytearray, at: int, value: int, chance: random.Random) -> None:
    width = chance.choice([1, 2, 2, 4])
    number = (value & (1 << 8 * width) - 1).to_bytes(width, chance.choice(["big", "little"]))
    data[at : at + width] = number


def _parts(data: bytearray) -> list[tuple[int, int]]:
    """Start and end of the chunks or segments; of what has none, of pieces."""
    if data.startswith(_PNG):
        bounds = list(_png_chunks(data))
    elif data.startswith(b"RIFF"):
        bounds = _walk(data, 12, lambda at: 8 + struct.unpack_from("<I", data, at + 4)[0])
    elif data.startswith(b"\xff\xd8"):
        bounds = _walk(data, 2, lambda at: 2 + struct.unpack_from(">H", data, at + 2)[0])
    else:
        bounds = []
    step = len(data) // 16 + 1
    return bounds or [(at, at + step) for at in range(0, len(data), step)]


def _png_chunks(data: bytearray) -> list[tuple[int, int]]:
    return _walk(data, 8, lambda at: 12 + struct.unpack_from(">I", data, at)[0])


def _walk(data: bytearray, at: int, length_at: Callable[[int], int]) -> list[tuple[int, int]]:
    bounds = []
    while at + 8 <= len(data) and (end := at + length_at(at)) <= len(data):
        bounds.append((at, end))
        at = end
    return bounds


def _repair_checksums(data: bytearray) -> None:
    for start, end in _png_chunks(data):
        struct.pack_into(">I", data, end - 4, zlib.crc32(data[start + 4 : end - 4]))
