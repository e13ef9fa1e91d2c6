import dagster as dg
import pytest

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.automation.jobs import ingestion_job
from dandelion_pipeline.defs.runs.lost_runs import (
    GIVEN_UP,
    MOST,
    TIMES,
    again_requests,
    lost_runs,
    lost_runs_sensor,
)
from dandelion_pipeline_tests.data.small_data_set import DAY

CONFIG = {"ops": {"trained_model": {"config": {"epochs": 1}}}}


def run(number: int, **tags: str) -> dg.DagsterRun:
    """One that failed."""
    return dg.DagsterRun(
        job_name=ingestion_job.name,
        run_id=f"00000000-0000-0000-0000-{number:012}",
        status=dg.DagsterRunStatus.FAILURE,
        run_config=CONFIG,
        tags={"dagster/partition": DAY, **tags},
    )


@pytest.mark.parametrize(("times", "asked"), [("0", 1), (str(MOST - 1), 1), (str(MOST), 0)])
def test_a_lost_run_is_asked_for_again_a_bounded_number_of_times(times: str, asked: int) -> None:
    assert len(again_requests([run(1, **{TIMES: times})])) == asked


def test_it_is_asked_for_as_it_was_and_once() -> None:
    (first,) = again_requests([run(1)])
    (again,) = again_requests([run(1)])
    (other,) = again_requests([run(2)])
    assert first.run_key == again.run_key != other.run_key
    assert first.partition_key == DAY
    assert first.job_name == "ingestion_job"
    assert first.run_config == CONFIG
    assert first.tags[TIMES] == "1"


@pytest.mark.parametrize(
    ("will_retry", "noted", "is_lost"),
    [
        ("false", [GIVEN_UP], True),
        ("false", ["Process for run exited (pid: 1)."], False),
        ("true", ["Retrying the run"], False),
        ("true", [], False),
    ],
)
def test_only_what_dagster_gave_up_is_lost(
    will_retry: str, noted: list[str], is_lost: bool
) -> None:
    failed = run(1, **{"dagster/will_retry": will_retry})
    with dg.instance_for_test() as instance:
        instance.add_run(failed)
        for message in noted:
            instance.report_engine_event(message, failed)
        assert [found.run_id for found in lost_runs(instance)] == [failed.run_id] * is_lost


def test_the_sensor_skips_while_nothing_is_lost() -> None:
    with (
        dg.instance_for_test() as instance,
        dg.build_sensor_context(
            instance=instance, repository_def=defs.get_repository_def()
        ) as context,
    ):
        tick = lost_runs_sensor.evaluate_tick(context)
    assert tick.skip_message == "no run was lost"
