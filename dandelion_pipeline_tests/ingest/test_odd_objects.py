"""One odd object never stops another: sources, landing folders and stores go on past it."""

import os
from pathlib import Path

import pyarrow.compute as pc
import pytest

from dandelion_pipeline.dataset.cleaning.batch_checks import BatchLimits, check_rejections
from dandelion_pipeline.ingest.intake import ACCEPTED, IGNORED, REJECTED, take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.ingest.unread import unread_files
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.ingest.mixtures import Mixture, mixture, tiny_photo, write_to_folder
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, PHOTOS, ingest
from dandelion_pipeline_tests.servers.bare_s3 import BareBucket

MIXTURES = int(os.environ.get("DANDELION_MIXTURES", "24"))
"""Half of them as folders, half in buckets."""


def accepted(store: Store, day: str = DAY) -> set[tuple[str, bytes]]:
    table = take_in(store, day, None).table
    rows = table.filter(pc.equal(table["status"], ACCEPTED)).to_pylist()
    return {(row["label"], store.get(row["key"])) for row in rows}


def test_every_good_photo_of_a_mixed_folder_is_accepted(tmp_path: Path) -> None:
    for seed in range(0, MIXTURES, 2):
        mixed, folder = mixture(seed), tmp_path / str(seed)
        write_to_folder(folder / "photos", mixed, seed)
        store = open_store((folder / "store").as_uri())
        import_photos(store, open_source(str(folder / "photos")), DAY)
        assert accepted(store) == mixed.by_label, seed
        landing = folder / "by-hand" / "landing" / DAY
        write_to_folder(landing, mixed, seed)
        assert accepted(open_store((folder / "by-hand").as_uri())) == mixed.by_label, seed


def test_every_good_photo_of_a_mixed_bucket_is_accepted(s3_url: str, tmp_path: Path) -> None:
    bare = BareBucket(s3_url)
    for seed in range(1, MIXTURES, 2):
        mixed = mixture(seed)
        place = f"{seed}/source" if seed % 4 == 1 else f"{seed}/landing/{DAY}"
        for key, data in (mixed.good | mixed.bad | mixed.keys).items():
            bare.put(f"{place}/{key}", data)
        store = open_store(f"{s3_url}/{seed}")
        if seed % 4 == 1:
            store = open_store((tmp_path / str(seed)).as_uri())
            import_photos(store, open_source(f"{s3_url}/{place}"), DAY)
        assert accepted(store) == mixed.by_label, seed


def by_status(store: Store, day: str = DAY) -> dict[str, set[str]]:
    table = take_in(store, day, None).table
    found: dict[str, set[str]] = {}
    for row in table.to_pylist():
        found.setdefault(row["status"], set()).add(row["key"].removeprefix(f"landing/{day}/"))
    return found


@pytest.mark.parametrize("marker", ["", "grass/", "grass/deeper/", "clover/"])
def test_a_folder_marker_stops_no_day_and_no_source(s3_url: str, marker: str) -> None:
    store = open_store(s3_url)
    import_photos(store, PHOTOS, DAY)
    import_photos(store, [], NEXT)
    BareBucket(s3_url).put(f"landing/{DAY}/{marker}")
    assert list(unread_files(store)) == [DAY]
    found = by_status(store)
    assert found[ACCEPTED] == {"dandelion/1.jpg", "grass/1.jpg"}
    assert {key.rstrip("/") for key in found[IGNORED]} == {
        marker.rstrip("/") or f"landing/{DAY}"
    } or (found[IGNORED] == {marker})
    source = open_source(f"{s3_url}/landing/{DAY}")
    assert len(list(source)) == 2
    assert source.notes.ignored["folder markers"] == 1


@pytest.mark.parametrize(
    "key", ["grass/a\nb.jpg", "grass/\x7f.jpg", "gr\tass/1.jpg", "grass/b\x01"]
)
def test_an_odd_key_is_rejected_with_its_reason_and_hides_nothing(s3_url: str, key: str) -> None:
    store = open_store(s3_url)
    import_photos(store, PHOTOS, DAY)
    BareBucket(s3_url).put(f"landing/{DAY}/{key}", tiny_photo(1))
    found = by_status(store)
    assert found[ACCEPTED] == {"dandelion/1.jpg", "grass/1.jpg"}
    assert len(found[REJECTED]) == 1
    assert unread_files(store)
    source = open_source(f"{s3_url}/landing/{DAY}")
    assert len(list(source)) == 2
    assert len(source.notes.odd) == 1


def test_links_pipes_and_names_in_other_encodings_hide_no_landed_photo(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    import_photos(store, PHOTOS, DAY)
    grass = tmp_path / "landing" / DAY / "grass"
    (grass / "lost.jpg").symlink_to("nowhere")
    (grass / "loop.jpg").symlink_to(grass / "loop.jpg")
    (grass / "round").symlink_to(tmp_path)
    os.mkfifo(grass / "pipe.jpg")
    (grass / os.fsdecode(b"\xff.jpg")).write_bytes(tiny_photo(1))
    (grass / "a\nb.jpg").write_bytes(tiny_photo(2))
    found = by_status(store)
    assert found[ACCEPTED] == {"dandelion/1.jpg", "grass/1.jpg"}
    assert found[REJECTED] >= {"grass/loop.jpg", "grass/pipe.jpg", "grass/a\nb.jpg"}


def test_sidecars_do_not_count_as_rejected_and_wait_for_no_intake(store: Store) -> None:
    import_photos(store, PHOTOS, DAY)
    for number in range(20):
        store.put(f"landing/{DAY}/grass/{number}.xmp", b"<xmp/>")
        store.put(f"landing/{DAY}/grass/@eaDir/{number}.jpg/S.jpg", b"thumbnail")
    table = take_in(store, DAY, None).table
    finding = check_rejections(table, BatchLimits())
    assert finding.says.startswith("0 of 2 files were rejected")
    ingest(store, DAY)
    assert unread_files(store) == {}
    store.put(f"landing/{NEXT}/grass/new.txt", b"notes")
    assert unread_files(store) == {}


def test_folders_dropped_by_hand_make_no_second_class(store: Store) -> None:
    import_photos(store, PHOTOS, DAY)
    ingest(store)
    spelled = ("Dandelion", "dandelion ", "GRASS", "lo\u0308wenzahn", "Löwenzahn", "Löwenzahn")
    for number, label in enumerate(spelled):
        store.put(layout.landing_photo(NEXT, label, f"{number}.jpg"), tiny_photo(number))
    store.put(layout.landing_photo(NEXT, "a" * 70, "1.jpg"), tiny_photo(70))
    rows = take_in(store, NEXT, None).table.to_pylist()
    labels = {row["label"] for row in rows if row["status"] == ACCEPTED}
    assert labels == {"dandelion", "grass", "Löwenzahn"}
    (bad,) = [row for row in rows if row["status"] == REJECTED]
    assert "more than 64 characters" in bad["detail"]


def test_an_object_that_cannot_be_read_is_tried_again_by_the_next_intake(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    import_photos(store, PHOTOS, DAY)
    loop = tmp_path / "landing" / DAY / "grass" / "2.jpg"
    loop.symlink_to(loop)
    first = take_in(store, DAY, None).table
    loop.unlink()
    loop.write_bytes(tiny_photo(3))
    second = take_in(store, DAY, first).table
    assert set(second["status"].to_pylist()) == {ACCEPTED}
    assert second.num_rows == 3


def test_a_mixture_has_what_it_says() -> None:
    kinds = [mixture(seed) for seed in range(40)]
    assert all(isinstance(mixed, Mixture) and len(mixed.by_label) >= 4 for mixed in kinds)
    assert sum(bool(mixed.keys) for mixed in kinds) > 20
