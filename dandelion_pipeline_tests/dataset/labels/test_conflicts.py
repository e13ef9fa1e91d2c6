import pyarrow as pa

from dandelion_pipeline.dataset.labels.conflicts import LABEL_CONFLICTS, label_conflicts
from dandelion_pipeline_tests.data.clean_rows import clean_table


def row(sha256: str, label: str, group: str = "", **changes: object) -> dict[str, object]:
    photo = {"sha256": sha256, "label": label, "name": f"{sha256}.jpg", "group": group or sha256}
    return {**photo, **changes}


def found(
    *rows: dict[str, object], pixels: list[bytes | None] | None = None
) -> list[tuple[str, bool]]:
    table = clean_table(rows)
    if pixels is not None:
        table = table.append_column("pixels", pa.array(pixels, pa.binary()))
    conflicts = label_conflicts(table)
    assert conflicts.schema == LABEL_CONFLICTS
    return [(photo["sha256"], photo["identical"]) for photo in conflicts.to_pylist()]


def test_near_duplicates_with_two_labels_are_listed_group_by_group() -> None:
    rows = [row("d", "b", "g2"), row("a", "b", "g1"), row("b", "a", "g1"), row("c", "a", "g2")]
    assert found(*rows, row("e", "a", "g3"), row("f", "a", "g3")) == [
        ("b", False),
        ("a", False),
        ("c", False),
        ("d", False),
    ]


def test_the_same_bytes_or_the_same_pixels_with_two_labels_are_identical() -> None:
    rows = [row("a", "x"), row("a", "y"), row("b", "x"), row("c", "y"), row("d", "x")]
    assert found(*rows) == [("a", True), ("a", True)]
    pixels: list[bytes | None] = [b"1", b"1", b"2", b"2", None]
    assert found(*rows, row("e", "y"), pixels=[*pixels, None]) == [
        (name, True) for name in ("a", "a", "b", "c")
    ]


def test_a_dropped_photo_conflicts_with_nothing() -> None:
    dropped = row("b", "y", "g", keep=False, drop_reason="dropped by a review")
    assert found(row("a", "x", "g"), dropped) == []


def test_photos_of_one_label_and_no_photos_have_no_conflicts() -> None:
    assert found(row("a", "x", "g"), row("b", "x", "g")) == []
    assert found() == []
