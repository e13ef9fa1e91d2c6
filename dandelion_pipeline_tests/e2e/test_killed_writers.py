"""Ingest and publish are killed at every write: readers see whole things, and a rerun completes.

``DANDELION_KILL_ROUNDS`` says how often each write is hit at each moment.
"""

import os
import random
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dandelion_pipeline.errors import BundleError, ObjectNotFound
from dandelion_pipeline.ingest.intake import RAW_IMAGES, forget_parts, take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.release import bundle, log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import LARGE, Store, sha256_hex
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.servers.fault_plans import Fault
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy, fault_proxy
from dandelion_pipeline_tests.servers.killing import Job, Kill, Moment, UploadCutter, Victim
from dandelion_pipeline_tests.servers.seaweedfs import S3Server

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

ROUNDS = {"file": 20, "s3": 4}  # a round takes up to eight times as long on S3
AHEAD = 3  # victims that run while the one before is examined
MIDDLES = [Moment.CUT, Moment.UNDER_WAY]

DAY = "2025-05-01"
DANDELION, GRASS, BOTH = (
    tiny_models.photo(colour) for colour in ((240, 210, 40), (60, 140, 50), (150, 180, 45))
)
PHOTOS = [
    SourcePhoto("dandelion", "one.jpg", DANDELION),
    SourcePhoto("dandelion", "both.jpg", BOTH),
    SourcePhoto("dandelion", "one again.jpg", DANDELION),
    SourcePhoto("grass", "two.jpg", GRASS),
    SourcePhoto("grass", "both.jpg", BOTH),  # two threads want the same key below images/
    SourcePhoto("grass", "notes.jpg", b"no photo"),
]
VERSION = "v1"
FILES = {"model.onnx": b"graph", "weights.safetensors": b"w" * LARGE, "golden/1.json": b"{}"}


def ingest(store: Store) -> None:
    """What the import and the asset `raw_images` with its IO manager do."""
    import_photos(store, PHOTOS, DAY)
    key = layout.table(RAW_IMAGES, DAY)
    try:
        before = read_table(store, key)
    except ObjectNotFound:
        before = None
    write_table(store, key, take_in(store, DAY, before).table)
    forget_parts(store, DAY)


def publish(store: Store) -> None:
    bundle.put_files(store, VERSION, FILES)
    finished = bundle.finish(store, tiny_models.manifest(VERSION, FILES))
    promote(finished, who="a victim", why="it is to be killed")


@dataclass(frozen=True)
class Content:
    """What readers find in a store, without what differs from run to run (times, identities)."""

    objects: dict[str, bytes]
    """Everything except tables and the release log."""

    rows: list[dict[str, str]]
    releases: list[tuple[int, str, str, str, str | None]]


def content_of(store: Store) -> Content:
    """Read everything. What is half-written cannot be read, or differs from what it should be."""
    keys = [o.key for o in store.list_objects("")]
    parts = [key for key in keys if key.startswith(layout.PARTS)]  # for the next run to go on with
    keys = [key for key in keys if key not in parts]
    tables = [key for key in keys if key.startswith(layout.TABLES)]
    entries = log.history(store)
    elsewhere = {layout.release(entry.number) for entry in entries}.union(tables)
    return Content(
        dict(store.get_many(key for key in keys if key not in elsewhere)),
        [
            {name: row[name] for name in ("key", "sha256", "label", "name", "status", "reason")}
            for key in tables
            for row in read_table(store, key).to_pylist()
        ],
        [(e.number, e.action, e.version, e.manifest_sha256, e.previous) for e in entries],
    )


def assert_readers_see_only_whole_things(store: Store, undisturbed: Content) -> None:
    found = content_of(store)
    assert found.objects.items() <= undisturbed.objects.items()  # no other key, no other bytes
    assert found.rows in ([], undisturbed.rows)
    assert found.releases in ([], undisturbed.releases)
    for key, data in found.objects.items():
        if key.startswith(layout.IMAGES):
            assert key == layout.image(sha256_hex(data))
    if layout.model_file(VERSION, layout.MANIFEST) in found.objects:
        open_bundle(store, VERSION).verify()
    else:
        with pytest.raises(BundleError, match="there is no"):
            open_bundle(store, VERSION)
    live = log.live_or_none(store)
    if live is not None:
        open_bundle(store, live.version, live.manifest_sha256).verify()


@dataclass
class Scene:
    """Where victims die: a store, and for S3 a proxy that cuts their uploads."""

    url: str
    settings: dict[str, str]
    proxy: FaultProxy | None = None
    cutter: UploadCutter = field(default_factory=UploadCutter)

    @property
    def rounds(self) -> int:
        default = ROUNDS[urlsplit(self.url).scheme]
        return int(os.environ.get("DANDELION_KILL_ROUNDS", default))

    def victim(self, job: Job, kill: Kill | None = None) -> Victim:
        """A process with an empty store of its own, already under way."""
        settings, cut = self.settings, kill is not None and kill.moment is Moment.CUT
        if self.proxy and cut:
            settings = {**settings, "AWS_ENDPOINT_URL": self.proxy.endpoint}
        victim = Victim(job, f"{self.url}/{uuid.uuid4().hex}", kill, settings)
        if self.proxy and cut:
            self.cutter.lie_in_wait_for(victim)
        victim.start()
        return victim

    def dying(self, job: Job, seconds: list[float]) -> Iterator[Victim]:
        """Victims for every write and every moment, some of them started ahead."""
        waiting: deque[Victim] = deque()
        for kill in kills(seconds, self.rounds):
            waiting.append(self.victim(job, kill))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        yield from waiting


def kills(seconds: list[float], rounds: int) -> Iterator[Kill]:
    """Each write, before, in the middle and after, so many times.

    Every other middle is exact; the others come at any time in a write or soon after it.
    """
    chance = random.Random(3)  # noqa: S311  no secret depends on it
    for turn, (write, usual) in product(range(rounds), enumerate(seconds, 1)):
        yield Kill(write, Moment.BEFORE)
        yield Kill(write, MIDDLES[turn % 2], delay=chance.uniform(0, 1.5 * usual))
        yield Kill(write, Moment.AFTER)


@pytest.fixture
def scene(store_url: str, request: pytest.FixtureRequest) -> Iterator[Scene]:
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    scene = Scene(store_url, settings)
    if store_url.startswith("file:"):
        yield scene
        return
    server: S3Server = request.getfixturevalue("s3_server")
    with fault_proxy(server.environment["AWS_ENDPOINT_URL"], scene.cutter) as scene.proxy:
        yield scene


@pytest.mark.parametrize("job", [ingest, publish])
def test_whoever_is_killed_leaves_whole_things_alone_and_a_rerun_completes_them(
    job: Job, scene: Scene
) -> None:
    first = scene.victim(job)
    seconds = first.seconds()
    undisturbed = content_of(open_store(first.url))
    dead = 0
    for victim in scene.dying(job, seconds):
        victim.wait_for_death()
        store = open_store(victim.url)
        assert_readers_see_only_whole_things(store, undisturbed)
        job(store)
        assert content_of(store) == undisturbed, victim.kill
        dead += 1
    assert dead == 3 * scene.rounds * len(seconds) > 0


def test_undisturbed_runs_do_what_the_killed_ones_are_measured_by(store: Store) -> None:
    ingest(store)
    publish(store)
    found = content_of(store)
    assert {key for key in found.objects if key.startswith(layout.IMAGES)} == {
        layout.image(sha256_hex(data)) for data in (DANDELION, GRASS, BOTH)
    }
    assert not store.list_objects(layout.PARTS)
    assert [(row["label"], row["name"], row["status"]) for row in found.rows] == [
        ("dandelion", "both.jpg", "accepted"),
        ("dandelion", "one.jpg", "accepted"),
        ("grass", "both.jpg", "accepted"),
        ("grass", "notes.jpg", "rejected"),
        ("grass", "two.jpg", "accepted"),
    ]
    assert [(number, version) for number, _, version, _, _ in found.releases] == [(1, VERSION)]


def test_a_cut_leaves_half_a_file_that_no_listing_shows(scene: Scene) -> None:
    victim = scene.victim(publish, Kill(2, Moment.CUT))
    victim.wait_for_death()
    keys = [o.key for o in open_store(victim.url).list_objects("")]
    assert keys == [layout.model_file(VERSION, "model.onnx")]
    if scene.proxy:
        (cut,) = scene.proxy.struck(Fault.CUT_UPLOAD)
        assert cut.size >= LARGE
    else:
        folder = Path(unquote(urlsplit(victim.url).path))
        (half,) = folder.rglob("weights*")
        assert half.stat().st_size == LARGE // 2
