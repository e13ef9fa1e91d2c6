"""A logistic regression on what the pretrained backbone sees.

The strength of its penalty and its temperature come from cross-validation within the training
split, by groups of near-duplicates; so no photo of the validation split decides anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from dandelion_pipeline.statistics.calibration import (
    Floats,
    Labels,
    fit_temperature,
    negative_log_likelihood,
)
from dandelion_pipeline.training.config import Imbalance
from dandelion_pipeline.training.inputs.imbalance import Balance

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""The inverse penalties that are tried, until a weaker one explains unseen photos no better."""

_USUAL_STRENGTH = 10.0  # where there are too few photos to try
_FOLDS = 5
_FEWEST_FOLDS = 2
_STEPS = 1_000
_UNKNOWN = 20.0  # logits below the others


@dataclass(frozen=True)
class Head:
    """A logistic regression of several classes."""

    weights: Floats
    """Shape ``(classes, features)``."""

    bias: Floats
    """Shape ``(classes,)``."""

    def logits(self, features: npt.NDArray[np.floating]) -> Floats:
        """Shape ``(N, classes)``."""
        found: Floats = features @ self.weights.T + self.bias
        return found


@dataclass(frozen=True)
class ChosenHead:
    """A head, and what cross-validation says of it."""

    head: Head
    strength: float
    temperature: float
    """Of the logits; 1 where there were too few photos for cross-validation."""

    accuracy: float
    """Of cross-validation; 0 where there were too few photos for it."""


def choose_head(
    features: npt.NDArray[np.float32],
    labels: Labels,
    groups: Sequence[str],
    balance: Balance,
    seed: int = 0,
) -> ChosenHead:
    """Fit a head with the penalty that explains unseen photos best.

    Args:
        features: what the head gets to see, shape ``(N, features)``.
        labels: classes by number, each at least once, shape ``(N,)``.
        groups: photos of one group are never judged by each other.
        balance: what is done about the sizes of the classes.
        seed: of the folds.
    """
    pairs = {*zip(groups, labels.tolist(), strict=True)}
    groups_of = np.bincount([label for _, label in pairs])
    folds = min(_FOLDS, int(groups_of[groups_of > 0].min()))
    if folds < _FEWEST_FOLDS:
        head = fit_head(features, labels, balance, _USUAL_STRENGTH)
        return ChosenHead(head, _USUAL_STRENGTH, 1.0, 0.0)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    parts = list(splitter.split(features, labels, groups))
    tried: dict[float, tuple[float, Floats]] = {}
    for strength in STRENGTHS:
        logits = np.zeros((len(labels), len(balance.counts)))
        for learnt, judged in parts:
            head = fit_head(features[learnt], labels[learnt], balance, strength)
            logits[judged] = head.logits(features[judged])
        temperature = fit_temperature(logits, labels)
        tried[strength] = (negative_log_likelihood(logits / temperature, labels), logits)
        if tried[strength][0] > min(loss for loss, _ in tried.values()):
            break  # weaker penalties take the longest, and would only fit worse
    strength = min(tried, key=lambda one: tried[one][0])
    head = fit_head(features, labels, balance, strength)
    logits = tried[strength][1]
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    return ChosenHead(head, strength, fit_temperature(logits, labels), accuracy)


def fit_head(
    features: npt.NDArray[np.float32], labels: Labels, balance: Balance, strength: float
) -> Head:
    """Fit a head; classes of which there is no photo get no probability to speak of.

    Args:
        features: what the head gets to see, shape ``(N, features)``.
        labels: classes by number, at least two of them.
        balance: what is done about the sizes of the classes.
        strength: inverse of the penalty.
    """
    weights = None
    if balance.method is Imbalance.BALANCED_SAMPLING:
        weights = balance.sample_weights(labels)
    model = LogisticRegression(C=strength, max_iter=_STEPS).fit(features, labels, weights)
    found, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # noqa: PLR2004  scikit-learn keeps one row for both
        found, bias = np.concatenate([-found, found]) / 2, np.concatenate([-bias, bias]) / 2
    head = Head(
        np.zeros((len(balance.counts), features.shape[1])),
        np.full(len(balance.counts), bias.min() - _UNKNOWN),
    )
    head.weights[model.classes_] = found
    head.bias[model.classes_] = bias
    offset = balance.served_offset().numpy() - balance.loss_offset().numpy()
    return Head(head.weights, head.bias + offset)


def numbers_of(rows: pa.Table, classes: Sequence[str]) -> Labels:
    """The labels of photos as numbers of classes, shape ``(N,)``."""
    number = {label: place for place, label in enumerate(classes)}
    return np.array([number[label] for label in rows["label"].to_pylist()], np.int64)
