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
from dandelion_pipeline.networks.graphs import (
    EARLY,
    FEATURES,
    GRAPH_ERRORS,
    LOGITS,
    predict_logits,
    run,
)
from dandelion_pipeline.networks.resnet import ServedNetwork
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.golden import GOLDEN_FILE
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, WEIGHTS_FILE, Form
from dandelion_pipeline.release.ood import OOD_FILE, OutOfDistribution, joined
from dandelion_pipeline.statistics.calibration import Floats, fit_temperature
from dandelion_pipeline.training.export.agreement import TOLERANCE, answers, in_floats, in_integers
from dandelion_pipeline.training.export.golden import golden_of
from dandelion_pipeline.training.export.ood import Features, Seen, fit_ood
from dandelion_pipeline.training.export.quantize import CALIBRATION_PHOTOS, INPUT, quantize
from dandelion_pipeline.training.export.served import Served, choose, measure_speed
from dandelion_pipeline.training.inputs.loading import PreparedPhotos

_log = logging.getLogger(__name__)

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
    ood: OutOfDistribution | None
    """None if there were too few photos to tell what the others look like."""

    served: Served
    temperatures: dict[Form, float]
    """Fitted on the validation split, for each graph on its own answers."""

    features: Features
    """What the served graph sees in the training photos, at the end of the network, of length 1;
    shape ``(N, features)``."""


def compared_training_photos(validation: int) -> int:
    """How many training photos `export` wants, beside so many of the validation split."""
    return max(CALIBRATION_PHOTOS, COMPARED_PHOTOS - validation)


def export(
    network: nn.Module,
    preprocessing: Preprocessing,
    training: PreparedPhotos,
    validation: PreparedPhotos,
    *,
    frozen: bool = False,
) -> Exported:
    """Make all files of a trained network, compare the graphs with it, and choose one to serve.

    Args:
        network: trained, in evaluation mode, on the CPU.
        preprocessing: how the photos were prepared.
        training: photos of the training split, in random order: the graph in integers is
            calibrated on the first, and compared on all.
        validation: what both graphs are compared on, temperatures are fitted on, and the golden
            examples are taken from.
        frozen: whether the network's features were learnt from other photos than these.

    Raises:
        ExportError: the graph in 32-bit floats does not answer as the network does.
    """
    expected = answers(ServedNetwork(network, preprocessing).eval(), validation.pixels)
    fp32 = export_onnx(network, preprocessing)
    pixels, labels = np.concatenate([validation.pixels, training.pixels]), validation.labels
    outputs = run(fp32, pixels)
    logits = outputs.logits[: len(labels)]
    in_fp32 = in_floats(logits, expected)
    if not in_fp32.agrees:
        raise _differs(in_fp32)
    integers = _integers(fp32, training.pixels, pixels, outputs.logits)
    temperatures: dict[Form, float] = {"fp32": fit_temperature(logits, labels)}
    files = {ONNX_FILE: fp32, WEIGHTS_FILE: export_weights(network)}
    if integers.model:
        files[INT8_FILE] = integers.model
        temperatures["int8"] = fit_temperature(integers.logits[: len(labels)], labels)
    features = {"fp32": joined(outputs.features, outputs.early), **integers.features}
    ood = fit_ood(*_seen(features, training, validation), frozen=frozen)
    if ood is not None:
        files[OOD_FILE] = ood.distribution.to_bytes()
    golden = golden_of(validation, expected, integers.logits if integers.model else None)
    return Exported(
        files={**files, GOLDEN_FILE: golden.to_bytes()},
        fp32=in_fp32,
        int8=integers.agreement,
        golden=GoldenExamples(
            photos=len(golden.pixels), tolerance=TOLERANCE, int8_tolerance=INT8_TOLERANCE
        ),
        ood=ood.summary if ood else None,
        served=integers.served,
        temperatures=temperatures,
        features=features[integers.served.form][len(labels) :, : outputs.features.shape[1]],
    )


def _seen(
    features: dict[Form, Features], training: PreparedPhotos, validation: PreparedPhotos
) -> tuple[Seen, Seen]:
    """Features of the photos of validation, then of training, by split."""
    at = len(validation.labels)

    def part(photos: PreparedPhotos, rows: slice) -> Seen:
        groups = np.arange(len(photos.labels)) if photos.groups is None else photos.groups
        of_each = {form: found[rows] for form, found in features.items()}
        return Seen(of_each, photos.labels, groups)

    return part(training, slice(at, None)), part(validation, slice(at))


@dataclass(frozen=True)
class _Integers:
    """The graph in 8-bit integers; without bytes if it could not be made."""

    served: Served
    model: bytes
    agreement: Agreement | None
    logits: Floats
    """Of the photos that it was compared on, shape ``(N, classes)``."""

    features: dict[Form, Features]
    """Of the same photos; empty without a graph."""


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
        ours = run(model, pixels)
        found = in_integers(ours.logits, logits)
        features = joined(ours.features, ours.early)
        if not np.isfinite(ours.logits).all() or not np.isfinite(features).all():
            raise ValueError("its answers are no numbers")
        speed = measure_speed(model, fp32, pixels) if found.agrees else None
    except Exception as error:  # noqa: BLE001  three libraries raise whatever they like
        _log.warning("The network is served in 32-bit floats: %s", error, exc_info=True)
        why = f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}"
        return _Integers(choose(None, why), b"", None, np.zeros((0, 0)), {})
    served = choose(found, speed=speed)
    return _Integers(served, model, found, ours.logits, {"int8": features})


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
            output_names=[LOGITS, FEATURES, EARLY],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # noqa: S101  None only without dynamo
        path = Path(folder) / "model.onnx"
        program.save(str(path), external_data=False)
        return path.read_bytes()
