"""A store that the code of 2026-11-30 wrote (commit fbdb132): it opens, is served, and goes on.

It holds forty generated photos of one day, their tables and splits, and two published models of a
few hundred bytes, the second one live.
"""

import json
import zipfile
from pathlib import Path

import pytest

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.dataset.checks import DatasetLimits
from dandelion_pipeline.dataset.reviewed import all_photos
from dandelion_pipeline.dataset.settled import settled
from dandelion_pipeline.evaluation.champion import trained_on
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.release.live import live_model
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_snapshot
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.serving.conftest import api_on

STORE = Path(__file__).parents[2] / "data" / "store_before_rooms.zip"
FIRST, LIVE = "20250501-120000-aaaaaaaa", "20250502-120000-bbbbbbbb"


@pytest.fixture
def older(here: Store) -> Store:
    with zipfile.ZipFile(STORE) as file:
        file.extractall(here.url.removeprefix("file://"))
    return open_store(here.url)


def test_everything_in_it_is_sound(older: Store, dandelion: Dandelion) -> None:
    done = dandelion("store", "check", "--rehash", "all", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert (document["damage"], document["orphans"]) == ([], [])
    assert document["rehashed"] == {"photos": 40, "models": 2, "tables": 4}


def test_its_model_is_served_and_can_be_rolled_back(older: Store, dandelion: Dandelion) -> None:
    with api_on(older) as api:
        answer = api.post("/predict", files={"file": photo()}).json()
    assert (answer["label"], answer["model"]["version"]) == ("dandelion", LIVE)
    assert dandelion("releases", "rollback", "--reason", "a test").exit_code == 0
    live = live_model(older)
    assert live is not None
    assert live.version == FIRST


def test_new_photos_join_its_splits_and_its_model_is_compared(older: Store) -> None:
    live = live_model(older)
    assert live is not None
    assert live.bundle is not None
    snapshot = live.bundle.manifest.data.snapshot
    assert snapshot is not None
    before = read_snapshot(older, "dataset", snapshot).to_pylist()
    more = SampleSpec(per_class=10, size=(64, 48), seed=8)
    import_photos(older, open_source("sample", sample=more), "2025-05-02")
    pipeline = Pipeline(load_settings())
    for day in ("2025-05-01", "2025-05-02"):
        pipeline.ingest(day)
    salt = load_settings().split_salt
    used = settled(older, all_photos(older), salt, DatasetLimits()).dataset.used
    split_now = {row["sha256"]: row["split"] for row in used.to_pylist()}
    assert len(split_now) == 60
    assert {row["sha256"]: row["split"] for row in before}.items() <= split_now.items()
    seen, unknown = trained_on(live.bundle, used)
    learnt = {row["sha256"] for row in before if row["split"] != "test"}
    assert (set(seen or []), unknown) == (learnt, "")
