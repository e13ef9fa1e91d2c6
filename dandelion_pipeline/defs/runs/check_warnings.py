"""Checks that warn: the run goes on and succeeds, and somebody should look at it all the same."""

import dagster as dg

from dandelion_pipeline.defs.runs.alerts import alert_of_warnings, raise_alert
from dandelion_pipeline.settings import Settings


def warning_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that looks at the checks of successful runs. It runs unless somebody stops it."""

    @dg.run_status_sensor(
        name="warning_sensor",
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises one alert for each run that succeeded although checks did not pass.",
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        alert = alert_of_warnings(context.dagster_run, _checks(context))
        if alert is None:
            return dg.SkipReason("all checks passed, or somebody accepted what they found")
        raise_alert(alert, settings, context.log)
        return None

    return sensor


def _checks(context: dg.RunStatusSensorContext) -> list[dg.AssetCheckEvaluation]:
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    records = context.instance.get_records_for_run(context.dagster_run.run_id, of_type=kind).records
    events = (record.event_log_entry.get_dagster_event() for record in records)
    return [event.asset_check_evaluation_data for event in events]
