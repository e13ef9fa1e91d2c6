"""The edge in front of the real Dagster and MLflow, driven by a browser that signs in."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Error, expect

from dandelion_pipeline_tests.browsers.browser import chromium_page, needs_chromium
from dandelion_pipeline_tests.docker.edge import DOMAIN, PASSWORD, USER, Edge, edge, needs_caddy
from dandelion_pipeline_tests.servers.processes import free_port, running

pytestmark = [pytest.mark.stack, needs_caddy, needs_chromium]


@pytest.fixture(scope="module")
def in_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Edge, str]]:
    """The edge, and what the names behind it have at their end."""
    place = tmp_path_factory.mktemp("edge")
    home, dagster, mlflow = place / "home", free_port(), free_port()
    (home / "dagster").mkdir(parents=True)
    (place / "caddy").mkdir()
    env = {"DANDELION_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    ui = [sys.executable, "-m", "dagster_webserver", "-m", "dandelion_pipeline.definitions"]
    at = ["--host", "127.0.0.1", "--port"]
    with (
        running(
            [*ui, *at, str(dagster)],
            url=f"http://127.0.0.1:{dagster}/server_info",
            env=env,
            timeout=240,
        ),
        edge(place / "caddy", {"dagster-webserver": dagster, "mlflow": mlflow}) as found,
        running(
            [sys.executable, "-m", "mlflow", "server", "--workers", "1", *at, str(mlflow)],
            url=f"http://127.0.0.1:{mlflow}/health",
            env={**env, **mlflow_environment(home, found)},
            timeout=240,
            cwd=home,
        ),
    ):
        yield found, f"{DOMAIN}:{found.port}"


def mlflow_environment(home: Path, found: Edge) -> dict[str, str]:
    """As compose sets it for a stack behind a name."""
    name = f"mlflow.{DOMAIN}:{found.port}"
    return {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{home / 'mlflow.db'}",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"mlflow:5001,{name}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"https://{name}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def test_without_a_login_no_page_is_seen(in_front: tuple[Edge, str]) -> None:
    found, end = in_front
    assert found.get("dagster").status_code == httpx.codes.UNAUTHORIZED
    with chromium_page(flags=["--ignore-certificate-errors"]) as page:
        with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
            page.goto(f"https://dagster.{end}/")
        expect(page.get_by_text(re.compile("Dagster"))).to_have_count(0)


def test_who_signs_in_works_with_dagster_and_mlflow(in_front: tuple[Edge, str]) -> None:
    _, end = in_front
    with chromium_page(login=(USER, PASSWORD)) as page:
        sockets: list[str] = []
        refused: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.on(
            "response", lambda one: refused.append(one.url) if one.status in (401, 403) else None
        )
        page.goto(f"https://dagster.{end}/assets")
        expect(page.get_by_text("published_model").first).to_be_visible(timeout=120_000)
        assert sockets == [f"wss://dagster.{end}/graphql"]
        with page.expect_response(lambda one: "experiments/search" in one.url, timeout=120_000):
            page.goto(f"https://mlflow.{end}/#/experiments")
        expect(page.get_by_text("Default").first).to_be_visible(timeout=120_000)
        assert not refused
