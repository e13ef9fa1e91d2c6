"""Photos to and from S3: this store beside boto3, and an ingestion beside the same one again.

One SeaweedFS on loopback serves all, and 2,000 thumbnails travel: those of
``../shared/data/dandelion-grass`` where they are, generated ones of the same size elsewhere.
Each contender runs in a process of its own, so that its peak memory is its own, and in turn,
three rounds; the best round of each counts.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import example
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.seaweedfs import S3Server, seaweedfs

PHOTOS = 2_000
ROUNDS = 3
THREADS = 16


def main() -> None:
    """Measure, and print two tables."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder)) as server:
        rounds = [{name: run(server, name) for name in ("store", "boto3")} for _ in range(ROUNDS)]
        show_rates(rounds)
        show_ingestion(run(server, "ingest"))


def run(server: S3Server, contender: str) -> dict[str, float]:
    """What a contender measured in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.storage.object_store",
        contender,
        f"{server.url}/{contender}-{time.time_ns()}",
    ]
    environment = {**os.environ, **server.environment}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def show_rates(rounds: list[dict[str, dict[str, float]]]) -> None:
    """The best round of each contender."""
    table = Table("objects/s", "this store", f"boto3, {THREADS} threads", "ratio")
    for what in ("put", "get"):
        ours, theirs = (max(each[name][what] for each in rounds) for name in ("store", "boto3"))
        table.add_row(what, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}")
    ours, theirs = (max(each[name]["peak"] for each in rounds) for name in ("store", "boto3"))
    table.add_row("peak memory", f"{ours:.0f} MiB", f"{theirs:.0f} MiB", f"{ours / theirs:.2f}")
    Console().print(table)


def show_ingestion(figures: dict[str, float]) -> None:
    """The first ingestion, and the second of the same photos."""
    table = Table(f"ingesting {PHOTOS:,} photos", "first", "again", "again / first")
    for name, key in (("as make run does it", ""), ("ingestion_job alone", "_job")):
        first, again = figures[f"first{key}"], figures[f"again{key}"]
        table.add_row(f"{name}, seconds", f"{first:.2f}", f"{again:.2f}", f"{again / first:.3f}")
    table.add_row("writes", f"{figures['first_writes']}", f"{figures['again_writes']}", "")
    Console().print(table)


def measure_store(url: str) -> dict[str, float]:
    """Put and get rates through `Store`."""
    store, data = open_store(url), thumbnails()
    objects = [(f"{number:05d}", data[number % len(data)]) for number in range(PHOTOS)]
    put = rate(lambda: sum(1 for _ in store.put_many(objects)))
    get = rate(lambda: sum(len(data) for _, data in store.get_many(key for key, _ in objects)))
    return {"put": put, "get": get}


def measure_boto3(url: str) -> dict[str, float]:
    """Put and get rates through one boto3 client and a pool of threads, as its guide shows it."""
    import boto3  # noqa: PLC0415  each contender's memory is its own
    from botocore.config import Config  # noqa: PLC0415

    bucket, prefix = url.removeprefix("s3://").split("/", 1)
    config = Config(
        max_pool_connections=THREADS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    region = os.environ["AWS_REGION"]
    client = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    data = thumbnails()
    objects = [(f"{prefix}/{number:05d}", data[number % len(data)]) for number in range(PHOTOS)]

    def put(item: tuple[str, bytes]) -> None:
        client.put_object(Bucket=bucket, Key=item[0], Body=item[1])

    def get(item: tuple[str, bytes]) -> int:
        return len(client.get_object(Bucket=bucket, Key=item[0])["Body"].read())

    with ThreadPoolExecutor(THREADS) as pool:
        return {
            "put": rate(lambda: list(pool.map(put, objects))),
            "get": rate(lambda: list(pool.map(get, objects))),
        }


def measure_ingestion(url: str) -> dict[str, float]:
    """Import 2,000 photos from a folder and take them in through Dagster; then once more.

    `make run` does not start Dagster's job for a day without new files, so its time counts
    only where there are some; what the job takes on its own is measured all the same.
    """
    from dandelion_pipeline.cli.pipeline import Pipeline  # noqa: PLC0415  as above
    from dandelion_pipeline.dataset.cleaning.waiting import waiting_days  # noqa: PLC0415
    from dandelion_pipeline.ingest.landing import import_photos, today  # noqa: PLC0415
    from dandelion_pipeline.ingest.sources import open_source  # noqa: PLC0415
    from dandelion_pipeline.settings import load_settings  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DANDELION_STORE_URL": url, "DANDELION_HOME": folder}
        photos = Path(folder) / "photos"
        write_photos(photos)
        store, pipeline = open_store(url), Pipeline(load_settings())
        figures: dict[str, float] = {}
        for turn in ("first", "again"):
            writes = count_writes()
            started = time.perf_counter()
            import_photos(store, open_source(str(photos)), today())
            waiting = waiting_days(store)
            imported = time.perf_counter()
            pipeline.ingest(today())
            ended = time.perf_counter()
            figures[f"{turn}_job"] = ended - imported
            figures[turn] = (ended if waiting else imported) - started
            figures[f"{turn}_writes"] = next(writes)
        return figures


def thumbnails() -> list[bytes]:
    """The photos that travel."""
    return [data for _, data in example.photos(per_class=50)]


def write_photos(folder: Path) -> None:
    """2,000 photos in two class folders, made different by a comment in the JPEG."""
    data = [photo for photo in thumbnails() if photo[:2] == JPEG]
    for number in range(PHOTOS):
        comment = f"photo {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        path = folder / ("dandelion", "grass")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + segment + data[number % len(data)][2:])


JPEG = b"\xff\xd8"


def count_writes() -> Iterator[int]:
    """From now on, count the objects that are written; ``next`` gives their number."""
    counter = itertools.count()
    put, put_if_absent = Store.put, Store.put_if_absent

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def method(*args: object) -> Any:  # noqa: ANN401  as the method that it stands for
            next(counter)
            return write(*args)

        return method

    Store.put, Store.put_if_absent = counted(put), counted(put_if_absent)  # type: ignore[method-assign]
    return counter


def rate(work: Callable[[], object]) -> float:
    """Objects per second."""
    started = time.perf_counter()
    work()
    return PHOTOS / (time.perf_counter() - started)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        contender, url = sys.argv[1:]
        measure = {"store": measure_store, "boto3": measure_boto3, "ingest": measure_ingestion}
        found = measure[contender](url)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(json.dumps({**found, "peak": peak}))
