"""Whether an exported graph answers as the network in torch does."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dandelion_pipeline.release.manifest import Agreement
from dandelion_pipeline.training.evaluate import BATCH, predict

INT8_LABELS = 0.99
"""Share of the labels that 8-bit integers may not change."""


_HEADROOM = 0.05


def tolerance(int8: Agreement) -> float:
    """How far an answer in 8-bit integers to a golden example may be from the network's.

    As far as the farthest on the validation split, and some more, because processors without
    the instructions of this one round at other places.
    """
    return int8.largest_difference + _HEADROOM


def answers(served: nn.Module, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The network's own logits, shape ``(N, classes)``.

    Args:
        served: a `network.ServedNetwork` in evaluation mode.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
    """
    with torch.inference_mode():
        parts = [served(part) for part in torch.from_numpy(pixels).split(BATCH)]
    result: npt.NDArray[np.float32] = torch.cat(parts).float().numpy()
    return result


def agreement(
    model: bytes,
    pixels: npt.NDArray[np.uint8],
    logits: npt.NDArray[np.float32],
    *,
    labels: float,
    difference: float = 1.0,
) -> Agreement:
    """Compare an ONNX file with what `answers` gave for the same photos.

    Args:
        model: the ONNX file.
        pixels: prepared photos, shape ``(N, size, size, 3)``.
        logits: the network's answers, shape ``(N, classes)``.
        labels: the share of equal labels from which on the two agree.
        difference: how much any probability may differ if they are to agree.
    """
    ours = predict(model, pixels)
    theirs = torch.from_numpy(logits).double().softmax(1).numpy()
    equal = float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    largest = float(np.nan_to_num(abs(ours - theirs), nan=1.0).max())
    return Agreement(
        photos=len(pixels),
        labels_equal=equal,
        labels_wanted=labels,
        largest_difference=largest,
        agrees=equal >= labels and largest <= difference,
    )
