"""The weights that a training begins with: none, torchvision's of ImageNet, or a file's."""

from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn
from torchvision.models import ResNet18_Weights

from dandelion_pipeline.errors import ObjectNotFound, TrainingError
from dandelion_pipeline.networks.resnet import CLASSIFIER
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.config import IMAGENET, NO_WEIGHTS, TrainingConfig

Weights = Mapping[str, torch.Tensor]


def starting_weights(store: Store, config: TrainingConfig) -> Weights | None:
    """What a configuration's ``weights`` names, verified; None for none.

    Args:
        store: where a key is looked up that is no file here.
        config: ``weights`` and ``weights_sha256``.

    Raises:
        TrainingError: they are not there, not what the hash says, or no weights.
    """
    if config.weights == NO_WEIGHTS:
        return None
    if config.weights == IMAGENET:
        return _imagenet()
    data = _read(store, config.weights)
    if sha256_hex(data) != config.weights_sha256:
        raise TrainingError(
            f"the weights {config.weights}",
            f"their SHA-256 is {sha256_hex(data)}, and weights_sha256 asks for another",
            "Give the hash of the file that you mean, or the file that has this hash",
        )
    try:
        return load(data)
    except SafetensorError as error:
        raise TrainingError(
            f"the weights {config.weights}",
            f"this is no safetensors file: {error}",
            "Give a model's weights.safetensors; pickled weights (.pt, .pth) are never read",
        ) from error


def apply_weights(network: nn.Module, weights: Weights, name: str) -> None:
    """Let a network begin with weights; its classifier begins anew if theirs has other classes.

    Args:
        network: as `resnet.build_network` makes it.
        weights: by the names of the network's state dict.
        name: what to call them in an error.

    Raises:
        TrainingError: they belong to another architecture.
    """
    ours = network.state_dict()
    theirs = dict(weights)
    if _shapes(theirs, CLASSIFIER) != _shapes(ours, CLASSIFIER):
        theirs.update({key: ours[key] for key in _shapes(ours, CLASSIFIER)})
    if wrong := sorted(_shapes(ours).items() ^ _shapes(theirs).items()):
        layer, shape = wrong[0]
        raise TrainingError(
            f"the weights {name}",
            f"they belong to another network: {layer} {shape} is in one of the two only",
            "Give the weights of a ResNet18 as torchvision has it",
        )
    network.load_state_dict(theirs)


def _imagenet() -> Weights:
    weights = ResNet18_Weights.DEFAULT
    try:
        found: Weights = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        raise TrainingError(
            f"the ImageNet weights {weights.url}",
            f"they could not be downloaded: {error}",
            "Connect to the internet, put the file into torch's cache (TORCH_HOME, by default "
            "~/.cache/torch/hub/checkpoints), or set weights to 'none'",
        ) from error
    return found


def _read(store: Store, name: str) -> bytes:
    """A file of this machine, or an object of the store."""
    path = Path(name)
    if path.is_file():
        return path.read_bytes()
    try:
        return store.get(name)
    except ObjectNotFound as error:
        raise TrainingError(
            f"the weights {name}",
            f"there is no such file here, and no such key in {store.url}",
            "Give the path of a file, a key such as models/<version>/weights.safetensors, "
            "'imagenet' or 'none'",
        ) from error


def _shapes(weights: Weights, layer: str = "") -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items() if name.startswith(layer)}
