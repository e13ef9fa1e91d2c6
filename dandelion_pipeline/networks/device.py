"""The device that a network computes on."""

import torch

from dandelion_pipeline.errors import TrainingError


def pick_device(name: str) -> torch.device:
    """The device to compute on: ``auto`` takes a GPU where there is one.

    Raises:
        TrainingError: ``cuda`` was asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device 'cuda'", "torch sees no GPU here", "Set device to 'auto' or 'cpu'"
        )
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
