"""The labels that sources give their photos now, applied to photos that landed earlier.

The source is the truth for photos that came from it: one that was moved to another class folder
has the label of that folder, without being copied again. Photos that came in another way (by
hand, as feedback, from another source) are left alone.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from dandelion_pipeline.ingest.imports import ImportRecord
from dandelion_pipeline.ingest.landing import second_name

GONE = "gone from its source, which is mirrored"


def follow_sources(
    photos: pa.Table, records: Iterable[ImportRecord], confirmed: Container[str] = ()
) -> pa.Table:
    """Photos with the labels that their sources give them, each under each label once.

    Args:
        photos: columns ``sha256``, ``label``, ``name``, ``keep`` and ``drop_reason``, among
            others.
        records: the last one of each source.
        confirmed: photos that a person decided to keep, by SHA-256: no mirror leaves them out.

    Returns:
        The same columns. A photo whose source holds it under two labels has a row for each. One
        that is gone from all its sources, all of them mirrored, is not kept.
    """
    said = _said(records)
    rows = _rows_of(photos, said)
    if not rows:
        return photos
    chosen = list(range(photos.num_rows))
    labels, keep, reasons = (photos[n].to_pylist() for n in ("label", "keep", "drop_reason"))
    removed: set[int] = set()
    for sha256, of_photo in rows.items():
        for change in _changes(of_photo, said[sha256]):
            if change.is_gone:
                if sha256 not in confirmed:
                    keep[change.row], reasons[change.row] = False, GONE
            elif change.label is None:
                removed.add(change.row)
            elif change.is_copy:
                chosen.append(change.row)
                labels.append(change.label)
                keep.append(keep[change.row])
                reasons.append(reasons[change.row])
            else:
                labels[change.row] = change.label
    columns = {"label": labels, "keep": keep, "drop_reason": reasons}
    photos = photos.take(pa.array(chosen, pa.int64()))
    for name, values in columns.items():
        at = photos.schema.get_field_index(name)
        one = photos.schema.field(at)
        photos = photos.set_column(at, one, pa.array(values, one.type))
    left = [row for row in range(photos.num_rows) if row not in removed]
    return photos.take(pa.array(left, pa.int64())) if removed else photos


def annotated(photos: pa.Table, annotations: dict[str, tuple[str, str]]) -> pa.Table:
    """Photos with the columns ``user_group`` and ``user_split``: text, empty if nobody said.

    Args:
        photos: column ``sha256``, among others.
        annotations: what `imports.annotations` gives.
    """
    nothing = ("", "")
    said = [annotations.get(sha256, nothing) for sha256 in photos["sha256"].to_pylist()]
    for place, name in enumerate(("user_group", "user_split")):
        column = pa.array([one[place] for one in said], pa.string())
        field_of = pa.field(name, pa.string(), nullable=False)
        at = photos.schema.get_field_index(name)
        photos = (
            photos.append_column(field_of, column)
            if at < 0
            else photos.set_column(at, field_of, column)
        )
    return photos


@dataclass
class _Said:
    """What one source says of one photo."""

    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By label: what the photo is called where it landed from this source."""

    held: set[str] = field(default_factory=set)
    """The labels that it lies under now."""

    left_out: bool = False


@dataclass(frozen=True)
class _Row:
    row: int
    label: str
    name: str


@dataclass(frozen=True)
class _Change:
    row: int
    label: str | None
    """The new one; None if the row goes."""

    is_copy: bool = False
    is_gone: bool = False


def _said(records: Iterable[ImportRecord]) -> dict[str, list[_Said]]:
    """What sources say of photos that they moved, removed, or hold under two labels."""
    found: defaultdict[str, list[_Said]] = defaultdict(list)
    interesting: set[str] = set()
    for record in records:
        mine: defaultdict[str, _Said] = defaultdict(_Said)
        for file in record.files:
            said = mine[file.sha256]
            said.names[file.label] |= {file.name, second_name(file.sha256, file.name)}
            if file.held:
                said.held.add(file.label)
            said.left_out |= file.left_out
            if len(said.names) > 1 or file.left_out:
                interesting.add(file.sha256)
        for sha256, said in mine.items():
            found[sha256].append(said)
    return {sha256: found[sha256] for sha256 in interesting}


def _rows_of(photos: pa.Table, said: dict[str, list[_Said]]) -> dict[str, list[_Row]]:
    rows: defaultdict[str, list[_Row]] = defaultdict(list)
    columns = (photos[name].to_pylist() for name in ("sha256", "label", "name"))
    for row, (sha256, label, name) in enumerate(zip(*columns, strict=True)):
        if sha256 in said:
            rows[sha256].append(_Row(row, label, name))
    return rows


def _changes(rows: Sequence[_Row], said: Sequence[_Said]) -> list[_Change]:
    """What becomes of the rows of one photo."""
    wanted: set[str] = set()
    there: set[str] = set()
    owned, outdated, gone = [], [], []
    for row in rows:
        owners = [one for one in said if row.name in one.names.get(row.label, ())]
        held = {label for one in owners for label in one.held}
        wanted |= held
        if owners:
            owned.append(row)
        if held and row.label not in held:
            outdated.append(row)
        elif owners and not held and all(one.left_out for one in owners):
            gone.append(row)
        else:
            there.add(row.label)
    changes = [_Change(row.row, None, is_gone=True) for row in gone]
    for label in sorted(wanted - there):
        if outdated:
            changes.append(_Change(outdated.pop(0).row, label))
        else:
            changes.append(_Change(owned[0].row, label, is_copy=True))
    return [*changes, *(_Change(row.row, None) for row in outdated)]
