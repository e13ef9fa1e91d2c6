"""TIFF files (TIFF 6.0, Adobe's Technical Note 2): the first page.

The page is written anew, with the tags that make its pixels and no others: what else a directory
may point at (further pages, EXIF and GPS directories, editors' layers) stays behind.
"""

import struct
from dataclasses import dataclass

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers.sanitized import (
    ENDS_EARLY,
    Sanitized,
    broken,
    check_size,
    too_complex,
)

SIGNATURES = (b"II*\0", b"MM\0*")
MAX_UNPACKED = 200_000_000
"""Bytes of all samples: 25 megapixels of RGBA in 16 bits."""

MAX_PIECES = 100_000
"""Strips or tiles: a row each, of three planes, at most."""

MAX_SCANS = 100_000
"""Scans of JPEGs inside: one a piece, as a rule."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _PLANAR = 256, 257, 258, 259, 277, 284
_STRIPS, _STRIP_SIZES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 273, 279, 322, 323, 324, 325
_ROWS = 278
_JPEG = 7
_READ = {1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946}  # none, CCITT, LZW, JPEG, deflate, PackBits
_KEPT = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _PLANAR, _ROWS, _TILE_WIDTH, _TILE_HEIGHT),
    *(262, 266, 292, 293, 317, 320, 338, 339, 347, 530, 532),
}
"""And: photometric interpretation, fill order, fax options, predictor, colour map, extra samples,
sample format, JPEG tables, YCbCr subsampling, reference black and white."""
_NUMBER = {*(_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _PLANAR, _ROWS, _TILE_WIDTH, _TILE_HEIGHT)}
_NUMBER |= {262, 266, 292, 293, 317}  # tags of one number; of more, Pillow warns
_MOST = {_BITS: 8, 338: 8, 339: 8, 530: 2, 532: 6}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_NUMBERS = {1: "B", 3: "H", 4: "I"}
_LONG = 4


@dataclass(frozen=True)
class _Tag:
    kind: int
    count: int
    body: bytes
    """The values, in the file's order of bytes."""


class _Directory:
    """The tags of the first page."""

    def __init__(self, data: bytes) -> None:
        self.order = "<" if data.startswith(b"II") else ">"
        (start,) = struct.unpack_from(f"{self.order}I", data, 4)
        (entries,) = struct.unpack_from(f"{self.order}H", data, start)
        self.tags: dict[int, _Tag] = {}
        wanted = _KEPT | {_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES}
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            number, kind, count = struct.unpack_from(f"{self.order}HHI", data, at)
            if number not in wanted or number in self.tags or kind not in _SIZES:
                continue
            where = at + 8
            size = _SIZES[kind] * count
            if size > 4:  # noqa: PLR2004  the bytes that an entry has room for
                (where,) = struct.unpack_from(f"{self.order}I", data, where)
            if where + size > len(data):
                raise broken(ENDS_EARLY)
            count = min(count, _MOST.get(number, 1 if number in _NUMBER else count))
            self.tags[number] = _Tag(kind, count, data[where : where + _SIZES[kind] * count])
        struct.unpack_from(f"{self.order}I", data, start + 2 + 12 * entries)  # of the next page

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The values of a tag; empty if there is none."""
        found = self.tags.get(tag)
        if found is None or found.kind not in _NUMBERS:
            return ()
        return struct.unpack(f"{self.order}{found.count}{_NUMBERS[found.kind]}", found.body)

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        return next(iter(self.numbers(tag)), default)


def sanitized(data: bytes) -> Sanitized:
    """The first page alone.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    page = _Directory(data)
    width, height = page.number(_WIDTH), page.number(_HEIGHT)
    check_size(width, height)
    compression = page.number(_COMPRESSION, 1)
    if compression not in _READ:
        raise ImageRefused(
            "broken",
            "the TIFF file",
            f"its compression (number {compression}) is not read",
            "Convert it: `magick photo.tif -compress zip copy.tif`",
        )
    _check_work(page, width, height)
    tiled = _TILES in page.tags
    places, sizes = (_TILES, _TILE_SIZES) if tiled else (_STRIPS, _STRIP_SIZES)
    pieces = _pieces(data, page, places, sizes)
    if compression == _JPEG and data.count(b"\xff\xda") > MAX_SCANS:
        raise too_complex("the JPEGs in it have too many scans")
    return Sanitized(_written(page, places, sizes, pieces), width, height, data)


def _check_work(page: _Directory, width: int, height: int) -> None:
    """Refuse what takes too much memory or time to unpack."""
    bits = max((1, *page.numbers(_BITS)))
    samples = max(1, page.number(_SAMPLES, 1))
    across, down = width, height
    if _TILES in page.tags:
        tile = page.number(_TILE_WIDTH), page.number(_TILE_HEIGHT)
        check_size(*tile)
        across, down = (-(-n // t) * t for n, t in zip((width, height), tile, strict=True))
    unpacked = across * down * samples * bits // 8
    if unpacked > MAX_UNPACKED or bits > 64:  # noqa: PLR2004
        raise ImageRefused(
            "too_many_pixels",
            f"a TIFF file of {width} x {height} pixels, {samples} x {bits} bits each",
            f"it unpacks to {unpacked / 1e6:.0f} MB, and the limit is {MAX_UNPACKED / 1e6:.0f}",
            "Save it with 8 bits per channel: `magick photo.tif -depth 8 copy.png`",
        )


def _pieces(data: bytes, page: _Directory, places: int, sizes: int) -> list[memoryview]:
    """The strips or tiles."""
    starts, lengths = page.numbers(places), page.numbers(sizes)
    if not starts or len(starts) != len(lengths):
        raise broken("it does not say where its pixels lie")
    if len(starts) > MAX_PIECES:
        raise too_complex(f"it has more than {MAX_PIECES} strips or tiles")
    view, room, pieces = memoryview(data), len(data), []
    for start, length in zip(starts, lengths, strict=True):
        room -= length
        if start + length > len(data) or room < 0:  # or pieces that overlap would multiply
            raise broken(ENDS_EARLY)
        pieces.append(view[start : start + length])
    return pieces


def _written(page: _Directory, places: int, sizes: int, pieces: list[memoryview]) -> bytes:
    """A TIFF file of one page: the header, the directory, its values, the pieces."""
    order, count = page.order, len(pieces)
    tags = {number: tag for number, tag in page.tags.items() if number in _KEPT}
    lengths = [len(piece) for piece in pieces]
    tags[sizes] = _Tag(_LONG, count, struct.pack(f"{order}{count}I", *lengths))
    tags[places] = _Tag(_LONG, count, bytes(4 * count))
    values = 8 + 2 + 12 * len(tags) + 4
    at = values + sum(len(tag.body) + len(tag.body) % 2 for tag in tags.values())
    starts = []
    for length in lengths:
        starts.append(at)
        at += length
    tags[places] = _Tag(_LONG, count, struct.pack(f"{order}{count}I", *starts))
    entries, bodies = [], []
    for number, tag in sorted(tags.items()):
        short = len(tag.body) <= 4  # noqa: PLR2004  as above
        value = tag.body.ljust(4, b"\0") if short else struct.pack(f"{order}I", values)
        entries.append(struct.pack(f"{order}HHI", number, tag.kind, tag.count) + value)
        bodies.append(tag.body + bytes(len(tag.body) % 2))
        values += len(bodies[-1])
    magic = SIGNATURES[0] if order == "<" else SIGNATURES[1]
    head = magic + struct.pack(f"{order}IH", 8, len(tags)) + b"".join(entries) + bytes(4)
    return b"".join([head, *bodies, *pieces])
