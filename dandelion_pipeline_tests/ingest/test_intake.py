import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import obstore
from obstore.store import S3Store
from PIL import Image

from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.ingest.intake import (
    ACCEPTED,
    DUPLICATE,
    IGNORED,
    REJECTED,
    counts,
    real_labels,
    take_in,
)
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.ingest.unread import unread_files
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, PHOTOS, ingest
from dandelion_pipeline_tests.servers.seaweedfs import BUCKET, S3Server


def test_every_file_is_accepted_or_duplicate_or_rejected(store: Store) -> None:
    import_photos(store, PHOTOS, DAY)
    store.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo(GREEN))
    store.put(layout.landing_photo(DAY, "grass", "notes.jpg"), b"these are notes")
    store.put(f"landing/{DAY}/stray.jpg", photo(YELLOW))
    table = take_in(store, DAY, None).table
    assert counts(table) == {ACCEPTED: 2, DUPLICATE: 1, REJECTED: 2, IGNORED: 0}
    rejected = {row["name"]: row["reason"] for row in table.to_pylist() if row["reason"]}
    assert rejected == {
        "notes.jpg": "unknown_format",
        f"landing/{DAY}/stray.jpg": "misplaced",
    }


def test_accepted_photos_are_kept_by_content(store: Store) -> None:
    import_photos(store, PHOTOS, DAY)
    intake = take_in(store, DAY, None)
    assert intake.stored == 2
    for row in intake.table.to_pylist():
        assert store.get(layout.image(row["sha256"])) == store.get(row["key"])


def test_a_second_intake_reads_new_files_only(store: Store) -> None:
    import_photos(store, PHOTOS, DAY)
    first = take_in(store, DAY, None)
    store.put(layout.landing_photo(DAY, "grass", "2.jpg"), photo((9, 99, 9)))
    second = take_in(store, DAY, first.table)
    assert (second.read, second.stored) == (1, 1)
    assert second.table.num_rows == 3
    assert take_in(store, DAY, second.table).read == 0


def test_a_file_that_left_the_landing_folder_leaves_the_table(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    import_photos(store, PHOTOS, DAY)
    first = take_in(store, DAY, None)
    (tmp_path / "store" / "landing" / DAY / "grass" / "1.jpg").unlink()
    assert take_in(store, DAY, first.table).table["label"].to_pylist() == ["dandelion"]


def test_files_that_no_intake_has_read_are_told_by_day(store: Store) -> None:
    import_photos(store, PHOTOS[:1], DAY)
    import_photos(store, PHOTOS[1:], NEXT)
    assert list(unread_files(store)) == [DAY, NEXT]
    ingest(store, DAY)
    assert list(unread_files(store)) == [NEXT]


def test_generated_photos_are_recognised_and_give_no_real_labels(store: Store) -> None:
    drawn = (SourcePhoto(*p) for p in generate(SampleSpec(per_class=1, size=(32, 24))))
    import_photos(store, drawn, DAY)
    ingest(store)
    assert real_labels(store) == set()
    import_photos(store, PHOTOS[:1], NEXT)
    ingest(store, NEXT)
    assert real_labels(store) == {"dandelion"}


def test_a_file_whose_name_cannot_be_read_is_rejected_and_stops_nothing(
    s3_server: S3Server, s3_url: str
) -> None:
    store = open_store(s3_url)
    import_photos(store, PHOTOS, DAY)
    bare = S3Store(BUCKET, prefix=s3_url.split("/", 3)[3], client_options={"allow_http": True})
    obstore.put(bare, layout.landing_photo(DAY, "grass", "photo#1"), photo(GREEN))
    table = take_in(store, DAY, None).table
    assert counts(table) == {ACCEPTED: 2, DUPLICATE: 0, REJECTED: 1, IGNORED: 0}
    (odd,) = [row for row in table.to_pylist() if row["status"] == REJECTED]
    assert odd["name"] == "photo#1"
    assert "rename it" in odd["detail"]
    assert import_photos(store, PHOTOS, NEXT).skipped == 2


def test_an_intake_that_fails_ends_and_leaves_no_thread_behind(tmp_path: Path) -> None:
    """More photos than fit into memory at once, and a place that takes none of them."""
    program = (
        "import pathlib, sys\n"
        "from dandelion_pipeline.errors import StoreDenied\n"
        "from dandelion_pipeline.ingest import intake\n"
        "from dandelion_pipeline.storage import prefetch\n"
        "from dandelion_pipeline.storage.objects.location import open_store\n"
        "prefetch.MEMORY = 50_000\n"
        "def keep(store, data): raise StoreDenied('the photo', 'no', 'ask')\n"
        "intake.keep = keep\n"
        "intake.take_in(open_store(sys.argv[1]), '2025-05-01', None)\n"
    )
    store = open_store(tmp_path.as_uri())
    for number in range(100):
        store.put(layout.landing_photo(DAY, "grass", f"{number}.png"), noise(number))
    command = [sys.executable, "-c", program, store.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "StoreDenied" in done.stderr


def noise(seed: int) -> bytes:
    """A photo of some 10 kB."""
    pixels = np.random.default_rng(seed).integers(0, 255, (60, 60, 3), np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
