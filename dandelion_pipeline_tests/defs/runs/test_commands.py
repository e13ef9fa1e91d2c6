"""Runs that commands execute themselves, in the instance that they make."""

import os
import signal
import threading
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.instance.config import PoolGranularity
from mlflow import MlflowClient

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.cli.stop_signals import stopped_like_ctrl_c
from dandelion_pipeline.defs.mlflow.tracking import EXPERIMENT, ensure_experiment
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.processes import PROCESS_TAG, Process
from dandelion_pipeline.defs.runs.slots import free_slots, wait_for_slots
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store

DAY = "2025-05-01"


def started(tags: dict[str, str]) -> dg.DagsterRun:
    with dg.DagsterInstance.get() as instance:
        status = dg.DagsterRunStatus.STARTED
        run = dg.DagsterRun(job_name="ingestion_job", status=status, tags=tags)
        instance.add_run(run)
        wait_for_slots(instance, run, [INGESTION_POOL], pytest.fail)
        return run


def gone() -> dict[str, str]:
    me = Process.of(os.getpid())
    return {PROCESS_TAG: str(Process(me.host, "an earlier boot", me.pid, me.start))}


def test_the_next_command_ends_the_run_of_one_that_was_killed_says_so_and_closes_its_mlflow_run(
    embedded: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Pipeline(embedded)
    killed = started(gone())
    ensure_experiment(embedded)
    client = MlflowClient(embedded.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment
    tags = {"dagster_run_id": killed.run_id}
    opened = client.create_run(experiment.experiment_id, tags=tags).info.run_id
    Pipeline(embedded)
    assert f"Run {killed.run_id} of ingestion_job is ended" in capsys.readouterr().err
    assert client.get_run(opened).info.status == "FAILED"
    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_by_id(killed.run_id)
        assert found
        assert found.status is dg.DagsterRunStatus.FAILURE
        assert not instance.event_log_storage.get_concurrency_info(INGESTION_POOL).claimed_slots


def test_a_command_waits_for_a_run_of_the_queue_says_for_which_and_goes_on_when_it_is_over(
    embedded: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline, store = Pipeline(embedded), open_store(embedded.store)
    queued = started({})
    command = threading.Thread(target=pipeline.ingest, args=[DAY])
    command.start()
    said = ""
    while f"Waiting for run {queued.run_id} of ingestion_job" not in said and command.is_alive():
        said += capfd.readouterr().err
    assert command.is_alive()
    assert not store.exists(layout.table("raw_images", DAY))
    with dg.DagsterInstance.get() as instance:
        instance.report_run_failed(queued)
        free_slots(instance, queued.run_id)
        command.join()
        (own,) = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": DAY}))
        assert own.status is dg.DagsterRunStatus.SUCCESS
        assert not instance.event_log_storage.get_concurrency_info(INGESTION_POOL).claimed_slots
    assert store.exists(layout.table("clean_images", DAY))


def test_the_instance_of_commands_holds_pools_for_whole_runs_and_ends_what_hangs(
    embedded: Settings,
) -> None:
    Pipeline(embedded)
    with dg.DagsterInstance.get() as instance:
        pools = instance.get_concurrency_config().pool_config
        assert (pools.default_pool_limit, pools.pool_granularity) == (1, PoolGranularity.RUN)
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 2 * 24 * 3600


@pytest.fixture
def signals_of_a_new_process() -> Iterator[None]:
    """Dagster and servers that ran in this process before leave handlers of their own behind."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        if handler is not None:  # else it is one of a C library, which Python cannot set
            signal.signal(number, handler)


@pytest.mark.usefixtures("signals_of_a_new_process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_closed_terminal_and_sigterm_stop_a_command_as_ctrl_c_does(
    number: signal.Signals,
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopped_like_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("signals_of_a_new_process")
def test_below_nohup_a_closed_terminal_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_like_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("signals_of_a_new_process")
def test_where_ctrl_c_is_ignored_sigterm_still_stops_a_command() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), stopped_like_ctrl_c():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
