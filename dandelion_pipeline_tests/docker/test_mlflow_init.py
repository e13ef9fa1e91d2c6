"""docker/mlflow/init.py brings the tables of MLflow's database to the version that runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from mlflow import MlflowClient
from mlflow.store.db.utils import (
    _get_alembic_config,
    _get_schema_version,
    create_sqlalchemy_engine,
)
from mlflow.store.tracking.dbmodels.initial_models import Base as FirstTables

pytestmark = pytest.mark.stack  # all of MLflow's migrations

SCRIPT = Path(__file__).parents[2] / "docker" / "mlflow" / "init.py"


def init(url: str) -> None:
    environment = {**os.environ, "MLFLOW_BACKEND_STORE_URI": url}
    subprocess.run([sys.executable, str(SCRIPT)], env=environment, check=True, capture_output=True)


def test_tables_of_an_earlier_version_become_those_of_this_one_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = _get_alembic_config(url)
    newest, earlier, *_ = (r.revision for r in ScriptDirectory.from_config(config).walk_revisions())
    engine = create_sqlalchemy_engine(url)
    FirstTables.metadata.create_all(engine)
    command.upgrade(config, earlier)
    assert _get_schema_version(engine) == earlier
    init(url)
    assert _get_schema_version(engine) == newest
    made = MlflowClient(url).create_experiment("flowers")
    init(url)
    found = MlflowClient(url).get_experiment_by_name("flowers")
    engine.dispose()
    assert found is not None
    assert found.experiment_id == made
