"""A folder of class folders."""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decode import MAX_BYTES
from dandelion_pipeline.images.sources.photo import SourcePhoto, chosen_classes, safe_name


@dataclass(frozen=True)
class FolderSource:
    """The files below a folder. What lies deeper in a class folder belongs to that class."""

    folder: Path
    labels: tuple[str, ...]
    count: int

    def describe(self) -> str:
        """What this is, for people."""
        return f"{self.count} files of {', '.join(self.labels)} in the folder {self.folder}"

    def __iter__(self) -> Iterator[SourcePhoto]:
        for label in self.labels:
            top = self.folder / label
            for path in files_below(top):
                name = safe_name(path.relative_to(top).as_posix())
                yield SourcePhoto(label, name, read_photo(path))


def open_folder(folder: Path, labels: Sequence[str], known: Collection[str] = ()) -> FolderSource:
    """Look at a folder: every file in it must be readable, none is read yet.

    Raises:
        SourceError: it cannot be used, and why.
    """
    folder = folder.expanduser().absolute()
    tops = class_folders(folder)
    counts = {top.name: _count(top) for top in tops if not labels or top.name in labels}
    remedy = _one_level_deeper(tops) or f"Put the photos into {folder}/<class>/, for 2 or more"
    classes = chosen_classes(counts, labels, f"the folder {folder}", remedy, known)
    return FolderSource(folder, classes, sum(counts[label] for label in classes))


def class_folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name; hidden ones are left out.

    Raises:
        SourceError: there are none, or the folder cannot be opened.
    """
    _check_is_folder(folder)
    entries = _entries(folder)
    tops = [Path(e.path) for e in entries if _leads_to_folder(e)]
    if not tops:
        raise _no_class_folders(folder, has_files=bool(entries))
    return tops


def files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder, by name; hidden ones are left out.

    Links to folders are not followed: they may lead in circles.

    Raises:
        SourceError: something in it cannot be opened.
    """
    for entry in _entries(folder):
        path = Path(entry.path)
        try:
            mode = (entry.stat(follow_symlinks=False) if path.is_dir() else path.stat()).st_mode
        except PermissionError:
            raise _denied(folder) from None
        except OSError as error:
            raise _unreadable(path, error) from None
        if stat.S_ISDIR(mode):
            yield from files_below(path)
        elif stat.S_ISREG(mode):
            yield path


def read_photo(path: Path) -> bytes:
    """A file, up to one byte more than the decoder accepts.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None


def _check_is_folder(folder: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except PermissionError:
        raise _denied(folder) from None
    except OSError as error:
        raise SourceError(
            f"the folder {folder}",
            f"it cannot be opened ({error.strerror})",
            "Check the path; it is read as an absolute one, as shown here",
        ) from None
    if not is_folder:
        raise SourceError(
            f"the source {folder}",
            "it is a file and not a folder",
            "Give the folder that holds one folder for each class",
        )


def _no_class_folders(folder: Path, *, has_files: bool) -> SourceError:
    what = f"the folder {folder}"
    if not has_files:
        return SourceError(what, "it is empty", f"Put photos into {folder}/<class>/")
    return SourceError(
        what,
        "its files lie side by side, and nothing says which class each belongs to",
        f"Make a folder for each class, such as {folder}/dandelion/ and {folder}/grass/, "
        "and move each photo into the one it belongs to",
    )


def _one_level_deeper(tops: Sequence[Path]) -> str:
    """What to say of ``data/`` when the class folders are in ``data/photos/``."""
    if len(tops) != 1 or sum(_leads_to_folder(e) for e in _entries(tops[0])) < 2:  # noqa: PLR2004
        return ""
    return f"There are folders in {tops[0]}: perhaps that is the one to give"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, by name; hidden things are left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except PermissionError:
        raise _denied(folder) from None
    except OSError as error:
        raise _unreadable(folder, error) from None


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise _unreadable(Path(entry.path), error) from None


def _count(folder: Path) -> int:
    count = 0
    for path in files_below(folder):
        if not os.access(path, os.R_OK):
            raise _unreadable(path, PermissionError(0, "permission denied"))
        count += 1
    return count


def _denied(folder: Path) -> SourceError:
    return SourceError(
        f"the folder {folder}",
        f"this user (uid {os.geteuid()}) has no permission to open it{_owner(folder)}",
        f"As its owner, run `chmod -R a+rX '{folder}'`, or run this as its owner",
    )


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f"the file {path}",
        f"it cannot be read ({(error.strerror or str(error)).lower()}){_owner(path)}",
        f"Repair or remove it; if it is its permissions, run `chmod a+r '{path}'` as its owner",
    )


def _owner(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"; it belongs to uid {found.st_uid} and has mode {stat.S_IMODE(found.st_mode):03o}"
