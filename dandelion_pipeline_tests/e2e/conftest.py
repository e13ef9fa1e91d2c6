"""One home for all end-to-end tests, made by the very command that README names."""

import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline.release import log
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.data.trained_bundles import publish_trained
from dandelion_pipeline_tests.servers.processes import free_port, fresh_environment, running

DANDELION = str(Path(sys.executable).with_name("dandelion"))


@dataclass(frozen=True)
class Home:
    """An embedded installation."""

    folder: Path
    first_run: subprocess.CompletedProcess[str]

    @property
    def env(self) -> dict[str, str]:
        """The environment of a fresh shell, with this home in it."""
        return clean_env(self.folder)

    @property
    def store(self) -> Store:
        return open_store((self.folder / "store").as_uri())

    @property
    def live_version(self) -> str:
        return log.live(self.store).version

    def dandelion(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return run_dandelion(self.folder, *arguments)


def clean_env(home: Path) -> dict[str, str]:
    return {**fresh_environment(), "DANDELION_HOME": str(home), "COLUMNS": "200"}


def run_dandelion(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DANDELION, *arguments],
        env=clean_env(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=560,  # a hang; beside other work it takes minutes
    )


@dataclass(frozen=True)
class SmallApi:
    """What starts an API on a store with one small model, ``first``; nothing runs yet."""

    store: Store
    url: str
    environment: dict[str, str]

    def running(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A process of it, until the end of the block."""
        command = [sys.executable, "-m", "serving"]
        return running(command, url=f"{self.url}/readyz", env=self.environment)


@pytest.fixture
def small_api(tmp_path: Path) -> SmallApi:
    """Its log goes to the store five times a second."""
    store = open_store((tmp_path / "store").as_uri())
    publish(store, "first")
    return _api_on(store, tmp_path)


@pytest.fixture(params=["tiny", pytest.param("transfer", marks=pytest.mark.stack)])
def api_of_each_kind(request: pytest.FixtureRequest, tmp_path: Path) -> SmallApi:
    """The same, and the same with a transfer model as training makes it."""
    store = open_store((tmp_path / "store").as_uri())
    if request.param == "tiny":
        publish(store, "first")
    else:
        publish_trained(store, request.getfixturevalue("transfer_model"), "first")
    return _api_on(store, tmp_path)


def _api_on(store: Store, tmp_path: Path) -> SmallApi:
    port = free_port()
    environment = {
        "DANDELION_STORE_URL": store.url,
        "DANDELION_HOME": str(tmp_path / "home"),
        "DANDELION_API_PORT": str(port),
        "DANDELION_LOG_SECONDS": "0.2",
    }
    return SmallApi(store, f"http://127.0.0.1:{port}", environment)


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """What `make run` makes of nothing: a published model of the generated sample."""
    folder = tmp_path_factory.mktemp("Ada's home \u00e4") / "home"
    return Home(folder, run_dandelion(folder, "run"))
