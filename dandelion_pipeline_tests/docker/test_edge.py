"""docker/edge: nobody reaches a page without signing in, and no password goes behind it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from dandelion_pipeline_tests.docker.edge import (
    DOMAIN,
    PASSWORD,
    SETTINGS,
    USER,
    Edge,
    edge,
    needs_caddy,
    start,
)

SERVICES = ("dagster-webserver", "mlflow", "webapp", "api", "airflow-api")
BEHIND_LOGIN = ("dagster", "mlflow", "app")
OAUTH2 = {"DANDELION_EDGE_LOGIN": "oauth2", "DANDELION_EDGE_USER": ""}
COOKIE = {"Cookie": "_oauth2_proxy=somebody"}

pytestmark = needs_caddy


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it got; as oauth2-proxy does where that is asked."""

    def do_GET(self) -> None:
        known = "_oauth2_proxy=somebody" in (self.headers["Cookie"] or "")
        asked = self.path.startswith("/oauth2/auth")
        self.send_response((202 if known else 401) if asked else 200)
        if asked and known:
            self.send_header("X-Auth-Request-User", "somebody")
        body = json.dumps(dict(self.headers)).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def ours(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with edge(tmp_path_factory.mktemp("edge"), dict.fromkeys(SERVICES, upstream)) as running:
        yield running


@pytest.fixture(scope="module")
def with_provider(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    settings = {**SETTINGS, **OAUTH2, "DANDELION_EDGE_AUTH": f"127.0.0.1:{upstream}"}
    place = tmp_path_factory.mktemp("with_provider")
    with edge(place, dict.fromkeys(SERVICES, upstream), settings) as running:
        yield running


@pytest.mark.parametrize("name", BEHIND_LOGIN)
@pytest.mark.parametrize("login", [None, (USER, "another")])
def test_nobody_sees_a_page_without_the_password(
    ours: Edge, name: str, login: tuple[str, str] | None
) -> None:
    refused = ours.get(name, auth=login)
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("name", BEHIND_LOGIN)
def test_who_knows_the_password_sees_the_page_and_the_service_does_not_see_it(
    ours: Edge, name: str
) -> None:
    seen = ours.get(name, auth=(USER, PASSWORD))
    assert seen.status_code == httpx.codes.OK
    assert "Authorization" not in seen.json()
    assert (
        seen.json()["Host"] == f"{name}.{DOMAIN}"
    )  # as the browser said it: Streamlit and MLflow compare it
    assert seen.json()["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize("name", ["api", "airflow"])
def test_what_has_its_own_login_gets_the_token_and_no_other(ours: Edge, name: str) -> None:
    seen = ours.get(name, headers={"Authorization": "Bearer a-key"})
    assert seen.json()["Authorization"] == "Bearer a-key"


def test_a_client_cannot_say_that_it_has_another_address(ours: Edge) -> None:
    seen = ours.get("api", headers={"X-Forwarded-For": "203.0.113.7"})
    assert seen.json()["X-Forwarded-For"] == "127.0.0.1"


@pytest.mark.parametrize("name", BEHIND_LOGIN)
def test_an_identity_provider_is_asked_who_somebody_is(with_provider: Edge, name: str) -> None:
    unknown = with_provider.get(name, "/runs?a=1")
    assert unknown.status_code == httpx.codes.FOUND
    assert unknown.headers["Location"].startswith("/oauth2/sign_in?rd=https://")
    assert unknown.headers["Location"].endswith("/runs?a=1")
    assert with_provider.get(name, "/oauth2/sign_in").status_code == httpx.codes.OK
    known = with_provider.get(name, headers=COOKIE)
    assert known.json()["X-Auth-Request-User"] == "somebody"


@pytest.mark.parametrize(
    "missing",
    ["DANDELION_EDGE_DOMAIN", "DANDELION_EDGE_USER", "DANDELION_EDGE_PASSWORD_HASH"],
)
def test_it_does_not_start_without_a_login(tmp_path: Path, missing: str) -> None:
    _, said = start(tmp_path / "Caddyfile", {**SETTINGS, missing: ""}, tmp_path).communicate()
    assert missing in said
    assert "do: set" in said


def test_it_does_not_start_with_a_login_that_there_is_not(tmp_path: Path) -> None:
    settings = {**SETTINGS, "DANDELION_EDGE_LOGIN": "none"}
    _, said = start(tmp_path / "Caddyfile", settings, tmp_path).communicate()
    assert "DANDELION_EDGE_LOGIN is 'none'" in said
