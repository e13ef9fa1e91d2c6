"""MLflow: one run for each Dagster run, opened by dagster-mlflow and closed by us.

dagster-mlflow's own hook ends the MLflow run after the step that comes last in the graph,
whatever became of the others. Here an asset that fails says so at once, and the Dagster
run's final status has the last word (`close_runs`, called by the run-status sensors and by
`dandelion run`). What they could not close because MLflow was away, `open_runs` finds.

Training waits for an MLflow that is started anew, as long as MLflow's own client does. Opening
and closing a run does not, so that publishing waits for nobody.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import mlflow
from dagster_mlflow.resources import MlFlow
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run, RunStatus

from dandelion_pipeline.defs.mlflow.timeouts import MlflowWithTimeout, one_try_each
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.settings import Settings, load_settings

EXPERIMENT = "dandelion"

TIMEOUT_S = 14.0
"""How long opening or closing a run waits for MLflow, all its answers together."""

DAGSTER_RUN = "dagster_run_id"
"""The tag by which dagster-mlflow says whose run it is."""

_TAKEN = frozenset({"RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"})
"""What MLflow says when another process has just made or restored the experiment."""

_log = logging.getLogger(__name__)

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
        experiment = opened.experiment.experiment_id
        self.link = f"{settings.mlflow_ui}/#/experiments/{experiment}/runs/{self.run_id}"

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        """The link to the run, for an asset's metadata."""
        return {"mlflow_run": dg.MetadataValue.url(self.link)}

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
        self._log_file(png, name, "plots")

    def log_page(self, html: bytes, name: str) -> None:
        """Keep a page, which MLflow shows among the run's artifacts."""
        self._log_file(html, name, "reports")

    def _log_file(self, data: bytes, name: str, below: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            self._mlflow.log_artifact(str(path), below)

    @contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """End the run as failed or killed, at once, if the body ends by an exception."""
        try:
            yield
        except dg.RetryRequested:  # the step goes on, in this MLflow run
            raise
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            self.end(RunStatus.KILLED)
            raise
        except BaseException:
            self.end(RunStatus.FAILED)
            raise

    def end(self, status: int) -> None:
        """End the run, unless it has ended. If MLflow is away, `close_runs` does it later."""
        if mlflow.active_run() is None:
            return
        try:
            with one_try_each(f"ending the MLflow run {self.run_id}"):
                mlflow.end_run(RunStatus.to_string(status))
        except TrackingUnavailable as error:
            _log.warning(str(error))


class Untracked(Tracking):
    """What stands in for a run while MLflow is away: who must have it learns so at once.

    Publishing needs none: a model without its curves is better than no model.
    """

    def __init__(self, away: TrackingUnavailable) -> None:
        self._away = away
        self.run_id = ""

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        """Nothing to link to."""
        return {}

    @property
    def _mlflow(self) -> Any:  # noqa: ANN401  as in Tracking
        raise self._away

    def end(self, status: int) -> None:
        """Nothing has begun."""


@dg.resource(description="One MLflow run for each Dagster run, through dagster-mlflow.")
def mlflow_tracking(context: dg.InitResourceContext) -> Iterator[Tracking]:
    """Open the MLflow run of this Dagster run, or go on with it."""
    settings = load_settings()
    try:
        ensure_experiment(settings)
    except TrackingUnavailable as error:
        yield Untracked(error)
        return
    tracking = Tracking(_open(context, settings), settings)
    try:
        yield tracking
    finally:
        tracking.end(RunStatus.FINISHED)  # unless an asset failed: see `failures_recorded`


def _open(context: dg.InitResourceContext, settings: Settings) -> MlFlow:
    run = context.run
    assert run is not None, "an MLflow run belongs to a Dagster run"  # noqa: S101
    return MlFlow(  # type: ignore[no-untyped-call]
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


def close_runs(settings: Settings, dagster_run_id: str, status: dg.DagsterRunStatus) -> list[str]:
    """Give the MLflow runs of a Dagster run the status that it ended with.

    Returns:
        The MLflow runs whose status was changed.

    Raises:
        TrackingUnavailable: MLflow is not there.
    """
    client = MlflowWithTimeout(settings, "closing the MLflow run", TIMEOUT_S)
    wanted = RunStatus.to_string(MLFLOW_STATUS[status])
    runs = client.ask(lambda asked: _runs_of(asked, dagster_run_id))
    wrong = [run.info.run_id for run in runs if run.info.status != wanted]
    for run_id in wrong:
        client.ask(partial(terminate, run_id=run_id, status=wanted))
    return wrong


def _runs_of(client: MlflowClient, dagster_run_id: str) -> list[Run]:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    of_the_run = f"tags.{DAGSTER_RUN} = '{dagster_run_id}'"
    return list(client.search_runs([experiment.experiment_id], of_the_run))


def terminate(client: MlflowClient, run_id: str, status: str) -> None:
    """End a run, whatever its status is."""
    client.set_terminated(run_id, status)


def ensure_experiment(settings: Settings) -> None:
    """Make the experiment; the embedded one keeps its files under `DANDELION_HOME`.

    One that was deleted in MLflow's page is restored: its name stays taken until it is deleted for
    good, and no run can begin in it.

    Any number of processes may do so at once.

    Raises:
        TrackingUnavailable: MLflow is not there.
    """
    client = MlflowWithTimeout(settings, "keeping runs", TIMEOUT_S)
    client.ask_unless(_TAKEN, lambda asked: _make_experiment(asked, settings))


def _make_experiment(client: MlflowClient, settings: Settings) -> None:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
        client.restore_experiment(found.experiment_id)
        _log.warning(
            "MLflow's experiment %s had been deleted; it is restored with its runs. To be rid of "
            "runs, delete these and not the experiment.",
            EXPERIMENT,
        )
    elif found is None:
        embedded = settings.tracking_uri.startswith("sqlite:")
        location = (settings.mlflow_artifacts / EXPERIMENT).as_uri() if embedded else None
        client.create_experiment(EXPERIMENT, artifact_location=location)
