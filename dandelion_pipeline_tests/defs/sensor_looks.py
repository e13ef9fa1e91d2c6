"""A look of a sensor as Dagster's daemon has it, in this process."""

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.execution.build_resources import wrap_resources_for_execution
from dagster._core.remote_origin import CodeLocationOrigin

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.resources import StoreResource


def look(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    *,
    store: StoreResource | None = None,
    cursor: str | None = None,
    origin: CodeLocationOrigin | None = None,
    definitions: dg.Definitions = defs,
) -> SensorExecutionData:
    """What the sensor asks for.

    `dg.build_sensor_context` would not do: its context looks up no dynamic partitions.

    Args:
        sensor: the sensor.
        instance: on disk.
        store: what the sensor is given, if it wants it.
        cursor: what it remembers.
        origin: of the code location that it belongs to.
        definitions: of that code location.
    """
    with dg.SensorEvaluationContext(
        instance_ref=instance.get_ref(),
        last_tick_completion_time=None,
        last_run_key=None,
        cursor=cursor,
        repository_name=None,
        repository_def=definitions.get_repository_def(),
        resources=wrap_resources_for_execution({"store": store} if store else {}),
    ) as context:
        context._code_location_origin = origin
        return sensor.evaluate_tick(context)
