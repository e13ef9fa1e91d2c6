"""Training photos per second, beside the loop of torchvision's classification reference.

The same ResNet18, photos, size and batch, in one run and in turn; the best round counts. Theirs:
a DataLoader that decodes and augments each photo with Pillow at each epoch, float32, SGD (source:
pytorch/vision, references/classification), with two workers or none, whichever is faster. Ours:
`training.loop`, with everything that it does in an epoch: averaging, and validation on 40 photos.

    python -m benchmarks.training.speed [size in pixels]
"""

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.models import resnet18
from torchvision.transforms import v2

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import prepare
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.inputs.augmentation import Augmentation
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.loop import Training
from dandelion_pipeline.training.optimization.precision import Arithmetic

PHOTOS = 288
BATCH = 32
VALIDATION = 40
ROUNDS = 2


@dataclass
class Pace:
    """Photos per second, and the share of the time in which no step was under way."""

    rate: float
    waiting: float


class Files(Dataset[tuple[torch.Tensor, int]]):
    """Encoded photos, decoded and augmented one by one."""

    def __init__(self, photos: Sequence[bytes], size: int) -> None:
        self._photos = photos
        self._transform = v2.Compose(
            [
                v2.RandomResizedCrop(size, antialias=True),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.open(io.BytesIO(self._photos[index])).convert("RGB")
        return self._transform(image), index % 2


class Reference:
    """The loop of the reference."""

    def __init__(self, photos: Sequence[bytes], config: TrainingConfig, workers: int) -> None:
        self._device = Arithmetic.of(config.device, config.precision).device
        self._loader = DataLoader(
            Files(photos, config.size),
            config.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self._device.type == "cuda",
        )
        self._network = resnet18(num_classes=2).to(self._device)
        self._sgd = torch.optim.SGD(self._network.parameters(), 0.01, 0.9, weight_decay=1e-4)

    def epoch(self) -> Pace:
        """One pass over the photos."""
        waited, photos = 0.0, 0
        began = stopped = time.perf_counter()
        for pixels, labels in self._loader:
            waited += time.perf_counter() - stopped
            logits = self._network(pixels.to(self._device))
            loss = cross_entropy(logits, labels.to(self._device))
            self._sgd.zero_grad()
            loss.backward()
            self._sgd.step()
            loss.item()  # as the reference does, for its log
            photos += len(labels)
            stopped = time.perf_counter()
        seconds = time.perf_counter() - began
        return Pace(photos / seconds, waited / seconds)


class Ours:
    """The product's loop."""

    def __init__(self, photos: Sequence[bytes], config: TrainingConfig) -> None:
        images = [decode(data).image for data in photos]
        labels = np.arange(len(images)) % 2
        prepared = np.stack([prepare(i, config.preprocessing) for i in images[:VALIDATION]])
        validation = PreparedPhotos(prepared, labels[:VALIDATION])
        training = TrainingPhotos.of(images, labels, config.size)
        self._photos, self._config = training, config
        self._training = Training(training, validation, 2, config)

    def epoch(self) -> Pace:
        """One pass over the photos."""
        seconds = self._training.run_epoch().seconds
        size = self._config.batch_size
        return Pace(len(self._photos.labels) // size * size / seconds, self._data() / seconds)

    def _data(self) -> float:
        """Seconds that an epoch's batches take before the network sees them."""
        device = self._training.arithmetic.device
        augment = Augmentation(self._config, 2, torch.zeros(1, 3, 1, 1, device=device))
        started = time.perf_counter()
        for batch in torch.randperm(len(self._photos.labels)).split(self._config.batch_size):
            pixels, labels = self._photos.pixels[batch], self._photos.labels[batch]
            augment(
                pixels.to(device), self._photos.aspects[batch], labels.to(device), self._config.size
            )
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started


def main(size: int) -> None:
    """Measure, and print one table."""
    spec = SampleSpec(per_class=PHOTOS // 2, size=(275, 183))
    photos = [data for _, _, data in generate(spec)]
    config = TrainingConfig(epochs=ROUNDS + 1, size=size, early_share=0, batch_size=BATCH)
    arithmetic = Arithmetic.of(config.device, config.precision)
    loops = {
        f"ours, {arithmetic.precision}": Ours(photos, config),
        "reference, fp32, 2 workers": Reference(photos, config, 2),
        "reference, fp32, no workers": Reference(photos, config, 0),
    }
    best: dict[str, Pace] = {}
    for number in range(ROUNDS + 1):
        for name, loop in loops.items():
            pace = loop.epoch()
            if number and (name not in best or pace.rate > best[name].rate):  # 0 warms up
                best[name] = pace
    title = f"ResNet18, {size} px, batches of {BATCH}, {arithmetic.device.type}"
    table = Table("loop", "photos/s", "waiting for data", "ours is", title=title)
    ours = next(iter(best.values()))
    for name, pace in best.items():
        ratio = f"{ours.rate / pace.rate:.2f} x"
        table.add_row(name, f"{pace.rate:.0f}", f"{pace.waiting:.1%}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 128)
