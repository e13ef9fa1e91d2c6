"""HEIC and AVIF files (ISO/IEC 23008-12 and 14496-12): their boxes, and the picture's true size.

Such a file says the size of its picture several times: in a property of the item, in a grid's
header, and in the coded stream itself. A decoder makes room for what the stream says, so all of
them are checked before a decoder sees the file. Metadata items and animations are hidden from it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from dandelion_pipeline.images.decoding.containers import streams
from dandelion_pipeline.images.decoding.containers.sanitized import (
    ENDS_EARLY,
    MAX_PARTS,
    MAX_PIXELS,
    Sanitized,
    broken,
    check_size,
    too_complex,
)

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_READ = {b"hvc1", b"av01", b"grid"}
_REFUSED = {b"hev1", b"iovl"}  # as parts of a grid they would not be checked
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}  # and the bytes before their boxes
MAX_HEIC_PIXELS = 50_000_000
"""libheif takes some 8 bytes a pixel, and half a second for 25 megapixels."""

_MAX_ITEMS = 1000  # libheif's own limit
_GRID_LARGE = 1


@dataclass
class _Found:
    """What a file says of its items."""

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    """By item: construction method, start and length of each extent."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    coded: list[tuple[int, int]] = field(default_factory=list)
    """The sizes that the streams' own headers name."""
    idat: tuple[int, int] = (0, 0)
    hidden: list[int] = field(default_factory=list)
    """Where four letters stand that a decoder should not recognise."""


def brands(data: bytes) -> frozenset[bytes]:
    """The brands of a file of this family; empty for all others."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), len(data), 400)
    return frozenset([data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))])


def is_avif(data: bytes) -> bool:
    """Whether this is a picture coded in AV1."""
    return bool(brands(data) & _AVIF_BRANDS)


def is_heic(data: bytes) -> bool:
    """Whether this is a picture coded in HEVC, as phones save it."""
    return not is_avif(data) and bool(brands(data) & _HEIC_BRANDS)


def sanitized(data: bytes) -> Sanitized:
    """The file without its metadata and its animation.

    Raises:
        ImageRefused: with the reason ``broken``, ``too_many_pixels`` or ``too_complex``.
    """
    found = _Found()
    for number, (kind, start, body, end) in enumerate(_boxes(data, 0, len(data))):
        if number > MAX_PARTS:
            raise too_complex(f"it has more than {MAX_PARTS} boxes")
        _look_at(data, kind, (start, body, end), found)
    if found.primary not in found.types or not found.sizes:
        raise broken("it holds no still picture")
    is_coded_in_av1 = is_avif(data)
    most = MAX_PIXELS if is_coded_in_av1 else MAX_HEIC_PIXELS
    for size in [*found.sizes, *found.coded]:
        check_size(*size, most)
    if found.types[found.primary] not in _READ or _REFUSED & {*found.types.values()}:
        raise broken("its picture is of a kind that is not read")
    for item, kind in found.types.items():
        _check_item(data, item, kind, found, most)
    changed = bytearray(data)
    for at in found.hidden:
        changed[at : at + 4] = b"skip"
    end = int.from_bytes(data[:4], "big")  # of its brands: none says any more that it is animated
    changed[8:end] = data[8:end].replace(b"avis", b"avif")
    width, height = max(found.sizes, key=lambda size: size[0] * size[1])
    return Sanitized(bytes(changed), width, height)


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body, and end of each box, those in some containers included."""
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif size == 0:
            size = end - at
        if size < body - at or at + size > end:
            raise broken(ENDS_EARLY)
        yield kind, at, body, at + size
        if kind in _CONTAINERS:
            yield from _boxes(data, body + _CONTAINERS[kind], at + size)
        at += size


def _look_at(data: bytes, kind: bytes, place: tuple[int, int, int], found: _Found) -> None:
    start, body, end = place
    version = data[body] if body < end else 0
    if kind == b"moov":
        found.hidden.append(start + 4)
    elif kind == b"pitm":
        (found.primary,) = struct.unpack_from(">I" if version else ">H", data, body + 4)
    elif kind == b"idat":
        found.idat = body, end
    elif kind == b"ispe":
        found.sizes.append(struct.unpack_from(">II", data, body + 4))
    elif kind == b"hvcC":
        found.coded += streams.sizes_in_hvcc(data[body:end])
    elif kind == b"iinf":
        _items(data, body, end, found)
    elif kind == b"iloc":
        _locations(data, body, found)


def _items(data: bytes, body: int, end: int, found: _Found) -> None:
    """The types of the items (ISO/IEC 14496-12, 8.11.6)."""
    first = body + (8 if data[body] else 6)
    for kind, _, at, _ in _boxes(data, first, end):
        version = data[at]
        if kind != b"infe" or version < 2:  # noqa: PLR2004  older ones have no type
            continue
        wide = version > 2  # noqa: PLR2004
        item, _, name = struct.unpack_from(">IH4s" if wide else ">HH4s", data, at + 4)
        if len(found.types) >= _MAX_ITEMS:
            raise too_complex(f"it has more than {_MAX_ITEMS} items")
        found.types[item] = name
        if name in {b"Exif", b"mime", b"uri "}:
            found.hidden.append(at + (10 if wide else 8))


def _locations(data: bytes, body: int, found: _Found) -> None:
    """Where the items lie (ISO/IEC 14496-12, 8.11.3)."""
    version, packed = data[body], int.from_bytes(data[body + 4 : body + 6], "big")
    offset_size, length_size, base_size, index_size = (packed >> n & 15 for n in (12, 8, 4, 0))
    wide = version > 1
    reader = _Reader(data, body + 6)
    for _ in range(reader.take(4 if wide else 2)):
        item = reader.take(4 if wide else 2)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)
        base = reader.take(base_size)
        extents = reader.take(2)
        if len(found.places) >= _MAX_ITEMS or extents > _MAX_ITEMS:
            raise too_complex(f"it has more than {_MAX_ITEMS} items")
        pieces = found.places.setdefault(item, [])
        for _ in range(extents):
            reader.take(index_size if version else 0)
            start = base + reader.take(offset_size)
            pieces.append((method, start, reader.take(length_size)))


class _Reader:
    """Numbers, one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, size: int) -> int:
        """The next number of so many bytes; 0 of none."""
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise broken(ENDS_EARLY)
        self._at += size
        return int.from_bytes(taken, "big")


def _check_item(data: bytes, item: int, kind: bytes, found: _Found, most: int) -> None:
    """Refuse an item whose stream asks for more room than the file says."""
    if kind not in _READ:
        return
    content = _content(data, item, found)
    if kind == b"grid":
        layout = ">II" if content[1] & _GRID_LARGE else ">HH"
        width, height = struct.unpack_from(layout, content, 4)
        check_size(width, height, most)
    elif kind == b"av01":
        for size in streams.sizes_in_av1(content):
            check_size(*size, most)
    else:
        streams.check_hevc(content)


def _content(data: bytes, item: int, found: _Found) -> bytes:
    """The bytes of an item."""
    parts = []
    room = len(data)
    for method, start, length in found.places.get(item, []):
        low, high = found.idat if method == 1 else (0, len(data))
        begin, end = low + start, (low + start + length if length else high)
        room -= end - begin
        if method > 1 or end > high or room < 0:
            raise broken(ENDS_EARLY)
        parts.append(data[begin:end])
    return b"".join(parts)
