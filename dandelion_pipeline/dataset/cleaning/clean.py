"""The accepted photos of a day: measured once, judged by the limits, near-duplicates grouped."""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import ThreadpoolController

from dandelion_pipeline.dataset.cleaning.groups import (
    FINGERPRINT_SCHEMA,
    GROUP_SCHEMA,
    group_columns,
    near_duplicates_found,
    new_and_known,
)
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.measures.luma import Luma
from dandelion_pipeline.images.measures.quality import QUALITY_SCHEMA, measure
from dandelion_pipeline.images.measures.quality_limits import QualityLimits, drop_reasons
from dandelion_pipeline.images.near_duplicates.background import Background
from dandelion_pipeline.images.near_duplicates.fingerprints import fingerprint
from dandelion_pipeline.images.near_duplicates.matches import NearDuplicates
from dandelion_pipeline.ingest.intake import ACCEPTED, STOPPED, stopped
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.content_hash import content_hash

CLEAN_IMAGES = "clean_images"
MEASURES = "4"
"""Names the way `measure_photo` measures: what was measured in another way is measured again."""

MEASURED_SCHEMA = pa.schema(
    [
        *QUALITY_SCHEMA,
        *FINGERPRINT_SCHEMA,
    ]
)
"""What is found out by decoding a photo."""

CLEAN_SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("is_sample", pa.bool_(), nullable=False),
        *MEASURED_SCHEMA,
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("drop_reason", pa.string(), nullable=False),
        *GROUP_SCHEMA,
    ],
    metadata={"measures": MEASURES, STOPPED: ""},
)

MADE_OF = "raw_images"
"""The metadata entry of a clean table with the seal of the raw table that it was made of: see
`storage.records.tables.SEAL`. Tables of before 2026-12 have none."""

_NEAR_DUPLICATES = b"near_duplicates"
_CHUNK = 1_000  # photos whose measures are Python objects at once: some 1 MB
_PARCEL, _PARCEL_BYTES = 32, 1_000_000
_TAKEN_OVER = ("sha256", "label", "name", "day", "is_sample")


def clean(
    store: Store,
    raw: pa.Table,
    before: pa.Table | None = None,
    others: Sequence[pa.Table] = (),
    *,
    limits: QualityLimits | None = None,
    near_duplicates: NearDuplicates = "auto",
    on_photo: Callable[[int, int], None] = lambda done, total: None,
) -> pa.Table:
    """Measure the accepted photos of a day, and say which are fit for training.

    Args:
        store: where the photos lie.
        raw: a table of `intake.RAW_SCHEMA`.
        before: what was made of the day the last time; what it measured is not read again, and
            its photos stay in their groups.
        others: what was made of the other days, oldest first: new photos join their groups.
        limits: from where on a photo is too poor; by default `QualityLimits()`.
        near_duplicates: which photos share a group.
        on_photo: called with the photos measured and the photos to measure.

    Returns:
        A table of `CLEAN_SCHEMA`, one row an accepted photo; its metadata holds what
        `near_duplicates_of` reads.

    Raises:
        ObjectNotFound: a photo is not there.
        ObjectDamaged: a photo is not what its hash says.
    """
    made_of = content_hash(raw)
    accepted = raw.filter(pc.equal(raw["status"], ACCEPTED)).select(_TAKEN_OVER)
    del raw  # 20 MB for 100,000 photos, where the caller does not need it either
    before = before if before is not None and _is_current(before) else None
    photos = accepted["sha256"].combine_chunks().dictionary_encode()
    measures = _measures(store, photos.dictionary, before, on_photo)
    current = [table for table in others if _is_current(table)]
    backgrounds: list[Background | None] = []
    groups = group_columns(
        photos.dictionary, measures, before, current, near_duplicates, backgrounds.append
    )
    if len(photos.dictionary) < len(photos):  # some under two labels; or it would be a mere copy
        measures, groups = measures.take(photos.indices), groups.take(photos.indices)
    judged = measures.append_column("label", accepted["label"])
    earlier = [table for table in current if _day(table) < _day(accepted)]  # or the future decides
    reasons = drop_reasons(judged, limits or QualityLimits(), earlier)
    columns = [
        *accepted.columns,
        *measures.columns,
        pc.equal(reasons, ""),
        reasons,
        *groups.columns,
    ]
    table = pa.table(columns, schema=CLEAN_SCHEMA)
    found = near_duplicates_found(table, near_duplicates, backgrounds[-1])
    return table.replace_schema_metadata(
        {**CLEAN_SCHEMA.metadata, MADE_OF: made_of, _NEAR_DUPLICATES: json.dumps(found)}
    )


def near_duplicates_of(photos: pa.Table) -> dict[str, Any]:
    """What `clean` decided about the near-duplicates of a day, and why; see `groups`.

    Args:
        photos: what `clean` gave for a day; empty for one that was made before this was kept.
    """
    found: dict[str, Any] = json.loads((photos.schema.metadata or {}).get(_NEAR_DUPLICATES, "{}"))
    return found


def _is_current(table: pa.Table) -> bool:
    """Whether an earlier table was measured in the same way."""
    return (table.schema.metadata or {}).get(b"measures") == MEASURES.encode()


def _day(photos: pa.Table) -> str:
    """The day of a table's photos; empty if there are none."""
    return str(photos["day"][0].as_py()) if photos.num_rows else ""


def _measures(
    store: Store, hashes: pa.Array, before: pa.Table | None, on_photo: Callable[[int, int], None]
) -> pa.Table:
    """What is known of photos by their hashes, or else measured; a table of `MEASURED_SCHEMA`."""
    if before is None:
        return _measure_all(store, hashes, on_photo)
    is_new, rows = new_and_known(hashes, before["sha256"])
    known = before.select(MEASURED_SCHEMA.names).cast(MEASURED_SCHEMA)
    new = _measure_all(store, hashes.filter(is_new), on_photo)
    return pa.concat_tables([known, new]).take(rows)


def _measure_all(store: Store, hashes: pa.Array, on_photo: Callable[[int, int], None]) -> pa.Table:
    """Read, decode and measure, a bounded number at a time; a table of `MEASURED_SCHEMA`."""
    contents = read_photos(store, (sha256.as_py() for sha256 in hashes))
    measured = measure_photos(contents)
    batches, total = [], len(hashes)
    with closing(contents), closing(measured):  # or they would hold their threads
        for start in range(0, total, _CHUNK):
            rows = []
            for row in islice(measured, _CHUNK):
                rows.append(row)
                on_photo(start + len(rows), total)
            batches.append(pa.RecordBatch.from_pylist(rows, schema=MEASURED_SCHEMA))
    return pa.Table.from_batches(batches, schema=MEASURED_SCHEMA)


def measure_photos(contents: Iterable[bytes]) -> Generator[dict[str, object], None, None]:
    """What `measure_photo` says of each, in threads, in their order.

    BLAS gets one thread meanwhile: its others would wait for work by spinning, on the very cores
    that decode photos.
    """
    parcels = ordered_parallel_map(
        lambda parcel: [measure_photo(data) for data in parcel],
        _parcels(contents),
        size_of=lambda parcel: sum(map(len, parcel)),
        concurrency=os.cpu_count() or 1,
    )
    with _threads().limit(limits=1, user_api="blas"), closing(parcels):
        for rows in parcels:
            yield from rows


@cache
def _threads() -> ThreadpoolController:
    """To look for the libraries takes longer than to measure ten photos."""
    return ThreadpoolController()


def _parcels(contents: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Several small photos or a large one: to wake a thread takes as long as to measure one."""
    parcel: list[bytes] = []
    size = 0
    for data in contents:
        parcel.append(data)
        size += len(data)
        if len(parcel) == _PARCEL or size >= _PARCEL_BYTES:
            yield parcel
            parcel, size = [], 0
    if parcel:
        yield parcel


def measure_photo(data: bytes) -> dict[str, object]:
    """All that is found out by decoding a photo: one row of `MEASURED_SCHEMA`."""
    photo = decode(data)
    luma = Luma.of(photo.image)
    return {**vars(measure(photo, luma)), **vars(fingerprint(photo.image, luma))}


def stop(photos: pa.Table, why: str) -> pa.Table:
    """Keep no photo of a day, for this reason; their measures and groups stay.

    Args:
        photos: a table of `CLEAN_SCHEMA`.
        why: why the day is stopped.
    """
    reason = pa.array([f"the day was stopped: {why}"] * photos.num_rows, pa.string())
    at = CLEAN_SCHEMA.get_field_index("keep")
    nothing = pa.array([False] * photos.num_rows)
    own = pc.if_else(photos["keep"], reason, photos["drop_reason"])
    return (
        stopped(photos, why)
        .set_column(at, CLEAN_SCHEMA.field(at), nothing)
        .set_column(at + 1, CLEAN_SCHEMA.field(at + 1), own)
    )
