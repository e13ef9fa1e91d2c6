"""Which of its two graphs a model is served with: that one is judged."""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.release.agreement import Agreement
from dandelion_pipeline.release.manifest import Form
from dandelion_pipeline.training.export.agreement import INT8_DISTANCE, INT8_LABELS

_PHOTOS = 4
_ROUNDS = 5


@dataclass(frozen=True)
class Served:
    """The graph that answers, and why."""

    form: Form
    because: str
    """The end of a sentence."""


@dataclass(frozen=True)
class Speed:
    """Seconds for the same photos, on this machine."""

    int8: float
    fp32: float


def choose(int8: Agreement | None, failure: str = "", speed: Speed | None = None) -> Served:
    """The graph in 8-bit integers, if it is known to agree and is faster; else the one in floats.

    Args:
        int8: how it answers; None if there is none.
        failure: why there is none.
        speed: None if it was not measured.
    """
    if int8 is None:
        return Served("fp32", f"the network could not be quantised ({failure})")
    if not int8.agrees:
        return Served("fp32", f"{says(int8)}; {_wanted(int8)}")
    if speed is not None and speed.int8 >= speed.fp32:
        times = f"{speed.int8 * 1e3:.1f} ms for {_PHOTOS} photos, {speed.fp32 * 1e3:.1f} in floats"
        return Served("fp32", f"8-bit integers are not faster on this machine ({times})")
    return Served("int8", says(int8))


def says(int8: Agreement) -> str:
    """What was measured of the graph in integers."""
    interval = int8.labels_interval or (0.0, 1.0)
    return (
        f"in 8-bit integers {int8.labels_equal:.1%} of {int8.photos} photos keep their label "
        f"(95 % interval: {interval[0]:.1%} to {interval[1]:.1%}), and the answers move by "
        f"{int8.mean_distance or 0.0:.3f} on average"
    )


def _wanted(int8: Agreement) -> str:
    if (int8.mean_distance or 0.0) > INT8_DISTANCE:
        return f"at most {INT8_DISTANCE:g} is allowed"
    if int8.labels_equal >= INT8_LABELS:
        return f"on so few photos it is not certain that {INT8_LABELS:.0%} do"
    return f"{INT8_LABELS:.0%} have to"


def measure_speed(int8: bytes, fp32: bytes, pixels: npt.NDArray[np.uint8]) -> Speed | None:
    """Time both graphs in OpenVINO, as the API runs them; None where it is not installed.

    The best of `_ROUNDS` each, taken in turn, so that what else the machine does counts little.

    Args:
        int8: the ONNX file in integers.
        fp32: the ONNX file in floats.
        pixels: prepared photos, shape ``(N, size, size, 3)``; the first few are asked.
    """
    if importlib.util.find_spec("openvino") is None:
        return None
    batch = np.ascontiguousarray(pixels[:1].repeat(_PHOTOS, axis=0))
    asked = [_engine(int8, {}), _engine(fp32, {"INFERENCE_PRECISION_HINT": "f32"})]
    best = [float("inf")] * len(asked)
    for ask in asked:
        ask(batch)  # the first time takes ten times as long as the others
    for _ in range(_ROUNDS):
        for number, ask in enumerate(asked):
            started = time.perf_counter()
            ask(batch)
            best[number] = min(best[number], time.perf_counter() - started)
    return Speed(*best)


def _engine(model: bytes, precision: dict[str, str]) -> Callable[[npt.NDArray[np.uint8]], object]:
    # OpenVINO is not in every pipeline's environment.
    from dandelion_pipeline.release.silent_openvino import openvino  # noqa: PLC0415

    given = openvino.Core().read_model(model)
    compiled = openvino.compile_model(given, "CPU", {"PERFORMANCE_HINT": "LATENCY", **precision})
    request = compiled.create_infer_request()
    return lambda pixels: request.infer([pixels])
