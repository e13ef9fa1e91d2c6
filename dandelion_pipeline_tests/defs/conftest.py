"""A walk through the whole graph on sixty small generated photos."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from dandelion_pipeline.cli.pipeline import Pipeline
from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.small_data_set import DAY


@dataclass(frozen=True)
class Place:
    """An embedded home with a pipeline in it."""

    settings: Settings
    store: Store
    pipeline: Pipeline


def use_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Point everything to a home; what MLflow writes into the environment is undone too."""
    for name in ("DANDELION_STORE_URL", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID"):
        patch.setenv(name, "")  # so that the patch knows the name, and forgets what comes later
        patch.delenv(name)
    patch.setenv("DANDELION_HOME", str(home))
    patch.setenv("DAGSTER_HOME", str(home / "dagster"))


@pytest.fixture(scope="package")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes seconds."""
    path: Path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def place(
    small_store: Store, empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A fresh `DANDELION_HOME` with photos that have landed; a module's tests share it."""
    home: Path = tmp_path_factory.mktemp("home")
    shutil.copy(empty_database, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        use_home(patch, home)
        settings = load_settings()
        store = open_store(settings.store)
        land_again(small_store, store)
        yield Place(settings, store, Pipeline(settings))


def land_again(small_store: Store, store: Store) -> None:
    """Put the photos of `small_store`, which take seconds to draw, into another store."""
    keys = [found.key for found in small_store.list_objects(layout.landing_day(DAY))]
    list(store.put_many(small_store.get_many(keys)))


@pytest.fixture
def embedded(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a registry that holds nothing."""
    home = tmp_path / "home"
    use_home(monkeypatch, home)
    home.mkdir()
    shutil.copy(empty_database, home / "mlflow.db")
    return Settings(home=home)


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    """A store that holds nothing."""
    return open_store((tmp_path / "store").as_uri())
