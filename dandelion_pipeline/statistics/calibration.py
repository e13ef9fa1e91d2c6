"""Probabilities that mean what they say: temperature scaling, and the error that is left.

Source of both: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

COOLEST, HOTTEST = 0.05, 20.0
"""Bounds of the temperature."""

PRIOR_WIDTH = 0.7
"""Half and double are one standard deviation away."""

MOST_BINS = 15
PHOTOS_A_BIN = 15
_DRAWS = 500
_SEED = 0

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def fit_temperature(
    logits: npt.NDArray[np.floating], labels: Labels, prior_width: float = PRIOR_WIDTH
) -> float:
    """The temperature that makes the given labels likeliest, with a weak prior around 1.

    The prior is worth about one photo. Without it, a validation split that is separated without
    a mistake asks for a temperature of zero, which makes every later mistake a certain one.

    Args:
        logits: of the validation split, shape ``(N, classes)``.
        labels: given labels, as numbers of classes, shape ``(N,)``.
        prior_width: standard deviation of the prior of the temperature's logarithm.

    Returns:
        From `COOLEST` to `HOTTEST`.
    """

    def cost(log_temperature: float) -> float:
        loss = negative_log_likelihood(logits / np.exp(log_temperature), labels) * len(labels)
        return float(loss + (log_temperature / prior_width) ** 2 / 2)

    bounds = (np.log(COOLEST), np.log(HOTTEST))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def probabilities_at(logits: npt.NDArray[np.floating], temperature: float) -> Floats:
    """The softmax of logits that are divided by a temperature; each row adds up to 1."""
    result: Floats = softmax(logits.astype(np.float64) / temperature, axis=1)
    return result


def negative_log_likelihood(logits: npt.NDArray[np.floating], labels: Labels) -> float:
    """Mean cross-entropy in nats."""
    return float(negative_log_likelihoods(logits, labels).mean())


def negative_log_likelihoods(logits: npt.NDArray[np.floating], labels: Labels) -> Floats:
    """Cross-entropy of each photo in nats, shape ``(N,)``."""
    chances: Floats = log_softmax(logits.astype(np.float64), axis=1)
    return -chances[np.arange(len(labels)), labels]


@dataclass(frozen=True)
class Bin:
    """Photos of about the same confidence."""

    photos: int
    confidence: float
    """Mean probability of the predicted class."""

    right: int
    """Photos whose predicted class is the given label."""


def reliability(probabilities: Floats, labels: Labels) -> list[Bin]:
    """Photos in bins of equal numbers, by the probability of the predicted class.

    There is a bin for every `PHOTOS_A_BIN` photos, at least one and at most `MOST_BINS`, as Guo
    et al. have. Equal numbers rather than equal widths, because a good model puts nearly all
    photos into the last of equal widths. Source: Nguyen and O'Connor, "Posterior calibration and
    exploratory analysis for natural language processing models", 2015.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return [
        Bin(len(part), float(confidence[part].mean()), int(right[part].sum()))
        for part in _parts(confidence)
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their photos."""
    photos = sum(part.photos for part in bins)
    gaps = sum(abs(part.confidence * part.photos - part.right) for part in bins)
    return gaps / photos


@dataclass(frozen=True)
class Chance:
    """What the expected calibration error would be if the probabilities were true."""

    mean: float
    most: float
    """Exceeded by luck in one test of twenty."""


def error_by_chance(probabilities: Floats) -> Chance:
    """The calibration error that a perfectly calibrated model shows on so few photos.

    The error is a sum of absolute values, so it is never zero on a sample. This draws for each
    photo whether the model is right, with the very probability that it gave, and measures the
    error in the same bins. Source: Bröcker and Smith, "Increasing the reliability of reliability
    diagrams", 2007 (consistency resampling). The draws are the same each time.
    """
    confidence = probabilities.max(axis=1)
    random = np.random.default_rng(_SEED)
    gaps = np.zeros(_DRAWS)
    for part in _parts(confidence):
        right = random.random((_DRAWS, len(part))) < confidence[part]
        gaps += abs((right - confidence[part]).sum(axis=1))
    errors = gaps / len(confidence)
    return Chance(float(errors.mean()), float(np.quantile(errors, 0.95)))


def _parts(confidence: Floats) -> list[npt.NDArray[np.intp]]:
    bins = min(MOST_BINS, max(1, len(confidence) // PHOTOS_A_BIN))
    return np.array_split(np.argsort(confidence, kind="stable"), bins)
