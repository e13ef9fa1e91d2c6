"""Requests per second and the first answer: the transfer model beside the ResNet18, same photo.

    python -m benchmarks.serving.networks [seconds a cell]

The API is started with a bundle of each in turn, as training makes them, and asked by wrk (Debian's
package) over 8 connections for a thumbnail of some 5 KB. The heads are random: they cost what
trained ones do. Three rounds, and the ratio of each; other work slows both down.
"""

import secrets
import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.common.servers import publish_network, running
from benchmarks.images.cleaning import thumbnails
from benchmarks.serving.load import asked, processor, script
from dandelion_pipeline.embeddings.backbone import pretrained_weights
from dandelion_pipeline.images.decoding.preprocess import pixels_of
from dandelion_pipeline.networks.resnet import ARCHITECTURE, build_network
from dandelion_pipeline.networks.transfer import TRANSFER, TransferNetwork
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.training.config import Model, TrainingConfig

CONNECTIONS = 8
ROUNDS = 3
PHOTOS = 320
"""As many as the example trains and validates on: enough to choose 8-bit integers."""

TARGET = 1.4
DECIDED = 100.0
"""A random head is hardly ever sure, so that 8-bit integers would change its labels."""

out = Console(width=120)


def main(seconds: int) -> None:
    """Measure, and print a line for each round and the median ratio."""
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not installed\n   do: apt-get install wrk")
    torch.manual_seed(0)
    transfer = TransferNetwork(2)
    transfer.backbone.load_state_dict(pretrained_weights())
    with torch.no_grad():
        transfer.head.weight.mul_(DECIDED)
    networks = {
        TRANSFER: (transfer, TrainingConfig(model=Model.TRANSFER)),
        ARCHITECTURE: (build_network(2), TrainingConfig()),
    }
    photos = list(islice(thumbnails(), PHOTOS))
    photo = min(photos, key=lambda data: abs(len(data) - 5_000))
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body = script(folder, "thumbnail", photo, key)
        environments = {}
        for architecture, (network, config) in networks.items():
            store = open_store((folder / architecture / "store").as_uri())
            pixels = np.stack([pixels_of(data, config.preprocessing) for data in photos])
            made = publish_network(store, network, config.preprocessing, architecture, pixels)
            out.print(f"{architecture} is served in {made.served.form}: {made.served.because}")
            environments[architecture] = {
                "DANDELION_STORE_URL": store.url,
                "DANDELION_HOME": str(folder / architecture / "home"),
                "DANDELION_API_KEYS": key,
            }
        ratios = []
        for number in range(1, ROUNDS + 1):
            rates = {}
            for architecture, environment in environments.items():
                with running(["serving"], environment, photo, key) as server:
                    first = server.first_answer
                    rates[architecture] = asked(server, body, seconds, [CONNECTIONS])
                rate = rates[architecture].rate[CONNECTIONS]
                out.print(f"{number} {architecture}: {rate:.0f}/s, first answer {first:.2f} s")
            ratios.append(rates[TRANSFER].rate[CONNECTIONS] / rates[ARCHITECTURE].rate[CONNECTIONS])
    out.print(f"{np.median(ratios):.2f} times as many (asked: {TARGET}); {processor()}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
