"""The three forms of one model: torch, ONNX in 32-bit floats, ONNX in 8-bit integers.

Trains on the photos of a folder (`IMAGES=folder`; by default the example's, or the
generated sample), exports, and asks
all of the photos, test split included, of each form and engine: equal labels, mean and largest
distance of the answers, accuracy on the test split, and milliseconds for batches of 1 and of 8.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from safetensors.torch import load

from benchmarks.common.example import folder_or_sample
from dandelion_pipeline.dataset.cleaning.clean import clean
from dandelion_pipeline.dataset.dataset import TEST, DatasetInfo, build_dataset
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.networks.resnet import ServedNetwork, build_network
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, WEIGHTS_FILE
from dandelion_pipeline.release.silent_openvino import openvino
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import Preset, TrainingConfig
from dandelion_pipeline.training.export.agreement import answers, in_floats
from dandelion_pipeline.training.fit import TrainedModel, fit
from dandelion_pipeline.training.inputs.loading import load_prepared

DAY = "2025-05-01"
ROUNDS = 30

Answer = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def main() -> None:
    """Train, measure, and print one table."""
    images = os.environ.get("IMAGES") or folder_or_sample()
    preset = Preset(os.environ.get("PRESET") or Preset.FAST)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        import_photos(store, open_source(images), DAY)
        photos = clean(store, take_in(store, DAY, None).table)
        dataset = build_dataset(photos, os.environ.get("DANDELION_SPLIT_SALT") or "2026").used
        config = TrainingConfig.of(preset)
        model = fit(store, dataset, config, lambda row: sys.stderr.write(f"epoch {row.epoch}\n"))
        Console().print(measured(store, dataset, model))


def measured(store: Store, dataset: pa.Table, model: TrainedModel) -> Table:
    """One row for each form of the model."""
    record = model.record
    classes = DatasetInfo.of(dataset).classes
    photos = load_prepared(store, dataset, classes, record.preprocessing)
    in_test = np.array(dataset["split"].to_pylist()) == TEST
    network = build_network(len(classes))
    network.load_state_dict(load(model.files[WEIGHTS_FILE]))
    served = ServedNetwork(network, record.preprocessing).eval()
    expected = answers(served, photos.pixels)
    right = (expected.argmax(1) == photos.labels)[in_test].mean()
    table = Table("form", "size", "labels as torch", "mean distance", "largest", "right in test")
    for title in ("1 photo", "8 photos"):
        table.add_column(title)
    table.title = f"{len(photos.labels)} photos at {record.preprocessing.size} px"
    table.caption = f"served in {record.served_in_words}"
    times = timings(lambda pixels: answers(served, pixels), photos.pixels)
    table.add_row(
        "torch, fp32", size_of(model.files[WEIGHTS_FILE]), *[""] * 3, f"{right:.1%}", *times
    )
    for form, name in (("fp32", ONNX_FILE), ("int8", INT8_FILE)):
        data = model.files[name]
        for engine, ask in (("ONNX Runtime", in_onnxruntime), ("OpenVINO", in_openvino)):
            row = compared(ask(data), photos.pixels, expected, photos.labels, in_test)
            table.add_row(f"{engine}, {form}", size_of(data), *row)
    return table


def compared(
    ask: Answer,
    pixels: npt.NDArray[np.uint8],
    expected: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    in_test: npt.NDArray[np.bool_],
) -> list[str]:
    """The cells of one form in one engine, after its size."""
    ours = np.concatenate([ask(pixels[i : i + 8]) for i in range(0, len(pixels), 8)])
    found = in_floats(ours, expected)
    right = (ours.argmax(1) == labels)[in_test].mean()
    return [
        f"{found.labels_equal:.2%}",
        f"{found.mean_distance:.2g}",
        f"{found.largest_distance:.2g}",
        f"{right:.1%}",
        *timings(ask, pixels),
    ]


def in_onnxruntime(model: bytes) -> Answer:
    """As the gate asks, with a session that stays."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})[0]


def in_openvino(model: bytes) -> Answer:
    """As the API asks."""
    compiled = openvino.compile_model(openvino.Core().read_model(model), "CPU")
    request = compiled.create_infer_request()

    def ask(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        request.infer([pixels])
        return np.array(request.get_output_tensor(0).data)

    return ask


def timings(answer: Answer, pixels: npt.NDArray[np.uint8]) -> list[str]:
    """The median milliseconds of a batch of 1, and of one of 8."""
    return [f"{median_ms(answer, pixels[:batch]):.1f} ms" for batch in (1, 8)]


def median_ms(answer: Answer, pixels: npt.NDArray[np.uint8]) -> float:
    """Of `ROUNDS` calls, after one that does not count."""
    answer(pixels)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer(pixels)
        seconds.append(time.perf_counter() - started)
    return 1_000 * statistics.median(seconds)


def size_of(data: bytes) -> str:
    """In megabytes."""
    return f"{len(data) / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
