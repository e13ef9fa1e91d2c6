"""Dagster's own troubles: daemons that are not heard of, schedules and sensors that fail.

A sensor runs in Dagster's daemon. So it notices that one of the daemon's threads has died, or that
ticks fail, and it cannot notice that the whole process is gone, or the thread that runs sensors:
that takes somebody outside (compose's health check, `dagster-daemon liveness-check`).
"""

import json
from collections.abc import Mapping

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickStatus

from dandelion_pipeline.defs.runs.alerts import Alert, innermost, raise_alert
from dandelion_pipeline.settings import Settings

LOOKS = 2
"""So many looks in a row must find the same trouble: what is starting is not heard of yet."""

_ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
_ON = {InstigatorStatus.RUNNING, InstigatorStatus.DECLARED_IN_CODE}


def troubles(instance: dg.DagsterInstance) -> dict[str, str]:
    """What is wrong now: a name of each trouble, and its reason in words."""
    found = {
        f"the daemon {name}": _silence(status.last_heartbeat)
        for name, status in instance.get_daemon_statuses().items()
        if status.required and not status.healthy
    }
    for state in instance.all_instigator_state(instigator_statuses=_ON):
        reason = _why_it_fails(instance, state)
        if reason is not None:
            kind = state.instigator_type.value.lower()
            found[f"the {kind} {state.instigator_name}"] = reason
    return found


def alerts(
    found: Mapping[str, str], looks: Mapping[str, int]
) -> tuple[list[Alert], dict[str, int]]:
    """The alerts to raise, one for each trouble that lasts, and how often each has been seen.

    Args:
        found: what `troubles` found.
        looks: what the call before returned.
    """
    seen = {name: looks.get(name, 0) + 1 for name in found}
    raised = [Alert(f"{name} fails", found[name]) for name, times in seen.items() if times == LOOKS]
    return raised, seen


def health_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that looks for them. It runs unless somebody stops it."""

    @dg.sensor(
        name="health_sensor",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises one alert for each daemon that is not heard of, and for each schedule "
        "or sensor whose ticks fail.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = troubles(context.instance)
        raised, seen = alerts(found, json.loads(context.cursor or "{}"))
        for alert in raised:
            raise_alert(alert, settings, context.log)
        context.update_cursor(json.dumps(seen))
        return dg.SkipReason("; ".join(found) or "all daemons are there, and no tick fails")

    return sensor


def _silence(heartbeat: object) -> str:
    if heartbeat is None:
        return "it was never heard of"
    return "it has not been heard of for minutes: see the log of dagster-daemon, and start it anew"


def _why_it_fails(instance: dg.DagsterInstance, state: InstigatorState) -> str | None:
    ticks = instance.get_ticks(
        state.instigator_origin_id, state.selector_id, limit=1, statuses=_ENDED
    )
    if not ticks or ticks[0].status is not TickStatus.FAILURE:
        return None
    error = ticks[0].error
    return " ".join(innermost(error).split()) if error else "no reason given"
