"""Arrow tables in the store, as Parquet. One put each, so a table is whole or absent."""

import pyarrow as pa
import pyarrow.parquet as pq

from dandelion_pipeline.storage.store import Store


def write_table(store: Store, key: str, table: pa.Table) -> None:
    """Write a table, replacing what the key held."""
    store.put(key, parquet_bytes(table))


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_table(store: Store, key: str) -> pa.Table:
    """Read a table, schema metadata included.

    Raises:
        ObjectNotFound: no table has this key.
    """
    return pq.read_table(pa.BufferReader(store.get(key)))
