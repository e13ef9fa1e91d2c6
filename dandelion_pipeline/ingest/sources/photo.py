"""What every source of photos offers, and the names that all of them give."""

import hashlib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources.entries import Notes

_LONGEST_STEM = 120  # bytes: with what is added, any file system takes the name


@dataclass(frozen=True)
class SourcePhoto:
    """A file as it was found. Whether it is a photo at all, the decoder decides."""

    label: str
    name: str
    """Unique within the label, and fit to be the last part of a store's key."""

    data: bytes
    """At most one byte more than the decoder accepts."""

    path: str = ""
    """Where it lies in the source, for messages and import records."""

    group: str = ""
    """The user's own group (a patient, a plant, a session); photos of one never cross a split."""

    split: str = ""
    """``train``, ``validation`` or ``test``, where the source says so."""


class PhotoSource(Protocol):
    """Photos, read one after the other: memory does not grow with their number."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""

    @property
    def count(self) -> int | None:
        """The number of files, where it is known before they are read."""

    @property
    def notes(self) -> Notes:
        """What is ignored or cannot be read, and how the folders were understood."""

    @property
    def keep_splits(self) -> bool:
        """Whether the user wants the source's own splits kept."""

    def describe(self) -> str:
        """What this is, for people."""

    def __iter__(self) -> Iterator[SourcePhoto]:
        """Read the files. One that cannot be read is added to the notes, and the others go on.

        Raises:
            SourceUnavailable: the place stopped answering.
        """


def chosen_classes(
    counts: Mapping[str, int],
    wanted: Sequence[str],
    where: str,
    remedy: str,
    known: Collection[str] = (),
) -> tuple[str, ...]:
    """The classes that hold files, or those of them that are wanted.

    Args:
        counts: files by class.
        wanted: the classes to take; empty for all.
        where: the place, for the error message.
        remedy: how to arrange photos in such a place.
        known: classes whose photos the store has already. One of them alone will do, and a new
            one if it is among ``wanted``.

    Raises:
        SourceError: they are fewer than two with those of the store, or a wanted one is not there.
    """
    filled = [label for label in sorted(counts) if counts[label]]
    missing = [label for label in wanted if label not in filled]
    if missing:
        raise SourceError(where, f"there are no photos of the class {missing[0]!r} in it", remedy)
    classes = tuple(label for label in filled if not wanted or label in wanted)
    if not classes:
        raise SourceError(where, "it holds no photos", remedy)
    if len(classes) > 1 or classes[0] in known or (known and wanted):
        return classes
    why = (
        f", and the store knows {', '.join(sorted(known))}; "
        f"if it is a new class, say LABELS={classes[0]}"
        if known
        else ", and one class is nothing to tell apart"
    )
    raise SourceError(where, f"it holds one class only ({classes[0]}){why}", remedy)


def safe_name(path: str) -> str:
    """A file's path within its class as one part of a key.

    Ordinary names stay as they are. Others keep what can be kept, and get a part of their
    SHA-256, so that different paths have different names in every run.
    """
    kept = "".join(c if _is_plain(c) else "_" for c in unicodedata.normalize("NFC", path))
    kept = kept.strip(" .") or "_"
    if kept == path and len(path.encode()) <= _LONGEST_STEM:
        return path
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    pure = PurePosixPath(kept)
    stem = pure.stem.encode()[:_LONGEST_STEM].decode("utf-8", "ignore")
    return f"{stem}-{digest}{pure.suffix[:8].rstrip(' .')}"


def _is_plain(character: str) -> bool:
    return character in " -_.,+=()@&'!" or unicodedata.category(character)[0] in "LNM"
