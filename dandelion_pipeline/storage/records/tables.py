"""Arrow tables in the store, as Parquet. One put each, so a table is whole or absent.

Parquet has checksums of its pages and none of its footer, where names and types stand. So a
table's metadata holds the hash of what it says, which is compared when it is read; snapshots
have the hash of their bytes as their name.
"""

from collections.abc import Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.records.content_hash import content_hash

SEAL = "dandelion.seal"
"""The metadata entry of a stored table with the `content_hash` of what it says."""

_FOOTER = 16 * 2**10  # bytes; those of our tables take 4 to 12 kB


def give_memory_back() -> None:
    """Let Arrow use the system's allocator in this process.

    Its own pool keeps what was freed for later: reading a table of 20 MB took 34 MB more.
    """
    pa.set_memory_pool(pa.system_memory_pool())


def write_table(store: Store, key: str, table: pa.Table) -> bool:
    """Write a table, replacing what the key held. False if the key held the same already."""
    data = _sealed(table)
    if _holds(store, key, data):
        return False
    store.put(key, data)
    return True


def write_table_if_absent(store: Store, key: str, table: pa.Table) -> bool:
    """Write a table that `read_table` reads, unless the key is taken.

    Returns:
        Whether the key holds this very table now, whoever wrote it.
    """
    data = _sealed(table)
    return store.put_if_absent(key, data) or _holds(store, key, data)


def last_table(store: Store, key: str) -> pa.Table | None:
    """Read a table as `read_table` does, or None if there is none yet."""
    try:
        return read_table(store, key)
    except ObjectNotFound:
        return None


def write_snapshot(store: Store, asset: str, table: pa.Table) -> str:
    """Write a whole table of an asset under the SHA-256 of its bytes.

    Returns:
        The hash, by which `read_snapshot` finds it. One that is there is not written again.
    """
    data = parquet_bytes(table)
    snapshot = sha256_hex(data)
    key = layout.table(asset, snapshot)
    if not store.exists(key):
        store.put(key, data)
    return snapshot


def read_snapshot(store: Store, asset: str, snapshot: str) -> pa.Table:
    """Read what `write_snapshot` wrote.

    Raises:
        ObjectNotFound: there is no such snapshot.
        ObjectDamaged: it is not what its hash says.
    """
    key = layout.table(asset, snapshot)
    data = store.get(key)
    if sha256_hex(data) != snapshot:
        raise _damaged(store, key, "its bytes have another hash than its name says")
    return _parse(data)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file, pages with checksums; equal tables, equal bytes."""
    sink = BytesIO()  # whose value is no copy, as that of Arrow's own would be
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def read_table(store: Store, key: str) -> pa.Table:
    """Read a table, schema metadata included.

    Raises:
        ObjectNotFound: no table has this key.
        ObjectDamaged: it is not as it was written.
    """
    data = store.get(key)
    try:
        sealed = _parse(data)
        metadata = dict(sealed.schema.metadata or {})
        seal = metadata.pop(SEAL.encode(), b"").decode()
        table = sealed.replace_schema_metadata(metadata or None)
        whole = seal == content_hash(table)
    except (pa.ArrowException, OSError, ValueError) as error:  # also text that is no UTF-8
        raise _damaged(store, key, str(error).splitlines()[0]) from None
    if not whole:
        raise _damaged(store, key, "it says something else than what was written")
    return table


def table_metadata(store: Store, found: StoredObject) -> dict[str, str]:
    """What the schema metadata of a table says, its seal included: see `SEAL`.

    Only the end of the object is read, so nothing is compared with the seal.

    Raises:
        ObjectNotFound: it is not there any more.
        ObjectDamaged: it is no table.
    """
    end = store.get_range(found.key, max(0, found.size - _FOOTER), found.size)
    length = int.from_bytes(end[-8:-4], "little") + 8  # https://parquet.apache.org/docs/file-format
    if len(end) < length <= found.size:
        end = store.get_range(found.key, found.size - length, found.size)
    try:
        metadata = pq.read_schema(pa.BufferReader(end)).metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(store, found.key, str(error).splitlines()[0]) from None
    return {key.decode(): value.decode() for key, value in (metadata or {}).items()}


def read_tables(store: Store, keys: Sequence[str]) -> pa.Table:
    """Read one or more tables as one; a column that an older one lacks is null there.

    Raises:
        ObjectNotFound: one of them is not there.
        ObjectDamaged: one of them is not as it was written.
    """
    return pa.concat_tables((read_table(store, key) for key in keys), promote_options="default")


def _sealed(table: pa.Table) -> bytes:
    metadata = table.schema.metadata or {}
    seal = {SEAL.encode(): content_hash(table)}
    return parquet_bytes(table.replace_schema_metadata({**metadata, **seal}))


def _holds(store: Store, key: str, data: bytes) -> bool:
    """Whether an object is these bytes; one of another size need not be read for that."""
    found = store.look_up(key)
    if found is None or found.size != len(data):
        return False
    try:
        return store.get(key) == data
    except ObjectNotFound:  # deleted just now
        return False


def _parse(data: bytes) -> pa.Table:
    # In one thread: `read_table` leaves Arrow's threads behind, and a program that ends at that
    # moment is aborted ("terminate called without an active exception").
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    return file.read(use_threads=False)


def _damaged(store: Store, key: str, why: str) -> ObjectDamaged:
    return ObjectDamaged(
        f"the table {store.address(key)}",
        f"it is not as it was written ({why})",
        "Restore it from a backup or from the bucket's versions, or delete it and materialise "
        "the asset again",
    )
