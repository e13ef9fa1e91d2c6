"""The served graph in 8-bit integers: ONNX Runtime's static quantisation, calibrated on photos.

Source: Jacob et al. 2018, arXiv:1712.05877, as ONNX Runtime does it (QDQ, one scale for each
channel of the weights). Input, output and normalisation are those of `onnx_graphs.export_onnx`.
"""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

INPUT = "pixels"
CALIBRATION_PHOTOS = 256
_BATCH = 16

# Convolutions are nearly all of the work. The first one, sums and the last layer stay exact,
# which costs no time and keeps labels. See docs/adr/0026.
_OPERATOR = "Conv"


def quantize(model: bytes, photos: npt.NDArray[np.uint8]) -> bytes:
    """Quantise an exported model.

    Weights take 7 of the 8 bits (``reduce_range``): processors with AVX2 and without VNNI add
    two products of 8-bit numbers in 16 bits and would cut off the sum (docs/adr/0026).

    Args:
        model: the ONNX file, as made by `onnx_graphs.export_onnx`.
        photos: prepared training photos, shape ``(N, size, size, 3)``: the ranges of the
            activations are those that are seen in them.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        given, prepared, made = (Path(folder) / name for name in ("given", "prepared", "made"))
        given.write_bytes(model)
        quant_pre_process(str(given), str(prepared))
        quantize_static(
            str(prepared),
            str(made),
            _Photos(photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[_OPERATOR],
            nodes_to_exclude=[_first_convolution(prepared)],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return made.read_bytes()


def _first_convolution(path: Path) -> str:
    """The name of the node that sees the photo; nodes come in the order of their work."""
    return next(str(n.name) for n in onnx.load(path).graph.node if n.op_type == _OPERATOR)


class _Photos(CalibrationDataReader):  # type: ignore[misc]  # it has no type hints
    """Hands the calibration one batch after the other, as its interface wants it."""

    def __init__(self, photos: npt.NDArray[np.uint8]) -> None:
        self._left = (photos[i : i + _BATCH] for i in range(0, len(photos), _BATCH))

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        batch = next(self._left, None)
        return None if batch is None else {INPUT: batch}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's remarks on its own ways, which go to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
