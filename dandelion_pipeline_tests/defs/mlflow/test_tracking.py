"""MLflow runs: made once by many, linked where people can open them, and never waited for long."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from mlflow import MlflowClient

from dandelion_pipeline.defs.mlflow.tracking import (
    EXPERIMENT,
    Tracking,
    close_runs,
    ensure_experiment,
    mlflow_tracking,
)
from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.e2e.conftest import clean_env
from dandelion_pipeline_tests.servers.processes import free_port

AT_ONCE = 6
# One process imports MLflow, which takes seconds, and becomes many.
PROGRAM = f"""\
import os, sys
from dandelion_pipeline.defs.mlflow.tracking import ensure_experiment
from dandelion_pipeline.settings import load_settings
settings = load_settings()
reader, writer = os.pipe()
children = []
for _ in range({AT_ONCE}):
    if child := os.fork():
        children.append(child)
        continue
    os.close(writer)
    os.read(reader, 1)  # until all are there
    ensure_experiment(settings)
    sys.stderr.flush()
    os._exit(0)
os.close(writer)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def test_many_processes_at_once_make_one_database_with_one_experiment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=clean_env(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    settings = Settings(home=tmp_path, mlflow_tracking_uri="")
    names = [each.name for each in MlflowClient(settings.tracking_uri).search_experiments()]
    assert sorted(names) == ["Default", EXPERIMENT]


def test_who_needs_the_run_learns_at_once_that_mlflow_is_away(
    embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", away)
    learned: list[str] = []

    @dg.asset
    def trained(mlflow: dg.ResourceParam[Tracking]) -> None:
        try:
            mlflow.log_params({"epochs": 1})
        except TrackingUnavailable as error:
            learned.append(str(error))

    started = time.monotonic()
    assert dg.materialize([trained], resources={"mlflow": mlflow_tracking}).success
    assert f"keeping runs at {away}: its /health does not answer" in learned[0]
    gone = embedded.model_copy(update={"mlflow_tracking_uri": away})
    with pytest.raises(TrackingUnavailable, match="closing the MLflow run"):
        close_runs(gone, "a-run", dg.DagsterRunStatus.SUCCESS)
    assert time.monotonic() - started < 10


def test_an_experiment_that_was_deleted_in_the_page_is_restored(
    embedded: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = embedded.model_copy(update={"mlflow_tracking_uri": ""})
    ensure_experiment(settings)
    client = MlflowClient(settings.tracking_uri)
    made = client.get_experiment_by_name(EXPERIMENT)
    assert made is not None
    client.delete_experiment(made.experiment_id)
    ensure_experiment(settings)
    ensure_experiment(settings)
    found = client.get_experiment_by_name(EXPERIMENT)
    assert found is not None
    assert (found.experiment_id, found.lifecycle_stage) == (made.experiment_id, "active")
    assert caplog.text.count("had been deleted; it is restored") == 1


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("181f10493468", "mlflow db upgrade 'sqlite:///"),
        ("of-next-year", "move .*mlflow.db away"),
        (None, "Move .*mlflow.db away"),
    ],
)
def test_a_database_of_another_mlflow_says_what_to_do_with_the_file(
    embedded: Settings, tmp_path: Path, version: str | None, remedy: str
) -> None:
    embedded = embedded.model_copy(update={"mlflow_tracking_uri": ""})
    ensure_experiment(embedded)
    file = tmp_path / "it's 50% off" / "mlflow.db"
    file.parent.mkdir()
    shutil.copy(embedded.folder / "mlflow.db", file)
    if version is None:
        file.write_bytes(b"no database" * 1_000)
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (version,))
            database.commit()
    with pytest.raises(TrackingUnavailable, match=remedy):
        ensure_experiment(Settings(home=file.parent, mlflow_tracking_uri=""))


@pytest.mark.parametrize(
    ("given", "link"),
    [
        ({}, "http://127.0.0.1:5001"),
        ({"mlflow_port": 6001}, "http://127.0.0.1:6001"),
        ({"mlflow_tracking_uri": "http://mlflow:5001/"}, "http://mlflow:5001"),
        ({"mlflow_tracking_uri": "https://ada:secret@host/mlflow"}, "https://host/mlflow"),
        (
            {"mlflow_tracking_uri": "http://mlflow:5001", "mlflow_ui_url": "http://127.0.0.1:5001"},
            "http://127.0.0.1:5001",
        ),
        ({"mlflow_tracking_uri": "sqlite:////srv/mlflow.db"}, "http://127.0.0.1:5001"),
    ],
)
def test_links_name_the_address_that_people_open(given: dict[str, object], link: str) -> None:
    assert Settings.model_validate({"mlflow_tracking_uri": "", **given}).mlflow_ui == link
