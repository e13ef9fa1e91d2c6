"""`mlflow models serve` beside the API: two servers, one model, the same answers."""

import base64
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from dandelion_pipeline.defs.mlflow.registry import mirror
from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.servers.processes import free_port, running, signal_family

MLFLOW = str(Path(sys.executable).with_name("mlflow"))


def twenty_photos() -> list[bytes]:
    photos = []
    for seed in range(10):
        for label in ("dandelion", "grass"):
            target = io.BytesIO()
            render(label, seed, (320, 240)).save(target, "JPEG")
            photos.append(target.getvalue())
    return photos


def served_by_mlflow(url: str, photos: list[bytes]) -> list[dict[str, Any]]:
    inputs = [base64.b64encode(data).decode() for data in photos]
    answer = httpx.post(f"{url}/invocations", json={"inputs": inputs}, timeout=60, trust_env=False)
    assert answer.is_success, answer.text
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def served_by_the_api(url: str, data: bytes) -> dict[str, Any]:
    file = {"file": ("photo.jpg", data, "image/jpeg")}
    answer = httpx.post(f"{url}/predict", files=file, timeout=60, trust_env=False)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.stack
def test_mlflow_models_serve_answers_as_the_api_does(
    served: Settings, store: Store, tmp_path: Path
) -> None:
    publish(store, "first")
    mirror(served, store)
    api, model = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    env = {
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        # MLflow looks its uvicorn up.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": served.tracking_uri,
        "DANDELION_STORE_URL": store.url,
        "DANDELION_HOME": str(tmp_path / "api"),
        "DANDELION_API_PORT": api.rpartition(":")[2],
    }
    serve = [MLFLOW, "models", "serve", "--model-uri", "models:/dandelion@champion"]
    options = ["--env-manager", "local", "--port", model.rpartition(":")[2]]
    photos = twenty_photos()
    with (
        running([sys.executable, "-m", "serving"], url=f"{api}/readyz", env=env),
        running([*serve, *options], url=f"{model}/ping", env=env) as process,
    ):
        try:
            answers = served_by_mlflow(model, photos)
            for data, answer in zip(photos, answers, strict=True):
                expected = served_by_the_api(api, data)
                assert answer["label"] == expected["label"]
                assert answer["model"] == expected["model"]["version"]
                assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
        finally:
            signal_family(process, signal.SIGTERM)  # its server is a child of its own
    assert len({answer["label"] for answer in answers}) == 2
