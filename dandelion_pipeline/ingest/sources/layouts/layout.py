"""How other people arrange photos: which class, split and group each file of a source has.

Recognised by structure: class folders, alone or inside other folders; class folders below
``train``, ``valid`` and ``test``, or these below the classes; and one table that names files and
labels. Anything else is refused with what was seen.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources.entries import Entry, Notes
from dandelion_pipeline.ingest.sources.labelled import from_tables
from dandelion_pipeline.ingest.sources.labels import folded, one_spelling
from dandelion_pipeline.ingest.sources.layouts.class_folders import from_folders
from dandelion_pipeline.ingest.sources.layouts.manifests import may_be_manifest
from dandelion_pipeline.ingest.sources.photo import chosen_classes, safe_name
from dandelion_pipeline.ingest.sources.placing import Placed


@dataclass(frozen=True)
class Options:
    """What may be said of a source beside where it is."""

    labels: Sequence[str] = ()
    known: Sequence[str] = ()
    """The classes that the store holds: names that differ in capitals alone are asked about."""

    merge_case: bool = False
    keep_splits: bool = False
    group_pattern: str = ""
    """A regular expression whose one group is found in file names: `patient-(\\d+)`."""


def arrange(
    entries: Sequence[Entry],
    options: Options,
    notes: Notes,
    where: str,
    remedy: str,
    read: Callable[[Entry], bytes],
) -> list[Placed]:
    """Give each file its class, and leave aside what has none.

    Args:
        entries: all files of the source, those to ignore included.
        options: what the user said.
        notes: what is left aside, and how the folders were understood, is added to these.
        where: the place, for messages.
        remedy: how to arrange photos in such a place.
        read: the bytes of a table.

    Returns:
        The files by class and path.

    Raises:
        SourceError: the layout is not clear, or there are fewer than two classes.
    """
    pattern = _pattern(options.group_pattern)
    tables = [e for e in entries if may_be_manifest(e.path)]
    files = [e for e in entries if notes.takes(e.path, e.size)]
    placed = from_tables(files, tables, notes, read)
    if placed is None:
        placed = from_folders(files, notes, where, remedy)
    if options.labels:
        wanted = set(map(folded, options.labels))
        placed = [p for p in placed if folded(p.label) in wanted] or placed
    counts = Counter(p.label for p in placed)
    spelled = one_spelling(counts, options.known, where, merge_case=options.merge_case)
    placed = [replace(p, label=spelled[p.label]) for p in placed]
    spelling = {folded(label): label for label in spelled.values()}
    wanted_labels = [spelling.get(folded(label), label) for label in options.labels]
    counts = Counter(p.label for p in placed)
    remedy = _with_odd(remedy, notes)
    classes = set(chosen_classes(counts, wanted_labels, where, remedy, options.known))
    chosen = [p for p in placed if p.label in classes]
    _say_splits(chosen, options, notes)
    return _named(chosen, pattern)


def _with_odd(remedy: str, notes: Notes) -> str:
    if not notes.odd:
        return remedy
    path, why = next(iter(notes.odd.items()))
    return f"{remedy}; and see to what could not be read, such as {path}: {why}"


def _say_splits(placed: Sequence[Placed], options: Options, notes: Notes) -> None:
    splits = Counter(p.split for p in placed if p.split)
    if not splits:
        return
    listed = ", ".join(f"{number} {split}" for split, number in splits.most_common())
    notes.said.append(
        f"its own splits ({listed}) are kept"
        if options.keep_splits
        else f"its own splits ({listed}) are merged, and split anew (--keep-splits keeps them)"
    )


def _named(placed: Sequence[Placed], pattern: re.Pattern[str] | None) -> list[Placed]:
    """The files with names that are unique within their class, and the user's groups."""
    taken: set[tuple[str, str]] = set()
    named = []
    for one in sorted(placed, key=lambda p: (p.label, p.entry.path)):
        name = safe_name(one.rest)
        if (one.label, name) in taken:
            name = safe_name(one.entry.path)
        taken.add((one.label, name))
        match = pattern.search(one.entry.path.rpartition("/")[2]) if pattern else None
        group = (match.group(1) or "") if match else one.group
        named.append(replace(one, name=name, group=group))
    return named


def _pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    what, remedy = f"the group pattern {text!r}", r"Write it as in 'patient-(\d+)'"
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise SourceError(what, f"it is no regular expression ({error})", remedy) from None
    if pattern.groups != 1:
        raise SourceError(what, f"it has {pattern.groups} groups in parentheses, not one", remedy)
    return pattern
