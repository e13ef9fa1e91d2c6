"""The trained network as files: ONNX to serve, safetensors to go on training from."""

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from torch import nn

from dandelion_pipeline.errors import ExportError
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import GRAPH_ERRORS, predict_logits
from dandelion_pipeline.networks.resnet import ServedNetwork
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.golden import GOLDEN_FILE
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, WEIGHTS_FILE, Form
from dandelion_pipeline.statistics.calibration import Floats, fit_temperature
from dandelion_pipeline.training.export.agreement import TOLERANCE, answers, in_floats, in_integers
from dandelion_pipeline.training.export.golden import golden_of
from dandelion_pipeline.training.export.quantize import CALIBRATION_PHOTOS, INPUT, quantize
from dandelion_pipeline.training.export.served import Served, choose, measure_speed
from dandelion_pipeline.training.inputs.loading import PreparedPhotos

_log = logging.getLogger(__name__)

OUTPUT = "logits"
INT8_TOLERANCE = 0.1
"""Distance of an answer in 8-bit integers from the one where the model was judged: engines and
processors round at other places (docs/adr/0043)."""

COMPARED_PHOTOS = 1_000
"""Photos of the training and validation splits that the graph in integers is judged on, at most."""


@dataclass(frozen=True)
class Exported:
    """What is kept of a trained network, and how near it is to the network in torch."""

    files: dict[str, bytes]
    fp32: Agreement
    int8: Agreement | None
    """None if the network could not be quantised."""

    golden: GoldenExamples
    served: Served
    temperatures: dict[Form, float]
    """Fitted on the validation split, for each graph on its own answers."""


def compared_training_photos(validation: int) -> int:
    """How many training photos `export` wants, beside so many of the validation split."""
    return max(CALIBRATION_PHOTOS, COMPARED_PHOTOS - validation)


def export(
    network: nn.Module,
    preprocessing: Preprocessing,
    training: npt.NDArray[np.uint8],
    validation: PreparedPhotos,
) -> Exported:
    """Make all files of a trained network, compare the graphs with it, and choose one to serve.

    Args:
        network: trained, in evaluation mode, on the CPU.
        preprocessing: how the photos were prepared.
        training: prepared training photos, shape ``(N, size, size, 3)``, in random order: the
            graph in integers is calibrated on the first, and compared on all.
        validation: what both graphs are compared on, temperatures are fitted on, and the golden
            examples are taken from.

    Raises:
        ExportError: the graph in 32-bit floats does not answer as the network does.
    """
    expected = answers(ServedNetwork(network, preprocessing).eval(), validation.pixels)
    fp32 = export_onnx(network, preprocessing)
    pixels, labels = np.concatenate([validation.pixels, training]), validation.labels
    all_logits = predict_logits(fp32, pixels)
    logits = all_logits[: len(labels)]
    in_fp32 = in_floats(logits, expected)
    if not in_fp32.agrees:
        raise _differs(in_fp32)
    integers = _integers(fp32, training, pixels, all_logits)
    temperatures: dict[Form, float] = {"fp32": fit_temperature(logits, labels)}
    files = {ONNX_FILE: fp32, WEIGHTS_FILE: export_weights(network)}
    if integers.model:
        files[INT8_FILE] = integers.model
        temperatures["int8"] = fit_temperature(integers.logits[: len(labels)], labels)
    golden = golden_of(validation, expected, integers.logits if integers.model else None)
    return Exported(
        files={**files, GOLDEN_FILE: golden.to_bytes()},
        fp32=in_fp32,
        int8=integers.agreement,
        golden=GoldenExamples(
            photos=len(golden.pixels), tolerance=TOLERANCE, int8_tolerance=INT8_TOLERANCE
        ),
        served=integers.served,
        temperatures=temperatures,
    )


@dataclass(frozen=True)
class _Integers:
    """The graph in 8-bit integers; without bytes if it could not be made."""

    served: Served
    model: bytes
    agreement: Agreement | None
    logits: Floats
    """Of the photos that it was compared on, shape ``(N, classes)``."""


def _integers(
    fp32: bytes, training: npt.NDArray[np.uint8], pixels: npt.NDArray[np.uint8], logits: Floats
) -> _Integers:
    """Quantise, compare and time. Whatever fails in it costs speed, and never a training.

    Args:
        fp32: the ONNX file in floats.
        training: to calibrate on.
        pixels: to compare on.
        logits: what the graph in floats says of these.
    """
    try:
        model = quantize(fp32, training[:CALIBRATION_PHOTOS])
        ours = predict_logits(model, pixels)
        found = in_integers(ours, logits)
        if not np.isfinite(ours).all():
            raise ValueError("its answers are no numbers")
        speed = measure_speed(model, fp32, pixels) if found.agrees else None
    except Exception as error:  # noqa: BLE001  three libraries raise whatever they like
        _log.warning("The network is served in 32-bit floats: %s", error, exc_info=True)
        why = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        return _Integers(choose(None, why), b"", None, np.zeros((0, 0)))
    return _Integers(choose(found, speed=speed), model, found, ours)


def export_onnx(network: nn.Module, preprocessing: Preprocessing) -> bytes:
    """Export the network with its normalisation, for batches of any length.

    Raises:
        ExportError: it cannot be exported, or does not answer as the network does.
    """
    served = ServedNetwork(network, preprocessing).eval()
    size = preprocessing.size
    pixels = torch.randint(
        0, 256, (2, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    noise = pixels.numpy()
    try:
        model = _exported(served, pixels)
        found = in_floats(predict_logits(model, noise), answers(served, noise))
    except (torch.onnx.OnnxExporterError, *GRAPH_ERRORS) as error:
        why = str(error).strip().splitlines()[0].rstrip(".")
        raise ExportError("the export of the trained network", why, _REMEDY) from error
    if not found.agrees:
        raise _differs(found)
    return model


def export_weights(network: nn.Module) -> bytes:
    """The state dict as safetensors: nothing in it can run code when it is read."""
    return save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def _differs(found: Agreement) -> ExportError:
    return ExportError(
        "the exported model",
        f"its answers are up to {found.largest_distance:.2g} from the network's, "
        f"and {TOLERANCE:g} is rounding",
        _REMEDY,
    )


_REMEDY = (
    "The training is kept: the same command goes on here. Report it with the versions of torch, "
    "onnx and onnxruntime, or try others"
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
