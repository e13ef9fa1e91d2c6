"""What a step has done of a day so far, in parts: a step that is killed goes on where it was.

A part is a table, so what it names is needed: `dandelion store gc` spares it. Nothing but
strong consistency is asked of the store.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pyarrow as pa

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table, write_table

ROWS = 1_000
"""Rows of a part at most: some 1 to 3 MB while they are Python objects."""

SECONDS = 60
"""A part is written after this time even if it has fewer rows, so that as much work is lost at
most. It is also how long what was written for a part may lie in the store unnamed."""

T = TypeVar("T")


class Parts:
    """The parts of one step and day. A step reads them first, and removes them at its end."""

    def __init__(self, store: Store, step: str, day: str, schema: pa.Schema) -> None:
        self._store = store
        self._prefix = layout.parts(step, day)
        self._schema = schema

    def add(self, rows: pa.Table) -> None:
        """Keep what has been done."""
        write_table(self._store, f"{self._prefix}{uuid.uuid4().hex}.parquet", rows)

    def take_over(self) -> pa.Table:
        """All that an earlier run of the step has done; none of it if part of it is gone.

        What it named may be gone with it: `dandelion store gc` removes parts that nobody has
        taken over for long, and later what they named. So they are written again first, and count
        if all of them are still there after that.
        """
        found = [one.key for one in self._store.list_objects(self._prefix)]
        tables = [table for key in found if (table := self._read(key)) is not None]
        rows = pa.concat_tables([self._schema.empty_table(), *tables])
        if not rows.num_rows:
            return rows
        self.add(rows)
        still_there = [one.key for one in self._store.list_objects(self._prefix)]
        if not set(found) <= set(still_there):
            self.remove()
            return self._schema.empty_table()
        for key in found:
            self._store.delete(key)
        return rows

    def remove(self) -> None:
        """Forget them: what they say is in the step's table now."""
        for found in self._store.list_objects(self._prefix):
            self._store.delete(found.key)

    def _read(self, key: str) -> pa.Table | None:
        try:
            table = read_table(self._store, key)
        except (ObjectDamaged, ObjectNotFound):  # its work is done once more
            return None
        return table if table.schema.equals(self._schema) else None  # or another release wrote it


def told(rows: Iterable[T], total: int, on_row: Callable[[int, int], None]) -> Iterator[T]:
    """Rows as they come; each time, the number of rows so far and in all is told."""
    for number, row in enumerate(rows, 1):
        on_row(number, total)
        yield row


def in_parts(rows: Iterable[T]) -> Iterator[list[T]]:
    """Rows as they come, up to `ROWS` or for `SECONDS` at once."""
    part: list[T] = []
    began = time.monotonic()
    for row in rows:
        part.append(row)
        if len(part) == ROWS or time.monotonic() - began > SECONDS:
            yield part
            part, began = [], time.monotonic()
    if part:
        yield part
