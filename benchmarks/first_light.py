"""How fast each stretch of the way is on this machine: decode, train, predict, answer.

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
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18

from dandelion_pipeline.images.decode import decode
from dandelion_pipeline.images.preprocess import Preprocessing, prepare
from dandelion_pipeline.images.sample import SampleSpec, generate
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.data import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.evaluate import predict
from dandelion_pipeline.training.export import export_onnx
from dandelion_pipeline.training.network import ServedNetwork, build_network
from dandelion_pipeline.training.train import train

ROUNDS = 3
SIZE = 128
BATCH = 32


def main() -> None:
    """Measure, and print one table."""
    photos = [data for _, _, data in generate(SampleSpec(per_class=32, size=(275, 183)))]
    preprocessing = Preprocessing(size=SIZE)
    pixels = np.stack([prepare(decode(data).image, preprocessing) for data in photos])
    table = Table("what", "photos/s", "bare", "bare counterpart", "ratio")
    for name, ours, theirs, counterpart in (
        ("decode and prepare", lambda: prepared(photos), lambda: bare(photos), "Pillow decode"),
        ("training, 128 px", lambda: trained(pixels), lambda: steps(pixels), "steps on one batch"),
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


def trained(pixels: np.ndarray) -> None:
    """One epoch with augmentation, averaging and validation on four photos."""
    labels = np.arange(len(pixels)) % 2
    training = TrainingPhotos(
        list(torch.from_numpy(pixels).permute(0, 3, 1, 2)), torch.from_numpy(labels)
    )
    config = TrainingConfig(epochs=1, size=SIZE, batch_size=BATCH)
    train(training, PreparedPhotos(pixels[:4], labels[:4]), 2, config, lambda row: None)


def steps(pixels: np.ndarray) -> None:
    """Optimisation steps of the same network, channels last, on a batch that lies ready."""
    network = resnet18(num_classes=2).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters())
    batch = torch.from_numpy(pixels[:BATCH]).permute(0, 3, 1, 2).float()
    batch = batch.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(BATCH) % 2
    for _ in range(len(pixels) // BATCH):
        optimizer.zero_grad()
        cross_entropy(network(batch), labels).backward()
        optimizer.step()


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
