"""MLflow: one run for each Dagster run, opened by dagster-mlflow and closed by us.

dagster-mlflow's own hook ends the MLflow run after the step that comes last in the graph,
whatever became of the others. Here an asset that fails says so at once, and the Dagster
run's final status has the last word (`close_runs`, called by the run-status sensors and by
`dandelion run`).
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import mlflow
from dagster_mlflow.resources import MlFlow
from mlflow import MlflowClient
from mlflow.entities import RunStatus

from dandelion_pipeline.settings import Settings, load_settings

EXPERIMENT = "dandelion"
_LOCAL_UI = "http://127.0.0.1:5001"

MLFLOW_STATUS = {
    dg.DagsterRunStatus.SUCCESS: RunStatus.FINISHED,
    dg.DagsterRunStatus.FAILURE: RunStatus.FAILED,
    dg.DagsterRunStatus.CANCELED: RunStatus.KILLED,
}


class Tracking:
    """The MLflow run of this Dagster run: dagster-mlflow's resource, with types."""

    def __init__(self, opened: Any, settings: Settings) -> None:  # noqa: ANN401  made at run time
        self._mlflow = opened
        self.run_id: str = mlflow.active_run().info.run_id  # type: ignore[union-attr]
        self.link = _run_link(settings, opened.experiment.experiment_id, self.run_id)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Keep what was chosen."""
        self._mlflow.log_params(dict(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep what was measured, after a step if there are many."""
        self._mlflow.log_metrics(dict(metrics), step=step)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Keep what the run can be found by."""
        self._mlflow.set_tags(dict(tags))

    def log_plot(self, png: bytes, name: str) -> None:
        """Keep a plot."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(png)
            self._mlflow.log_artifact(str(path), "plots")

    @contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """End the run as failed or killed, at once, if the body ends by an exception."""
        try:
            yield
        except dg.RetryRequested:  # the step goes on, in this MLflow run
            raise
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            self._mlflow.end_run(RunStatus.to_string(RunStatus.KILLED))
            raise
        except BaseException:
            self._mlflow.end_run(RunStatus.to_string(RunStatus.FAILED))
            raise


@dg.resource(description="One MLflow run for each Dagster run, through dagster-mlflow.")
def mlflow_tracking(context: dg.InitResourceContext) -> Iterator[Tracking]:
    """Open the MLflow run of this Dagster run, or go on with it."""
    settings = load_settings()
    ensure_experiment(settings)
    run = context.run
    assert run is not None, "an MLflow run belongs to a Dagster run"  # noqa: S101
    opened = MlFlow(  # type: ignore[no-untyped-call]
        SimpleNamespace(
            log=context.log,
            dagster_run=run,
            run_id=run.run_id,
            resource_config={
                "experiment_name": EXPERIMENT,
                "mlflow_tracking_uri": settings.tracking_uri,
            },
        )
    )
    try:
        yield Tracking(opened, settings)
    finally:
        if mlflow.active_run() is not None:  # no asset failed: see `failures_recorded`
            mlflow.end_run()


def close_runs(settings: Settings, dagster_run_id: str, status: dg.DagsterRunStatus) -> list[str]:
    """Give the MLflow runs of a Dagster run the status that it ended with.

    Returns:
        The MLflow runs whose status was changed.
    """
    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    wanted = RunStatus.to_string(MLFLOW_STATUS[status])
    runs = client.search_runs(
        [experiment.experiment_id], f"tags.dagster_run_id = '{dagster_run_id}'"
    )
    wrong = [run.info.run_id for run in runs if run.info.status != wanted]
    for run_id in wrong:
        client.set_terminated(run_id, wanted)
    return wrong


def ensure_experiment(settings: Settings) -> None:
    """Make the experiment; the embedded one keeps its files under `DANDELION_HOME`."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(settings.tracking_uri)
    if client.get_experiment_by_name(EXPERIMENT) is None:
        embedded = settings.tracking_uri.startswith("sqlite:")
        location = (settings.mlflow_artifacts / EXPERIMENT).as_uri() if embedded else None
        client.create_experiment(EXPERIMENT, artifact_location=location)


def _run_link(settings: Settings, experiment_id: str, run_id: str) -> str:
    base = settings.tracking_uri if settings.tracking_uri.startswith("http") else _LOCAL_UI
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
