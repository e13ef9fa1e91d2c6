"""Label conflicts: photos that show the same picture under two labels."""

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.splits.grouping import joined_groups

LABEL_CONFLICTS = pa.schema(
    [
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("group", "sha256", "label", "name", "day")
        ),
        pa.field("identical", pa.bool_(), nullable=False),
    ]
)
"""A photo in a label conflict. ``identical``: its very pixels also have another label."""


def label_conflicts(photos: pa.Table) -> pa.Table:
    """The photos whose near-duplicates, or whose very pixels, also have another label.

    Photos that are dropped, by their quality or by a review, conflict with nothing. Groups of the
    user's own are no conflict: one patient may well be in two classes.

    Args:
        photos: columns ``sha256``, ``label``, ``name``, ``day``, ``keep``, ``group`` (of
            near-duplicates) and, if there are any, ``pixels`` (a fingerprint of the pixels) and
            ``copies`` (a name for photos that are rotated or cropped copies of each other).

    Returns:
        A table of `LABEL_CONFLICTS`, by group, label, day, name and sha256.
    """
    kept = photos.filter(photos["keep"])
    if "copies" in kept.column_names:
        joined = joined_groups(*(kept[name].to_pylist() for name in ("group", "copies")))
        at = kept.column_names.index("group")
        kept = kept.set_column(at, "group", pa.array(joined, pa.string()))
    identical = identical_with_two_labels(kept)
    listed = pc.or_(identical, _with_two_labels(kept, "group"))
    columns = [kept[name] for name in LABEL_CONFLICTS.names[:-1]]
    table = pa.table([*columns, identical], schema=LABEL_CONFLICTS).filter(listed)
    order = ("group", "label", "day", "name", "sha256")
    return table.sort_by([(name, "ascending") for name in order])


def identical_with_two_labels(photos: pa.Table) -> pa.ChunkedArray:
    """Whether each photo's bytes, or its very pixels, are there under another label too.

    Args:
        photos: columns ``sha256``, ``label`` and, if there is one, ``pixels``.
    """
    identical = _with_two_labels(photos, "sha256")
    if "pixels" in photos.column_names:
        identical = pc.or_(identical, _with_two_labels(photos, "pixels"))
    return identical


def _with_two_labels(photos: pa.Table, by: str) -> pa.ChunkedArray:
    """Whether the photos that share a value with each one have more than one label."""
    labels = photos.group_by(by, use_threads=False).aggregate([("label", "count_distinct")])
    disputed = labels.filter(pc.field("label_count_distinct") > 1)[by].drop_null()
    return pc.is_in(photos[by], disputed.combine_chunks())
