"""The trained network as files: ONNX to serve, safetensors to go on training from."""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import nn

from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.images.preprocess import Preprocessing
from dandelion_pipeline.release.golden import GOLDEN_FILE
from dandelion_pipeline.release.manifest import (
    INT8_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
    Agreement,
    GoldenExamples,
)
from dandelion_pipeline.training.agreement import INT8_LABELS, agreement, answers, tolerance
from dandelion_pipeline.training.data import PreparedPhotos
from dandelion_pipeline.training.golden import golden_of
from dandelion_pipeline.training.network import ServedNetwork
from dandelion_pipeline.training.quantize import INPUT, quantize

OUTPUT = "logits"
TOLERANCE = 1e-3
"""Largest difference of a probability between torch and ONNX that is put down to rounding."""


@dataclass(frozen=True)
class Exported:
    """What is kept of a trained network, and how near it is to the network in torch."""

    files: dict[str, bytes]
    fp32: Agreement
    int8: Agreement
    golden: GoldenExamples


def export(
    network: nn.Module,
    preprocessing: Preprocessing,
    calibration: npt.NDArray[np.uint8],
    validation: PreparedPhotos,
) -> Exported:
    """Make all files of a trained network, and compare the graphs with it.

    Args:
        network: trained, in evaluation mode, on the CPU.
        preprocessing: how the photos were prepared.
        calibration: prepared training photos, shape ``(N, size, size, 3)``.
        validation: what the graphs are compared on, and the golden examples are taken from.

    Raises:
        TrainingError: the graph in 32-bit floats does not answer as the network does.
    """
    served = ServedNetwork(network, preprocessing).eval()
    expected = answers(served, validation.pixels)
    fp32 = export_onnx(network, preprocessing)
    int8 = quantize(fp32, calibration)
    in_fp32 = agreement(fp32, validation.pixels, expected, labels=1.0, difference=TOLERANCE)
    if not in_fp32.agrees:
        raise _differs(in_fp32.largest_difference)
    in_int8 = agreement(int8, validation.pixels, expected, labels=INT8_LABELS)
    golden = golden_of(validation, expected)
    return Exported(
        files={
            ONNX_FILE: fp32,
            INT8_FILE: int8,
            WEIGHTS_FILE: export_weights(network),
            GOLDEN_FILE: golden.to_bytes(),
        },
        fp32=in_fp32,
        int8=in_int8,
        golden=GoldenExamples(
            photos=len(golden.pixels), tolerance=TOLERANCE, int8_tolerance=tolerance(in_int8)
        ),
    )


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
    noise = pixels.numpy()
    found = agreement(model, noise, answers(served, noise), labels=0.0, difference=TOLERANCE)
    if not found.agrees:
        raise _differs(found.largest_difference)
    return model


def export_weights(network: nn.Module) -> bytes:
    """The state dict as safetensors: nothing in it can run code when it is read."""
    return save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def _differs(difference: float) -> TrainingError:
    return TrainingError(
        "the exported model",
        f"its probabilities differ from the network's by {difference:.2g}, or its labels do",
        "Report it with the versions of torch, onnx and onnxruntime",
    )


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
