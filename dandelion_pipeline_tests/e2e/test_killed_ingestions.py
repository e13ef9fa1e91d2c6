"""An ingestion of a day is killed at every write: the day waits, and the next one goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean
from dandelion_pipeline.dataset.cleaning.measures import DayMeasures
from dandelion_pipeline.dataset.cleaning.waiting import waiting_days
from dandelion_pipeline.ingest import garbage_collection
from dandelion_pipeline.ingest.intake import RAW_IMAGES, forget_parts, take_in
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records import parts
from dandelion_pipeline.storage.records.tables import last_table, read_table, write_table
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.defs.conftest import use_home
from dandelion_pipeline_tests.servers.killing import Kill, Moment, Victim

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

DAY = "2025-05-01"
PHOTOS = 6
MOMENTS = [Moment.UNDER_WAY, Moment.AFTER]


def land(store: Store) -> None:
    for number in range(PHOTOS):
        key = layout.landing_photo(DAY, "grass", f"{number:02}.jpg")
        store.put(key, tiny_models.photo((20 * number, 99, 255 - 20 * number)))


def ingest(store: Store) -> None:
    """What the assets `raw_images` and `clean_images` do with their IO manager."""
    parts.ROWS = 3
    raw_key, clean_key = layout.table(RAW_IMAGES, DAY), layout.table(CLEAN_IMAGES, DAY)
    measures = DayMeasures(store, DAY)
    write_table(
        store, raw_key, take_in(store, DAY, last_table(store, raw_key), inspection=measures).table
    )
    forget_parts(store, DAY)
    raw = read_table(store, raw_key)
    write_table(store, clean_key, clean(store, raw, last_table(store, clean_key)))
    measures.forget()


def content_of(store: Store) -> tuple[list[str], list[dict[str, object]]]:
    """The keys of all objects, and the rows of both tables."""
    keys = [found.key for found in store.list_objects("")]
    rows = [
        {**row, "modified": ""}
        for asset in (RAW_IMAGES, CLEAN_IMAGES)
        for row in read_table(store, layout.table(asset, DAY)).to_pylist()
    ]
    return keys, rows


def test_a_day_killed_at_any_write_waits_and_ends_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    undisturbed = open_store((tmp_path / "undisturbed").as_uri())
    land(undisturbed)
    writes = len(start(undisturbed).seconds())
    assert writes > PHOTOS + 4  # its photos, parts of two kinds, and two tables
    for number in range(2 * writes):
        store = open_store((tmp_path / str(number)).as_uri())
        land(store)
        write, moment = 1 + number // 2, MOMENTS[number % 2]
        start(store, Kill(write, moment)).wait_for_death()
        done = (write, moment) == (writes, Moment.AFTER) or not waiting_days(store)
        assert done == (last_table(store, layout.table(CLEAN_IMAGES, DAY)) is not None)
        assert garbage_collection.missing(store) == []
        ingest(store)
        assert waiting_days(store) == []
        assert content_of(store) == content_of(undisturbed), (write, moment)
        assert garbage_collection.orphans(store) == []


def start(store: Store, kill: Kill | None = None) -> Victim:
    victim = Victim(ingest, store.url, kill, {})
    victim.start()
    return victim


INGESTION = """\
from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.records import parts
parts.ROWS = 20
Pipeline(load_settings()).ingest("2025-05-01")
"""


@pytest.mark.parametrize("until", [layout.parts(RAW_IMAGES, DAY), f"tables/{RAW_IMAGES}/"])
def test_a_process_that_is_killed_between_two_assets_strands_no_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    use_home(monkeypatch, tmp_path)
    settings = load_settings()
    store = open_store(settings.store)
    for number in range(150):
        key = layout.landing_photo(DAY, "grass", f"{number:03}.jpg")
        store.put(key, tiny_models.photo((number, 99, 255 - number)))
    folder = tmp_path / "store" / until
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", INGESTION], env=os.environ)
    while process.poll() is None and not (folder.exists() and any(folder.iterdir())):
        time.sleep(0.001)
    process.kill()
    process.wait()
    kept = {found.key: found.modified for found in store.list_objects(layout.IMAGES)}
    assert kept
    assert waiting_days(store) == [DAY]
    Pipeline(settings).ingest(DAY)
    assert waiting_days(store) == []
    raw = read_table(store, layout.table(RAW_IMAGES, DAY))
    assert raw.num_rows == len(set(raw["key"].to_pylist())) == 150
    now = {found.key: found.modified for found in store.list_objects(layout.IMAGES)}
    assert kept.items() <= now.items()
    assert set(now) == {layout.image(sha256) for sha256 in raw["sha256"].to_pylist()}
    assert store.list_objects(layout.PARTS) == []
