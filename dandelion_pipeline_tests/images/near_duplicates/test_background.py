"""What counts as a near-duplicate depends on how alike the photos of a set are anyway."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dandelion_pipeline.dataset.cleaning.groups import near_duplicates_found
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.alignment import align
from dandelion_pipeline.images.near_duplicates.background import (
    LEAST_RATIO,
    NATURAL,
    backgrounds_of,
)
from dandelion_pipeline.images.near_duplicates.distances import AS_A_WHOLE, LEAST
from dandelion_pipeline.images.near_duplicates.fingerprints import (
    Fingerprint,
    Fingerprints,
    coefficients,
    fingerprint,
)
from dandelion_pipeline.images.near_duplicates.grouping import Memberships, group_photos
from dandelion_pipeline.images.near_duplicates.matches import KnownPhotos, NearDuplicates
from dandelion_pipeline_tests.data.generated_sets import generated, picture_of

NOTHING = KnownPhotos.none()


def saved(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return decode(file.getvalue()).image


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2))


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


@cache
def pictures(kind: str, photos: int) -> dict[str, Image.Image]:
    return {name: decode(data).image for _, name, data in generated(kind, photos)}


@cache
def prints(kind: str, photos: int) -> dict[str, Fingerprint]:
    return {name: fingerprint(image) for name, image in pictures(kind, photos).items()}


def grouped(
    photos: dict[str, Fingerprint], known: KnownPhotos = NOTHING
) -> tuple[dict[str, str], Memberships]:
    found = group_photos(pa.array(list(photos)), Fingerprints.of(list(photos.values())), known)
    return dict(zip(photos, found.group.to_pylist(), strict=True)), found


@pytest.mark.parametrize(
    ("kind", "photos", "wrong"),
    [
        ("fixed_camera", 100, 2),  # two may show the thing at the very same place
        ("fixed_camera", 20, 0),
        ("white_background", 40, 0),
        ("scans", 160, 0),
        ("grey_textures", 100, 0),
        ("drawings", 60, 1),
        ("digits", 200, 1),
        ("many_classes", 100, 0),
    ],
)
def test_photos_of_a_homogeneous_set_stay_apart(kind: str, photos: int, wrong: int) -> None:
    groups, _ = grouped(prints(kind, photos))
    assert photos - len(set(groups.values())) <= wrong


@pytest.mark.parametrize("kind", ["bursts", "mirror_classes", "faces"])
def test_photos_of_one_picture_are_joined(kind: str) -> None:
    groups, _ = grouped(prints(kind, 40))
    members = defaultdict(set)
    for name, group in groups.items():
        members[group].add(picture_of(name))
    assert all(len(shown) == 1 for shown in members.values())
    assert len(members) == len({picture_of(name) for name in groups})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("scans", saved),
        ("many_classes", half),
        ("grey_textures", mirrored),
        ("one_class_of_3", saved),
    ],
)
def test_copies_are_found_in_sets_of_any_kind(
    kind: str, change: Callable[[Image.Image], Image.Image]
) -> None:
    copies = {
        f"{name} copy": fingerprint(change(image))
        for name, image in list(pictures(kind, 160).items())[::4]
    }
    groups, _ = grouped(prints(kind, 160) | copies)
    found = sum(groups[name] == groups[name.removesuffix(" copy")] for name in copies)
    assert found >= len(copies) - 1
    assert max(Counter(groups.values()).values()) == 2


def test_most_saved_copies_are_found_where_all_photos_show_one_scene() -> None:
    copies = {
        f"{name} copy": fingerprint(saved(image))
        for name, image in list(pictures("fixed_camera", 100).items())[::4]
    }
    groups, _ = grouped(prints("fixed_camera", 100) | copies)
    found = sum(groups[name] == groups[name.removesuffix(" copy")] for name in copies)
    assert found >= 0.7 * len(copies)


def test_what_differs_in_one_place_counts_more_than_what_differs_a_little_everywhere() -> None:
    scene, *others = pictures("fixed_camera", 40).values()
    noise = np.random.default_rng(3).normal(0, 12, (scene.height, scene.width, 3))
    noisy = Image.fromarray((np.asarray(scene) + noise).clip(0, 255).astype(np.uint8))
    detail = Fingerprints.of([fingerprint(image) for image in (scene, noisy, *others)]).detail
    first = coefficients(np.repeat(detail[:1], len(detail) - 1, axis=0))
    found = align(first, coefficients(detail[1:]))
    assert found.residual[0] < found.residual[1:].min()
    assert align(first, first).residual.max() < LEAST


def test_a_homogeneous_set_asks_for_more_than_photos_of_nature() -> None:
    *_, same = grouped(prints("fixed_camera", 60))
    *_, other = grouped(prints("one_class_of_3", 60))
    assert same.background
    assert same.background.ratio > 3 * LEAST_RATIO
    assert same.background.ratio <= AS_A_WHOLE.most_ratio
    assert other.background
    assert other.background.ratio == pytest.approx(NATURAL.ratio, abs=0.5)


def test_a_few_photos_say_nothing_about_a_background() -> None:
    few = Fingerprints.of(list(prints("fixed_camera", 20).values())[:5]).detail
    assert backgrounds_of(few) == [NATURAL, NATURAL]


def test_a_chain_of_photos_is_no_group() -> None:
    """A window moves over a panorama: each step is small, the ends have nothing in common."""
    wide = np.random.default_rng(4).integers(0, 256, (12, 60, 3), np.uint8)
    panorama = Image.fromarray(wide).resize((960, 120), Image.Resampling.BICUBIC)
    steps = {
        f"a{n:02d}": fingerprint(panorama.crop((4 * n, 0, 4 * n + 160, 120))) for n in range(40)
    }
    groups, _ = grouped(steps | prints("one_class_of_3", 60) | prints("many_classes", 100))
    reach = defaultdict(list)
    for name in steps:
        reach[groups[name]].append(int(name[1:]))
    assert max(max(numbers) - min(numbers) for numbers in reach.values()) <= 6


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_growth_changes_no_group_of_a_homogeneous_set(data: st.DataObject) -> None:
    photos = prints("fixed_camera", 20) | prints("bursts", 20)
    names = data.draw(st.permutations(sorted(photos)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(names) - 1), max_size=3)))
    member: dict[str, str] = {}
    for start, end in zip([0, *cuts], [*cuts, len(names)], strict=True):
        known = KnownPhotos(
            pa.array(list(member.values()), pa.string()),
            Fingerprints.of([photos[name] for name in member]),
        )
        day = {name: photos[name] for name in names[start:end]}
        groups, _ = grouped(day, known)
        backwards, _ = grouped(dict(reversed(day.items())), known)
        assert backwards == groups
        member |= groups
    assert all(member[group] == group for group in member.values())


def test_the_setting_says_which_photos_share_a_group() -> None:
    photo = next(iter(pictures("bursts", 4).values()))
    one, copy = fingerprint(photo), fingerprint(saved(photo))
    three = Fingerprints.of([one, one, copy])
    names = pa.array(["a", "b", "c"])
    settings_of: dict[NearDuplicates, str] = {"auto": "aaa", "exact": "aac", "off": "abc"}
    known = KnownPhotos(names, three)
    for how, expected in settings_of.items():
        found = group_photos(names, three, NOTHING, how)
        assert "".join(found.group.to_pylist()) == expected
        assert found.bridges.to_pylist() == [[], [], []]
        later = group_photos(pa.array(["d"]), three.take(np.array([0])), known, how)
        assert later.group.to_pylist() == (["d"] if how == "off" else ["a"])


def test_the_decision_is_told_with_its_reason_and_figures() -> None:
    groups, found = grouped(prints("fixed_camera", 20))
    table = pa.table({"group": list(groups.values())})
    told = near_duplicates_found(table, "auto", found.background)
    assert told["decision"] == "auto"
    assert "times as alike as the next photo" in str(told["reason"])
    assert (told["groups"], told["largest_group"], told["photos_joined"]) == (20, 1, 0)
    assert near_duplicates_found(table[:0], "off", None)["largest_group"] == 0
