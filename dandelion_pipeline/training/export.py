"""The trained network as files: ONNX to serve, safetensors to go on training from."""

import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.images.preprocess import Preprocessing
from dandelion_pipeline.training.evaluate import predict
from dandelion_pipeline.training.network import ServedNetwork

INPUT, OUTPUT = "pixels", "logits"
TOLERANCE = 1e-3
"""Largest difference of a probability between torch and ONNX that is put down to rounding."""


def export_onnx(network: nn.Module, preprocessing: Preprocessing) -> bytes:
    """Export the network with its normalisation, for batches of any length.

    Raises:
        TrainingError: the exported model does not answer as the network does.
    """
    served = ServedNetwork(network, preprocessing).eval()
    size = preprocessing.size
    pixels = torch.randint(
        0, 256, (2, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    model = _exported(served, pixels)
    with torch.inference_mode():
        expected = served(pixels).softmax(1).numpy()
    difference = float(abs(predict(model, pixels.numpy()) - expected).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            "the exported model",
            f"its probabilities differ from the network's by {difference:.2g}",
            "Report it with the versions of torch, onnx and onnxruntime",
        )
    return model


def export_weights(network: nn.Module) -> bytes:
    """The state dict as safetensors: nothing in it can run code when it is read."""
    return save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def _exported(served: nn.Module, pixels: torch.Tensor) -> bytes:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # torch's exporter warns about its own internals
        program = torch.onnx.export(
            served,
            (pixels,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # noqa: S101  None only without dynamo
        path = Path(folder) / "model.onnx"
        program.save(str(path), external_data=False)
        return path.read_bytes()
