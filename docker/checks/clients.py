"""The stack as its users see it: the pages' own interfaces, on this machine's ports."""

import json
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote

from checks.compose import drop_folder
from checks.steps import Failed, wait

TINY = {
    "ops": {
        "trained_model": {"config": {"epochs": 1, "size": 32}},
        "published_model": {"config": {"force_reason": "one epoch, to try the stack out"}},
    }
}
_ALL = 10_000


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
        self._runs = f"{self._url}/api/v2/dags/data_ingestion/dagRuns"
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

    def start_run(self, day: str, run_id: str) -> None:
        """Start the DAG for a day, once for each ``run_id``."""
        body = {"logical_date": None, "conf": {"day": day}, "dag_run_id": run_id}
        try:
            ask(self._runs, body, self._headers())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 409:  # noqa: PLR2004 - Conflict: it was started before
                raise

    def state(self, run_id: str) -> str:
        """The state of a DAG run."""
        return str(ask(f"{self._runs}/{quote(run_id)}", headers=self._headers())["state"])

    def states(self) -> dict[str, str]:
        """The state of every DAG run."""
        found = ask(f"{self._runs}?limit=100", headers=self._headers())
        return {run["dag_run_id"]: run["state"] for run in found["dag_runs"]}

    def log(self, run_id: str, task: str) -> str:
        """What a task wrote in its first try."""
        path = f"{self._runs}/{quote(run_id)}/taskInstances/{task}/logs/1"
        return json.dumps(ask(path, headers=self._headers()))

    def upload(self, day: str) -> str:
        """Run the DAG for a day, and give the id of the DAG run."""
        run_id = f"check-{day}-{uuid.uuid4().hex[:8]}"
        self.start_run(day, run_id)

        def ended() -> str | None:
            state = self.state(run_id)
            return state if state in {"success", "failed"} else None

        if wait(f"the DAG run of {day}", ended) != "success":
            raise Failed(f"the DAG run of {day} failed")
        return run_id

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token(self._user, self._password)}"}

    def _token(self, user: str, password: str) -> str:
        body = {"username": user, "password": password}
        return str(ask(f"{self._url}/auth/token", body)["access_token"])


class Dagster:
    """Dagster's GraphQL API."""

    def __init__(self, env: dict[str, str]) -> None:
        self._url = f"http://127.0.0.1:{env['DANDELION_DAGSTER_PORT']}/graphql"

    def catalogue(self) -> dict[str, Any]:
        """All materialisations of each asset."""
        query = (
            "{assetsOrError {... on AssetConnection {nodes {key {path} assetMaterializations"
            f"(limit: {_ALL}) {{timestamp runId partition metadataEntries {{label"
            " ... on TextMetadataEntry {text} ... on UrlMetadataEntry {url}"
            " ... on IntMetadataEntry {intValue}}}}}}}"
        )
        nodes = self.ask(query)["assetsOrError"]["nodes"]
        return {"/".join(node["key"]["path"]): node["assetMaterializations"] for node in nodes}

    def runs(self) -> list[dict[str, Any]]:
        """All runs: id, job, status and tags."""
        query = (
            f"{{runsOrError(limit: {_ALL}) {{... on Runs"
            " {results {runId jobName status tags {key value}}}}}"
        )
        runs = self.ask(query)["runsOrError"]["results"]
        return [{**run, "tags": {t["key"]: t["value"] for t in run["tags"]}} for run in runs]

    def see(self, dag_runs: list[str]) -> None:
        """Wait until each DAG run is recorded as a materialisation."""

        def recorded() -> bool | None:
            known = json.dumps(self.catalogue().get("data_ingestion", []))
            return all(run_id in known for run_id in dag_runs) or None

        wait("the materialisations of data_ingestion", recorded)

    def take_in(self, days: list[str]) -> None:
        """Wait until a run has taken each day in."""

        def taken_in() -> bool | None:
            done = {
                run["tags"].get("dagster/partition")
                for run in self.runs()
                if (run["jobName"], run["status"]) == ("ingestion_job", "SUCCESS")
            }
            return done.issuperset(days) or None

        wait("the ingestion runs", taken_in)

    def train(self) -> str:
        """Train and publish, and give the id of the run."""
        mutation = (
            "mutation($run: ExecutionParams!) {launchRun(executionParams: $run)"
            " {__typename ... on LaunchRunSuccess {run {runId}}}}"
        )
        job = {
            "repositoryLocationName": "dandelion",
            "repositoryName": "__repository__",
            "jobName": "training_job",
        }
        started = self.ask(mutation, {"run": {"selector": job, "runConfigData": TINY}})
        if started["launchRun"]["__typename"] != "LaunchRunSuccess":
            raise Failed(str(started))
        run_id = str(started["launchRun"]["run"]["runId"])
        query = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'

        def ended() -> str | None:
            status = self.ask(query)["runOrError"]["status"]
            return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        if wait("the training", ended) != "SUCCESS":
            raise Failed(f"run {run_id} did not succeed")
        return run_id

    def ask(self, query: str, variables: Any = None) -> Any:  # noqa: ANN401
        """Send a query, and give its data."""
        return ask(self._url, {"query": query, "variables": variables or {}})["data"]


class Mlflow:
    """MLflow's REST API."""

    def __init__(self, env: dict[str, str]) -> None:
        self._url = f"http://127.0.0.1:{env['DANDELION_MLFLOW_PORT']}/api/2.0/mlflow"

    def runs(self) -> list[dict[str, Any]]:
        """All runs with their parameters and last metrics."""
        found = ask(f"{self._url}/experiments/search", {"max_results": 1000})
        ids = [experiment["experiment_id"] for experiment in found["experiments"]]
        runs = ask(f"{self._url}/runs/search", {"experiment_ids": ids, "max_results": 1000})
        return list(runs.get("runs", []))

    def registry(self) -> list[dict[str, Any]]:
        """All registered models with their versions and aliases."""
        models = ask(f"{self._url}/registered-models/search?max_results=100")
        versions = ask(f"{self._url}/model-versions/search?max_results=1000")
        return [*models.get("registered_models", []), *versions.get("model_versions", [])]


class Api:
    """The REST API, asked about one photo of the drop folder."""

    def __init__(self, env: dict[str, str]) -> None:
        self._url = f"http://127.0.0.1:{env['DANDELION_API_PORT']}"
        photos = sorted(drop_folder(env).glob("*/*"))
        photo = next(path for path in photos if path.is_file()).read_bytes()
        mark = uuid.uuid4().hex
        part = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n'
        self._body = part.encode() + photo + f"\r\n--{mark}--\r\n".encode()
        self._key = {"Authorization": f"Bearer {env['DANDELION_API_KEY']}"}
        self._headers = {**self._key, "Content-Type": f"multipart/form-data; boundary={mark}"}

    def predict(self) -> Any:  # noqa: ANN401
        """The answer about the photo."""
        return send(f"{self._url}/predict", self._body, self._headers)

    def version_of(self, dagster_run: str) -> str:
        """Wait until the model that a Dagster run made answers, and give its version."""

        def answered() -> str | None:
            try:
                model = self.predict()["model"]
            except urllib.error.HTTPError as error:  # no model yet
                error.close()
                return None
            return str(model["version"]) if model["dagster_run"] == dagster_run else None

        return wait("an answer by the new model", answered)
