"""`published_model` in Dagster, with MLflow there, away, dying and silent: the model goes live."""

import signal
import socket
import time
from collections.abc import Callable

import dagster as dg
import mlflow
import pyarrow as pa
import pytest

from dandelion_pipeline.cli.up import _mlflow as mlflow_service
from dandelion_pipeline.dataset.dataset import build_dataset
from dandelion_pipeline.defs.assets.release import published_model
from dandelion_pipeline.defs.mlflow import timeouts
from dandelion_pipeline.defs.mlflow.registry import CHAMPION
from dandelion_pipeline.defs.mlflow.tracking import TIMEOUT_S, mlflow_tracking
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.evaluation.scores import score
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle, put_files
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline_tests.data.clean_rows import clean_table
from dandelion_pipeline_tests.data.tiny_models import CLASSES
from dandelion_pipeline_tests.defs.mlflow.registered import aliases, ask
from dandelion_pipeline_tests.gate.test_publish import challenger, coloured
from dandelion_pipeline_tests.servers.processes import free_port, running, signal_family

Judged = tuple[TrainedModel, pa.Table, pa.Table]


def nothing() -> None:
    """Happens."""


@pytest.fixture
def judged(folder: Store) -> Judged:
    """A model, its scores, and the data set that it was measured on."""
    rows = []
    for label in CLASSES:
        for number in range(40):
            data = coloured(label, number)
            folder.put(layout.image(sha256_hex(data)), data)
            rows.append({"sha256": sha256_hex(data), "label": label, "name": f"{number}.png"})
    dataset = build_dataset(clean_table(rows), "salt").used
    model = challenger(dataset, "made", flipped=False, sample=False)
    put_files(folder, "made", model.bundle_files())
    return model, score(folder, dataset, model), dataset


def given(name: str, value: object, before: Callable[[], None] = nothing) -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def upstream() -> object:
        before()
        return value

    return upstream


def materialise(
    store: Store, judged: Judged, before: Callable[[], None] = nothing
) -> dict[str, object]:
    """Run `published_model` in Dagster, after something happened; its metadata."""
    model, scores, dataset = judged
    upstream = [
        given("trained_model", model),
        given("evaluation", scores),
        given("dataset", dataset, before),
    ]
    result = dg.materialize(
        [*upstream, published_model],
        resources={
            "store": StoreResource(url=store.url),
            "mlflow": mlflow_tracking,
            "io_manager": dg.mem_io_manager,
        },
    )
    assert result.success
    (made,) = result.asset_materializations_for_node("published_model")
    return {name: entry.value for name, entry in made.metadata.items()}


def test_publishing_brings_mlflow_up_to_date_and_links_to_it(
    embedded: Settings, folder: Store, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANDELION_MLFLOW_UI_URL", "https://mlflow.example/")
    metadata = materialise(folder, judged)
    run = open_bundle(folder, "made").manifest.mlflow_run
    assert aliases(embedded) == {CHAMPION: "made"}
    assert metadata["registered_version"] == (
        "https://mlflow.example/#/models/dandelion/versions/1"
    )
    assert metadata["mlflow_run"] == f"https://mlflow.example/#/experiments/1/runs/{run}"
    kept = ask(embedded).get_run(run)
    assert kept.data.tags["promoted"] == "True"
    assert kept.info.status == "FINISHED"


@pytest.mark.usefixtures("embedded")
def test_publishing_succeeds_while_mlflow_is_away_and_warns(
    folder: Store,
    judged: Judged,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    metadata = materialise(folder, judged)
    assert not {"registered_version", "mlflow_run"} & set(metadata)
    assert log.live(folder).version == "made"
    assert open_bundle(folder, "made").manifest.mlflow_run == ""
    said = capfd.readouterr().err
    assert "WARNING" in said
    assert "the release stands" in said
    assert "up to date with the next release" in said


@pytest.mark.usefixtures("embedded")
def test_publishing_does_not_wait_for_an_mlflow_that_is_silent(
    folder: Store, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "PROBE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts, and never answers
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        started = time.monotonic()
        materialise(folder, judged)
    assert log.live(folder).version == "made"
    assert time.monotonic() - started < TIMEOUT_S


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_publishing_survives_an_mlflow_that_dies_or_hangs_in_the_middle_of_the_run(
    embedded: Settings,
    folder: Store,
    judged: Judged,
    how: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (service,) = mlflow_service(embedded, free_port())
    with running(service.command, url=service.url + service.path, env=service.env) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", service.url)
        away: list[float] = []

        def die() -> None:
            signal_family(server, how)
            away.append(time.monotonic())

        metadata = materialise(folder, judged, before=die)
        seconds = time.monotonic() - away[0]
        signal_family(server, signal.SIGKILL)
    assert log.live(folder).version == "made"
    assert seconds < TIMEOUT_S
    assert metadata["mlflow_run"]
    assert mlflow.active_run() is None
