"""Alerts of Dagster's own troubles, and of runs that succeeded with warnings."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from dandelion_pipeline.defs.runs.check_warnings import warning_sensor
from dandelion_pipeline.defs.runs.health import LOOKS, alerts, health_sensor, troubles
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.defs.automation.test_sensors import Webhook, webhook

__all__ = ["webhook"]

ORIGIN = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="here"), location_name="here"),
    "__repository__",
).get_instigator_origin("landing_sensor")
ERROR = SerializableErrorInfo("the store\nis a file", [], "ValueError", None)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def beat(instance: dg.DagsterInstance, *, silent: str = "", ago: float = 0) -> None:
    now = time.time()
    for name in instance.get_required_daemon_types():
        instance.add_daemon_heartbeat(DaemonHeartbeat(now - ago * (name == silent), name, "one"))


def tick(instance: dg.DagsterInstance, status: TickStatus) -> None:
    state = InstigatorState(ORIGIN, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE)
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
        instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            "landing_sensor",
            InstigatorType.SENSOR,
            status,
            timestamp=time.time(),
            run_ids=[],
            skip_reason="nothing to do" if status is TickStatus.SKIPPED else None,
            selector_id=state.selector_id,
            error=ERROR if status is TickStatus.FAILURE else None,
        )
    )


def test_a_daemon_that_is_not_heard_of_is_a_trouble_and_the_others_are_none(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance)
    assert troubles(instance) == {}
    beat(instance, silent="SCHEDULER", ago=3600)
    assert list(troubles(instance)) == ["the daemon SCHEDULER"]
    beat(instance)
    assert troubles(instance) == {}


@pytest.mark.parametrize(
    ("ticks", "fails"),
    [
        ([TickStatus.FAILURE], True),
        ([TickStatus.SUCCESS, TickStatus.FAILURE, TickStatus.STARTED], True),
        ([TickStatus.FAILURE, TickStatus.SKIPPED], False),
        ([TickStatus.FAILURE, TickStatus.SUCCESS], False),
    ],
)
def test_a_sensor_fails_if_its_last_tick_that_ended_did(
    instance: dg.DagsterInstance, ticks: list[TickStatus], *, fails: bool
) -> None:
    beat(instance)
    for status in ticks:
        tick(instance, status)
    failing = {"the sensor landing_sensor": "the store is a file"}
    assert troubles(instance) == (failing if fails else {})


def test_a_trouble_that_lasts_raises_one_alert_and_one_more_if_it_comes_again() -> None:
    there, looks = {"the daemon SCHEDULER": "it is silent"}, dict[str, int]()
    raised = []
    for found in [there] * LOOKS + [there] * 3 + [{}] + [there] * LOOKS + [{}, there]:
        now, looks = alerts(found, looks)
        raised.append([alert.message for alert in now])
    one = ["the daemon SCHEDULER fails: it is silent"]
    assert [number for number, said in enumerate(raised, 1) if said == one] == [2, 8]
    assert sum(map(len, raised)) == 2


def test_the_sensor_posts_it_once(instance: dg.DagsterInstance, webhook: str) -> None:
    beat(instance)
    tick(instance, TickStatus.FAILURE)
    sensor = health_sensor(Settings.model_validate({"alert_webhook": webhook}))
    cursor = None
    for _ in range(LOOKS + 2):
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            cursor = sensor.evaluate_tick(context).cursor
    (alert,) = Webhook.received
    assert alert["text"] == "the sensor landing_sensor fails: the store is a file"
    assert alert["run_id"] == ""
    tick(instance, TickStatus.SUCCESS)


def checked(
    instance: dg.DagsterInstance, webhook: str, *, passed: bool, accepted: bool = False
) -> str | None:
    """What the sensor does with a run whose check warns. Returns its reason to skip."""
    metadata = {"accepted by": "ada"} if accepted else {}

    @dg.asset(check_specs=[dg.AssetCheckSpec("no_drift", asset="photos")])
    def photos() -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        yield dg.Output(None)
        yield dg.AssetCheckResult(
            check_name="no_drift",
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description="they are darker",
            metadata=metadata,
        )

    result = dg.materialize([photos], instance=instance)
    assert result.success
    context = dg.build_run_status_sensor_context(
        sensor_name="warning_sensor",
        dagster_event=result.get_run_success_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    )
    told = warning_sensor(Settings.model_validate({"alert_webhook": webhook}))(context)
    return told.skip_message if isinstance(told, dg.SkipReason) else None


def test_a_check_that_warns_raises_an_alert_as_a_failed_run_does(
    instance: dg.DagsterInstance, webhook: str
) -> None:
    assert checked(instance, webhook, passed=False) is None
    (alert,) = Webhook.received
    assert alert["reason"] == "photos, no_drift: they are darker"
    assert "succeeded with warnings: photos, no_drift" in alert["text"]
    assert alert["run_id"] in alert["text"]


@pytest.mark.parametrize("how", [{"passed": True}, {"passed": False, "accepted": True}])
def test_a_check_that_passes_or_was_accepted_raises_none(
    instance: dg.DagsterInstance, webhook: str, how: dict[str, bool]
) -> None:
    assert "all checks passed" in (checked(instance, webhook, **how) or "")
    assert Webhook.received == []
