"""What a store's configuration says reaches every run, and a decision about a model lasts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dandelion_pipeline.cli import configuration as command
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.automation.jobs import schedules
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.images.sample.photos import SampleSpec
from dandelion_pipeline.ingest.landing import import_photos
from dandelion_pipeline.ingest.sources import open_source
from dandelion_pipeline.networks.resnet import build_network
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.manifest import Manifest
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import sha256_hex
from dandelion_pipeline.training.export.onnx_graphs import export_weights
from dandelion_pipeline_tests.data.small_data_set import DAY
from dandelion_pipeline_tests.defs.conftest import Place

pytestmark = pytest.mark.stack  # it trains twice

NEXT = "2025-05-02"
MONDAY = datetime(2025, 6, 2, 3, tzinfo=UTC)
SHORT = {  # and long enough to beat guessing on a few test photos
    "training.size": 56,
    "training.epochs": 6,
    "training.batch_size": 8,
    "training.learning_rate": 3e-3,
    "training.ema_decay": 0.7,
    "training.smallest_crop": 1,
    "training.color_jitter": 0,
    "training.rotation": 0,
    "training.erasing": 0,
}


@pytest.fixture(scope="module")
def weights(place: Place, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The store's configuration: 56 pixels, weights of a file; returns their SHA-256."""
    data = export_weights(build_network(2))
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    file.write_bytes(data)
    command.set_(
        [
            "model=resnet18",
            f"training.weights={file}",
            *(f"{name}={value}" for name, value in SHORT.items()),
        ],
        reason="finer photos",
    )
    Path(file).unlink()
    place.pipeline.ingest(DAY)
    return sha256_hex(data)


def bring(place: Place, *, each: int, seed: int) -> None:
    more = SampleSpec(per_class=each, size=(64, 48), seed=seed)
    import_photos(place.store, open_source("sample", sample=more), NEXT)
    place.pipeline.ingest(NEXT)


def tick(place: Place, week: int = 0) -> tuple[list[dg.RunRequest], str]:
    """What the weekly schedule asks for, and why it does not."""
    weekly = {s.name: s for s in schedules(place.settings)}["weekly_training_schedule"]
    with dg.build_schedule_context(
        instance=dg.DagsterInstance.get(),
        resources={"store": StoreResource(url=place.store.url)},
        scheduled_execution_time=MONDAY + timedelta(weeks=week),
        repository_def=defs.get_repository_def(),
    ) as context:
        found = weekly.evaluate_tick(context)
        return list(found.run_requests or []), found.skip_message or ""


def train(place: Place, ops: dict[str, Any]) -> Manifest:
    """A run of the training job with what was given for it, as a schedule or a person gives it."""
    job = defs.resolve_job_def("training_job")
    job.execute_in_process(
        instance=dg.DagsterInstance.get(), run_config={"ops": ops, "loggers": {"console": {}}}
    )
    return open_bundle(place.store, log.live(place.store).version).manifest


@pytest.fixture(scope="module")
def scheduled(place: Place, weights: str) -> Manifest:
    """The model that the weekly schedule makes."""
    (request,), _ = tick(place)
    return train(place, request.run_config["ops"])


@pytest.fixture(scope="module")
def challenger(place: Place, scheduled: Manifest) -> Manifest:
    """Some photos later, a model that a person makes in the launchpad with another seed."""
    bring(place, each=4, seed=9)
    forced = {"published_model": {"config": {"force_reason": "a trial"}}}
    return train(place, {"trained_model": {"config": {"seed": 5}}, **forced})


def test_the_schedule_trains_as_configured(scheduled: Manifest, weights: str) -> None:
    knobs = scheduled.training
    assert (knobs["size"], knobs["epochs"], knobs["seed"]) == (56, 6, 0)
    assert (knobs["weights"], knobs["weights_sha256"]) == (layout.weights(weights), weights)
    assert scheduled.preprocessing["size"] == 56


def test_what_the_launchpad_does_not_say_is_as_configured(
    challenger: Manifest, weights: str
) -> None:
    knobs = challenger.training
    assert (knobs["size"], knobs["epochs"], knobs["seed"]) == (56, 6, 5)
    assert knobs["weights_sha256"] == weights


def test_a_rollback_lasts_until_there_is_a_new_photo(place: Place, challenger: Manifest) -> None:
    command.set_(["training.seed=5"], reason="the seed of the challenger")
    assert log.live(place.store).version == challenger.version
    rollback(place.store, to=None, who="ann", why="it mistakes daisies")
    for week in range(4):
        requests, why = tick(place, week)
        assert requests == []
        assert f"{challenger.version}, of this data set and configuration, was rolled back" in why
        assert "ann: it mistakes daisies" in why
    bring(place, each=1, seed=11)
    (request,), _ = tick(place, 5)
    assert request.run_config["ops"]["trained_model"]["config"] == {"model": "RESNET18"}
