"""What each source of photos held at each import, kept as data.

A record is a table with everything that a source holds, and with what it held before and holds
no more; so the last record of a source says all. It is written once, after the last photo has
landed: an import that is killed leaves none, and the next one of the source writes it.
"""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.ingest.changes import Changes, SourceFile
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import read_table, write_table_if_absent

IMPORT_SCHEMA = pa.schema(
    [
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("path", "label", "name", "sha256", "group", "split")
        ),
        pa.field("held", pa.bool_(), nullable=False),
        pa.field("left_out", pa.bool_(), nullable=False),
    ]
)
"""``path`` is where a file lies in the source, ``name`` what it is called in the landing folder,
``group`` and ``split`` what the source says of it. ``held`` is false for what earlier imports
held and the last did not; of that, ``left_out`` is what ``--mirror`` keeps out of data sets."""

_METADATA = b"dandelion.import"


@dataclass(frozen=True)
class Facts:
    """Which import a record is of."""

    source: str
    """The address, without credentials."""

    day: str
    """The landing folder, ``YYYY-MM-DD``."""

    who: str
    when: str
    """ISO 8601, UTC."""

    id: str


@dataclass(frozen=True)
class ImportRecord:
    """The record of one import."""

    number: int
    facts: Facts
    table: pa.Table
    """Of `IMPORT_SCHEMA`, by path."""

    @cached_property
    def files(self) -> list[SourceFile]:
        """The rows."""
        return [SourceFile(**row) for row in self.table.to_pylist()]


@dataclass(frozen=True)
class Imported:
    """An import that is to be written down."""

    source: str
    """The address, without credentials: see `source_address`."""

    files: Collection[SourceFile]
    """Everything that the source held."""

    labels: Collection[str]
    """The only classes that were looked at; empty if all were."""

    day: str
    who: str
    unread: Collection[str] = ()
    """Paths of files and folders that are there and could not be read: nobody knows that what
    lies there is gone. With the source's address among them, nothing is known to be gone."""


def last_import(store: Store, source: str) -> ImportRecord | None:
    """The last record of a source, by its address.

    Raises:
        ObjectDamaged: it is not as it was written.
    """
    prefix = f"{layout.IMPORTS}{_source_id(source)}/"
    places = (layout.split_import_key(o.key) for o in store.list_objects(prefix))
    number = max((place[1] for place in places if place), default=0)
    return _read(store, layout.import_record(_source_id(source), number)) if number else None


def last_imports(store: Store, until: str | None = None) -> list[ImportRecord]:
    """The last record of every source, the latest import last.

    Args:
        store: where the photos landed.
        until: the last day that counts, ``YYYY-MM-DD`` in UTC.

    Raises:
        ObjectDamaged: one is not as it was written.
    """
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for found in store.list_objects(layout.IMPORTS):
        place = layout.split_import_key(found.key)
        if place:
            numbers[place[0]].append(place[1])

    def last(source: str) -> ImportRecord | None:
        for number in sorted(numbers[source], reverse=True):
            record = _read(store, layout.import_record(source, number))
            if until is None or record.facts.when[: len(until)] <= until:
                return record
        return None

    records = [record for record in ordered_parallel_map(last, numbers) if record]
    return sorted(records, key=lambda record: (record.facts.when, record.facts.source))


def record_import(store: Store, imported: Imported, *, mirror: bool = False) -> Changes:
    """Write down what a source held, unless the last record of it says the same.

    Args:
        store: where the photos landed.
        imported: what the source held.
        mirror: leave photos that the source holds no more out of data sets, until it holds them
            again.

    Returns:
        What is new, moved, renamed and gone since the last import of the source.
    """
    while True:
        plan = plan_import(store, imported, mirror=mirror)
        if not plan.files or _written(store, imported, plan):
            return plan.changes  # else somebody else imported the same source at the same time


@dataclass(frozen=True)
class Plan:
    """What would be written down of an import."""

    changes: Changes
    number: int
    files: tuple[SourceFile, ...]
    """The rows; none if the last record says the same."""


def plan_import(store: Store, imported: Imported, *, mirror: bool) -> Plan:
    """What `record_import` would write."""
    last = last_import(store, imported.source)
    before = last.files if last else []
    files = _merged(before, imported, mirror=mirror)
    changes = Changes.between(before, files, is_first=last is None)
    number = last.number + 1 if last else 1
    return Plan(changes, number, () if files == before else tuple(files))


def _written(store: Store, imported: Imported, plan: Plan) -> bool:
    facts = Facts(
        source=imported.source,
        day=imported.day,
        who=imported.who,
        when=datetime.now(UTC).isoformat(timespec="microseconds"),
        id=uuid.uuid4().hex,
    )
    table = pa.Table.from_pylist([asdict(file) for file in plan.files], schema=IMPORT_SCHEMA)
    table = table.replace_schema_metadata({_METADATA: json.dumps(asdict(facts))})
    return write_table_if_absent(
        store, layout.import_record(_source_id(imported.source), plan.number), table
    )


def annotations(records: Iterable[ImportRecord]) -> dict[str, tuple[str, str]]:
    """The group and the split that sources give photos, by SHA-256.

    Args:
        records: the last one of each source, the latest last: its word counts, unless it says
            nothing of a photo.
    """
    found: dict[str, tuple[str, str]] = {}
    for record in records:
        said: dict[str, tuple[str, str]] = {}
        for file in sorted(record.files, key=lambda file: not file.held):
            group, split = said.get(file.sha256, ("", ""))
            said[file.sha256] = (group or file.group, split or file.split)
        for sha256, (group, split) in said.items():
            earlier = found.get(sha256, ("", ""))
            found[sha256] = (group or earlier[0], split or earlier[1])
    return {sha256: said for sha256, said in found.items() if any(said)}


def _merged(before: Iterable[SourceFile], imported: Imported, *, mirror: bool) -> list[SourceFile]:
    """What a source holds now, and what it held before, by path."""
    files = {file.key: file for file in imported.files}
    here = {file.sha256 for file in imported.files}
    unread = {path.rstrip("/") for path in imported.unread}
    place = imported.source.rstrip("/")
    nothing = bool(unread & {place, place.removeprefix("file://")})
    for file in before:
        if file.key in files:
            continue
        skipped = imported.labels and file.label not in imported.labels
        above = {file.path, *map(str, PurePosixPath(file.path).parents)}
        if skipped or nothing or above & unread:  # nobody has looked there
            files[file.key] = file
            continue
        is_gone = file.sha256 not in here
        left_out = is_gone and (file.left_out or mirror)
        files[file.key] = replace(file, held=False, left_out=left_out)
    return sorted(files.values(), key=lambda file: file.key)


def _read(store: Store, key: str) -> ImportRecord:
    try:
        table = read_table(store, key)
    except ObjectDamaged as error:
        raise ObjectDamaged(
            f"the import record {store.address(key)}",
            error.why,
            "Restore it from a backup or from the bucket's versions, or delete it and import the "
            "source again",
        ) from None
    metadata: dict[str, Any] = json.loads((table.schema.metadata or {})[_METADATA])
    place = layout.split_import_key(key)
    known = {name: metadata[name] for name in Facts.__dataclass_fields__}
    return ImportRecord(place[1] if place else 0, Facts(**known), table)


def _source_id(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]
