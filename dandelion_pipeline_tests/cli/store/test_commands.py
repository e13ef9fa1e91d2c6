import json
import os
from pathlib import Path

import pytest

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.intake import take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import keep
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import write_table
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish

DAY = "2025-05-01"
OLD, NEW = b"a photo that was left behind long ago", b"a photo of a run under way"


@pytest.fixture
def full(here: Store) -> Store:
    """Two photos, a live model, and four orphans, one of which is new."""
    photos = [
        SourcePhoto("dandelion", "1.jpg", photo(YELLOW)),
        SourcePhoto("grass", "1.jpg", photo(GREEN)),
    ]
    import_photos(here, photos, DAY)
    write_table(here, layout.table("raw_images", DAY), take_in(here, DAY, None).table)
    publish(here, "v1")
    keep(here, OLD)
    keep(here, NEW)
    here.put(layout.model_file("begun", ONNX_FILE), b"a training that died")
    folder = Path(here.url.removeprefix("file://"))
    (folder / "images" / "half#1").write_bytes(b"half a photo")
    for name in (layout.image(sha256_hex(OLD)), "models/begun/" + ONNX_FILE, "images/half#1"):
        os.utime(folder / name, (0, 0))
    return here


ORPHANS = {
    layout.image(sha256_hex(OLD)): "no table names this photo",
    layout.image(sha256_hex(NEW)): "no table names this photo",
    "models/begun/": "a model without a manifest",
    "images/half#1": "a write that was never finished",
}


def test_a_check_counts_what_is_there_and_lists_the_orphans(
    full: Store, dandelion: Dandelion
) -> None:
    done = dandelion("store", "check")
    assert done.exit_code == 0
    assert "nothing is damaged" in done.stdout
    assert "4; `dandelion store gc` removes the old ones" in done.stdout
    for name in ORPHANS:
        assert name[:12] in done.stdout  # the table folds long names
    document = json.loads(dandelion("store", "check", "--json").stdout)
    assert {o["name"]: o["why"] for o in document["orphans"]} == ORPHANS
    assert document["objects"]["landing/"]["count"] == 2
    assert document["damage"] == []
    assert document["rehashed"] == {}


def test_a_check_re_hashes_what_it_is_asked_to(full: Store, dandelion: Dandelion) -> None:
    asked = dandelion("store", "check", "--rehash", "photos", "--rehash", "models", "--json")
    assert json.loads(asked.stdout)["rehashed"] == {"photos": 4, "models": 1}
    everything = dandelion("store", "check", "--rehash", "all", "--json")
    assert json.loads(everything.stdout)["rehashed"] == {"photos": 4, "models": 1, "tables": 1}


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        (layout.image(sha256_hex(photo(GREEN))), ["--rehash", "photos"]),
        (layout.model_file("v1", ONNX_FILE), ["--rehash", "models"]),
        (layout.model_file("v1", layout.MANIFEST), []),
        (layout.release(1), []),
        (layout.table("raw_images", DAY), []),
    ],
)
def test_damage_is_named_and_the_exit_is_1(
    full: Store, dandelion: Dandelion, key: str, asked: list[str]
) -> None:
    data = full.get(key)
    full.put(key, data[:-30] + bytes([data[-30] ^ 1]) + data[-29:])
    done = dandelion("store", "check", *asked)
    assert done.exit_code == 1
    assert "damaged" in done.stdout
    document = json.loads(dandelion("store", "check", "--json", *asked).stdout)
    (damage,) = document["damage"]
    assert key in f"{damage['name']} {damage['why']}"


def test_a_photo_that_is_gone_is_named_without_reading(full: Store, dandelion: Dandelion) -> None:
    key = layout.image(sha256_hex(photo(GREEN)))
    full.delete(key)
    done = dandelion("store", "check", "--json")
    assert done.exit_code == 1
    assert [damage["name"] for damage in json.loads(done.stdout)["damage"]] == [key]


def test_collecting_garbage_removes_old_orphans_and_nothing_else(
    full: Store, dandelion: Dandelion
) -> None:
    needed = {o.key for o in full.list_objects("")} - {
        layout.image(sha256_hex(OLD)),
        layout.model_file("begun", ONNX_FILE),
    }
    dry = dandelion("store", "gc", "--dry-run")
    assert "3 orphans older than 7d would go" in dry.stdout
    assert len(json.loads(dandelion("store", "check", "--json").stdout)["orphans"]) == 4
    done = dandelion("store", "gc")
    assert done.exit_code == 0
    assert "3 orphans older than 7d removed" in done.stdout
    assert {o.key for o in full.list_objects("")} == needed
    left = json.loads(dandelion("store", "check", "--json").stdout)
    assert [orphan["name"] for orphan in left["orphans"]] == [layout.image(sha256_hex(NEW))]
    assert json.loads(dandelion("store", "gc", "--json").stdout)["removed"] == []


def test_with_a_damaged_table_no_garbage_is_collected(full: Store, dandelion: Dandelion) -> None:
    full.put(layout.table("raw_images", DAY), b"damaged")
    before = full.list_objects("")
    assert dandelion("store", "gc").exit_code == 1
    assert full.list_objects("") == before


@pytest.mark.parametrize("grace", ["", "7", "week", "-1d", "59m", "0d", "1.5h"])
def test_a_grace_period_that_makes_no_sense_or_is_too_short_is_refused(
    full: Store, dandelion: Dandelion, grace: str
) -> None:
    done = dandelion("store", "gc", f"--grace={grace}")
    assert isinstance(done.exception, SettingsError)
    assert f"the grace period '{grace}'" in str(done.exception)


def test_an_empty_store_is_in_order(dandelion: Dandelion) -> None:
    assert dandelion("store", "check", "--rehash", "all").exit_code == 0
    assert dandelion("store", "gc").exit_code == 0


def test_one_damage_does_not_hide_another(full: Store, dandelion: Dandelion) -> None:
    for key in (layout.release(1), layout.model_file("v1", ONNX_FILE)):
        data = full.get(key)
        full.put(key, data[:-30] + bytes([data[-30] ^ 1]) + data[-29:])
    full.put(layout.table("raw_images", DAY), b"damaged")
    done = dandelion("store", "check", "--rehash", "models", "--json")
    named = " ".join(f"{d['name']} {d['why']}" for d in json.loads(done.stdout)["damage"])
    for part in (layout.release(1), f"v1/{ONNX_FILE}", layout.table("raw_images", DAY)):
        assert part in named


def test_a_check_names_what_is_passed_over_and_calls_nothing_damaged(
    full: Store, dandelion: Dandelion
) -> None:
    grass = Path(full.url.removeprefix("file://")) / "landing" / DAY / "grass"
    (grass / "a\nb.jpg").write_bytes(photo(GREEN))
    (grass / "empty").mkdir()
    done = dandelion("store", "check")
    assert done.exit_code == 0
    assert "nothing is damaged" in done.stdout
    assert "bad name" in done.stdout
    (odd,) = json.loads(dandelion("store", "check", "--json").stdout)["odd"]
    assert odd == {"name": f"landing/{DAY}/grass/a\nb.jpg", "why": "bad name"}
