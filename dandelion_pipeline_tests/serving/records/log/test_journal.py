"""A journal gives back what was written whole, whatever became of its process and its disk."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.records.log.journal import Segment, abandoned

ROWS = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), max_size=4),
    max_size=8,
)


@given(rows=ROWS, data=st.data())
def test_of_a_journal_that_was_cut_anywhere_the_rows_before_the_cut_are_left(
    rows: list[dict[str, Any]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    segment, ends = Segment.new(folder), []
    for row in rows:
        segment.append(row)
        ends.append(segment.size - 1)  # the last line break may be missing
    segment.close()
    (path,) = folder.iterdir()
    cut = data.draw(st.integers(0, path.stat().st_size))
    os.truncate(path, cut)
    (left,) = abandoned(folder)
    assert list(left.rows()) == rows[: sum(end <= cut for end in ends)]
    left.append({"after": "the cut"})
    assert list(left.rows())[-1] == {"after": "the cut"}
    left.remove()
    assert not list(folder.iterdir())


def test_a_changed_byte_costs_its_row_and_no_other(tmp_path: Path) -> None:
    segment = Segment.new(tmp_path)
    for number in range(3):
        segment.append({"number": number})
    segment.close()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[data.index(b'"number":1') + 3] ^= 1
    path.write_bytes(data)
    (left,) = abandoned(tmp_path)
    assert [row["number"] for row in left.rows()] == [0, 2]
    left.close()


def test_a_segment_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    segment = Segment.new(tmp_path)
    segment.append({"number": 1})
    assert not list(abandoned(tmp_path))
    segment.close()
    (taken,) = abandoned(tmp_path)
    assert not list(abandoned(tmp_path))
    taken.remove()
    assert not list(abandoned(tmp_path))
