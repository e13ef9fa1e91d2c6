"""Days come one after the other: what was decided about photos before never changes."""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from dandelion_pipeline.dataset.cleaning.groups import FINGERPRINT_SCHEMA, group_columns
from dandelion_pipeline.dataset.dataset import Dataset, build_dataset
from dandelion_pipeline.dataset.splits.assignments import ASSIGNMENTS, Assignments
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import Fingerprint, fingerprint
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline_tests.data.clean_rows import clean_table

PICTURES = 12
Variants = dict[tuple[int, str], Fingerprint]

days = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, PICTURES - 1), st.sampled_from(["as it is", "mirrored", "brighter"])
        ),
        max_size=8,
    ),
    min_size=2,
    max_size=4,
)


@pytest.fixture(scope="module")
def variants() -> Variants:
    """Fingerprints of some pictures and of copies of each."""
    made: Variants = {}
    for number, (_, _, data) in enumerate(generate(SampleSpec(per_class=6, size=(96, 72)))):
        image: Image.Image = decode(data).image
        made[number, "as it is"] = fingerprint(image)
        made[number, "mirrored"] = fingerprint(ImageOps.mirror(image))
        made[number, "brighter"] = fingerprint(ImageEnhance.Brightness(image).enhance(1.1))
    return made


@given(days)
@settings(max_examples=30)
def test_another_day_changes_no_group_and_no_split_of_the_days_before(
    variants: Variants, drawn: list[list[tuple[int, str]]]
) -> None:
    tables: list[pa.Table] = []
    splits: dict[str, str] = {}
    assigned = ASSIGNMENTS.empty_table()
    for number, photos in enumerate(drawn):
        tables.append(day_table(f"2025-05-{number + 1:02d}", photos, variants, tables))
        dataset = build_dataset(pa.concat_tables(tables), "salt", Assignments.of(assigned))
        assigned = pa.concat_tables([assigned, dataset.assigned])
        now = split_of_photo(dataset)
        assert splits.items() <= now.items()
        splits = now
        families = {(picture_of(row["name"]), row["split"]) for row in dataset.used.to_pylist()}
        assert len(families) == len({family for family, _ in families})  # none crosses a split


def day_table(
    day: str, photos: list[tuple[int, str]], variants: Variants, others: list[pa.Table]
) -> pa.Table:
    """A day as `clean` would give it; a copy is another file each day."""
    unique = sorted(set(photos))
    names = [f"{picture}-{variant}" for picture, variant in unique]
    hashes = [hashlib.sha256(f"{day}{name}".encode()).hexdigest() for name in names]
    prints = [variants[photo] for photo in unique]
    measured = pa.table(
        [[one.pixels for one in prints], [one.detail for one in prints]],
        schema=FINGERPRINT_SCHEMA,
    )
    groups = group_columns(pa.array(hashes, pa.string()), measured, None, others)
    rows = [
        {"sha256": sha256, "label": "a", "name": name, "day": day, **group}
        for sha256, name, group in zip(hashes, names, groups.to_pylist(), strict=True)
    ]
    table = clean_table(rows)
    for name in FINGERPRINT_SCHEMA.names:
        table = table.append_column(FINGERPRINT_SCHEMA.field(name), measured[name])
    return table


def split_of_photo(dataset: Dataset) -> dict[str, str]:
    return {row["sha256"]: row["split"] for row in dataset.used.to_pylist()}


def picture_of(name: str) -> str:
    """The picture that a file shows."""
    return name.partition("-")[0]
