"""Starts the compose stack and follows photos through it: `python3 docker/check_stack.py`.

Airflow uploads, Dagster sees it, takes the photos in, trains a tiny model and publishes it, the
API answers with that very model, the web page shows it. Needs Python 3.11, Docker with compose,
and the ports of `.env`; an empty drop folder gets generated photos. `COMPOSE_FILE` may name
override files, as for compose itself. The stack stays up. Ends with 1 at the first step that
fails; on a stack that has a good model already, the gate may refuse the tiny one.
"""

import json
import re
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

ROOT = Path(__file__).parent.parent
DAYS = 3
"""So many past days the DAG is run for."""

TINY = {"ops": {"trained_model": {"config": {"epochs": 1, "size": 32}}}}
WITHIN_S = 600
_LOOK_EVERY_S = 3
_T = TypeVar("_T")

_SAMPLE = """\
import io, sys, tarfile
from dandelion_pipeline.images.sample import SampleSpec, generate
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    for label, name, data in generate(SampleSpec()):
        entry = tarfile.TarInfo(f"{label}/{name}")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
"""
_PAGE = """\
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("/opt/app/serving/webapp/page.py", default_timeout=30).run()
assert not page.exception, page.exception
print(*(html.proto.body for html in page.get("html")))
"""


class Failed(Exception):
    """A step did not do what it should."""


def main() -> None:
    """Do the steps one after the other."""
    step("every service is healthy", start)
    env = read_env()
    step("the drop folder holds photos", lambda: fill_drop_folder(env))
    airflow, dagster = Airflow(env), Dagster(env)
    step("Airflow refuses admin/admin", airflow.refuse_admin_admin)
    now = datetime.now(UTC)
    days = [f"{now - timedelta(days=back):%Y-%m-%d}" for back in range(1, DAYS + 1)]
    dag_runs = step("the legacy DAG uploads", lambda: [airflow.upload(day) for day in days])
    step("Dagster sees the DAG runs", lambda: dagster.see(dag_runs))
    step("Dagster takes the days in", lambda: dagster.take_in(days))
    run_id = step("Dagster trains a tiny model", dagster.train)
    version = step("the API answers with it", lambda: answering_version(env, run_id))
    step("the web page shows it", lambda: look_at_page(version))
    say(f"All steps passed; model {version} is live.")


def step(name: str, work: Callable[[], _T]) -> _T:
    """Do one step, and say how long it took."""
    begun = time.monotonic()
    try:
        done = work()
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        say(f"FAILED  {name}: {error}")
        sys.exit(1)
    say(f"ok      {name} ({time.monotonic() - begun:.0f} s)")
    return done


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def wait(what: str, look: Callable[[], _T | None]) -> _T:
    """Look until there is something."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(_LOOK_EVERY_S)
    raise Failed(f"{what}: not within {WITHIN_S} s")


def compose(*arguments: str) -> bytes:
    """Run compose with the whole stack, whichever of its two versions there is."""
    plugin = subprocess.run(
        ["docker", "compose", "version"],  # noqa: S607 - the one on PATH
        check=False,
        capture_output=True,
    )
    command = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
    return run([*command, "--profile", "airflow", *arguments])


def run(command: list[str]) -> bytes:
    """Run a program, and fail with the end of what it said."""
    ended = subprocess.run(command, check=False, capture_output=True, cwd=ROOT)  # noqa: S603
    if ended.returncode:
        raise Failed(f"{' '.join(command[:6])} …: {ended.stderr.decode()[-1500:]}")
    return ended.stdout


def start() -> None:
    """Build and start everything, then wait until all is healthy or has ended well."""
    run([str(ROOT / "docker" / "make_env.sh")])
    compose("up", "--detach", "--build")
    wait("the services", lambda: None if ailing() else True)


def ailing() -> list[str]:
    """The containers that are neither healthy nor have ended with 0."""
    shape = (
        "{{.Name}} {{.State.Status}}-{{.State.ExitCode}} {{with .State.Health}}{{.Status}}{{end}}"
    )
    ids = compose("ps", "--quiet").decode().split()
    lines = run(["docker", "inspect", "--format", shape, *ids]).decode().splitlines()
    return [line for line in lines if not line.rstrip().endswith((" healthy", " exited-0"))]


def read_env() -> dict[str, str]:
    """What `.env` sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env").read_text(), re.MULTILINE))


def fill_drop_folder(env: dict[str, str]) -> None:
    """Put generated photos in, unless there are some."""
    folder = ROOT / env["DANDELION_DROP_FOLDER"]
    if not any(folder.glob("*/*")):
        tar = compose("run", "--rm", "--no-deps", "-T", "dagster-code", "python", "-c", _SAMPLE)
        with tarfile.open(fileobj=BytesIO(tar)) as photos:
            for entry in photos:
                photo = folder / Path(entry.name).parent.name / Path(entry.name).name
                photo.parent.mkdir(parents=True, exist_ok=True)
                photo.write_bytes(photos.extractfile(entry).read())  # type: ignore[union-attr]
    if not any(folder.glob("*/*")):
        raise Failed(f"{folder} is empty")


def ask(url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    """Send JSON and read JSON."""
    data = None if body is None else json.dumps(body).encode()
    return send(url, data, {"Content-Type": "application/json", **(headers or {})})


def send(url: str, data: bytes | None, headers: dict[str, str]) -> Any:  # noqa: ANN401
    """Send bytes and read JSON."""
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own addresses
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


class Airflow:
    """Airflow's REST API, as its operator."""

    def __init__(self, env: dict[str, str]) -> None:
        self._url = f"http://127.0.0.1:{env['DANDELION_AIRFLOW_PORT']}"
        self._user, self._password = env["AIRFLOW_ADMIN_USER"], env["AIRFLOW_ADMIN_PASSWORD"]

    def refuse_admin_admin(self) -> None:
        """See that nobody gets in by the password that everybody knows."""
        try:
            self._token("admin", "admin")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 401:  # noqa: PLR2004 - Unauthorized
                return
        raise Failed("admin/admin is not refused")

    def upload(self, day: str) -> str:
        """Run the DAG for a day.

        Returns:
            The id of the DAG run.
        """
        token = self._token(self._user, self._password)
        headers = {"Authorization": f"Bearer {token}"}
        runs = f"{self._url}/api/v2/dags/data_ingestion/dagRuns"
        body = {"logical_date": None, "conf": {"day": day}}
        run_id = str(ask(runs, body, headers)["dag_run_id"])

        def ended() -> str | None:
            state = ask(f"{runs}/{quote(run_id)}", headers=headers)["state"]
            return state if state in {"success", "failed"} else None

        if wait(f"the DAG run of {day}", ended) != "success":
            raise Failed(f"the DAG run of {day} failed")
        return run_id

    def _token(self, user: str, password: str) -> str:
        body = {"username": user, "password": password}
        return str(ask(f"{self._url}/auth/token", body)["access_token"])


class Dagster:
    """Dagster's GraphQL API."""

    def __init__(self, env: dict[str, str]) -> None:
        self._url = f"http://127.0.0.1:{env['DANDELION_DAGSTER_PORT']}/graphql"

    def see(self, dag_runs: list[str]) -> None:
        """Wait until each DAG run is recorded as a materialisation."""
        query = (
            '{assetOrError(assetKey: {path: ["data_ingestion"]}) {... on Asset'
            " {assetMaterializations(limit: 100) {metadataEntries {... on TextMetadataEntry {text}"
            " ... on UrlMetadataEntry {url}}}}}}"
        )

        def recorded() -> bool | None:
            known = json.dumps(self._ask(query)).replace("%3A", ":").replace("%2B", "+")
            return all(run_id in known for run_id in dag_runs) or None

        wait("the materialisations of data_ingestion", recorded)

    def take_in(self, days: list[str]) -> None:
        """Wait until a run has taken each day in."""
        query = (
            '{runsOrError(filter: {pipelineName: "ingestion_job", statuses: [SUCCESS]})'
            " {... on Runs {results {tags {key value}}}}}"
        )

        def taken_in() -> bool | None:
            runs = self._ask(query)["runsOrError"]["results"]
            tags = [tag for found in runs for tag in found["tags"]]
            done = {tag["value"] for tag in tags if tag["key"] == "dagster/partition"}
            return done.issuperset(days) or None

        wait("the ingestion runs", taken_in)

    def train(self) -> str:
        """Train and publish.

        Returns:
            The id of the run.
        """
        mutation = (
            "mutation($run: ExecutionParams!) {launchRun(executionParams: $run)"
            " {__typename ... on LaunchRunSuccess {run {runId}}}}"
        )
        job = {
            "repositoryLocationName": "dandelion",
            "repositoryName": "__repository__",
            "jobName": "training_job",
        }
        started = self._ask(mutation, {"run": {"selector": job, "runConfigData": TINY}})
        if started["launchRun"]["__typename"] != "LaunchRunSuccess":
            raise Failed(str(started))
        run_id = str(started["launchRun"]["run"]["runId"])
        query = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'

        def ended() -> str | None:
            status = self._ask(query)["runOrError"]["status"]
            return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        if wait("the training", ended) != "SUCCESS":
            raise Failed(f"run {run_id} did not succeed")
        return run_id

    def _ask(self, query: str, variables: Any = None) -> Any:  # noqa: ANN401
        return ask(self._url, {"query": query, "variables": variables or {}})["data"]


def answering_version(env: dict[str, str], run_id: str) -> str:
    """Ask about a photo until the model of that run answers.

    Returns:
        The model's version.
    """
    folder = ROOT / env["DANDELION_DROP_FOLDER"]
    photo = next(path for path in sorted(folder.glob("*/*")) if path.is_file()).read_bytes()
    mark = uuid.uuid4().hex
    part = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n'
    body = part.encode() + photo + f"\r\n--{mark}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={mark}",
        "Authorization": f"Bearer {env['DANDELION_API_KEY']}",
    }

    def answered() -> str | None:
        try:
            answer = send(f"http://127.0.0.1:{env['DANDELION_API_PORT']}/predict", body, headers)
        except urllib.error.HTTPError as error:  # no model yet
            error.close()
            return None
        model = answer["model"]
        return str(model["version"]) if model["dagster_run"] == run_id else None

    return wait("an answer by the new model", answered)


def look_at_page(version: str) -> None:
    """Draw the page in its own container, and find the version on it."""
    page = compose("exec", "-T", "webapp", "python", "-c", _PAGE).decode()
    if version not in page:
        raise Failed(f"{version} is not on the page")


if __name__ == "__main__":
    main()
