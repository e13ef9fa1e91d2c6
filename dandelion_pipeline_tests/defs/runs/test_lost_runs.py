from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

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
from dandelion_pipeline_tests.defs.sensor_looks import look

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


def origin_of(location: str, job: str) -> RemoteJobOrigin:
    code = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=None, module_name=location), location_name=location
    )
    return RemoteJobOrigin(RemoteRepositoryOrigin(code, "__repository__"), job)


HERE, ELSEWHERE = "dandelion_pipeline.definitions", "another"


def lost(instance: dg.DagsterInstance, number: int, **how: Any) -> str:  # noqa: ANN401  any field
    """Add a run that Dagster gave up, with something of it changed. Returns its identity."""
    usual = run(number)
    how = {"job_name": usual.job_name, "run_config": {}, "tags": usual.tags, **how}
    failed = usual._replace(
        remote_job_origin=origin_of(how.pop("location", HERE), how["job_name"]),
        **{**how, "tags": {**how["tags"], "dagster/will_retry": "false"}},
    )
    instance.add_run(failed)
    instance.report_engine_event(GIVEN_UP, failed)
    return failed.run_id


STRANGE: dict[str, dict[str, Any]] = {
    "the job a_job_of_before": {"job_name": "a_job_of_before"},
    "the job __ASSET_JOB": {"job_name": "__ASSET_JOB"},
    "the code location another": {"location": ELSEWHERE},
    "its configuration": {"run_config": {"ops": {"no_such_asset": {"config": {}}}}},
    "no partition 1999-01-01": {"tags": {"dagster/partition": "1999-01-01"}},
    "no partition None": {"tags": {}},
    "some steps": {"op_selection": ["raw_images"]},
    "assets that its job has no more": {"asset_selection": frozenset({dg.AssetKey("gone")})},
}


def tick(instance: dg.DagsterInstance) -> SensorExecutionData:
    here = origin_of(HERE, "any").repository_origin.code_location_origin
    return look(lost_runs_sensor, instance, origin=here)


def test_a_run_that_it_does_not_know_is_left_alone_with_the_reason_and_stops_no_other() -> None:
    training: dict[str, Any] = {"job_name": "training_job", "tags": {}, "run_config": CONFIG}
    some = frozenset({dg.AssetKey("raw_images")})
    with dg.instance_for_test() as instance:
        for number, how in enumerate(STRANGE.values(), 10):
            lost(instance, number, **how)
        lost(instance, 9, tags={TIMES: "a count that is none", "dagster/partition": DAY})
        nothing = tick(instance)
        assert not nothing.run_requests
        for reason in STRANGE:
            assert reason in (nothing.skip_message or "")
        known = {
            lost(instance, 1): "ingestion_job",
            lost(instance, 2, job_name="feedback_job"): "feedback_job",
            lost(instance, 3, **training): "training_job",
            lost(instance, 4, asset_selection=some): "ingestion_job",
        }
        asked = tick(instance).run_requests or []
    assert {request.run_key: request.job_name for request in asked} == {
        f"lost:{run_id}": job for run_id, job in known.items()
    }
    (selection,) = (request.asset_selection for request in asked if request.asset_selection)
    assert set(selection) == some


def test_the_sensor_skips_while_nothing_is_lost() -> None:
    with dg.instance_for_test() as instance:
        nothing = look(lost_runs_sensor, instance)
    assert nothing.skip_message == "no run was lost"
