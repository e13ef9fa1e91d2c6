"""Servers that benchmarks start, and the model that they serve."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.resnet import ARCHITECTURE, build_network
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.manifest import DataSummary, Manifest, Metrics
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.export.onnx_graphs import Exported, export
from dandelion_pipeline.training.inputs.loading import PreparedPhotos

CLASSES = ["dandelion", "grass"]
SIZE = 224


@dataclass
class Server:
    """One of the two, running."""

    pid: int
    port: int
    first_answer: float
    """Seconds from the start of the process."""


def publish(store: Store, weights: Path) -> None:
    """A live ResNet18 of `SIZE` pixels, and its weights as a file."""
    preprocessing = TrainingConfig(size=SIZE).preprocessing
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (64, SIZE, SIZE, 3), dtype=np.uint8)
    exported = publish_network(store, build_network(2), preprocessing, ARCHITECTURE, pixels)
    weights.write_bytes(exported.files["weights.safetensors"])


def publish_network(
    store: Store,
    network: nn.Module,
    preprocessing: Preprocessing,
    architecture: str,
    pixels: npt.NDArray[np.uint8],
) -> Exported:
    """A live bundle of a network with both graphs, as training makes them.

    Args:
        store: where to.
        network: of two classes.
        preprocessing: of its photos.
        architecture: its name.
        pixels: prepared photos to calibrate on, a quarter of them for validation.
    """
    photos = PreparedPhotos(pixels, np.arange(len(pixels)) % 2)
    some = slice(len(pixels) // 4)
    validation = PreparedPhotos(pixels[some], photos.labels[some])
    exported = export(network.eval(), preprocessing, photos, validation)
    manifest = Manifest(
        version="benchmark",
        created="2025-05-01T12:00:00+00:00",
        architecture=architecture,
        classes=CLASSES,
        preprocessing=preprocessing.model_dump(),
        data=DataSummary(hash="0" * 64, is_sample=False, counts={}),
        metrics=Metrics(accuracy=0.5, log_loss=0.7, test_photos=0, per_class={}, confusion=[]),
        fp32=exported.fp32,
        int8=exported.int8,
        served_as=exported.served.form,
        served_because=exported.served.because,
        golden=exported.golden,
        ood=exported.ood,
        training={},
        code_version="",
        dagster_run="",
        mlflow_run="",
        files=bundle.digests(exported.files),
    )
    bundle.put_files(store, manifest.version, exported.files)
    promote(bundle.finish(store, manifest), who="a benchmark", why="it is measured")
    return exported


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], photo: bytes, key: str
) -> Iterator[Server]:
    """A server that has answered once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  a command of ours
        [sys.executable, "-m", *command, str(port)],
        env={**os.environ, **environment, "DANDELION_API_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Server(process.pid, port, first_answer(port, photo, key, began))
    finally:
        process.terminate()
        process.wait(30)


def first_answer(port: int, photo: bytes, key: str, began: float) -> float:
    """Seconds from the start until a photo is answered."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        while time.perf_counter() - began < 60:  # noqa: PLR2004  seconds
            try:
                client.post("/predict", files={"file": ("a.jpg", photo)}).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.02)
            else:
                return time.perf_counter() - began
    raise TimeoutError("the server did not answer within a minute")


def tree_memory(pid: int) -> int:
    """Bytes of a process and its children; pages that several share count once (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1]) * 1024  # type: ignore[index]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(tree_memory(int(child)) for child in children)
