"""`make up`: the API, the page, Dagster and MLflow, as their users meet them."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import expect

from dandelion_pipeline.images.sample.photos import SampleSpec, generate
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline_tests.browsers.browser import chromium_page, drop_photo, needs_chromium
from dandelion_pipeline_tests.defs.test_definitions import WALK
from dandelion_pipeline_tests.e2e.conftest import DANDELION, Home
from dandelion_pipeline_tests.servers.processes import answers, free_port, running, stop

pytestmark = pytest.mark.e2e

NAMES = ("API", "WEBAPP", "DAGSTER", "MLFLOW")


@dataclass(frozen=True)
class Stack:
    """What `make up` started."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    manifest: Manifest

    def url(self, name: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"


@pytest.fixture(scope="module")
def stack(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Started where compose's `.env` lies, which is not for `make up`."""
    here = tmp_path_factory.mktemp("working-copy")
    (here / ".env").write_text(f"DAGSTER_HOME={here}\nDANDELION_STORE_URL=s3://nowhere\n")
    ports = {name: free_port() for name in NAMES}
    env = {**home.env, **{f"DANDELION_{name}_PORT": str(port) for name, port in ports.items()}}
    health = {"DAGSTER": "/server_info", "MLFLOW": "/health", "WEBAPP": "/_stcore/health"}
    ready = f"http://127.0.0.1:{ports['API']}/readyz"
    with running([DANDELION, "up"], url=ready, env=env, timeout=120, cwd=here) as process:
        manifest = open_bundle(home.store, home.live_version).manifest
        stack = Stack(process, ports, manifest)
        for name, path in health.items():
            assert answers(stack.url(name, path), process, timeout=120), f"{name} is not up"
        yield stack


@pytest.fixture(scope="module")
def a_photo() -> bytes:
    """One that no training saw."""
    return next(generate(SampleSpec(per_class=1, seed=99)))[2]


def test_the_api_answers_as_documented(stack: Stack, a_photo: bytes) -> None:
    response = httpx.post(stack.url("API", "/predict"), files={"file": ("p.jpg", a_photo)})
    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {
        *("prediction_id", "label", "confidence", "probabilities", "model", "request_id"),
        *("sure", "outside", "novelty"),
    }
    assert answer["confidence"] == max(answer["probabilities"].values())
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["model"]["version"] == stack.manifest.version
    assert answer["model"]["is_sample"] is True


@needs_chromium
def test_the_page_shows_the_same_answer(stack: Stack, a_photo: bytes) -> None:
    response = httpx.post(stack.url("API", "/predict"), files={"file": ("p.jpg", a_photo)})
    answer = response.json()
    with chromium_page() as page:
        page.goto(stack.url("WEBAPP"))
        drop_photo(page, a_photo)
        expect(page.locator(".dd-label")).to_have_text(answer["label"], timeout=30_000)
        expect(page.locator(".dd-percent")).to_have_text(f"Confidence: {answer['confidence']:.1%}")
        expect(page.locator(".dd-version")).to_have_text(stack.manifest.version)


def test_dagster_lists_the_assets_of_a_run_as_materialised(stack: Stack) -> None:
    query = "{assetNodes{assetKey{path} assetMaterializations(limit:1){runId}}}"
    response = httpx.post(stack.url("DAGSTER", "/graphql"), json={"query": query}, timeout=60)
    nodes = response.json()["data"]["assetNodes"]
    materialised = {node["assetKey"]["path"][0] for node in nodes if node["assetMaterializations"]}
    assert materialised == {*WALK, "embeddings"}


def test_mlflow_has_the_run_with_its_plots(stack: Stack) -> None:
    run = {"run_id": stack.manifest.mlflow_run}
    api = stack.url("MLFLOW", "/api/2.0/mlflow")
    info = httpx.get(f"{api}/runs/get", params=run).json()["run"]
    assert info["info"]["status"] == "FINISHED"
    metrics = {metric["key"]: metric["value"] for metric in info["data"]["metrics"]}
    assert metrics["test_accuracy"] == pytest.approx(stack.manifest.metrics.accuracy)
    listed = httpx.get(f"{api}/artifacts/list", params={**run, "path": "plots"}).json()
    plots = {file["path"] for file in listed["files"]}
    names = {"learning_curves.png", "confusion_matrix.png", "reliability.png", "slices.png"}
    names |= {"roc_and_precision_recall.png", "grad_cam.jpeg"}
    assert plots - {"plots/worst_mistakes.jpeg"} == {f"plots/{name}" for name in names}
    for plot in plots:
        picture = httpx.get(stack.url("MLFLOW", "/get-artifact"), params={**run, "path": plot})
        assert picture.content.startswith((b"\x89PNG", b"\xff\xd8\xff"))


def test_a_port_that_is_taken_is_named_with_the_setting_to_change(stack: Stack, home: Home) -> None:
    answer = home.dandelion("up", "--api-port", str(stack.ports["API"]))
    assert answer.returncode == 1
    assert f"port {stack.ports['API']} for api" in answer.stderr
    assert "DANDELION_API_PORT" in answer.stderr


def test_ctrl_c_stops_everything(stack: Stack) -> None:
    assert stop(stack.process, signal.SIGINT, timeout=40) == 0
    for port in stack.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
