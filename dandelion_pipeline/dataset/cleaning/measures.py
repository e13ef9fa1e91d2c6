"""Each photo is measured once by each version of the measures, whoever needs it first."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.dataset.cleaning.groups import GROUP_SCHEMA, new_and_known
from dandelion_pipeline.dataset.cleaning.measuring import (
    MEASURED_SCHEMA,
    MEASURES,
    measure_decoded,
    measure_photo,
    measure_photos,
    one_blas_thread,
)
from dandelion_pipeline.errors import ImageRefused, ObjectDamaged, StoreError
from dandelion_pipeline.images.decoding.decode import Photo
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.garbage_collection import Orphan
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.parts import Parts, in_parts, told
from dandelion_pipeline.storage.records.tables import last_table, write_table

_BY_PHOTO = pa.schema([pa.field("sha256", pa.string(), nullable=False), *MEASURED_SCHEMA])


class DayMeasures:
    """The measures of a day's photos that its clean table does not hold yet.

    An intake decodes each photo anyway, so it can leave their measures here (`of` and `keep`):
    then nobody decodes them again.
    """

    def __init__(self, store: Store, day: str) -> None:
        self._store = store
        self._key = layout.measures(MEASURES, day)
        self._parts = Parts(store, f"measures-{MEASURES}", day, _BY_PHOTO)

    def of(self, photo: Photo) -> dict[str, object]:
        """What is measured of a decoded photo."""
        return measure_decoded(photo)

    def keep(self, hashes: Sequence[str], measured: Sequence[dict[str, object]]) -> None:
        """Keep what was measured of some photos, by their SHA-256."""
        if hashes:
            self._parts.add(_table(hashes, measured))

    def known(self) -> pa.Table:
        """All that is kept: a table of `MEASURED_SCHEMA` with a column ``sha256`` before."""
        return pa.concat_tables([self._parts.take_over(), self._again()])

    def forget(self) -> None:
        """Remove it all: the day's clean table holds it."""
        self._parts.remove()
        if self._store.exists(self._key):
            self._store.delete(self._key)

    def complete(
        self, hashes: pa.Array, before: pa.Table | None, on_photo: Callable[[int, int], None]
    ) -> pa.Table:
        """What is known of photos, or else measured now; a table of `MEASURED_SCHEMA`.

        Args:
            hashes: the SHA-256 of each photo, each once.
            before: the day's clean table, if it was measured in the same way.
            on_photo: called with the photos measured and the photos to measure.

        Raises:
            ObjectNotFound: a photo is not there.
            ObjectDamaged: a photo is not what its hash says.
        """
        if not len(hashes):
            return MEASURED_SCHEMA.empty_table()
        tables = [self.known(), *([] if before is None else [_of_photos(before)])]
        known = pa.concat_tables(tables)
        is_new, rows = new_and_known(hashes, known["sha256"])
        new = self._measure(hashes.filter(is_new), on_photo)
        if len(new) == len(hashes):  # no copy of 50 MB for 100,000 photos
            return new.select(MEASURED_SCHEMA.names)
        return pa.concat_tables([known, new]).take(rows).select(MEASURED_SCHEMA.names)

    def _measure(self, hashes: pa.Array, on_photo: Callable[[int, int], None]) -> pa.Table:
        """Read, decode and measure, a bounded number at a time."""
        contents = read_photos(self._store, (sha256.as_py() for sha256 in hashes))
        measured = measure_photos(contents)
        tables, done = [_BY_PHOTO.empty_table()], 0
        with closing(contents), closing(measured):  # or they would hold their threads
            for part in in_parts(told(measured, len(hashes), on_photo)):
                tables.append(_table(hashes[done : done + len(part)], part))
                done += len(part)
                if done < len(hashes):
                    self._parts.add(tables[-1])
        return pa.concat_tables(tables)

    def again(self, hashes: pa.Array) -> pa.Table:
        """The measures of photos whose clean table was measured in another way; made only once.

        Those that cannot be read or decoded any more are left out.
        """
        known = self._again()
        is_new, _ = new_and_known(hashes, known["sha256"])
        new = hashes.filter(is_new)
        measured = ordered_parallel_map(
            lambda item: _measure_if_possible(*item),
            self._store.read_many(map(layout.image, new.to_pylist())),
            concurrency=os.cpu_count() or 1,
        )
        pairs = zip(new.to_pylist(), measured, strict=True)
        with one_blas_thread(), closing(measured):
            parts = in_parts((sha256, row) for sha256, row in pairs if row is not None)
            tables = [_table(*zip(*part, strict=True)) for part in parts]
        if tables:
            known = pa.concat_tables([known, *tables])
            write_table(self._store, self._key, known)
        return known

    def _again(self) -> pa.Table:
        try:
            found = last_table(self._store, self._key)
        except ObjectDamaged:  # all of it can be made again
            found = None
        if found is None or not found.schema.equals(_BY_PHOTO):
            return _BY_PHOTO.empty_table()
        return found


def is_current(table: pa.Table) -> bool:
    """Whether a clean table was measured as photos are measured now."""
    return bool((table.schema.metadata or {}).get(b"measures") == MEASURES.encode())


def measured_as_now(
    store: Store, tables: Iterable[pa.Table], warn: Callable[[str], None]
) -> list[pa.Table]:
    """The clean tables of other days, with the measures of now, so that photos can be compared.

    Tables that were measured in another way stay as they are in the store; what is measured
    again is kept beside them. Photos that cannot be measured are left out, with a warning.
    """
    tables = list(tables)
    old = [table for table in tables if not is_current(table)]
    photos = sum(table.num_rows for table in old)
    if photos:
        warn(
            f"{photos} photos of {len(old)} other days were measured by another version of the "
            f"measures than {MEASURES}; what was not measured again yet is measured now, so that "
            "copies of them are found"
        )
    found = [table if is_current(table) else _remeasured(store, table) for table in tables]
    lost = sum(table.num_rows for table in tables) - sum(table.num_rows for table in found)
    if lost:
        warn(
            f"{lost} photos of other days cannot be read any more, so copies of them are not "
            "found; `dandelion store check` names them"
        )
    return found


def with_measures(table: pa.Table, hashes: pa.Array, measures: pa.Table) -> pa.Table:
    """A clean table with other measures: those of its photos that are among some hashes.

    A table of before photos had groups gets one group for each.
    """
    row = pc.index_in(table["sha256"].combine_chunks(), hashes)
    table, measures = table.filter(row.is_valid()), measures.take(row.drop_null())
    for name in MEASURED_SCHEMA.names:
        table = _set(table, MEASURED_SCHEMA.field(name), measures[name])
    if not set(GROUP_SCHEMA.names) <= set(table.column_names):
        alone = pa.array([[]] * table.num_rows, GROUP_SCHEMA.field("bridges").type)
        table = _set(table, GROUP_SCHEMA.field("group"), table["sha256"])
        table = _set(table, GROUP_SCHEMA.field("bridges"), alone)
    return table


def outdated_measures(store: Store) -> list[Orphan]:
    """What an older version of the measures said of photos: nothing reads it."""
    current = layout.measures(MEASURES, "").removesuffix(".parquet")
    return [
        Orphan(found.key, "measures of another version", (found,))
        for found in store.list_objects(layout.MEASURES)
        if not found.key.startswith(current)
    ]


def _remeasured(store: Store, table: pa.Table) -> pa.Table:
    if not table.num_rows:
        return table
    hashes = pc.unique(table["sha256"])
    measured = DayMeasures(store, table["day"][0].as_py()).again(hashes)
    return with_measures(
        table, measured["sha256"].combine_chunks(), measured.select(MEASURED_SCHEMA.names)
    )


def _measure_if_possible(key: str, data: bytes | StoreError) -> dict[str, object] | None:
    if isinstance(data, StoreError) or layout.image(sha256_hex(data)) != key:
        return None
    try:
        return measure_photo(data)
    except ImageRefused:
        return None


def _of_photos(clean: pa.Table) -> pa.Table:
    return clean.select(_BY_PHOTO.names).cast(_BY_PHOTO)


def _table(hashes: Sequence[str] | pa.Array, measured: Sequence[dict[str, object]]) -> pa.Table:
    columns = pa.RecordBatch.from_pylist(measured, schema=MEASURED_SCHEMA).columns
    return pa.table([pa.array(hashes, pa.string()), *columns], schema=_BY_PHOTO)


def _set(table: pa.Table, field: pa.Field, values: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(field.name)
    return table.append_column(field, values) if at < 0 else table.set_column(at, field, values)
