"""Ingest and publish while the way to a real S3 server does harm: done, or failed cleanly.

Whatever happened, what lies on the server afterwards is whole, and a second run completes it.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pyarrow.compute as pc
import pytest

from dandelion_pipeline.errors import BundleError, ObjectDamaged, ReleaseError, StoreUnavailable
from dandelion_pipeline.ingest.intake import ACCEPTED, RAW_IMAGES, REJECTED, take_in
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.ingest.verdicts import UNREADABLE
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import S3Options, open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import read_table, write_table
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.servers.fault_proxy import (
    Fault,
    FaultProxy,
    Faults,
    Plan,
    fault_proxy,
    no_faults,
)
from dandelion_pipeline_tests.servers.seaweedfs import S3Server

pytestmark = pytest.mark.timeout(90)  # no fault may hang us

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


@pytest.fixture
def direct(s3_url: str) -> Store:
    """The store without the proxy."""
    return open_store(s3_url)


@pytest.fixture
def proxy(s3_server: S3Server, direct: Store) -> Iterator[FaultProxy]:
    upstream = s3_server.environment["AWS_ENDPOINT_URL"]
    with fault_proxy(upstream, latency=0.05, pause=0.01) as running:
        yield running


@pytest.fixture
def store(proxy: FaultProxy, direct: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same store, through the proxy."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    return open_store(direct.url)


@pytest.fixture
def hasty_store(store: Store) -> Store:
    """It gives up sooner, so that this file does not take minutes."""
    return open_store(store.url, S3Options(max_attempts=3))


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


@both_jobs
@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_that_strikes_now_and_then_heals(
    job_type: type[Job], fault: Fault, proxy: FaultProxy, store: Store, direct: Store
) -> None:
    proxy.faults = Faults({fault: 0.15}, seed=5, most_in_a_row=2)
    job = job_type()
    job(store)
    assert proxy.struck(fault)
    assert_whole(direct)
    job.assert_complete(direct)


@both_jobs
def test_faults_of_all_kinds_now_and_then_heal(
    job_type: type[Job], proxy: FaultProxy, store: Store, direct: Store
) -> None:
    proxy.faults = Faults(dict.fromkeys([*SLOW, *BROKEN], 0.03), seed=11, most_in_a_row=2)
    job = job_type()
    job(store)
    assert len({request.fault for request in proxy.struck()}) > 3
    assert_whole(direct)
    job.assert_complete(direct)


@both_jobs
@pytest.mark.parametrize("fault", SLOW)
def test_a_slow_server_is_waited_for(
    job_type: type[Job], fault: Fault, proxy: FaultProxy, store: Store, direct: Store
) -> None:
    proxy.faults = Faults({fault: 1})
    job = job_type()
    job(store)
    assert proxy.struck(fault)
    assert_whole(direct)
    job.assert_complete(direct)


@pytest.mark.parametrize("fault", [f for f in BROKEN if f is not Fault.ERROR_500])  # as _BEHIND_500
@pytest.mark.parametrize(("job_type", "first"), [(Ingest, 5), (Ingest, 20), (Publish, 4)])
def test_a_fault_that_stays_makes_the_store_unavailable_and_a_second_run_completes(
    job_type: type[Job],
    first: int,
    fault: Fault,
    proxy: FaultProxy,
    hasty_store: Store,
    direct: Store,
) -> None:
    proxy.faults = from_request(first, fault)
    job = job_type()
    with pytest.raises(StoreUnavailable):
        job(hasty_store)
    assert proxy.struck(fault)
    assert_whole(direct)
    proxy.faults = no_faults
    job(hasty_store)
    assert_whole(direct)
    job.assert_complete(direct)


def both_at_once(store: Store, jobs: list[Job]) -> list[BaseException | None]:
    """What each raised: they wait side by side for what hangs."""
    with ThreadPoolExecutor(2) as pool:
        return [future.exception() for future in [pool.submit(job, store) for job in jobs]]


def test_a_server_that_hangs_is_given_up_and_a_second_run_completes(
    proxy: FaultProxy, store: Store, direct: Store
) -> None:
    jobs: list[Job] = [Ingest(), Publish()]
    proxy.faults = lambda r: Fault.HANG if r.method == "GET" else None  # puts have a longer timeout
    failures = both_at_once(store, jobs)
    assert [type(failure) for failure in failures] == [StoreUnavailable, StoreUnavailable]
    assert proxy.struck(Fault.HANG)
    assert_whole(direct)
    proxy.faults = no_faults
    assert both_at_once(store, jobs) == [None, None]
    assert_whole(direct)
    for job in jobs:
        job.assert_complete(direct)


def test_a_large_upload_that_is_cut_leaves_nothing_and_heals(
    proxy: FaultProxy, hasty_store: Store, direct: Store
) -> None:
    data = bytes(range(256)) * 36 * 1024  # 9 MiB
    proxy.faults = Faults({Fault.CUT_UPLOAD: 1})
    for write in (hasty_store.put, hasty_store.put_if_absent):
        with pytest.raises(StoreUnavailable):
            write("large", data)
        assert direct.list_objects("") == []
    proxy.faults = Faults({Fault.CUT_UPLOAD: 1}, most_in_a_row=2)
    hasty_store.put("large", data)
    assert hasty_store.put_if_absent("large too", data)
    assert direct.get("large") == direct.get("large too") == data


LOST = [Fault.LOST_ANSWER, Fault.HUNG_UP, Fault.LOST_BEHIND_500]


def lose_releases(fault: Fault) -> Plan:
    """Of each new entry of the log, the first acknowledgement is lost."""
    lose = Faults({fault: 1}, most_in_a_row=1)
    return lambda r: lose(r) if r.if_none_match and layout.RELEASES in r.path else None


@pytest.mark.parametrize("fault", LOST)
def test_a_release_whose_acknowledgement_was_lost_is_in_the_log_once(
    fault: Fault, proxy: FaultProxy, store: Store, direct: Store
) -> None:
    proxy.faults = lose_releases(fault)
    job = Publish()
    job(store)
    assert len(proxy.struck(fault)) == len(VERSIONS)
    assert_log_is_linear(direct)
    job.assert_complete(direct)


@pytest.mark.parametrize("fault", LOST)
def test_a_rollback_whose_acknowledgement_was_lost_goes_back_once(
    fault: Fault, proxy: FaultProxy, store: Store, direct: Store
) -> None:
    Publish()(direct)
    proxy.faults = lose_releases(fault)
    rollback(store, to=None, who="a test", why="it is being tested")
    assert len(proxy.struck(fault)) == 1
    assert [entry.version for entry in log.history(direct)] == [*VERSIONS, VERSIONS[-2]]


def objects_alone(plan: Plan) -> Plan:
    """Spare listings: they carry no checksum."""
    return lambda request: None if "list-type" in request.path else plan(request)


@both_jobs
def test_a_download_that_was_changed_on_its_way_is_found_and_read_again(
    job_type: type[Job], proxy: FaultProxy, store: Store, direct: Store
) -> None:
    plan = Faults({Fault.FLIPPED_DOWNLOAD: 0.4}, seed=5, most_in_a_row=2)
    proxy.faults = objects_alone(plan)
    job = job_type()
    job(store)
    assert proxy.struck(Fault.FLIPPED_DOWNLOAD)
    assert_whole(direct)
    job.assert_complete(direct)


@pytest.mark.parametrize("first", [0, 7])
def test_downloads_that_are_always_changed_are_called_damaged_and_a_second_publishing_completes(
    first: int, proxy: FaultProxy, hasty_store: Store, direct: Store
) -> None:
    proxy.faults = objects_alone(from_request(first, Fault.FLIPPED_DOWNLOAD))
    job = Publish()
    with pytest.raises((ObjectDamaged, BundleError, ReleaseError), match="not what was written"):
        job(hasty_store)
    assert_whole(direct)
    proxy.faults = no_faults
    job(hasty_store)
    assert_whole(direct)
    job.assert_complete(direct)


@pytest.mark.parametrize("first", [0, 7])
def test_photos_that_always_arrive_changed_are_named_and_a_second_intake_takes_them(
    first: int, proxy: FaultProxy, hasty_store: Store, direct: Store
) -> None:
    proxy.faults = objects_alone(from_request(first, Fault.FLIPPED_DOWNLOAD))
    job = Ingest()
    job(hasty_store)
    table = read_table(direct, layout.table(RAW_IMAGES, DAY))
    rejected = table.filter(pc.equal(table["status"], REJECTED))
    assert set(rejected["reason"].to_pylist()) == {UNREADABLE}
    assert all("not what was written" in detail for detail in rejected["detail"].to_pylist())
    assert_whole(direct)
    proxy.faults = no_faults
    job(hasty_store)
    job.assert_complete(direct)
