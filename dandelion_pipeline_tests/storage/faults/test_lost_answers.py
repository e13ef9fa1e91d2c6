"""Answers that are lost or changed on their way from a real S3 server."""

import pyarrow.compute as pc
import pytest

from dandelion_pipeline.errors import BundleError, ObjectDamaged, ReleaseError
from dandelion_pipeline.ingest.intake import RAW_IMAGES, REJECTED
from dandelion_pipeline.ingest.verdicts import UNREADABLE
from dandelion_pipeline.release import log
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.servers.fault_plans import Fault, Faults, Plan, no_faults
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy
from dandelion_pipeline_tests.storage.faults.jobs import (
    DAY,
    VERSIONS,
    Ingest,
    Job,
    Publish,
    assert_log_is_linear,
    assert_whole,
    both_jobs,
    from_request,
)

pytestmark = pytest.mark.timeout(90)  # no fault may hang us


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
