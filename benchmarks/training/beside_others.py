"""How long a training step takes beside processes that keep every core busy, and what it costs.

The product's loop on generated photos, in one run and in turn: alone, and beside a process for each
core that never waits. Beside them also with a fixed number of threads, as torch has it by itself.

    python -m benchmarks.training.beside_others [size in pixels] [steps]
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.decoding.preprocess import prepare
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.inputs.loading import PreparedPhotos, TrainingPhotos
from dandelion_pipeline.training.loop import Training
from dandelion_pipeline.training.optimization.threads import Threads

PHOTOS = 64
BATCH = 32
ROUNDS = 3
BUSY = "while True: pass"


@dataclass(frozen=True)
class Cost:
    """Of a step, in seconds."""

    clock: float
    processor: float


class Loop:
    """A training, each round of which is a few steps."""

    def __init__(self, size: int, steps: int) -> None:
        images = [decode(data).image for _, _, data in generate(SampleSpec(PHOTOS // 2))]
        config = TrainingConfig(epochs=1_000, size=size, early_share=0, batch_size=BATCH)
        labels = np.arange(PHOTOS) % 2
        prepared = np.stack([prepare(image, config.preprocessing) for image in images[:8]])
        photos = TrainingPhotos.of(images, labels, size)
        self._training = Training(photos, PreparedPhotos(prepared, labels[:8]), 2, config)
        self._epochs = max(1, steps * BATCH // PHOTOS)
        self._steps = self._epochs * (PHOTOS // BATCH)
        self.precision = self._training.arithmetic.precision

    def cost(self) -> Cost:
        """Train a little."""
        began, used = time.perf_counter(), time.process_time()
        for _ in range(self._epochs):
            self._training.run_epoch()
        clock, processor = time.perf_counter() - began, time.process_time() - used
        return Cost(clock / self._steps, processor / self._steps)


@contextmanager
def busy_cores() -> Iterator[None]:
    """Each core is used by a process that never waits."""
    command = [sys.executable, "-c", BUSY]
    cores = range(torch.get_num_threads())
    processes = [subprocess.Popen(command) for _ in cores]  # noqa: S603  ours
    try:
        time.sleep(2)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def fixed_threads() -> Iterator[None]:
    """The loop does not adapt."""
    adapt, most = Threads.adapt, torch.get_num_threads()
    Threads.adapt = lambda self: torch.set_num_threads(most)  # type: ignore[method-assign]
    try:
        yield
    finally:
        Threads.adapt = adapt  # type: ignore[method-assign]


def main(size: int, steps: int) -> None:
    """Measure, and print one table."""
    loop = Loop(size, steps)
    loop.cost()  # warms up
    measured: dict[str, list[Cost]] = {"alone": [], "beside others": [], "with fixed threads": []}
    for _ in range(ROUNDS):
        measured["alone"].append(loop.cost())
        with busy_cores():
            measured["beside others"].append(loop.cost())
            with fixed_threads():
                measured["with fixed threads"].append(loop.cost())
        loop.cost()  # until it has seen that the cores are free again
    table = Table("", "s a step", "processor", "by the clock", "by processor")
    table.title = f"ResNet18, {size} px, batches of {BATCH}, {loop.precision}"
    alone = median(measured["alone"])
    for name, costs in measured.items():
        cost = median(costs)
        table.add_row(
            name,
            f"{cost.clock:.3f}",
            f"{cost.processor:.3f}",
            f"{cost.clock / alone.clock:.2f} x",
            f"{cost.processor / alone.processor:.2f} x",
        )
    Console().print(table)


def median(costs: list[Cost]) -> Cost:
    """Of each figure."""
    return Cost(
        float(np.median([cost.clock for cost in costs])),
        float(np.median([cost.processor for cost in costs])),
    )


if __name__ == "__main__":
    main(*(int(one) for one in (sys.argv[1:] + ["128", "24"][len(sys.argv) - 1 :])))
