"""What is asked of a web server at most: any import ends, and says why it did."""

import hashlib
import time
from dataclasses import dataclass, field

from dandelion_pipeline.ingest.sources.entries import Notes

# How JPEG, PNG, GIF, BMP, TIFF and JPEG 2000 begin; WebP, HEIC and AVIF are named later on.
_STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP",
)


@dataclass(frozen=True)
class Bounds:
    """The most that is asked of one server."""

    files: int = 500_000
    folders: int = 5_000
    depth: int = 8
    missing_in_a_row: int = 10
    """So many numbers without a file mean that there are no more."""

    useless_in_a_row: int = 200
    """So many answers that are no new photo mean that the server has none to give."""

    failed_in_a_row: int = 10
    """So many files that did not come at all mean that the server is gone."""

    seconds_without_photo: float = 300.0
    seconds_to_list: float = 600.0


BOUNDS = Bounds()


@dataclass
class Watch:
    """Counts what a server gives, and says when it has given nothing new for too long."""

    notes: Notes
    bounds: Bounds = field(default_factory=lambda: BOUNDS)
    photos: int = 0
    """New photos so far."""

    _useless: int = 0
    _missing: int = 0
    _last: float = field(default_factory=time.monotonic)
    _seen: set[bytes] = field(default_factory=set)

    def takes(self, path: str, data: bytes | None) -> bool:
        """Whether an answer is to be passed on: it is a photo, or may be one.

        Args:
            path: for the notes.
            data: the answer, or None if there is no such file.
        """
        self._missing = self._missing + 1 if data is None else 0
        digest = hashlib.sha256(data).digest()[:16] if data is not None else b""
        looks = data is not None and looks_like_photo(data)
        if looks and digest not in self._seen:
            self._seen.add(digest)
            self._useless, self._last = 0, time.monotonic()
            self.photos += 1
        else:
            self._useless += 1
        if data is not None and not looks:
            self.notes.odd[path] = f"the server gave {what_it_is(data)}"
        return looks

    def failed(self, path: str, why: str) -> None:
        """Count a file that did not come."""
        self._useless += 1
        self.notes.odd[path] = why

    def over(self) -> str | None:
        """Why no more is asked, or None to go on."""
        bounds = self.bounds
        if self._missing >= bounds.missing_in_a_row:
            return ""
        if self._useless >= bounds.useless_in_a_row:
            return f"{self._useless} answers in a row were no new photo"
        if self.photos >= bounds.files:
            return f"{bounds.files:,} photos are the most that is taken from one server"
        return self.too_slow()

    def too_slow(self) -> str | None:
        """Why no more is asked of a server that takes too long, or None."""
        if time.monotonic() - self._last > self.bounds.seconds_without_photo:
            return f"no new photo came in {self.bounds.seconds_without_photo:.0f} seconds"
        return None


def looks_like_photo(data: bytes) -> bool:
    """Whether some bytes begin as a photo of a known format does; the decoder knows for sure."""
    brand = data[4:12]
    return (
        data.startswith(_STARTS)
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
        or (brand[:4] == b"ftyp" and brand[4:7] in (b"hei", b"hev", b"mif", b"msf", b"avi"))
    )


def what_it_is(data: bytes) -> str:
    """What an answer is that is no photo."""
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if not data:
        return "nothing"
    return "text" if all(byte in b"\t\n\r" or byte >= 32 for byte in data[:64]) else "no photo"  # noqa: PLR2004
