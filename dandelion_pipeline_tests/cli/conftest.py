"""The commands, called in this process, on an empty store of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dandelion_pipeline.cli import app
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

Dandelion = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the commands use; MLflow is away, so that nobody waits for it."""
    monkeypatch.setenv("DANDELION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DANDELION_STORE_URL", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    return open_store((tmp_path / "home" / "store").as_uri())


@pytest.fixture
def dandelion(here: Store) -> Dandelion:
    """Call a command; what it raises of ours ends up in ``exception``."""
    return lambda *arguments: CliRunner().invoke(app, arguments)
