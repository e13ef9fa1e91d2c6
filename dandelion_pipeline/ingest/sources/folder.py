"""A folder of photos, however they are arranged in it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.sources.arranged import ArrangedSource, photo_of, printable
from dandelion_pipeline.ingest.sources.entries import Entry, Notes, ignored_as
from dandelion_pipeline.ingest.sources.layouts.layout import Options, arrange
from dandelion_pipeline.ingest.sources.layouts.manifests import LARGEST
from dandelion_pipeline.ingest.sources.photo import SourcePhoto

_DEEPEST = 32
_LINKS_FOLLOWED = 2  # levels: class folders may be links, and deeper ones may lead in circles


@dataclass(frozen=True, kw_only=True)
class FolderSource(ArrangedSource):
    """The files below a folder, each with its class."""

    folder: Path

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"in the folder {self.folder}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        for p in self.placed:
            path = self.folder / p.entry.path
            try:
                data = read_start(path, MAX_BYTES + 1)
            except OSError as error:
                self.notes.odd[printable(p.entry.path)] = _why(path, error)
                continue
            yield photo_of(p, data)


def open_folder(folder: Path, options: Options) -> FolderSource:
    """Look at a folder; nothing but tables of labels is read yet.

    Raises:
        SourceError: it cannot be used, and why.
    """
    folder = folder.expanduser().absolute()
    check_is_folder(folder)
    notes = Notes()
    entries = list(files_below(folder, notes))
    if not entries and not notes.odd:
        raise SourceError(
            f"the folder {folder}", "it is empty", f"Put photos into {folder}/<class>/"
        )
    placed = arrange(
        entries,
        options,
        notes,
        f"the folder {folder}",
        f"Put the photos into {folder}/<class>/, for 2 or more",
        lambda entry: read_start(folder / entry.path, LARGEST),
    )
    return FolderSource(placed=placed, keep_splits=options.keep_splits, notes=notes, folder=folder)


def files_below(folder: Path, notes: Notes) -> Iterator[Entry]:
    """The files below a folder, by name. What is odd is added to the notes, and stops nothing.

    Hidden folders and those of a NAS are not looked into; each counts once.
    """
    yield from _walk(folder, "", notes, ())


def _walk(
    top: Path, below: str, notes: Notes, above: tuple[tuple[int, int], ...]
) -> Iterator[Entry]:
    folder = top / below
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda e: e.name)
    except OSError as error:
        notes.odd[printable(below or str(top))] = _why(folder, error)
        return
    if here in above or len(above) > _DEEPEST:
        notes.odd[printable(below)] = "these folders lead in circles, or are too deep"
        return
    for entry in entries:
        path = f"{below}{entry.name}"
        try:
            if entry.is_dir() and not (entry.is_symlink() and len(above) >= _LINKS_FOLLOWED):
                if _is_open(path, notes):
                    yield from _walk(top, f"{path}/", notes, (*above, here))
            else:
                yield from _file(entry, path, notes)
        except OSError as error:
            notes.odd[printable(path)] = _why(folder / entry.name, error)


def _is_open(path: str, notes: Notes) -> bool:
    """Whether a folder is looked into; it is counted if not."""
    kind = ignored_as(f"{path}/photo.jpg")
    if kind is not None:
        notes.ignored[kind] += 1
    return kind is None


def _file(entry: os.DirEntry[str], path: str, notes: Notes) -> Iterator[Entry]:
    if ignored_as(path) is not None:  # whatever it is: a broken link of a lock file, for example
        yield Entry(path, None)
        return
    status = entry.stat()
    if stat.S_ISREG(status.st_mode):
        if os.access(entry.path, os.R_OK):
            yield Entry(path, None, max(1, status.st_size))
        else:
            notes.odd[printable(path)] = _why(
                Path(entry.path), PermissionError(13, "Permission denied")
            )
    elif stat.S_ISDIR(status.st_mode):
        notes.ignored["links to folders"] += 1
    else:
        notes.odd[printable(path)] = (
            f"it is no file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'a device')}"
        )


_KINDS = {stat.S_IFIFO: "a pipe (FIFO)", stat.S_IFSOCK: "a socket"}


def read_start(path: Path, length: int) -> bytes:
    """The first bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(length)


def check_is_folder(folder: Path) -> None:
    """Refuse what is no folder that can be opened.

    Raises:
        SourceError: says what it is.
    """
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
        if is_folder:
            os.scandir(folder).close()
    except PermissionError as error:
        raise SourceError(
            f"the folder {folder}",
            _why(folder, error),
            f"As its owner, run `chmod -R a+rX '{folder}'`, or run this as its owner",
        ) from None
    except OSError as error:
        raise SourceError(
            f"the folder {folder}",
            f"it cannot be opened ({error.strerror})",
            "Check the path; it is read as an absolute one, as shown here",
        ) from None
    if not is_folder:
        raise SourceError(
            f"the source {folder}",
            "it is a file and neither a folder nor a zip or tar archive",
            "Give the folder that holds one folder for each class",
        )


def _why(path: Path, error: OSError) -> str:
    """What keeps this user from reading a file or folder."""
    if not isinstance(error, PermissionError):
        return f"it cannot be read ({(error.strerror or str(error)).lower()})"
    said = f"this user (uid {os.geteuid()}) has no permission to open it"
    try:
        found = path.stat()
    except OSError:
        return said
    mode = f"{stat.S_IMODE(found.st_mode):03o}"
    return f"{said}; it belongs to uid {found.st_uid} and has mode {mode} (chmod a+rX helps)"
