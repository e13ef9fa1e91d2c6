"""Which photos a person means: by their IDs, or by the names of their files."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.ingest.imports import last_imports
from dandelion_pipeline.storage.objects.store import Store

SHORTEST_ID = 8
SHOWN_ID = 12
_SHOWN = 5

FIND_IDS = (
    "Give the name of its file, or copy the ID: `dandelion images conflicts` and `dandelion images "
    "suspects` list IDs, and the data report shows them with pictures"
)


@dataclass(frozen=True)
class Photos:
    """All photos that were taken in."""

    labels: dict[str, set[str]]
    """By SHA-256: the labels that each has now."""

    names: dict[str, set[str]] = field(default_factory=dict)
    """SHA-256 by what its file is called: ``name`` in the landing folder, ``label/name``, and the
    path in the source."""

    @classmethod
    def of(cls, store: Store) -> "Photos":
        """Read them."""
        labels: defaultdict[str, set[str]] = defaultdict(set)
        names: defaultdict[str, set[str]] = defaultdict(set)
        table = all_photos(store)
        columns = (table[name].to_pylist() for name in ("sha256", "label", "name"))
        for sha256, label, name in zip(*columns, strict=True):
            labels[sha256].add(label)
            names[name].add(sha256)
            names[f"{label}/{name}"].add(sha256)
        for record in last_imports(store):
            for file in record.files:
                if file.sha256 in labels:
                    names[file.path].add(file.sha256)
        return cls(dict(labels), dict(names))

    def find(self, wanted: str) -> str:
        """The SHA-256 of the one photo that has this ID or file name.

        Raises:
            ReviewError: none has it, or several have.
        """
        found = sorted(self.names.get(wanted.removeprefix("./"), ()))
        found = found or sorted(s for s in self.labels if s.startswith(wanted.lower()))
        if len(found) == 1 and (wanted in self.names or len(wanted) >= SHORTEST_ID):
            return found[0]
        what = f"photo {wanted!r}"
        if len(found) > 1 and wanted in self.names:
            ids = ", ".join(sha256[:SHOWN_ID] for sha256 in found[:_SHOWN])
            raise ReviewError(
                what,
                f"{len(found)} photos have a file of this name: {ids}",
                "Give the ID, or the name with its class: CLASS/NAME",
            )
        if found or (len(wanted) < SHORTEST_ID and set(wanted.lower()) <= set("0123456789abcdef")):
            raise ReviewError(
                what,
                f"that is too short; {len(found)} photos begin like that",
                f"Give {SHORTEST_ID} digits of the SHA-256 or more",
            )
        raise ReviewError(
            what,
            f"none of the {len(self.labels)} photos that were taken in has this ID or file name",
            FIND_IDS,
        )

    def find_all(self, wanted: Iterable[str]) -> list[str]:
        """The SHA-256 of each of them, each once.

        Raises:
            ReviewError: one of them is no photo, or several.
        """
        return list(dict.fromkeys(self.find(one) for one in wanted))


def read_list(path: Path) -> list[str]:
    """IDs or file names, one a line; empty lines and those that begin with ``#`` do not count.

    Raises:
        ReviewError: it cannot be read, or names nothing.
    """
    lines = (line.strip() for line in _text(path).splitlines())
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted:
        raise _refused(path, "it names no photo", "Write an ID or a file name on each line")
    return wanted


def read_labels(path: Path) -> list[tuple[str, str]]:
    """IDs or file names with their new labels: CSV with two columns, with or without a header.

    Raises:
        ReviewError: it cannot be read, names nothing, or a line has no two columns.
    """
    rows = [row for row in csv.reader(_text(path).splitlines()) if any(map(str.strip, row))]
    if rows and [cell.strip().lower() for cell in rows[0]] in _HEADERS:
        rows = rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or not all(map(str.strip, row)):  # noqa: PLR2004
            raise _refused(
                path, f"row {number} is not an ID and a label: {','.join(row)!r}", "Write ID,LABEL"
            )
    if not rows:
        raise _refused(path, "it names no photo", "Write ID,LABEL on each line")
    return [(row[0].strip(), row[1].strip()) for row in rows]


_HEADERS: Sequence[list[str]] = [["id", "label"], ["name", "label"], ["file", "label"]]


def _text(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(path, "it is no text in UTF-8", "Save it as UTF-8") from None
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror})", "Check the path") from None


def _refused(path: Path, why: str, remedy: str) -> ReviewError:
    return ReviewError(f"the list {path}", why, remedy)
