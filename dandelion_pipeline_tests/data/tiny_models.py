"""Real bundles of a few hundred bytes: yellow photos are dandelions, green ones are grass.

Built with onnx alone, so that tests of serving need neither torch nor a training run.
"""

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from PIL import Image

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.golden import Golden
from dandelion_pipeline.release.manifest import (
    ONNX_FILE,
    Calibration,
    CalibrationBin,
    ClassMetrics,
    DataSummary,
    Manifest,
    Metrics,
)
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE, Neighbours
from dandelion_pipeline.release.ood import (
    OOD_FILE,
    FeatureDistribution,
    OutOfDistribution,
    joined,
    unit_length,
)
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage.objects.store import Store

SIZE = 32
CLASSES = ["dandelion", "grass"]
YELLOW = (240, 210, 40)
GREEN = (60, 140, 50)


def photo(colour: tuple[int, int, int] = YELLOW, size: int = 64, format: str = "JPEG") -> bytes:  # noqa: A002
    """A photo of one colour."""
    target = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(target, format)
    return target.getvalue()


def onnx_graph(
    *,
    size: int = SIZE,
    classes: int = 2,
    flipped: bool = False,
    blue: tuple[float, float] = (0, 0),
    input_name: str = "pixels",
    with_features: bool = False,
) -> bytes:
    """A graph whose first logit grows with red minus green.

    It also grows with ``blue[0]`` for each step by which blue is below ``blue[1]``, which is
    beside the point.
    """
    slope = -0.05 if flipped else 0.05
    return linear_graph(
        (slope, -slope, -blue[0]),
        20 * slope + blue[0] * blue[1],
        size=size,
        classes=classes,
        input_name=input_name,
        with_features=with_features,
    )


def linear_graph(
    colour: tuple[float, float, float],
    constant: float,
    *,
    size: int = SIZE,
    classes: int = 2,
    input_name: str = "pixels",
    with_features: bool = False,
) -> bytes:
    """A graph with the signature of every bundle: uint8 pixels in, float32 logits out.

    The first logit is a linear function of the mean colour, the last one its opposite. Both kinds
    of features are the mean colour, if they are wanted.
    """
    weights = np.zeros((3, classes), np.float32)
    weights[:, 0] = colour
    weights[:, -1] = -weights[:, 0]
    bias = np.zeros(classes, np.float32)
    bias[0], bias[-1] = constant, -constant
    features = ("features", "early_features") if with_features else ()
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [input_name], ["real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["real", "axes"], ["colour"], keepdims=0),
            helper.make_node("Gemm", ["colour", "weights", "bias"], ["logits"]),
            *(helper.make_node("Identity", ["colour"], [name]) for name in features),
        ],
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.UINT8, ["batch", size, size, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes]),
            *(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
                for name in features
            ),
        ],
        [
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    checker.check_model(model)
    return bytes(model.SerializeToString())


def calibration(*bins: tuple[float, float]) -> Calibration:
    """Of ten photos each, by confidence and accuracy."""
    made = [
        CalibrationBin(photos=10, confidence=sure, accuracy=right, accuracy_interval=(0, 1))
        for sure, right in bins
    ]
    return Calibration(
        ece=0.04,
        ece_before=0.1,
        ece_by_chance=0.03,
        ece_at_most_by_chance=0.06,
        log_loss_before=0.3,
        bins=made,
        bins_before=made,
    )


def metrics(**changes: object) -> Metrics:
    """What was measured of a model, with any field replaced."""
    figures = ClassMetrics(precision=0.9, recall=0.95, f1=0.92, support=30)
    return Metrics.model_validate(
        {
            "accuracy": 0.95,
            "log_loss": 0.2,
            "test_photos": 60,
            "per_class": dict.fromkeys(CLASSES, figures),
            "confusion": [[29, 1], [2, 28]],
            **changes,
        }
    )


def manifest(version: str, files: dict[str, bytes], **changes: Any) -> Manifest:  # noqa: ANN401
    """A manifest for these files, with any field replaced."""
    document: dict[str, Any] = {
        "version": version,
        "created": "2025-05-01T12:00:00+00:00",
        "architecture": "tiny",
        "classes": CLASSES,
        "preprocessing": Preprocessing(size=SIZE).model_dump(),
        "data": DataSummary(
            hash="d" * 64,
            is_sample=False,
            counts={label: {"train": 100, "validation": 20, "test": 30} for label in CLASSES},
        ),
        "metrics": metrics(),
        "training": {"epochs": 1},
        "code_version": "0" * 40,
        "dagster_run": "dagster-run-of-" + version,
        "mlflow_run": "mlflow-run-of-" + version,
        "files": bundle.digests(files),
    }
    return Manifest(**{**document, **changes})


def knows_its_photos(width: int = 3) -> dict[str, Any]:
    """What `put_bundle` wants for a model that knows `TRAINING_PHOTOS`.

    It flags photos which are neither yellow nor green.
    """
    colours = np.array([YELLOW, GREEN], np.float32)[:, :width]
    distribution = FeatureDistribution(
        means=joined(colours, colours),
        directions=np.zeros((2 * width, 0), np.float32),
        precisions=np.zeros(0, np.float32),
        rest=1.0,
    )
    return {
        "onnx": onnx_graph(with_features=True),
        "beside": {
            OOD_FILE: distribution.to_bytes(),
            NEIGHBOURS_FILE: training_photos().to_bytes(),
        },
        "ood": OutOfDistribution(photos=200, false_alarms=0.01, limits={"fp32": 0.3}),
    }


TRAINING_PHOTOS = {
    "a1" * 32: (YELLOW, 0),
    "b2" * 32: ((200, 190, 60), 0),
    "c3" * 32: (GREEN, 1),
    "d4" * 32: ((40, 120, 70), 1),
}
"""Colour and class of each, by the hash of its file."""


def training_photos(width: int = 3) -> Neighbours:
    """What a graph with features sees in `TRAINING_PHOTOS`."""
    colours = np.array([colour for colour, _ in TRAINING_PHOTOS.values()], np.float32)
    hashes = [list(bytes.fromhex(name)) for name in TRAINING_PHOTOS]
    return Neighbours(
        unit_length(colours[:, :width]),
        np.array([label for _, label in TRAINING_PHOTOS.values()], np.int32),
        np.array(hashes, np.uint8),
    )


def golden() -> Golden:
    """Photos of both colours, and what the graph that is not flipped says of them."""
    pixels = np.array([YELLOW, GREEN], np.uint8)[:, None, None].repeat(SIZE, 1).repeat(SIZE, 2)
    slope = 0.05 * (pixels[:, 0, 0, 0].astype(np.float32) - pixels[:, 0, 0, 1] + 20)
    return Golden(pixels, np.stack([slope, -slope], axis=1))


def put_bundle(
    store: Store,
    version: str,
    onnx: bytes | None = None,
    *,
    beside: Mapping[str, bytes] = MappingProxyType({}),
    **changes: Any,  # noqa: ANN401
) -> Bundle:
    """Write a finished bundle that is not live yet, with other files beside the graph."""
    files = {ONNX_FILE: onnx if onnx is not None else onnx_graph(), **beside}
    bundle.put_files(store, version, files)
    return bundle.finish(store, manifest(version, files, **changes))


def publish(store: Store, version: str, onnx: bytes | None = None, **changes: Any) -> Manifest:  # noqa: ANN401
    """Write a bundle and make it live."""
    written = put_bundle(store, version, onnx, **changes)
    promote(written, who="a test", why="it is being tested")
    return written.manifest


SAMPLE = DataSummary(
    hash="5" * 64,
    is_sample=True,
    counts={label: {"train": 100, "validation": 20, "test": 30} for label in CLASSES},
)
"""For ``publish(…, data=SAMPLE)``: a model that was trained on generated pictures."""
