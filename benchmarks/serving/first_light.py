"""How fast photos are decoded and predicted on this machine; `training_speed` has the rest.

Generated photos of 275 x 183 pixels, the size of web-search thumbnails. Each figure is the
best of three rounds, beside a bare counterpart measured in the same run.
"""

import io
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, prepare
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.networks.graphs import predict
from dandelion_pipeline.networks.resnet import ServedNetwork, build_network
from dandelion_pipeline.training.export.onnx_graphs import export_onnx

ROUNDS = 3
SIZE = 128


def main() -> None:
    """Measure, and print one table."""
    photos = [data for _, _, data in generate(SampleSpec(per_class=32, size=(275, 183)))]
    preprocessing = Preprocessing(size=SIZE)
    pixels = np.stack([prepare(decode(data).image, preprocessing) for data in photos])
    table = Table("what", "photos/s", "bare", "bare counterpart", "ratio")
    for name, ours, theirs, counterpart in (
        ("decode and prepare", lambda: prepared(photos), lambda: bare(photos), "Pillow decode"),
        ("prediction, 128 px", *predictions(pixels, preprocessing), "torch eager"),
    ):
        a, b = rate(ours, len(photos)), rate(theirs, len(photos))
        table.add_row(name, f"{a:.0f}", f"{b:.0f}", counterpart, f"{a / b:.2f}")
    Console().print(table)


def rate(work: Callable[[], object], photos: int) -> float:
    """Photos per second, best of `ROUNDS`."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return photos / min(seconds)


def prepared(photos: list[bytes]) -> None:
    """What the API does with each photo before the model."""
    for data in photos:
        prepare(decode(data).image, Preprocessing(size=SIZE))


def bare(photos: list[bytes]) -> None:
    """Pillow alone, without checks and resizing."""
    for data in photos:
        Image.open(io.BytesIO(data)).load()


def predictions(
    pixels: np.ndarray, preprocessing: Preprocessing
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The exported model through ONNX Runtime, and the same network in torch."""
    network = build_network(2).eval()
    model = export_onnx(network, preprocessing)
    served = ServedNetwork(network, preprocessing).eval()

    def eager() -> None:
        with torch.inference_mode():
            for start in range(len(pixels)):
                served(torch.from_numpy(pixels[start : start + 1]))

    return lambda: predict(model, pixels), eager


if __name__ == "__main__":
    main()
