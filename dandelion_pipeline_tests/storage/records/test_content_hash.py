import json

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given

from dandelion_pipeline.storage.records.content_hash import content_hash

SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("bytes", pa.binary()),
        pa.field("eight", pa.binary(8)),
        pa.field("number", pa.int32()),
        pa.field("share", pa.float32()),
        pa.field("yes", pa.bool_()),
        pa.field("some", pa.list_(pa.float32())),
        pa.field("two", pa.list_(pa.int8(), 2)),  # pyarrow reads none with nulls
        pa.field("when", pa.timestamp("us")),
    ]
)
SHARES = st.floats(width=32, allow_nan=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | st.text(max_size=5),
            "bytes": st.none() | st.binary(max_size=5),
            "eight": st.none() | st.binary(min_size=8, max_size=8),
            "number": st.none() | st.integers(-(2**31), 2**31 - 1),
            "share": st.none() | SHARES,
            "yes": st.none() | st.booleans(),
            "some": st.none() | st.lists(st.none() | SHARES, max_size=3),
            "two": st.lists(st.integers(-9, 9), min_size=2, max_size=2),
            "when": st.none() | st.integers(0, 9),
        }
    ),
    max_size=6,
)


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@given(ROWS, st.integers(0, 6))
def test_equal_tables_have_equal_hashes_however_they_are_cut_and_kept(
    rows: list[dict[str, object]], at: int
) -> None:
    whole = table(rows)
    cut = pa.concat_tables([whole.slice(0, at), whole.slice(at)])
    sink = pa.BufferOutputStream()
    pq.write_table(cut, sink)
    read = pq.ParquetFile(pa.BufferReader(sink.getvalue())).read(use_threads=False)
    assert content_hash(cut) == content_hash(read) == content_hash(whole)


def spelled(rows: list[dict[str, object]]) -> str:
    """Rows as text, in which a missing number equals a missing number."""
    return json.dumps(table(rows).to_pylist(), default=repr)


@given(ROWS, ROWS)
def test_tables_with_other_rows_have_other_hashes(
    one: list[dict[str, object]], other: list[dict[str, object]]
) -> None:
    same = content_hash(table(one)) == content_hash(table(other))
    assert same == (spelled(one) == spelled(other))


def test_names_types_and_metadata_count_too() -> None:
    tables = [
        pa.table({"a": pa.array([1], pa.int32())}),
        pa.table({"b": pa.array([1], pa.int32())}),
        pa.table({"a": pa.array([1], pa.int64())}),
        pa.table({"a": pa.array([1], pa.int32())}).replace_schema_metadata({"said": "so"}),
    ]
    assert len({content_hash(table) for table in tables}) == len(tables)
