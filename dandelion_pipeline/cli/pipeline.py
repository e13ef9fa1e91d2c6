"""The Dagster jobs, run in this process and recorded in the instance that the UI shows."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from dandelion_pipeline.cli.pool_slots import PROCESS_TAG, free_unused_slots, this_process
from dandelion_pipeline.cli.report import err
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.assets.training import TrainedModelConfig
from dandelion_pipeline.defs.io_managers import SNAPSHOT
from dandelion_pipeline.defs.mlflow.tracking import MLFLOW_STATUS, close_runs, ensure_experiment
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.errors import DandelionError, SettingsError, TrackingUnavailable
from dandelion_pipeline.settings import Settings, absolute_folder
from dandelion_pipeline.training.config import TrainingConfig

_INSTANCE = """\
# The embedded Dagster: SQLite in this folder.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1  # one ingestion and one training at a time
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_user_code_failure_retries: 60  # ten minutes: else what waits fails with a code server that
    user_code_failure_retry_delay: 10  # is away, and Dagster cannot start it again either
run_launcher:
  module: dandelion_pipeline.defs.runs.launcher
  class: WatchedRunLauncher
run_monitoring:
  enabled: true  # a run whose process was killed fails, and lets go of its slot
  poll_interval_seconds: 10
  free_slots_after_run_end_seconds: 10
  max_resume_run_attempts: 0
run_retries:
  enabled: true  # and is started again; a step that failed is not
  max_retries: 1
  retry_on_asset_or_op_failure: false
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """Make the embedded instance's folder unless `DAGSTER_HOME` names another.

    Dagster takes an absolute path alone, so that of `DAGSTER_HOME` is made one.

    Raises:
        SettingsError: the folder cannot be used.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = absolute_folder("DAGSTER_HOME", given) if given else settings.dagster_home
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        config = home / "dagster.yaml"
        if not config.exists():
            config.write_text(_INSTANCE)
    except OSError as error:
        raise SettingsError(
            f"Dagster's folder {home}",
            f"it cannot be used ({error.strerror})",
            f"Correct {'DAGSTER_HOME' if given else 'DANDELION_HOME'}, free space, or give this "
            "user the permission to write there",
        ) from None
    return home


class Pipeline:
    """Runs jobs of the code location."""

    def __init__(self, settings: Settings) -> None:
        prepare_dagster_home(settings)
        self._settings = settings
        self._instance = dg.DagsterInstance.get()

    def ingest(self, day: str) -> None:
        """Take in the photos that landed on a day."""
        add_days(self._instance, photo_days, [day])
        self._execute("ingestion_job", str(uuid.uuid4()), partition_key=day)

    def train(self, config: TrainingConfig) -> str:
        """Make a model and publish it if the gate agrees.

        Returns:
            Its version.

        Raises:
            TrackingUnavailable: MLflow is not there, so that nothing of the run would be kept.
        """
        ensure_experiment(self._settings)
        knobs = {"trained_model": TrainedModelConfig(**config.model_dump())}
        run_id = str(uuid.uuid4())
        try:
            result = self._execute("training_job", run_id, ops=knobs)
        finally:  # no daemon need run here, so no sensor closes the MLflow run
            run = self._instance.get_run_by_id(run_id)
            if run is not None and run.status in MLFLOW_STATUS:
                self._close_mlflow_runs(run)
        (made,) = result.asset_materializations_for_node("trained_model")
        return str(made.metadata[SNAPSHOT].value)

    def _close_mlflow_runs(self, run: dg.DagsterRun) -> None:
        try:
            close_runs(self._settings, run.run_id, run.status)
        except TrackingUnavailable as error:  # whatever came of the run stays
            err.print(f"The MLflow run is left open: {error}")

    def _execute(
        self,
        job: str,
        run_id: str,
        *,
        partition_key: str | None = None,
        ops: Mapping[str, dg.Config] | None = None,
    ) -> dg.ExecuteInProcessResult:
        for other in list(free_unused_slots(self._instance)):
            err.print(
                f"Waiting for run {other.run_id} of {other.job_name}, which is still running. If "
                "its process is gone, terminate it in Dagster: `make up`, Runs, Terminate."
            )
        try:
            return defs.resolve_job_def(job).execute_in_process(
                instance=self._instance,
                partition_key=partition_key,
                run_config=dg.RunConfig(dict(ops or {}), loggers={"console": {}}),
                tags={PROCESS_TAG: this_process()},
                run_id=run_id,
            )
        except dg.DagsterExecutionInterruptedError:
            # Dagster knows of no request to stop and calls it a failure: say what it was.
            run = self._instance.get_run_by_id(run_id)
            if run is not None:
                self._instance.report_run_canceled(run, "Stopped by Ctrl-C.")
            raise KeyboardInterrupt from None
        except dg.DagsterError as error:  # IO managers, resources and retries wrap what is ours
            ours = _ours_within(error)
            if ours is None:
                raise
            raise ours from None


def _ours_within(error: BaseException | None) -> DandelionError | None:
    while error is not None and not isinstance(error, DandelionError):
        error = error.__cause__ or error.__context__
    return error
