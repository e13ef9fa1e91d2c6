import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.dataset.report.charts import Sizes, class_balance

SIDES = st.integers(1, 20_000)


@given(st.lists(st.tuples(SIDES, SIDES), min_size=1))
def test_every_photo_is_in_one_bin_of_few(sizes: list[tuple[int, int]]) -> None:
    photos = pa.table({"width": [w for w, _ in sizes], "height": [h for _, h in sizes]})
    found = Sizes.of(photos)
    assert found is not None
    assert sum(bar.count for bar in found.histogram) == len(sizes)
    assert len({bar.name for bar in found.histogram}) == len(found.histogram) <= 14
    assert found.smallest <= found.median <= found.largest
    assert max(bar.length for bar in found.histogram) == 1


def test_photos_of_one_size_have_a_bin() -> None:
    found = Sizes.of(pa.table({"width": [275] * 3, "height": [183] * 3}))
    assert found is not None
    assert (found.smallest, found.median, found.largest) == (183, 183, 183)
    assert [bar.count for bar in found.histogram] == [3]


def test_no_photo_has_no_size() -> None:
    assert Sizes.of(pa.table({"width": [], "height": []})) is None


def test_a_class_is_shown_as_its_share_of_each_split() -> None:
    counts = {"a": {"train": 6, "validation": 1, "test": 0}}
    counts["b"] = {"train": 2, "validation": 3, "test": 0}
    balance = class_balance(counts, 1)
    assert [(bar.name, bar.count, bar.share) for bar in balance["train"]] == [("a", 6, 0.75)]
    assert [bar.share for bar in balance["test"]] == [0.0]
