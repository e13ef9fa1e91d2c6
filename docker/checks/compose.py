"""The containers: compose in either of its two versions, and the programs inside."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from checks.steps import Failed, wait

ROOT = Path(__file__).parents[2]

_PHOTOS = """\
import io, sys, tarfile
from dandelion_pipeline.images.sample.photos import SampleSpec, generate
spec = SampleSpec(per_class=int(sys.argv[1]), seed=int(sys.argv[2]))
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    for label, name, data in generate(spec):
        entry = tarfile.TarInfo(f"{label}/{name}")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
"""


def compose(*arguments: str) -> bytes:
    """Run compose with the whole stack, as `make compose-up PROFILES=airflow` does."""
    return run([*_compose(), "--profile", "airflow", *arguments])


@cache
def _compose() -> tuple[str, ...]:
    plugin = subprocess.run(
        ["docker", "compose", "version"],  # noqa: S607 - the one on PATH
        check=False,
        capture_output=True,
    )
    return ("docker", "compose") if plugin.returncode == 0 else ("docker-compose",)


def run(command: list[str]) -> bytes:
    """Run a program, and fail with the end of what it said."""
    environment = {**os.environ, "DANDELION_AIRFLOW_URL": "http://airflow-api:8080"}
    ended = subprocess.run(  # noqa: S603 - our own commands
        command, check=False, capture_output=True, cwd=ROOT, env=environment
    )
    if ended.returncode:
        said = (ended.stderr or ended.stdout).decode()
        raise Failed(f"{' '.join(command[:6])} …: {said[-1500:]}")
    return ended.stdout


def inside(program: str, *arguments: str) -> bytes:
    """Run a Python program in the container that has the pipeline."""
    return compose(
        "exec", "-T", "dagster-code", "python", "-W", "ignore", "-c", program, *arguments
    )


def ask_inside(program: str, *arguments: str) -> Any:  # noqa: ANN401
    """Run a Python program in there, and read the JSON that it prints."""
    return json.loads(inside(program, *arguments))


def start() -> None:
    """Build and start everything, then wait until all is well."""
    if shutil.which("docker") is None:
        raise Failed("there is no `docker` command. Install Docker with compose")
    run([str(ROOT / "docker" / "make_env.sh")])
    compose("up", "--detach", "--build")
    wait_until_healthy()


def wait_until_healthy() -> None:
    """Wait until each container is healthy or has ended with 0."""
    wait("the services", lambda: None if ailing() else True)


def ailing() -> list[str]:
    """The containers that are neither healthy nor have ended with 0."""
    shape = (
        "{{.Name}} {{.State.Status}}-{{.State.ExitCode}} {{with .State.Health}}{{.Status}}{{end}}"
    )
    ids = compose("ps", "--all", "--quiet").decode().split()
    lines = run(["docker", "inspect", "--format", shape, *ids]).decode().splitlines()
    return [line for line in lines if not line.rstrip().endswith((" healthy", " exited-0"))]


def containers() -> dict[str, str]:
    """The id of each service's container, of those that run."""
    ids = compose("ps", "--quiet").decode().split()
    shape = '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Running}} {{.Id}}'
    lines = run(["docker", "inspect", "--format", shape, *ids]).decode().splitlines()
    return {name: found for name, running, found in map(str.split, lines) if running == "true"}


def read_env() -> dict[str, str]:
    """What `.env` sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env").read_text(), re.MULTILINE))


def drop_folder(env: dict[str, str]) -> Path:
    """The folder that the DAG takes photos from."""
    return ROOT / env["DANDELION_DROP_FOLDER"]


def fill_drop_folder(env: dict[str, str]) -> None:
    """Put generated photos in, unless there are some."""
    folder = drop_folder(env)
    if not any(folder.glob("*/*")):
        drop_generated(env, each=120, seed=7)
    if not any(folder.glob("*/*")):
        raise Failed(f"{folder} is empty")


def drop_generated(env: dict[str, str], *, each: int, seed: int) -> None:
    """Put ``each`` new generated photos of each class in."""
    with tarfile.open(fileobj=BytesIO(inside(_PHOTOS, str(each), str(seed)))) as photos:
        for entry in photos:
            photo = drop_folder(env) / Path(entry.name).parent.name / Path(entry.name).name
            photo.parent.mkdir(parents=True, exist_ok=True)
            photo.write_bytes(photos.extractfile(entry).read())  # type: ignore[union-attr]
