"""What a tick of the landing sensor costs beside the one of before, in a store with many days.

One SeaweedFS on loopback holds 400 days of 500 landed files each, all of them taken in. Both
contenders run in processes of their own: the sensor of today, one tick after the other, and what
each tick did up to commit d1e8d7f: list all of ``landing/`` and turn every raw row into a dict.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, CLEAN_SCHEMA, MADE_OF
from dandelion_pipeline.ingest.intake import ACCEPTED, RAW_IMAGES, RAW_SCHEMA
from dandelion_pipeline.ingest.verdicts import by_name
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, StoredObject, sha256_hex
from dandelion_pipeline.storage.records.content_hash import content_hash
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.servers.seaweedfs import S3Server, seaweedfs

DAYS, FILES = 400, 500
TICKS = {"before": 2, "now": 100}


def main() -> None:
    """Fill a store, measure both, and print a table."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder)) as server:
        fill(open_store(server.url, server.options))
        figures = {contender: run(server, contender) for contender in TICKS}
    table = Table(f"{DAYS * FILES:,} raw rows on {DAYS} days", "before", "now")
    rows = {
        "first tick, s": "first",
        "median tick, s": "median",
        "slowest tick, s": "slowest",
        "processor time of a tick, s": "processor",
        "memory, MB": "memory",
        "files listed in a tick": "listed",
    }
    for name, key in rows.items():
        table.add_row(name, *(f"{figures[each][key]:,.2f}" for each in TICKS))
    Console().print(table)


def fill(store: Store) -> None:
    """Days up to today, each with its landed files and the tables of its ingestion."""
    days = [f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in range(DAYS)]
    for _ in store.put_many(landed(days)):
        pass
    for day in days:
        rows = [raw_row(day, found) for found in store.survey(layout.landing_day(day)).objects]
        raw = pa.Table.from_pylist(rows, schema=RAW_SCHEMA)
        write_table(store, layout.table(RAW_IMAGES, day), raw)
        marks = {**CLEAN_SCHEMA.metadata, MADE_OF: content_hash(raw)}
        clean = CLEAN_SCHEMA.empty_table().replace_schema_metadata(marks)
        write_table(store, layout.table(CLEAN_IMAGES, day), clean)


def landed(days: list[str]) -> Iterator[tuple[str, bytes]]:
    """The files, which nobody reads."""
    for day in days:
        for number in range(FILES):
            label = ("dandelion", "grass")[number % 2]
            yield layout.landing_photo(day, label, f"{number:05d}.jpg"), b"x"


def raw_row(day: str, found: StoredObject) -> dict[str, object]:
    """What an intake says of an accepted photo."""
    return {
        "key": found.key,
        "day": day,
        "label": found.key.split("/")[2],
        "name": found.key.split("/")[3],
        "size": found.size,
        "modified": found.modified.isoformat(),
        "sha256": sha256_hex(found.key.encode()),
        "status": ACCEPTED,
        "reason": "",
        "detail": "",
        "format": "JPEG",
        "is_sample": False,
    }


def run(server: S3Server, contender: str) -> dict[str, float]:
    """What a contender measured in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.storage.landing_sensor"]
    environment = {**os.environ, **server.environment, "DANDELION_STORE_URL": server.url}
    done = subprocess.run(  # noqa: S603  ourselves
        [*command, contender], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(contender: str) -> dict[str, float]:
    """Ticks of one contender, in seconds, and by how many MB the process grew."""
    listed = count_listed()
    tick = ticks_of_before() if contender == "before" else ticks_of_now()
    next(tick)  # it is ready
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    seconds: list[float] = []
    busy = time.process_time()
    for _ in range(TICKS[contender]):
        started = time.perf_counter()
        next(tick)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "first": seconds[0],
        "median": statistics.median(seconds),
        "slowest": max(seconds),
        "processor": (time.process_time() - busy) / len(seconds),
        "memory": max(0, peak - before) / 1e6,
        "listed": sum(listed) / len(seconds),
    }


def ticks_of_before() -> Iterator[None]:
    """The body of `landing_sensor` at commit d1e8d7f, with `waiting_files` as it was there."""
    store = open_store(os.environ["DANDELION_STORE_URL"])
    yield
    while True:
        tables = store.list_objects(f"{layout.TABLES}{RAW_IMAGES}/")
        rows = [row for o in tables for row in read_table(store, o.key).to_pylist()]
        seen = {(row["key"], row["modified"]) for row in rows}
        waiting: dict[str, list[StoredObject]] = {}
        for found in store.survey(layout.LANDING).objects:
            place = layout.split_landing_key(found.key)
            taken = (found.key, found.modified.isoformat()) in seen
            if place and by_name(found) is None and not taken:
                waiting.setdefault(place[0], []).append(found)
        if waiting:
            raise AssertionError("all of it was taken in")
        yield


def ticks_of_now() -> Iterator[None]:
    """The landing sensor, as Dagster's daemon has it evaluated."""
    import dagster as dg  # noqa: PLC0415  each contender's memory is its own

    from dandelion_pipeline.definitions import defs  # noqa: PLC0415
    from dandelion_pipeline.defs.automation.landing import landing_sensor_of  # noqa: PLC0415
    from dandelion_pipeline.defs.resources import StoreResource  # noqa: PLC0415
    from dandelion_pipeline.settings import load_settings  # noqa: PLC0415

    sensor, cursor = landing_sensor_of(load_settings()), None
    repository = defs.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        yield
        while True:
            with dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={"store": StoreResource()},
                repository_def=repository,
            ) as context:
                tick = sensor.evaluate_tick(context)
            if tick.run_requests:
                raise AssertionError("all of it was taken in")
            cursor = tick.cursor
            yield


def count_listed() -> list[int]:
    """From now on, the number of objects in each listing."""
    listed: list[int] = []
    survey = Store.survey

    def counted(store: Store, prefix: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        found = survey(store, prefix)
        listed.append(len(found.objects) if prefix.startswith(layout.LANDING) else 0)
        return found

    Store.survey = counted  # type: ignore[method-assign]
    return listed


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        sys.stdout.write(json.dumps(measure(sys.argv[1])))
