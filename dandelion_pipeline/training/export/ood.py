"""Fits what `release.ood` measures with, and the distance that is too far.

A limit is a quantile of the distances of photos that neither the distribution nor the network has
seen: those of the validation split and, if the network never learnt from any of the photos, those
of each fold of a grouped cross-validation within the training split.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.model_selection import GroupKFold

from dandelion_pipeline.release.manifest import Form
from dandelion_pipeline.release.ood import FeatureDistribution, OutOfDistribution
from dandelion_pipeline.statistics.calibration import Floats, Labels

FALSE_ALARMS = 0.01
"""The share of photos like those of training that may be flagged."""

MOST_DIRECTIONS = 512
"""A bundle grows by 5 kB for each; with more, as many photos were flagged (docs/adr/0054)."""

FEWEST_PHOTOS = 10
"""With fewer, nothing can be said of what the others look like."""

_MOST_PHOTOS = 2_000
_FOLDS = 10
_FEWEST_FOLDS = 2
_LEAST_VARIANCE = 1e-12
_EQUAL = 1e-6

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """What goes into a bundle."""

    distribution: FeatureDistribution
    summary: OutOfDistribution


@dataclass(frozen=True)
class Seen:
    """What the graphs of a bundle see in the photos of a split."""

    features: dict[Form, Features]
    """As `ood.joined` gives them, by each graph, of shape ``(N, features)``."""

    labels: Labels
    """Classes by number, shape ``(N,)``."""

    groups: Labels
    """Numbers of near-duplicates, shape ``(N,)``."""

    def first(self, photos: int) -> "Seen":
        """The first photos alone."""
        some = slice(0, photos)
        features = {form: found[some] for form, found in self.features.items()}
        return Seen(features, self.labels[some], self.groups[some])


def fit_ood(training: Seen, validation: Seen, *, frozen: bool) -> Fitted | None:
    """What the photos of training look like, and how far is too far.

    Args:
        training: in random order.
        validation: likewise.
        frozen: whether the network's features were learnt elsewhere; else the photos of training
            lie nearer to each other than unseen ones do, and say nothing about the limit.

    Returns:
        None if there are too few photos, or if their features do not vary.
    """
    training, validation = training.first(_MOST_PHOTOS), validation.first(_MOST_PHOTOS)
    fp32 = training.features["fp32"]
    if len(fp32) < FEWEST_PHOTOS or not np.ptp(fp32, axis=0).any():
        return None
    fitted = fit_distribution(fp32, training.labels)
    unseen = [{form: fitted.distances(found) for form, found in validation.features.items()}]
    if frozen:
        unseen += _cross_validated(training)
    distances = {form: np.concatenate([one[form] for one in unseen]) for form in unseen[0]}
    photos = len(distances["fp32"])
    if photos < FEWEST_PHOTOS:
        return None
    limits: dict[str, float] = {form: limit_of(found) for form, found in distances.items()}
    return Fitted(
        fitted, OutOfDistribution(photos=photos, false_alarms=FALSE_ALARMS, limits=limits)
    )


def _cross_validated(photos: Seen) -> Iterator[dict[Form, Floats]]:
    """The distances of each fold, of photos whose class the other folds know."""
    labels, folds = photos.labels, min(_FOLDS, len(np.unique(photos.groups)))
    if folds < _FEWEST_FOLDS:
        return
    split = GroupKFold(folds, shuffle=True, random_state=0).split(labels, groups=photos.groups)
    for others, held_out in split:
        fitted = fit_distribution(photos.features["fp32"][others], labels[others])
        known = held_out[np.isin(labels[held_out], labels[others])]
        yield {form: fitted.distances(found[known]) for form, found in photos.features.items()}


def fit_distribution(features: Features, labels: Labels) -> FeatureDistribution:
    """A Gaussian for each class, with one covariance that is shrunk towards a multiple of 1.

    Source of the shrinkage: O. Ledoit and M. Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", 2004.

    Args:
        features: as `ood.joined` gives them, shape ``(N, features)``.
        labels: classes by number, shape ``(N,)``.
    """
    unit = features.astype(np.float64)
    classes, numbers = np.unique(labels, return_inverse=True)
    means = np.stack([unit[numbers == number].mean(axis=0) for number in range(len(classes))])
    residuals = unit - means[numbers]
    photos, width = residuals.shape
    shrinkage = ledoit_wolf_shrinkage(residuals, assume_centered=True)
    # The smaller of the two products has the eigenvalues that are not zero.
    values, vectors = np.linalg.eigh(residuals @ residuals.T / photos)
    order = np.argsort(-values)[:MOST_DIRECTIONS]
    order = order[values[order] > values.max() * _LEAST_VARIANCE]
    directions = residuals.T @ vectors[:, order] / np.sqrt(values[order] * photos)
    mean_variance = max(values.clip(min=0).sum() / width, _LEAST_VARIANCE)
    variances = (1 - shrinkage) * values[order] + shrinkage * mean_variance
    return FeatureDistribution(
        means.astype(np.float32),
        np.ascontiguousarray(directions, np.float32),
        (1 / variances).astype(np.float32),
        float(1 / max(shrinkage * mean_variance, _LEAST_VARIANCE)),
    )


def limit_of(distances: Floats, false_alarms: float = FALSE_ALARMS) -> float:
    """The distance that a share of photos like these exceeds.

    Enough photos give it without an assumption (the quantile of conformal prediction: V. Vovk et
    al., "Algorithmic learning in a random world", 2005); for fewer, their squares are taken for
    draws of a gamma distribution, as those of a Gaussian are, and none of them is flagged.

    Args:
        distances: of photos that were held out, shape ``(N,)``.
        false_alarms: the share.
    """
    rank = ceil((len(distances) + 1) * (1 - false_alarms))
    if rank <= len(distances):
        return float(np.sort(distances)[rank - 1])
    squares = np.square(distances.clip(min=_LEAST_VARIANCE))
    if np.ptp(squares) <= _EQUAL * squares.max():  # there is nothing to fit
        return float(np.sqrt(squares.max()))
    shape, loc, scale = stats.gamma.fit(squares, floc=0)
    expected = stats.gamma.ppf(1 - false_alarms, shape, loc, scale)
    return float(np.sqrt(max(expected, squares.max())))
