import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dandelion_pipeline.statistics.calibration import (
    COOLEST,
    HOTTEST,
    Floats,
    Labels,
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    probabilities_at,
    reliability,
)


def truthful(photos: int, seed: int = 0) -> tuple[Floats, Labels]:
    """Logits of two classes, and labels drawn with the very probabilities that they mean."""
    random = np.random.default_rng(seed)
    logits = np.stack([random.normal(0, 2, photos), np.zeros(photos)], axis=1)
    is_second = random.random(photos) < probabilities_at(logits, 1.0)[:, 1]
    return logits, is_second.astype(np.int64)


def error(logits: Floats, labels: Labels) -> float:
    return expected_calibration_error(reliability(probabilities_at(logits, 1.0), labels))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_spoilt_true_probabilities_is_found(temperature: float) -> None:
    logits, labels = truthful(4_000)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.1)


def test_of_sixty_photos_it_is_found_within_a_factor() -> None:
    found = [fit_temperature(3 * logits, labels) for logits, labels in truthful_ones(60, 20)]
    assert 2 < np.median(found) < 4.5
    assert max(found) / min(found) < 6


def truthful_ones(photos: int, times: int) -> list[tuple[Floats, Labels]]:
    return [truthful(photos, seed) for seed in range(times)]


@pytest.mark.parametrize("margin", [0.5, 4.0, 50.0])
def test_a_validation_split_without_a_mistake_does_not_make_the_model_certain(
    margin: float,
) -> None:
    labels = np.arange(40) % 2
    logits = np.where(np.arange(2) == labels[:, None], margin, 0.0)
    temperature = fit_temperature(logits, labels)
    assert 0.1 < temperature < 1.1


@given(
    arrays(np.float64, (12, 3), elements=st.floats(-1e4, 1e4)),
    arrays(np.int64, 12, elements=st.integers(0, 2)),
)
def test_whatever_the_logits_the_temperature_stays_in_its_bounds(
    logits: Floats, labels: Labels
) -> None:
    temperature = fit_temperature(logits, labels)
    assert COOLEST <= temperature <= HOTTEST
    assert probabilities_at(logits, temperature).sum(axis=1) == pytest.approx(1)


def test_scaling_lowers_loss_and_calibration_error_of_an_overconfident_model() -> None:
    logits, labels = truthful(1_000)
    spoilt = 4 * logits
    scaled = spoilt / fit_temperature(spoilt, labels)
    assert negative_log_likelihood(scaled, labels) < negative_log_likelihood(spoilt, labels)
    assert error(scaled, labels) < error(spoilt, labels) / 2


def test_the_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    sure = np.tile([0.9, 0.1], (20, 1))
    labels = np.array([0] * 12 + [1] * 8)
    (only,) = reliability(sure, labels)
    assert (only.photos, only.right) == (20, 12)
    assert only.confidence == pytest.approx(0.9)
    assert expected_calibration_error([only]) == pytest.approx(0.3)


@pytest.mark.parametrize(("photos", "bins"), [(1, 1), (29, 1), (75, 5), (225, 15), (10_000, 15)])
def test_bins_have_equal_numbers_of_photos(photos: int, bins: int) -> None:
    logits, labels = truthful(photos)
    found = reliability(probabilities_at(logits, 1.0), labels)
    sizes = [part.photos for part in found]
    assert len(found) == bins
    assert sum(sizes) == photos
    assert max(sizes) - min(sizes) <= 1
    assert [part.confidence for part in found] == sorted(part.confidence for part in found)


def test_true_probabilities_show_the_error_that_chance_foretells() -> None:
    measured, foretold, above = [], [], 0
    for logits, labels in truthful_ones(75, 60):
        chance = error_by_chance(probabilities_at(logits, 1.0))
        measured.append(error(logits, labels))
        foretold.append(chance.mean)
        above += measured[-1] > chance.most
    assert np.mean(measured) == pytest.approx(np.mean(foretold), abs=0.01)
    assert np.mean(foretold) > 0.04  # so few photos cannot show less
    assert above <= 9


def test_chance_foretells_the_same_each_time() -> None:
    probabilities = probabilities_at(truthful(75)[0], 1.0)
    assert error_by_chance(probabilities) == error_by_chance(probabilities)
