"""The API's rate beside a training on the same machine, and how much of the processors each gets.

    python -m benchmarks.serving.beside_training [rounds]

Both are the real thing: the API's process with a ResNet18 of 224 pixels, asked by four clients that
ask again as soon as they are answered, and `training.loop` on generated photos in a process of its
own, which is halted (SIGSTOP) while the API is measured alone. Every round measures the API alone
and beside the training; what is printed is the median of the rounds.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.common.servers import Server, publish, running
from benchmarks.images.cleaning import thumbnails
from benchmarks.serving.hostile_clients import KEY, good_clients
from benchmarks.training.speed import Ours
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.training.config import TrainingConfig

SECONDS = 5.0
PHOTOS = 32
out = Console(width=110)


def train() -> None:
    """Train on and on; a line for each epoch that is over."""
    photos = [data for _, _, data in generate(SampleSpec(per_class=PHOTOS // 2))]
    training = Ours(photos, TrainingConfig(size=96, batch_size=16))
    while True:
        training.epoch()
        sys.stdout.write("epoch\n")
        sys.stdout.flush()


class Training:
    """The process of a training."""

    def __init__(self, log: Path) -> None:
        with log.open("wb") as told:
            command = [sys.executable, "-m", __spec__.name, "train"]
            self.process = subprocess.Popen(command, stdout=told)  # noqa: S603  ours
        while not log.read_bytes():  # the first epoch is slow
            time.sleep(0.2)
            if self.process.poll() is not None:
                sys.exit("error: the training ended")

    def halt(self) -> None:
        """Until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `halt`."""
        self.process.send_signal(signal.SIGCONT)


def processor_seconds(pid: int) -> float:
    """What a process has used of all processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def rounds_of(server: Server, training: Training, photo: bytes, rounds: int) -> Table:
    """Measure, and make one table."""
    alone, beside, shares = [], [], defaultdict[str, list[float]](list)
    pids = {"API": server.pid, "training": training.process.pid}

    def api() -> float:
        return len(uvloop.run(good_clients(server, photo, SECONDS))) / SECONDS

    training.halt()
    uvloop.run(good_clients(server, photo, 2))  # warms up
    for _ in range(rounds):
        alone.append(api())
        training.go_on()
        before = {who: processor_seconds(pid) for who, pid in pids.items()}
        beside.append(api())
        for who, pid in pids.items():
            shares[who].append((processor_seconds(pid) - before[who]) / SECONDS)
        training.halt()
    training.go_on()
    kept = [one / other for one, other in zip(beside, alone, strict=True)]
    table = Table(
        "the API", "answers a second", "kept", "of each round", "processors: API, training"
    )
    table.add_row("alone", f"{median(alone):.1f}")
    each = ", ".join(f"{share:.2f}" for share in kept)
    busy = ", ".join(f"{median(shares[who]):.2f}" for who in pids)
    table.add_row("beside a training", f"{median(beside):.1f}", f"{median(kept):.2f}", each, busy)
    return table


def main(rounds: int) -> None:
    """Start both, and measure."""
    with tempfile.TemporaryDirectory() as name:
        store = open_store((Path(name) / "store").as_uri())
        publish(store, Path(name) / "weights.safetensors")
        photo = next(thumbnails())
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(Path(name) / "home"),
            "DANDELION_API_KEYS": KEY,
        }
        training = Training(Path(name) / "epochs")
        try:
            with running(["serving"], environment, photo, KEY) as server:
                out.print(rounds_of(server, training, photo, rounds))
        finally:
            training.process.kill()
            training.process.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["train"]:
        train()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
