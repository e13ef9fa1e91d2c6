"""What is far from the photos of training, and how often it is said of photos that are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis

from dandelion_pipeline.release.ood import FeatureDistribution, joined
from dandelion_pipeline.training.export.ood import (
    FALSE_ALARMS,
    FEWEST_PHOTOS,
    Features,
    Fitted,
    Seen,
    fit_distribution,
    fit_ood,
    limit_of,
)


def world(photos: int, seed: int, *, shift: float = 0.0, classes: int = 2) -> Seen:
    """Features of photos of a few classes; ``shift`` moves all of them elsewhere."""
    random = np.random.default_rng(seed)
    labels = np.arange(photos) % classes
    centres = np.random.default_rng(7).uniform(1, 2, (classes, 40))
    spread = np.linspace(0.4, 0.02, 40)
    features = centres[labels] + spread * random.normal(size=(photos, 40))
    features[:, 30:] += shift
    early = np.ones((photos, 8)) + 0.1 * random.normal(size=(photos, 8))
    found = joined(features.astype(np.float32), early.astype(np.float32))
    return Seen({"fp32": found}, labels, np.arange(photos))


def fitted(training: Seen, validation: Seen, *, frozen: bool = True) -> Fitted:
    made = fit_ood(training, validation, frozen=frozen)
    assert made is not None
    return made


def flagged(made: Fitted, photos: Seen) -> float:
    distances = made.distribution.distances(photos.features["fp32"])
    return float((distances > made.summary.limits["fp32"]).mean())


@pytest.mark.parametrize("photos", [40, 120, 400])
@pytest.mark.parametrize("classes", [2, 5])
def test_about_one_photo_of_a_hundred_like_those_of_training_is_flagged(
    photos: int, classes: int
) -> None:
    shares = [
        flagged(
            fitted(world(photos, seed, classes=classes), world(photos // 4, seed + 100)),
            world(500, seed + 200, classes=classes),
        )
        for seed in range(8)
    ]
    assert np.mean(shares) <= 3 * FALSE_ALARMS


@pytest.mark.parametrize("photos", [40, 400])
def test_photos_of_another_world_are_flagged(photos: int) -> None:
    made = fitted(world(photos, 0), world(photos // 4, 1))
    assert flagged(made, world(500, 2, shift=1.0)) >= 0.98


def test_where_the_network_learnt_from_the_photos_only_others_set_the_limit() -> None:
    training, validation = world(400, 0), world(60, 1, shift=0.05)
    learnt = fitted(training, validation, frozen=False)
    assert learnt.summary.photos == 60
    assert learnt.summary.limits["fp32"] > fitted(training, training).summary.limits["fp32"]
    assert flagged(learnt, world(500, 2, shift=0.05)) <= 3 * FALSE_ALARMS


def test_near_duplicates_of_a_photo_are_no_evidence_that_others_are_near() -> None:
    few = world(60, 0)
    repeated = Seen(
        {"fp32": few.features["fp32"].repeat(5, axis=0)},
        few.labels.repeat(5),
        few.groups.repeat(5),
    )
    none = repeated.first(0)
    apart = fitted(repeated, none).summary.limits["fp32"]
    beside = fitted(Seen(repeated.features, repeated.labels, np.arange(300)), none)
    assert apart > beside.summary.limits["fp32"]


EQUAL = Seen({"fp32": np.ones((40, 5), np.float32)}, np.arange(40) % 2, np.arange(40))


@pytest.mark.parametrize("photos", [world(FEWEST_PHOTOS - 1, 0), EQUAL], ids=["few", "equal"])
def test_of_too_few_photos_or_equal_ones_nothing_is_said(photos: Seen) -> None:
    assert fit_ood(photos, photos.first(0), frozen=True) is None


def test_a_burst_of_one_scene_says_nothing_about_others() -> None:
    photos = world(40, 0)
    one_group = Seen(photos.features, photos.labels, np.zeros(40, np.int64))
    assert fit_ood(one_group, photos.first(0), frozen=True) is None


def test_the_distance_is_that_of_mahalanobis_to_the_nearest_mean() -> None:
    photos = world(60, 3)
    features = photos.features["fp32"]
    made = fit_distribution(features, photos.labels)
    rest = np.eye(features.shape[1]) - made.directions @ made.directions.T
    inverse = made.directions * made.precisions @ made.directions.T + made.rest * rest
    new = world(5, 4).features["fp32"]
    expected = [min(mahalanobis(row, mean, inverse) for mean in made.means) for row in new]
    assert made.distances(new) == pytest.approx(expected, rel=1e-3)


@given(st.lists(st.floats(0, 1e6), min_size=FEWEST_PHOTOS, max_size=400))
@settings(max_examples=60, deadline=None)
def test_the_limit_flags_no_more_of_what_it_was_made_from_than_it_may(values: list[float]) -> None:
    distances = np.array(values)
    limit = limit_of(distances)
    assert limit > 0
    assert (distances > limit).mean() <= FALSE_ALARMS


def test_a_distribution_is_read_back_as_it_was_written() -> None:
    features: Features = world(50, 5).features["fp32"]
    made = fit_distribution(features, np.arange(50) % 2)
    read = FeatureDistribution.parse(made.to_bytes(), "a file")
    assert read.distances(features) == pytest.approx(made.distances(features), rel=1e-6)
