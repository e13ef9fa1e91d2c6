"""A client of Airflow 3's REST API, for what Dagster has to know of DAG runs."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, BaseModel, ValidationError

from dandelion_pipeline.errors import AirflowUnavailable, SettingsError

PAGE = 100
"""DAG runs asked for at once; Airflow may be set to give fewer (``api.maximum_page_limit``)."""

SUCCESS, FAILED = "success", "failed"

_TIMEOUT_S = 5
_NOT_ALLOWED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BAD_LOGIN = (*_NOT_ALLOWED, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_RESULT = "return_value"  # the XCom key of what a task returned


class DagRun(BaseModel, frozen=True):
    """A DAG run that has ended, as Airflow tells it."""

    dag_id: str
    dag_run_id: str
    state: str
    """`SUCCESS` or `FAILED`."""

    run_type: str
    logical_date: AwareDatetime | None
    run_after: AwareDatetime
    start_date: AwareDatetime | None
    end_date: AwareDatetime
    conf: Mapping[str, object] | None = None

    @property
    def identity(self) -> str:
        """The run and when it ended. A run that somebody clears will end once more."""
        return f"{self.dag_run_id}@{self.end_date.astimezone(UTC).isoformat()}"

    @property
    def duration_s(self) -> float:
        """How long it took, in seconds; 0 if it ended before it began."""
        return (self.end_date - (self.start_date or self.end_date)).total_seconds()


class TaskInstance(BaseModel, frozen=True):
    """What became of a task in a DAG run."""

    task_id: str
    state: str | None
    try_number: int


class _Login(BaseModel):
    access_token: str


class _DagRuns(BaseModel):
    dag_runs: list[DagRun]
    total_entries: int


class _TaskInstances(BaseModel):
    task_instances: list[TaskInstance]


class _XCom(BaseModel):
    value: object


_Shape = TypeVar("_Shape", bound=BaseModel)
_Query = Mapping[str, str | int | list[str]]


class Airflow:
    """Airflow at a URL, asked as a user who may read DAG runs and XComs.

    Logs in when it is first asked, and again when the token has expired. Every method raises
    `AirflowUnavailable` for what may work later, and `SettingsError` if the user is refused or
    what answers is not Airflow 3.

    Args:
        url: where it is asked.
        user: their name.
        password: their password.
        ui_url: where people open it, if they do so elsewhere.
    """

    def __init__(self, url: str, user: str, password: str, ui_url: str = "") -> None:
        self.url = url.rstrip("/")
        self._ui_url = (ui_url or url).rstrip("/")
        self._credentials = {"username": user, "password": password}
        self._token = ""
        self._client = httpx.Client(timeout=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def finished_runs(self, dag_id: str, since: datetime | None) -> Iterator[DagRun]:
        """The runs of a DAG that ended at a time or later, in the order of their ends."""
        query: _Query = {
            "state": [SUCCESS, FAILED],
            "order_by": "end_date",  # of those that ended together, Airflow keeps an order too
            "limit": PAGE,
            **({"end_date_gte": since.isoformat()} if since else {}),
        }
        seen = 0
        while True:
            answer = self._get(f"dags/{_part(dag_id)}/dagRuns", {**query, "offset": seen})
            page = self._read(answer, _DagRuns)
            yield from page.dag_runs
            seen += len(page.dag_runs)
            if not page.dag_runs or seen >= page.total_entries:
                return

    def tasks(self, run: DagRun) -> list[TaskInstance]:
        """The tasks of a run."""
        answer = self._get(f"{_path(run)}/taskInstances")
        return self._read(answer, _TaskInstances).task_instances

    def result(self, run: DagRun, task_id: str) -> object:
        """What a task of a run returned (its XCom), or None if Airflow keeps nothing of it."""
        path = f"{_path(run)}/taskInstances/{_part(task_id)}/xcomEntries/{_RESULT}"
        answer = self._get(path)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return self._read(answer, _XCom).value

    def link(self, run: DagRun) -> str:
        """The page of a run in Airflow's web interface."""
        return f"{self._ui_url}/dags/{_part(run.dag_id)}/runs/{_part(run.dag_run_id)}"

    def _get(self, path: str, query: _Query | None = None) -> httpx.Response:
        if not self._token:
            self._log_in()
        answer = self._authorized(path, query)
        if (
            answer.status_code in _NOT_ALLOWED
        ):  # 401: the token expired; 403: signed with an old secret
            self._log_in()
            answer = self._authorized(path, query)
        if answer.status_code in _NOT_ALLOWED:
            raise self._refused(f"they may not read {answer.request.url.path}")
        return answer

    def _authorized(self, path: str, query: _Query | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._send("GET", f"/api/v2/{path}", params=query, headers=headers)

    def _log_in(self) -> None:
        self._token = ""
        answer = self._send("POST", "/auth/token", json=self._credentials)
        if answer.status_code in _BAD_LOGIN:
            raise self._refused("the name or the password is wrong")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise self._not_airflow("it has no /auth/token")
        self._token = self._read(answer, _Login).access_token

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401
        try:
            answer = self._client.request(method, f"{self.url}{path}", **request)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise self._not_airflow(f"it is no URL ({error})") from None
        except httpx.TransportError as error:
            raise self._unavailable(str(error) or type(error).__name__) from None
        if answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._unavailable(f"it answered {answer.status_code}")
        return answer

    def _read(self, answer: httpx.Response, shape: type[_Shape]) -> _Shape:
        if answer.status_code == HTTPStatus.NOT_FOUND:  # DAGs appear some time after a start
            raise self._unavailable(f"it does not know {answer.request.url.path}")
        if not answer.is_success:
            raise self._not_airflow(f"it answered {answer.status_code}")
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError as error:
            first = error.errors()[0]
            raise self._not_airflow(f"its answer is another ({first['msg']})") from None

    def _refused(self, why: str) -> SettingsError:
        return SettingsError(
            f"Airflow at {self.url} refused the user {self._credentials['username']!r}",
            why,
            "Correct DANDELION_AIRFLOW_USER and DANDELION_AIRFLOW_PASSWORD",
        )

    def _not_airflow(self, why: str) -> SettingsError:
        return SettingsError(
            f"what answers at {self.url} is not Airflow 3", why, "Correct DANDELION_AIRFLOW_URL"
        )

    def _unavailable(self, why: str) -> AirflowUnavailable:
        return AirflowUnavailable(
            f"Airflow at {self.url} cannot be asked",
            why,
            "See whether its api-server runs and DANDELION_AIRFLOW_URL is right",
        )


def _path(run: DagRun) -> str:
    return f"dags/{_part(run.dag_id)}/dagRuns/{_part(run.dag_run_id)}"


def _part(name: str) -> str:
    return quote(name, safe="")
