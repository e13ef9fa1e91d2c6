"""MLflow as the registry meets it: embedded, and as a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from dandelion_pipeline.cli.up import _mlflow as mlflow_service
from dandelion_pipeline.defs.mlflow.model_version import NAME
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.servers.processes import free_port, running


@pytest.fixture(scope="package")
def server_url(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server, started as `dandelion up` does."""
    home = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, home / "mlflow.db")
    (service,) = mlflow_service(Settings(home=home, mlflow_tracking_uri=""), free_port())
    with running(service.command, url=service.url + service.path, env=service.env):
        yield service.url


@pytest.fixture
def served(embedded: Settings, server_url: str) -> Settings:
    """The same through a server."""
    client = MlflowClient(server_url, server_url)
    if client.search_registered_models():
        client.delete_registered_model(NAME)
    return embedded.model_copy(update={"mlflow_tracking_uri": server_url})


@pytest.fixture(params=["embedded", "served"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Each kind of MLflow; what is tested with it holds for both."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings
