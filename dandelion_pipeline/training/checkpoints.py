"""A training between two epochs, kept in the store so that a retry goes on from there.

One object, written in one piece, holds all that the next epoch depends on: weights, their average,
the optimiser's moments, the scale of the loss, torch's generator, and the curve so far. It is
safetensors with JSON in its header; nothing in it can run code when it is read. The learning rate
follows from the number of epochs. A resumed training ends with the very bits of an undisturbed one,
on the same machine with the same number of threads.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from dandelion_pipeline.errors import ExportError, ObjectDamaged, ObjectNotFound, PermanentError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.loop import Training
from dandelion_pipeline.training.optimization.precision import Arithmetic

FORMAT = 3
"""Change it with whatever `capture` writes, or with what an epoch does."""

_GENERATOR = "generator"
_ORDER = "order"
_SAID = "training"
_LENGTH_BYTES = 8
"""Of the header's length, before the header. Source: the format's specification."""


class Checkpoint:
    """Where one training is kept.

    Two trainings with the same data and configuration share it: they are equal after each epoch.
    What ``auto`` comes to on this machine counts, so a training on a GPU is not gone on with on a
    CPU, nor one in bfloat16 in another precision.

    Args:
        store: where it lies.
        data_hash: `DatasetInfo.hash` of what it is trained on.
        config: every knob.

    Raises:
        TrainingError: device or precision cannot be had here.
    """

    def __init__(self, store: Store, data_hash: str, config: TrainingConfig) -> None:
        here = Arithmetic.of(config.device, config.precision)
        resolved = {"device": here.device.type, "precision": here.precision.value}
        knobs = config.model_dump(mode="json") | resolved
        said = {"format": FORMAT, "data": data_hash, "config": knobs}
        self._store = store
        self.key = layout.checkpoint(sha256_hex(json.dumps(said, sort_keys=True).encode()))
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None

    def save(self, training: Training) -> None:
        """Keep a training that is between two epochs, in place of what was kept of it before.

        It is written while the next epoch runs. Whatever went wrong with that is raised at the next
        call; until then, what was kept before is there.
        """
        data = capture(training)
        if self._writing is not None:
            self._writing.result()
        self._writing = self._writer.submit(self._store.put, self.key, data)

    def wait(self) -> None:
        """Wait until what was saved last is written, or cannot be."""
        if self._writing is not None:
            wait([self._writing])

    def restore(self, training: Training) -> bool:
        """Bring a training that has not begun to where it was kept; False if it never was.

        What is damaged counts as never kept: the training begins anew.
        """
        try:
            restore(training, self._store.get(self.key))
        except (ObjectNotFound, ObjectDamaged):
            return False
        return True

    @contextmanager
    def for_retries(self) -> Iterator[None]:
        """Throw it away after the body, unless that failed in a way that may heal.

        After success nobody needs it. After a permanent error the next try would fail the same way,
        but for an export, which another version of its libraries may heal: training is the costly
        part, and it is over. Who cancels a training (Ctrl-C, or Terminate in Dagster, neither of
        which is an `Exception`) wants none of it. A killed process gets here never.
        """
        try:
            yield
        except BaseException as error:
            self.wait()
            hopeless = isinstance(error, PermanentError) and not isinstance(error, ExportError)
            if hopeless or not isinstance(error, Exception):
                self._store.delete(self.key)
            raise
        self.wait()
        self._store.delete(self.key)


def capture(training: Training) -> bytes:
    """All that the next epoch of a training depends on, as safetensors."""
    moments = training.optimization.adamw.state_dict()["state"]
    tensors = {
        **_named("network", training.network.state_dict()),
        **_named("average", training.average.network.state_dict()),
        **{
            f"moments.{number}.{name}": value
            for number, state in moments.items()
            for name, value in state.items()
        },
        _GENERATOR: torch.get_rng_state(),
        _ORDER: training.order.clone(),
    }
    said = {
        "history": [asdict(row) for row in training.history],
        "scaler": training.scaler.state_dict(),
    }
    laid_out = {name: _channels_last(value).contiguous() for name, value in tensors.items()}
    return save(laid_out, metadata={_SAID: json.dumps(said)})


def restore(training: Training, data: bytes) -> None:
    """Put a training that has not begun where `capture` found it.

    Raises:
        ObjectDamaged: these are not the bytes of such a training; it is as it was.
    """
    try:
        tensors = {name: _channels_first(value) for name, value in load(data).items()}
        said = _header(data)
        moments = _moments(training, tensors)
        network, average = (_part(tensors, name) for name in ("network", "average"))
        history = [EpochMetrics(**row) for row in said["history"]]
        order = tensors[_ORDER]
        _check_fits(training.network.state_dict(), network)
        _check_fits(training.average.network.state_dict(), average)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ObjectDamaged(
            "the checkpoint of a training",
            f"it cannot be read: {error}",
            "Nothing has to be done: the training begins anew",
        ) from error
    training.network.load_state_dict(network)
    training.average.network.load_state_dict(average)
    groups = training.optimization.adamw.state_dict()["param_groups"]
    training.optimization.adamw.load_state_dict({"state": moments, "param_groups": groups})
    training.scaler.load_state_dict(said["scaler"])
    torch.set_rng_state(tensors[_GENERATOR])
    training.order = order
    training.history.extend(history)


def _moments(
    training: Training, tensors: Mapping[str, torch.Tensor]
) -> dict[int, dict[str, torch.Tensor]]:
    """The optimiser's state, each tensor laid out in memory like the weights that it belongs to."""
    groups = training.optimization.adamw.param_groups
    weights = [weight for group in groups for weight in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {number: {} for number in range(len(weights))}
    for key, value in _part(tensors, "moments").items():
        number, name = key.split(".")
        like = weights[int(number)]
        same_shape = value.shape == like.shape
        state[int(number)][name] = torch.empty_like(like).copy_(value) if same_shape else value
    return state


def _check_fits(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> None:
    if {n: t.shape for n, t in ours.items()} != {n: t.shape for n, t in theirs.items()}:
        raise ValueError("its network has other layers")


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """As the weights of convolutions lie in memory, so that they need not be copied first."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor  # noqa: PLR2004


def _channels_first(tensor: torch.Tensor) -> torch.Tensor:
    """Undo `_channels_last`."""
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor  # noqa: PLR2004


def _named(part: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{part}.{name}": value for name, value in tensors.items()}


def _part(tensors: Mapping[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    start = f"{part}."
    return {n.removeprefix(start): value for n, value in tensors.items() if n.startswith(start)}


def _header(data: bytes) -> dict[str, Any]:
    """The JSON that `save` was given as metadata; `load` leaves it out."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    said: dict[str, Any] = json.loads(header["__metadata__"][_SAID])
    return said
