"""Two jobs that write to a store, and what must hold of the store whatever happens to them."""

from itertools import count

import pyarrow.compute as pc
import pytest

from dandelion_pipeline.ingest.intake import ACCEPTED, RAW_IMAGES, take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.ingest.verdicts import UNREADABLE
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.servers.fault_plans import Fault, Faults, Plan

DAY = "2025-05-01"
PHOTOS = [
    SourcePhoto(tiny_models.CLASSES[n % 2], f"{n}.jpg", tiny_models.photo((20 * n, 200, 40)))
    for n in range(12)
]
VERSIONS = ["first", "second", "third", "fourth"]
SLOW = [Fault.LATENCY, Fault.SLOW_BODY]
# The other two have tests of their own: one is no StoreUnavailable, one takes long.
BROKEN = [f for f in Fault if f not in {*SLOW, Fault.FLIPPED_DOWNLOAD, Fault.HANG}]


class Ingest:
    """Photos from a source to their day's table. A second run begins anew."""

    def __call__(self, store: Store) -> None:
        import_photos(store, PHOTOS, DAY)
        write_table(store, layout.table(RAW_IMAGES, DAY), take_in(store, DAY, None).table)

    def assert_complete(self, direct: Store) -> None:
        assert len(direct.list_objects(layout.LANDING)) == len(PHOTOS)
        assert len(direct.list_objects(layout.IMAGES)) == len(PHOTOS)
        table = read_table(direct, layout.table(RAW_IMAGES, DAY))
        assert table["status"].to_pylist() == [ACCEPTED] * len(PHOTOS)


class Publish:
    """One model after the other. A second run goes on with the one that failed."""

    def __init__(self) -> None:
        self.waiting = list(VERSIONS)

    def __call__(self, store: Store) -> None:
        while self.waiting:
            tiny_models.publish(store, self.waiting[0])
            del self.waiting[0]

    def assert_complete(self, direct: Store) -> None:
        assert [entry.version for entry in log.history(direct)] == VERSIONS


Job = Ingest | Publish
both_jobs = pytest.mark.parametrize("job_type", [Ingest, Publish])


def from_request(first: int, fault: Fault) -> Plan:
    """From this request on (0 is the first), every one that can suffer the fault does."""
    numbers, always = count(), Faults({fault: 1})
    return lambda request: always(request) if next(numbers) >= first else None


def assert_whole(direct: Store) -> None:
    """Nothing on the server is half, changed or double, whether or not a job was done."""
    sources = {layout.landing_photo(DAY, p.label, p.name): p.data for p in PHOTOS}
    for key, data in direct.get_many([o.key for o in direct.list_objects(layout.LANDING)]):
        assert sources[key] == data
    for key, data in direct.get_many([o.key for o in direct.list_objects(layout.IMAGES)]):
        assert key == layout.image(sha256_hex(data))
        assert data in sources.values()
    for stored in direct.list_objects(layout.TABLES):
        table = read_table(direct, stored.key)
        rows = table.filter(pc.not_equal(table["reason"], UNREADABLE)).to_pylist()
        assert all(row["sha256"] == sha256_hex(sources[row["key"]]) for row in rows)
        assert all(direct.exists(layout.image(row["sha256"])) for row in rows)
    for stored in direct.list_objects(layout.MODELS):
        if stored.key.endswith(layout.MANIFEST):
            bundle = open_bundle(direct, stored.key.split("/")[1])
            assert all(bundle.read(name) for name in bundle.manifest.files)
    assert_log_is_linear(direct)


def assert_log_is_linear(direct: Store) -> None:
    entries = log.history(direct)
    keys = [o.key for o in direct.list_objects(layout.RELEASES)]
    assert keys == [layout.release(number) for number in range(1, len(entries) + 1)]
    versions = [entry.version for entry in entries]
    assert versions == VERSIONS[: len(entries)]  # in order, and none twice
    assert [entry.previous for entry in entries] == [None, *versions[:-1]][: len(entries)]
    for version in versions:
        open_bundle(direct, version)
