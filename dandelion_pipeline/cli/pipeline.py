"""The Dagster jobs, run in this process and recorded in the instance that the UI shows."""

import os
import signal
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from dandelion_pipeline.cli.report import err
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.assets.training import TrainedModelConfig
from dandelion_pipeline.defs.io_managers import SNAPSHOT
from dandelion_pipeline.defs.mlflow.open_runs import close_left_open
from dandelion_pipeline.defs.mlflow.tracking import (
    MLFLOW_STATUS,
    close_runs,
    ensure_experiment,
)
from dandelion_pipeline.defs.partitions import add_days, photo_days
from dandelion_pipeline.defs.runs.executor import STOPPED_AT_ITS_END
from dandelion_pipeline.defs.runs.processes import (
    GONE,
    NO_RETRY,
    PROCESS_TAG,
    end_dead_runs,
    this_process,
)
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
    granularity: run  # what waits is in the queue, and not a process that holds memory
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
  max_runtime_seconds: 172800  # two days: what hangs is stopped, and lets others run
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
        for run in end_dead_runs(self._instance):
            err.print(f"Run {run.run_id} of {run.job_name} is ended. {GONE}")
            self._close_mlflow_runs(run.run_id)

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
        self._close_left_open()
        knobs = {"trained_model": TrainedModelConfig(**config.model_dump())}
        run_id = str(uuid.uuid4())
        try:
            result = self._execute("training_job", run_id, ops=knobs)
        finally:  # no daemon need run here, so no sensor closes the MLflow run
            self._close_mlflow_runs(run_id)
        (made,) = result.asset_materializations_for_node("trained_model")
        return str(made.metadata[SNAPSHOT].value)

    def _close_mlflow_runs(self, run_id: str) -> None:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.status not in MLFLOW_STATUS:
            return
        try:
            close_runs(self._settings, run_id, run.status)
        except TrackingUnavailable as error:  # whatever came of the run stays
            err.print(f"The MLflow run is left open until the next training: {error}")

    def _close_left_open(self) -> None:
        try:
            close_left_open(self._settings, self._instance)
        except TrackingUnavailable as error:
            err.print(f"MLflow runs may be left open until the next training: {error}")

    def _execute(
        self,
        job: str,
        run_id: str,
        *,
        partition_key: str | None = None,
        ops: Mapping[str, dg.Config] | None = None,
    ) -> dg.JobExecutionResult:
        """Execute a job as the queue would, with its executor, which waits for its pools."""
        definition = defs.resolve_job_def(job)
        chosen = dg.RunConfig(dict(ops or {}), loggers={"console": {}})
        day = {"dagster/partition": partition_key} if partition_key else {}
        run = self._instance.create_run_for_job(
            definition,
            run_id=run_id,
            run_config=chosen.to_config_dict(),  # type: ignore[no-untyped-call]
            tags={**definition.run_tags, **day, PROCESS_TAG: this_process(), **NO_RETRY},
        )
        term = signal.getsignal(signal.SIGTERM)  # Dagster leaves SIGINT's handler in its place
        try:
            result = execute_run(InMemoryJob(definition), run, self._instance, raise_on_error=True)
        except dg.DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        except dg.DagsterError as error:  # IO managers, resources and retries wrap what is ours
            ours = _ours_within(error)
            if ours is None:
                raise
            raise ours from None
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, term)
        if STOPPED_AT_ITS_END in result.dagster_run.tags:
            raise KeyboardInterrupt
        return result


def _ours_within(error: BaseException | None) -> DandelionError | None:
    while error is not None and not isinstance(error, DandelionError):
        error = error.__cause__ or error.__context__
    return error
