import io
from collections.abc import Callable
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import (
    DETAIL_BYTES,
    Fingerprint,
    Fingerprints,
    fingerprint,
)
from dandelion_pipeline.images.near_duplicates.grouping import group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos
from dandelion_pipeline.images.sample.photos import LABELS, render

ORIGINALS = 12
NOTHING = KnownPhotos.none()


class Membership(NamedTuple):
    group: str
    bridges: tuple[str, ...] = ()


def saved(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return decode(file.getvalue()).image


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def cropped(image: Image.Image) -> Image.Image:
    return image.crop((10, 0, 200, 145))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": saved,
    "half the size": lambda image: image.resize((100, 75)),
    "twice the size": lambda image: image.resize((400, 300)),
    "cropped": cropped,
    "brighter": lambda image: image.point(lambda value: min(255, round(value * 1.15))),
    "darker": lambda image: image.point(lambda value: round(value * 0.85)),
    "mirrored": mirrored,
    "mirrored, cropped and saved again": lambda image: saved(mirrored(cropped(image))),
}


@cache
def original(number: int) -> Image.Image:
    return render(LABELS[number % 2], number, (200, 150))


@cache
def copy(number: int, change: str) -> Fingerprint:
    image = original(number)
    return fingerprint(CHANGES[change](image) if change else image)


def grouped(photos: dict[str, Fingerprint], known: KnownPhotos = NOTHING) -> dict[str, Membership]:
    names = pa.array(list(photos), pa.string())
    found = group_photos(names, Fingerprints.of(list(photos.values())), known)
    columns = zip(photos, found.group.to_pylist(), found.bridges.to_pylist(), strict=True)
    return {name: Membership(group, tuple(bridges)) for name, group, bridges in columns}


def known_photos(groups: list[str], prints: list[Fingerprint]) -> KnownPhotos:
    return KnownPhotos(pa.array(groups, pa.string()), Fingerprints.of(prints))


@cache
def library() -> KnownPhotos:
    """All originals, each a group of its own."""
    return known_photos(
        [f"original {number}" for number in range(ORIGINALS)],
        [copy(number, "") for number in range(ORIGINALS)],
    )


def test_different_photos_are_groups_of_their_own() -> None:
    photos = {f"photo {n}": fingerprint(render(LABELS[n % 2], n, (100, 75))) for n in range(60)}
    assert {name: member.group for name, member in grouped(photos).items()} == {
        name: name for name in photos
    }


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_joins_the_group_of_its_original(change: str) -> None:
    copies = {f"copy {number}": copy(number, change) for number in range(ORIGINALS)}
    assert grouped(copies, library()) == {
        f"copy {number}": Membership(f"original {number}") for number in range(ORIGINALS)
    }


def test_copies_in_one_batch_are_one_group_called_after_the_first() -> None:
    photos = {f"{at} {change}": copy(3, change) for at, change in enumerate(("", *CHANGES))}
    assert set(grouped(photos).values()) == {Membership("0 ")}


def test_copies_are_found_among_more_photos_than_are_compared_one_and_all() -> None:
    photos, copies = 1_100, 40
    rng = np.random.default_rng(3)
    detail = rng.normal(0, 24, (photos, DETAIL_BYTES))
    detail[-copies:] = detail[:copies] + rng.normal(0, 3, (copies, DETAIL_BYTES))
    prints = Fingerprints(
        np.arange(photos, dtype=np.uint64), np.rint(detail).clip(-127, 127).astype(np.int8)
    )
    names = pa.array([f"{number:04d}" for number in range(photos)])
    found = group_photos(names, prints, KnownPhotos.none()).group.to_pylist()
    assert found == [f"{n:04d}" for n in (*range(photos - copies), *range(copies))]


@pytest.mark.parametrize("colour", ["white", "green"])
def test_photos_of_one_even_colour_match_by_their_pixels_alone(colour: str) -> None:
    even = fingerprint(Image.new("RGB", (90, 60), colour))
    other = fingerprint(Image.new("RGB", (90, 60), "navy"))
    assert even.detail == other.detail == b""
    photos = {"a": even, "b": other, "c": even}
    assert {name: m.group for name, m in grouped(photos).items()} == {"a": "a", "b": "b", "c": "a"}


def test_a_photo_between_two_known_groups_joins_one_and_names_the_other() -> None:
    known = known_photos(["old", "new"], [copy(1, ""), copy(1, "mirrored")])
    assert grouped({"x": copy(1, "saved again")}, known) == {"x": Membership("old", ("new",))}
    assert grouped({"x": copy(1, "mirrored")}, known) == {"x": Membership("new", ("old",))}


def test_a_photo_with_the_very_pixels_of_known_ones_joins_the_oldest() -> None:
    same = copy(1, "")
    known = known_photos(["old", "new"], [same, same])
    assert grouped({"x": same}, known)["x"].group == "old"


def test_columns_and_lists_hold_the_same() -> None:
    each = [copy(1, ""), fingerprint(Image.new("RGB", (40, 40))), copy(2, "cropped")]
    listed = Fingerprints.of(each)
    columns = Fingerprints.of_columns(
        pa.array([one.pixels for one in each]), pa.chunked_array([[one.detail] for one in each])
    )
    assert (columns.pixels == listed.pixels).all()
    assert (columns.detail == listed.detail).all()
    rows, detail = listed.detailed()
    assert rows.tolist() == [0, 2]
    assert (detail == listed.detail[[0, 2]]).all()
    assert listed.detail.shape == (3, DETAIL_BYTES)


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000), (3_000, 1), (64, 64), (40, 5)])
def test_a_photo_of_any_size_has_a_fingerprint(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(256, size=(*size[::-1], 3), dtype=np.uint8)
    found = fingerprint(Image.fromarray(noise))
    assert len(found.pixels) == 8
    assert len(found.detail) in {0, DETAIL_BYTES}


batches = st.lists(
    st.lists(st.tuples(st.integers(0, ORIGINALS - 1), st.sampled_from(["", *CHANGES])), max_size=8),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(batches, st.randoms(use_true_random=False))
def test_groups_stay_as_days_are_added_whatever_the_order_within_a_day(
    days: list[list[tuple[int, str]]], chance: Random
) -> None:
    prints: dict[str, Fingerprint] = {}
    member: dict[str, Membership] = {}
    for day in days:
        new = {f"{n:02d} {change}": copy(n, change) for n, change in day}
        new = {name: one for name, one in new.items() if name not in prints}
        known = known_photos([member[name].group for name in prints], list(prints.values()))
        found = grouped(new, known)
        shuffled = chance.sample(sorted(new), len(new))
        assert grouped({name: new[name] for name in shuffled}, known) == found
        assert list(found) == list(new)
        prints |= new
        member |= found
    for name, one in member.items():
        assert member[one.group].group == one.group
        assert {group[:2] for group in (one.group, *one.bridges)} == {name[:2]}


def test_of_two_copies_that_tie_two_known_groups_the_later_one_is_a_bridge() -> None:
    def without(left: int) -> Fingerprint:
        return fingerprint(original(1).crop((left, 0, 200, 150)))

    known = known_photos(["old", "new"], [without(0), without(54)])
    assert grouped({"x": without(18)}, known) == {"x": Membership("old")}
    assert grouped({"y": without(36)}, known) == {"y": Membership("new")}
    assert grouped({"y": without(36), "x": without(18)}, known) == {
        "y": Membership("new", ("old",)),
        "x": Membership("old"),
    }
