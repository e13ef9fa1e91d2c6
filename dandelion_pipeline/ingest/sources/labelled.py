"""Photos whose classes a table says, beside them or in each split's folder."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources.entries import Entry, Notes
from dandelion_pipeline.ingest.sources.layouts.class_folders import from_folders
from dandelion_pipeline.ingest.sources.layouts.manifests import (
    Finder,
    Row,
    by_likelihood,
    read_manifest,
)
from dandelion_pipeline.ingest.sources.placing import Placed, split_of

_TABLES_TRIED = 5
_NEARLY_ALL = 0.9
"""The share of the files that a table has to name to count more than class folders do: one that
was left from an earlier arrangement of the photos names fewer."""


def from_tables(
    files: Sequence[Entry], tables: Sequence[Entry], notes: Notes, read: Callable[[Entry], bytes]
) -> list[Placed] | None:
    """The files by the first table that fits, or None. One in each split folder counts as one."""
    by_folder: dict[str, list[Entry]] = defaultdict(list)
    for table in tables:
        by_folder[table.path.rpartition("/")[0]].append(table)
    outer = min((folder.count("/") + bool(folder) for folder in by_folder), default=0)
    folders = [f for f in sorted(by_folder) if f.count("/") + bool(f) == outer]
    if len(folders) > 1 and not all(split_of(f.rpartition("/")[2]) for f in folders):
        return None
    placed: list[Placed] = []
    for folder in folders:
        base = f"{folder}/" if folder else ""
        below = [e for e in files if e.path.startswith(base)]
        if len(folders) == 1 and 2 * len(below) < len(files):
            return None
        split = split_of(folder.rpartition("/")[2]) if len(folders) > 1 else ""
        found = _from_folder_tables(below, by_folder[folder], split, notes, read)
        if found is None and len(folders) == 1:
            return None
        placed += found or []
    return placed or None


def _from_folder_tables(
    files: Sequence[Entry],
    tables: Sequence[Entry],
    split: str,
    notes: Notes,
    read: Callable[[Entry], bytes],
) -> list[Placed] | None:
    finder = Finder(files)
    in_folders = _in_class_folders(files)
    by_path = {table.path: table for table in tables}
    for path in by_likelihood(by_path)[:_TABLES_TRIED]:
        try:
            rows = read_manifest(read(by_path[path]))
        except (OSError, SourceError) as error:
            notes.odd[path] = str(error)
            continue
        found = [(row, finder.find(row.file)) for row in rows if row.label]
        hits = sum(bool(entries) for _, entries in found)
        if not hits or 2 * hits < len(found):
            continue
        clear = len({entries[0].path for _, entries in found if len(entries) == 1})
        if clear < _NEARLY_ALL * in_folders:
            notes.said.append(
                f"{path} is left aside: it names {clear:,} of {len(files):,} files, "
                f"and {in_folders:,} are in class folders"
            )
            continue
        return _by_table(path, found, files, split, notes)
    return None


def _in_class_folders(files: Sequence[Entry]) -> int:
    """How many files the folders, too, give a class; 0 if they are of fewer than two."""
    try:
        placed = from_folders(files, Notes(), "", "")
    except SourceError:
        return 0
    return len(placed) if len({one.label for one in placed}) > 1 else 0


def _by_table(
    path: str,
    found: Iterable[tuple[Row, list[Entry]]],
    files: Sequence[Entry],
    split: str,
    notes: Notes,
) -> list[Placed]:
    placed: dict[str, Placed] = {}
    for row, entries in found:
        if len(entries) != 1:
            why = "several files have this name" if entries else "there is no such file"
            notes.odd[f"{path}: {row.file}"] = why
            continue
        entry = entries[0]
        before = placed.get(entry.path)
        if before and before.label != row.label:
            notes.odd[f"{path}: {row.file}"] = f"listed as {before.label!r} and as {row.label!r}"
            continue
        placed[entry.path] = Placed(
            entry, row.label, entry.path, split_of(row.split) or split, row.group
        )
    unlisted = len(files) - len(placed)
    if unlisted:
        notes.ignored[f"files that {path} does not list"] += unlisted
    notes.said.append(f"the labels are those of {path}")
    return [placed[key] for key in sorted(placed)]
