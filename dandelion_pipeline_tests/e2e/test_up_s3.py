"""`make run STORE=s3` and `make up STORE=s3`: the model that one publishes, the other serves."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline_tests.cli.store.test_choice import free_s3_port
from dandelion_pipeline_tests.e2e.conftest import DANDELION, clean_env
from dandelion_pipeline_tests.servers.processes import (
    free_port,
    listens,
    running,
    signal_family,
    stop,
)

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

PHOTOS = SampleSpec(per_class=20, size=(64, 48))


@dataclass(frozen=True)
class Installation:
    """A home with a model on its S3 server."""

    env: dict[str, str]
    said: str

    @property
    def version(self) -> str:
        (line,) = [each for each in self.said.splitlines() if "version  " in each]
        return line.split()[-1]

    @property
    def ports(self) -> dict[str, int]:
        return {name: int(port) for name, port in self.env.items() if name.endswith("_PORT")}

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        ready = f"http://127.0.0.1:{self.env['DANDELION_API_PORT']}/readyz"
        command = [DANDELION, "up", "--store", "s3"]
        with running(command, url=ready, env=self.env, timeout=120) as process:
            yield process

    def served(self) -> str:
        url = f"http://127.0.0.1:{self.env['DANDELION_API_PORT']}/model"
        return str(httpx.get(url).json()["version"])

    def dandelion(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [DANDELION, *arguments],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """What `make run STORE=s3` makes of forty small photos."""
    folder: Path = tmp_path_factory.mktemp("s3")
    for label, name, data in generate(PHOTOS):
        path = folder / "photos" / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    names = ("API", "WEBAPP", "DAGSTER", "MLFLOW")
    ports = {f"DANDELION_{name}_PORT": str(free_port()) for name in names}
    ports["DANDELION_S3_PORT"] = str(free_s3_port())
    empty = Installation({**clean_env(folder / "home"), **ports}, "")
    photos = str(folder / "photos")
    done = empty.dandelion("run", "--store", "s3", "--images", photos, "--preset", "sample")
    assert done.returncode == 0, done.stderr
    return Installation(empty.env, done.stdout)


def test_the_run_leaves_no_server_and_says_how_to_go_on(installation: Installation) -> None:
    assert f"s3://dandelion/models/{installation.version}" in installation.said
    assert "make up STORE=s3" in installation.said
    assert not listens(installation.ports["DANDELION_S3_PORT"])
    assert not (Path(installation.env["DANDELION_HOME"]) / "store").exists()


def test_the_model_is_served_and_other_commands_reach_it(installation: Installation) -> None:
    with installation.up() as process:
        assert installation.served() == installation.version
        program = '. "$DANDELION_HOME/s3.env" && exec "$0" releases list'
        listed = subprocess.run(
            ["sh", "-c", program, DANDELION],
            env=installation.env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert installation.version in listed.stdout
        other = {name: str(free_port()) for name in installation.ports if "S3" not in name}
        again = installation.dandelion("up", "--store", "s3", **other)
        assert again.returncode == 1
        assert "another command runs it already" in again.stderr
        assert "DANDELION_HOME" in again.stderr
        assert installation.served() == installation.version
        signal_family(process, signal.SIGKILL)


def test_after_everything_was_killed_it_starts_again_and_ctrl_c_stops_it_all(
    installation: Installation,
) -> None:
    with installation.up() as process:
        assert installation.served() == installation.version
        assert stop(process, signal.SIGINT, timeout=60) == 0
    listening = [name for name, port in installation.ports.items() if listens(port)]
    assert listening == []
