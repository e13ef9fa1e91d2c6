"""Which labels are likely wrong: confident learning on what a network sees in the photos.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset
labels", 2021, arXiv:1911.00068, as cleanlab has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

FOLDS = 5
GROUPS_PER_FOLD = 2
"""Groups of the rarest class for each fold: with fewer of them there are fewer folds."""

FEWEST_FOLDS = 3
"""cleanlab asks for that many at least."""

INVERSE_PENALTY = 3.0
"""`C` of the logistic regression, for features of length 1. Of 1 to 30 this one found most planted
mistakes; with more, the wrong labels are learnt by heart."""


@dataclass(frozen=True)
class LabelCheck:
    """What is thought of each photo's label, in the order of the photos."""

    quality: npt.NDArray[np.float32]
    """From 0 to 1: the lowest are the likeliest mistakes.

    The probability of the given label, after what is usual for each label has been subtracted:
    or a label that is seldom sure would be all suspects (cleanlab's ``adjust_pred_probs``).
    """

    suggested: list[str]
    """The most probable label."""

    suspect: npt.NDArray[np.bool_]
    """Whether a person should look at it."""


def check_labels(
    embeddings: npt.NDArray[np.float32], labels: Sequence[str], groups: Sequence[str]
) -> LabelCheck | None:
    """Judge the labels of photos by those of all others.

    Args:
        embeddings: what the network sees, each of length 1, shape ``(N, features)``.
        labels: the given label of each photo.
        groups: the photos of one group are never judged by each other.

    Returns:
        None if there are fewer than two labels, or too few groups with one of them
        (`GROUPS_PER_FOLD` times `FEWEST_FOLDS`).
    """
    classes, given = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    folds = _folds(given, groups)
    if len(classes) < 2 or folds < FEWEST_FOLDS:  # noqa: PLR2004
        return None
    probabilities = cross_validated(embeddings, given, groups, folds)
    return LabelCheck(
        quality=label_quality(given, probabilities),
        suggested=classes[probabilities.argmax(axis=1)].tolist(),
        suspect=find_label_issues(given, probabilities, n_jobs=1),
    )


def label_quality(
    given: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """The scores of `LabelCheck.quality` from cross-validated probabilities."""
    scores = get_label_quality_scores(given, probabilities, adjust_pred_probs=True)
    result: npt.NDArray[np.float32] = np.asarray(scores, np.float32)
    return result


def cross_validated(
    embeddings: npt.NDArray[np.float32],
    given: npt.NDArray[np.int64],
    groups: Sequence[str],
    folds: int,
) -> npt.NDArray[np.float64]:
    """Probabilities of each class, from a model that saw no photo of the same group.

    The folds depend on the groups' names and labels alone, not on the order of the photos.

    Args:
        embeddings: shape ``(N, features)``.
        given: the classes by number, from 0 on without a gap.
        groups: the photos of one group are in one fold.
        folds: into how many parts the photos are divided.

    Returns:
        Shape ``(N, classes)``.
    """
    probabilities = np.zeros((len(given), given.max() + 1))
    for training, tested in StratifiedGroupKFold(folds).split(embeddings, given, groups):
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1_000)
        model.fit(embeddings[training], given[training])
        found = model.predict_proba(embeddings[tested])
        probabilities[np.ix_(tested, model.classes_)] = found
    return probabilities


def _folds(given: npt.NDArray[np.int64], groups: Sequence[str]) -> int:
    pairs = {*zip(given.tolist(), groups, strict=True)}
    fewest = int(np.bincount([label for label, _ in pairs]).min()) if pairs else 0
    return min(FOLDS, fewest // GROUPS_PER_FOLD)
