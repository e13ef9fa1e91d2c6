"""Tables and figures as Dagster shows them."""

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.tables import (
    SHOWN,
    column_schema,
    counts_table,
    facts,
    figure,
    interval,
    suspects_table,
    table,
)


def test_figures_are_rounded_and_other_cells_are_not() -> None:
    assert figure(0.9459459459459459) == 0.9459
    shown = table({"a": "float", "b": "string", "c": "int"}, [[1 / 3, "0.33333", None]])
    assert [dict(record.data) for record in shown.records] == [
        {"a": 0.3333, "b": "0.33333", "c": None}
    ]


def test_a_table_without_rows_keeps_its_columns() -> None:
    shown = table({"a": "float"}, [])
    assert (shown.records, [column.name for column in shown.schema.columns]) == ([], ["a"])


def test_facts_stand_in_rows_with_their_figures_rounded() -> None:
    shown = facts({"power": 10.67360836, "groups": 3, "reason": "0.123456 is text"})
    values = [record.data["value"] for record in shown.records]
    assert values == ["10.6736", "3", "0.123456 is text"]


def test_columns_are_those_of_the_store() -> None:
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False), pa.field("t", pa.string())])
    first, second = column_schema(schema).columns
    assert (first.name, first.type, first.constraints.nullable) == ("n", "int64", False)
    assert (second.name, second.type, second.constraints.nullable) == ("t", "string", True)


def test_classes_are_counted_by_split_and_in_all() -> None:
    shown = counts_table({"grass": {"train": 7, "test": 2}})
    assert dict(shown.records[0].data) == {"class": "grass", "train": 7, "test": 2, "all": 9}


def test_a_long_list_says_how_many_rows_there_are_more() -> None:
    row = {
        "sha256": "0" * 64,
        "name": "a|b",
        "label": "grass",
        "suggested_label": "tree",
        "label_quality": 0.1234567,
    }
    full, longer = (suspects_table(pa.Table.from_pylist([row] * n)) for n in (SHOWN, SHOWN + 3))
    assert len(full.records) == SHOWN
    assert dict(full.records[-1].data)["quality"] == 0.1235
    assert len(longer.records) == SHOWN + 1
    last = dict(longer.records[-1].data)
    assert (last.pop("photo"), set(last.values())) == ("and 3 more", {None})


def test_an_interval_is_read_as_shares_and_none_is_nothing() -> None:
    assert (interval((0.5, 0.9876)), interval(None)) == ("50.0% to 98.8%", "")
    assert isinstance(table({}, []), dg.TableMetadataValue)
