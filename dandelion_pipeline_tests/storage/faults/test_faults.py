"""Ingest and publish while the way to a real S3 server does harm: done, or failed cleanly.

Whatever happened, what lies on the server afterwards is whole, and a second run completes it.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from dandelion_pipeline.errors import StoreUnavailable
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.fault_plans import Fault, Faults, no_faults
from dandelion_pipeline_tests.servers.fault_proxy import FaultProxy
from dandelion_pipeline_tests.storage.faults.jobs import (
    BROKEN,
    SLOW,
    Ingest,
    Job,
    Publish,
    assert_whole,
    both_jobs,
    from_request,
)

pytestmark = pytest.mark.timeout(90)  # no fault may hang us


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
