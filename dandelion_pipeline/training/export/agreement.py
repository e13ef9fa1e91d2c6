"""How near an exported graph is to what it was made from, and whether that is near enough."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dandelion_pipeline.networks.graphs import BATCH
from dandelion_pipeline.release.agreement import Agreement
from dandelion_pipeline.statistics.calibration import Floats, probabilities_at
from dandelion_pipeline.statistics.intervals import wilson_interval

TOLERANCE = 1e-3
"""Largest distance between the answers of torch and of ONNX that is put down to rounding."""

INT8_LABELS = 0.97
"""8-bit integers keep at least this share of the labels; with so few photos that Wilson's interval
reaches below it, it is not known that they do."""

INT8_DISTANCE = 0.02
"""Largest mean distance of the answers in 8-bit integers from those in floats."""


def answers(served: nn.Module, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The network's own logits, shape ``(N, classes)``.

    Args:
        served: a `resnet.ServedNetwork` in evaluation mode.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
    """
    with torch.inference_mode():
        parts = [served(part)[0] for part in torch.from_numpy(pixels).split(BATCH)]
    result: npt.NDArray[np.float32] = torch.cat(parts).float().numpy()
    return result


def in_floats(ours: npt.NDArray[np.floating], theirs: npt.NDArray[np.floating]) -> Agreement:
    """Compare the graph in 32-bit floats with the network in torch.

    The two agree if no answer is farther off than rounding explains. Two probabilities that are
    equal within rounding may then change places: the label of such a photo is not counted as
    another one.

    Args:
        ours: logits of the graph, shape ``(N, classes)``.
        theirs: what `answers` gave for the same photos.
    """
    expected = probabilities_at(theirs, 1.0)
    best = np.sort(expected, axis=1)[:, -2:]
    tied = best[:, 1] - best[:, 0] <= 2 * TOLERANCE  # each may move by the tolerance
    found, apart = _compare(ours, theirs, tied)
    return found.model_copy(update={"agrees": bool(apart.max() <= TOLERANCE)})


def in_integers(ours: npt.NDArray[np.floating], theirs: npt.NDArray[np.floating]) -> Agreement:
    """Compare the graph in 8-bit integers with the one in 32-bit floats.

    Args:
        ours: logits of the graph in integers, shape ``(N, classes)``.
        theirs: logits of the graph in floats for the same photos.
    """
    found, apart = _compare(ours, theirs, np.zeros(len(theirs), bool))
    equal = round(found.labels_equal * found.photos)
    interval = wilson_interval(equal, found.photos)
    kept = interval is not None and interval[0] >= INT8_LABELS
    return found.model_copy(
        update={
            "labels_interval": interval,
            "labels_wanted": INT8_LABELS,
            "agrees": kept and bool(apart.mean() <= INT8_DISTANCE),
        }
    )


def distances(ours: Floats, theirs: Floats) -> Floats:
    """Total variation distance of each row of probabilities; 1 where a row is no number.

    Unlike the largest difference of a probability, it means the same for two classes and for a
    thousand, whose probabilities are small.
    """
    result: Floats = np.nan_to_num(abs(ours - theirs).sum(axis=1) / 2, nan=1.0)
    return result


def _compare(
    ours: npt.NDArray[np.floating],
    theirs: npt.NDArray[np.floating],
    tied: npt.NDArray[np.bool_],
) -> tuple[Agreement, Floats]:
    """What was found, without a verdict; and the distance of each photo."""
    mine, other = probabilities_at(ours, 1.0), probabilities_at(theirs, 1.0)
    apart = distances(mine, other)
    equal = (mine.argmax(axis=1) == other.argmax(axis=1)) | tied
    found = Agreement(
        photos=len(theirs),
        labels_equal=float(equal.mean()),
        labels_wanted=1.0,
        largest_difference=float(np.nan_to_num(abs(mine - other), nan=1.0).max()),
        agrees=False,
        mean_distance=float(apart.mean()),
        p99_distance=float(np.quantile(apart, 0.99)),
        largest_distance=float(apart.max()),
    )
    return found, apart
