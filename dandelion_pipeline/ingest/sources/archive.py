"""A zip or tar archive of photos. Nothing is unpacked to disk: each file is read in memory."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.arranged import ArrangedSource, photo_of, printable
from dandelion_pipeline.ingest.sources.entries import Entry, Notes
from dandelion_pipeline.ingest.sources.layouts.layout import Options, arrange
from dandelion_pipeline.ingest.sources.layouts.manifests import LARGEST
from dandelion_pipeline.ingest.sources.photo import SourcePhoto

MOST_FILES = 1_000_000
MOST_BYTES_FLOOR = 2**30
MOST_RATIO = 100
"""Photos hardly shrink: an archive that unpacks to more than this many times its own size, and to
more than `MOST_BYTES_FLOOR` bytes, is a bomb."""

_NESTED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".rar", ".7z", ".zst")
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    RuntimeError,  # zipfile's, for a file with a password
    NotImplementedError,
    ValueError,
    KeyError,
)
_Member = zipfile.ZipInfo | tarfile.TarInfo


@dataclass(frozen=True, kw_only=True)
class ArchiveSource(ArrangedSource):
    """The files in an archive, each with its class."""

    file: Path

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"in the archive {self.file}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        with _Archive(self.file) as archive:
            for p in sorted(self.placed, key=lambda p: _offset(p.entry.at)):
                try:
                    data = archive.read(p.entry, MAX_BYTES + 1)
                except _BROKEN as error:
                    self.notes.odd[printable(p.entry.path)] = f"it cannot be read ({error})"
                    continue
                yield photo_of(p, data)


def is_archive(file: Path) -> bool:
    """Whether a path is a file that is read as an archive, by its content."""
    try:
        return file.is_file() and (zipfile.is_zipfile(file) or tarfile.is_tarfile(file))
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False


def open_archive(file: Path, options: Options) -> ArchiveSource:
    """Look at what an archive holds; nothing but tables of labels is read yet.

    Raises:
        SourceError: it cannot be used, and why.
    """
    file = file.expanduser().absolute()
    notes = Notes()
    with _Archive(file) as archive:
        entries = _members(archive, notes)
        placed = arrange(
            entries,
            options,
            notes,
            f"the archive {file}",
            "Pack the photos as <class>/<name>, for 2 classes or more",
            lambda entry: archive.read(entry, LARGEST),
        )
    return ArchiveSource(placed=placed, keep_splits=options.keep_splits, notes=notes, file=file)


class _Archive:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._opened = ExitStack()
        try:
            self._zip = zipfile.ZipFile(file) if zipfile.is_zipfile(file) else None
            self._tar = None if self._zip else tarfile.open(file, "r:*")  # noqa: SIM115
        except _BROKEN as error:
            raise _unusable(file, f"it cannot be opened ({error})") from None
        self._opened.enter_context(self._zip or self._tar)  # type: ignore[arg-type]

    def __enter__(self) -> "_Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def members(self) -> Iterator[tuple[str, int, _Member]]:
        if self._zip:
            for info in self._zip.infolist():
                yield info.filename, info.file_size, info
        if self._tar:
            for member in self._tar:
                yield member.name + "/" * member.isdir(), member.size, member

    def read(self, entry: Entry, length: int) -> bytes:
        """The first bytes of a file; a bomb is cut off there."""
        opened: IO[bytes] | None = None
        if self._zip and isinstance(entry.at, zipfile.ZipInfo):
            opened = self._zip.open(entry.at)
        if self._tar and isinstance(entry.at, tarfile.TarInfo):
            opened = self._tar.extractfile(entry.at)
        if opened is None:
            raise OSError("it is no file")
        with opened:
            return opened.read(length)


def _members(archive: _Archive, notes: Notes) -> list[Entry]:
    """What an archive names. Names that lead out of it, links and the like are odd."""
    entries: dict[str, Entry] = {}
    total, allowed = 0, max(MOST_BYTES_FLOOR, MOST_RATIO * archive.file.stat().st_size)
    try:
        for name, size, member in archive.members():
            total += size
            if total > allowed or len(entries) > MOST_FILES:
                raise _unusable(
                    archive.file,
                    f"it unpacks to more than {allowed / 1e9:.0f} GB or {MOST_FILES:,} files",
                )
            path = name.replace("\\", "/").removeprefix("./")
            why = _oddity(path, member)
            if why:
                notes.odd[printable(path)] = why
            elif path and not path.endswith("/"):
                if path in entries:
                    notes.odd[printable(path)] = "the archive holds it twice; the last one is taken"
                entries[path] = Entry(path, member, max(1, size))
    except _BROKEN as error:
        notes.odd[str(archive.file)] = (
            f"it is cut short or damaged after {len(entries)} files ({error})"
        )
    return list(entries.values())


def _oddity(path: str, member: _Member) -> str | None:
    parts = path.rstrip("/").split("/")
    if path.startswith("/") or ".." in parts or "" in parts[:-1]:
        return "its name leads out of the archive"
    if isinstance(member, tarfile.TarInfo) and not (member.isreg() or member.isdir()):
        return "it is a link or a device"
    if isinstance(member, zipfile.ZipInfo) and stat.S_ISLNK(member.external_attr >> 16):
        return "it is a link"
    if isinstance(member, zipfile.ZipInfo) and member.flag_bits & 1:
        return "it has a password"
    if PurePosixPath(path.casefold()).suffix in _NESTED:
        return "it is an archive inside an archive; unpack it"
    return None


def _offset(member: object) -> int:
    if isinstance(member, tarfile.TarInfo):
        return member.offset
    return member.header_offset if isinstance(member, zipfile.ZipInfo) else 0


def _unusable(file: Path, why: str) -> SourceError:
    return SourceError(f"the archive {file}", why, "Unpack it yourself, and give the folder")
