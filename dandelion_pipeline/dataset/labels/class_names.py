"""Names that people gave to classes, kept as data and applied whenever a data set is made.

Decisions are numbered and never changed. They apply one after the other to every label, so that
renaming a class back undoes a decision.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from dandelion_pipeline.dataset.labels.reviews import check_reason
from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.numbered_log import Entry, NumberedLog


class ClassRename(Entry):
    """One decision."""

    old: str
    new: str
    who: str
    when: str
    """ISO 8601, UTC."""

    why: str


def rename_class(store: Store, old: str, new: str, *, who: str, why: str) -> ClassRename:
    """Give a class another name from now on; with the name of another class, it joins that.

    Raises:
        ReviewError: the reason is none.
    """
    check_reason(why)
    log = _log(store)
    number = log.highest() + 1
    while True:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        entry = ClassRename(number=number, old=old, new=new, who=who, when=when, why=why.strip())
        if log.append(entry):
            return entry
        number += 1  # somebody else renamed a class at the same time


def renames(store: Store) -> list[ClassRename]:
    """All decisions, oldest first.

    Raises:
        ReviewError: one is missing or cannot be read.
    """
    return _log(store).entries()


def name_now(label: str, decided: Iterable[ClassRename]) -> str:
    """What a class is called after all decisions, oldest first."""
    for rename in decided:
        if label == rename.old:
            label = rename.new
    return label


def renamed(photos: pa.Table, decided: Iterable[ClassRename]) -> pa.Table:
    """Photos with the names that their classes have now.

    Args:
        photos: column ``label``, among others.
        decided: all decisions, oldest first.
    """
    decided = list(decided)
    if not decided:
        return photos
    now = {label: name_now(label, decided) for label in photos["label"].unique().to_pylist()}
    at = photos.schema.get_field_index("label")
    field = photos.schema.field(at)
    labels = pa.array([now[label] for label in photos["label"].to_pylist()], field.type)
    return photos.set_column(at, field, labels)


def _log(store: Store) -> NumberedLog[ClassRename]:
    return NumberedLog(store, layout.CLASSES, layout.class_rename, ClassRename, _broken)


def _broken(address: str, why: str) -> ReviewError:
    return ReviewError(
        f"the name of a class, {address}",
        why,
        "Restore it from a backup or from the bucket's versions; it is never edited by hand",
    )
