"""What sources have in common whose files are known before they are read."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from dandelion_pipeline.ingest.sources.entries import Notes
from dandelion_pipeline.ingest.sources.photo import SourcePhoto
from dandelion_pipeline.ingest.sources.placing import Placed


@dataclass(frozen=True, kw_only=True)
class ArrangedSource(ABC):
    """Files of a place, each with its class."""

    placed: Sequence[Placed]
    keep_splits: bool = False
    notes: Notes = field(default_factory=Notes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return tuple(sorted({p.label for p in self.placed}))

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.placed)

    @property
    @abstractmethod
    def where(self) -> str:
        """The place, for people."""

    def describe(self) -> str:
        """What this is, for people."""
        return f"{self.count} files of {', '.join(self.labels)} {self.where}"


def photo_of(placed: Placed, data: bytes) -> SourcePhoto:
    """A file with what its place says of it; names that are no text are spelled out."""
    path = printable(placed.entry.path)
    return SourcePhoto(placed.label, placed.name, data, path, placed.group, placed.split)


def printable(path: str) -> str:
    """A path that can be printed and stored; bytes that are no UTF-8 are shown as their numbers."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
