"""Faults alone: that it understands the real Airflow is shown in `stack/`."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest
from pydantic import SecretStr

from dandelion_pipeline.defs.airflow.assets import airflow_sensor
from dandelion_pipeline.defs.airflow.client import Airflow
from dandelion_pipeline.errors import AirflowUnavailable, DandelionError, SettingsError
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.defs.airflow.test_runs import run
from dandelion_pipeline_tests.servers.processes import free_port

NO_RUNS = {"dag_runs": [], "total_entries": 0}


class Faulty(HTTPServer):
    """Answers logins and everything else with what it is told to; the last answer stays."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.logins: list[tuple[int, object]] = [(201, {"access_token": "t"})]
        self.answers: list[tuple[int, object]] = [(200, NO_RUNS)]
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Faulty

    def do_GET(self) -> None:
        self._answer(self.server.answers)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.server.logins)

    def _answer(self, answers: list[tuple[int, object]]) -> None:
        self.server.asked.append(self.path.partition("?")[0])
        status, content = answers.pop(0) if len(answers) > 1 else answers[0]
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Faulty]:
    with Faulty() as faulty:
        thread = threading.Thread(target=faulty.serve_forever, args=(0.01,))
        thread.start()
        yield faulty
        faulty.shutdown()
        thread.join()


def ask(url: str) -> list[object]:
    with Airflow(url, "dagster", "secret") as airflow:
        return list(airflow.finished_runs("data_ingestion", None))


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((500, "boom"), AirflowUnavailable, "it answered 500"),
        ((503, ""), AirflowUnavailable, "it answered 503"),
        ((429, ""), AirflowUnavailable, "it answered 429"),
        ((404, {"detail": "no such DAG"}), AirflowUnavailable, "does not know /api/v2/dags/"),
        ((401, ""), SettingsError, "DANDELION_AIRFLOW_USER and DANDELION_AIRFLOW_PASSWORD"),
        ((403, ""), SettingsError, "DANDELION_AIRFLOW_USER and DANDELION_AIRFLOW_PASSWORD"),
        ((200, "<html>a portal</html>"), SettingsError, "DANDELION_AIRFLOW_URL"),
        ((200, {"dag_runs": [{}]}), SettingsError, "not Airflow 3"),
        ((302, ""), SettingsError, "it answered 302"),
    ],
)
def test_every_failure_says_whose_it_is(
    server: Faulty, answer: tuple[int, object], kind: type[DandelionError], said: str
) -> None:
    server.answers = [answer]
    with pytest.raises(kind, match=said):
        ask(server.url)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((401, ""), SettingsError, "refused the user 'dagster'"),
        ((400, ""), SettingsError, "refused the user 'dagster'"),
        ((404, ""), SettingsError, "is not Airflow 3"),
        ((502, ""), AirflowUnavailable, "it answered 502"),
    ],
)
def test_a_login_that_fails_says_whose_fault_it_is(
    server: Faulty, answer: tuple[int, object], kind: type[DandelionError], said: str
) -> None:
    server.logins = [answer]
    with pytest.raises(kind, match=said) as caught:
        ask(server.url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_has_expired_is_replaced_once(server: Faulty, status: int) -> None:
    server.answers = [(200, NO_RUNS), (status, ""), (200, NO_RUNS)]
    with Airflow(server.url, "dagster", "secret") as airflow:
        for _ in range(2):
            assert list(airflow.finished_runs("data_ingestion", None)) == []
    runs = "/api/v2/dags/data_ingestion/dagRuns"
    assert server.asked == ["/auth/token", runs, runs, "/auth/token", runs]


def test_nobody_at_the_address_is_a_transient_error() -> None:
    with pytest.raises(AirflowUnavailable, match="See whether its api-server runs"):
        ask(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("url", ["airflow:8080", "http://", "ftp://airflow", "http://airflow:port"])
def test_an_address_that_is_none_names_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="DANDELION_AIRFLOW_URL"):
        ask(url)


def test_links_lead_to_where_people_open_it() -> None:
    with Airflow("http://inside:8080/", "dagster", "secret", "https://airflow.example/") as airflow:
        link = airflow.link(run("manual__2026-01-05T12:00:00+00:00"))
    assert link == (
        "https://airflow.example/dags/data_ingestion/runs/manual__2026-01-05T12%3A00%3A00%2B00%3A00"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "DANDELION_AIRFLOW_URL is not set"),
        ({"airflow_url": "http://127.0.0.1:1"}, "Set DANDELION_AIRFLOW_USER"),
        (
            {
                "airflow_url": "http://127.0.0.1:1",
                "airflow_user": "dagster",
                "airflow_password": SecretStr("secret"),
            },
            "Airflow at http://127.0.0.1:1 cannot be asked",
        ),
    ],
)
def test_the_sensor_skips_with_a_reason_and_keeps_its_cursor(
    given: dict[str, object], said: str
) -> None:
    sensor = airflow_sensor(Settings.model_validate(given))
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance, cursor="kept")
        reason = sensor.evaluate_tick(context)
    assert said in str(reason.skip_message)
    assert reason.cursor == "kept"
    assert not reason.asset_events
