"""Both kinds of model, as training exports them, behind the API: proof, swaps, hostile photos."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dandelion_pipeline.dataset.dataset import TRAIN, rows_of
from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import Form
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.data.trained_bundles import publish_trained, put_trained
from dandelion_pipeline_tests.images.decoding.mutants import mutant, sound_files
from dandelion_pipeline_tests.serving.conftest import api_on, wait_until
from serving.api.problems import MOST_FILES
from serving.model.offline_copy import OfflineCopy
from serving.model.proof import proven_engine

REFUSED = {413, 415, 422}


@dataclass(frozen=True)
class Served:
    """An API whose live model is ``trained``."""

    model: TrainedModel
    store: Store
    api: httpx.Client

    def check(self, prediction: dict[str, Any]) -> None:
        """Its figures are numbers, and it knows whether the photo is outside if the model can."""
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
        if self.model.record.ood is None:  # of the few photos of the tests, for the ResNet18
            assert prediction["outside"] is None
        else:
            assert np.isfinite(prediction["novelty"])
            assert prediction["outside"] == (prediction["novelty"] > 1)


@pytest.fixture(scope="module", params=["resnet18", "transfer"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    name = {"resnet18": "model", "transfer": "transfer_model"}[request.param]
    model: TrainedModel = request.getfixturevalue(name)
    store = open_store((tmp_path_factory.mktemp(request.param) / "store").as_uri())
    publish_trained(store, model, "trained")
    with api_on(store) as api:
        yield Served(model, store, api)


@pytest.fixture(scope="module")
def training_photos(small_store: Store, small_dataset: pa.Table) -> dict[str, bytes]:
    """The first of the training split, by hash."""
    hashes = rows_of(small_dataset, TRAIN)["sha256"].to_pylist()[:6]
    return dict(zip(hashes, read_photos(small_store, hashes), strict=True))


@pytest.mark.parametrize("wanted", ["int8", "fp32"])
def test_each_graph_proves_itself_or_is_left_out_and_knows_the_photos_of_training(
    served: Served, wanted: Form
) -> None:
    record = served.model.record
    assert record.served_as == "fp32" or (record.int8 is not None and record.int8.agrees)
    written = log.live(served.store)
    engine = proven_engine(put_trained(served.store, served.model, written.version), wanted)
    assert engine.form == wanted
    golden = Golden.parse(served.model.files[GOLDEN_FILE], "here")
    answer = engine.answer(golden.pixels)
    assert (answer.novelty is None) == (record.ood is None)
    assert engine.neighbours is not None
    assert len(engine.neighbours.labels) == sum(one["train"] for one in record.data.counts.values())


def test_a_model_whose_golden_examples_are_others_is_refused_and_the_live_one_stays(
    served: Served,
) -> None:
    golden = Golden.parse(served.model.files[GOLDEN_FILE], "here")
    int8 = None if golden.int8_logits is None else -golden.int8_logits
    other = replace(golden, logits=-golden.logits - 1, int8_logits=int8).to_bytes()
    with pytest.raises(BundleError, match="golden examples are off by"):
        proven_engine(put_trained(served.store, served.model, "liar", {GOLDEN_FILE: other}))


def test_a_swap_and_a_rollback_under_load_fail_no_request_and_mix_no_versions(
    served: Served, training_photos: dict[str, bytes]
) -> None:
    data = next(iter(training_photos.values()))
    answers: list[tuple[int, str, float]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=served.api.base_url, trust_env=False) as own:
            while not stop.is_set():
                answer = own.post("/predict", files={"file": data})
                told = answer.json()
                chance = told["probabilities"]["dandelion"]
                answers.append((answer.status_code, told["model"]["version"], round(chance, 4)))

    def answered_by(version: str) -> bool:
        return version in {told for _, told, _ in answers[-2:]}

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        wait_until(lambda: answered_by("trained"), timeout=60)
        publish(served.store, f"tiny-{served.model.record.version}")
        wait_until(lambda: not answered_by("trained"), timeout=60)
        rollback(served.store, to=None, who="a test", why="back")
        wait_until(lambda: answered_by("trained"), timeout=60)
    finally:
        stop.set()
        asker.join()
    assert {status for status, _, _ in answers} == {200}
    assert len({(version, chance) for _, version, chance in answers}) == 2


def test_damaged_files_are_answered_or_refused_by_every_route_that_takes_photos(
    served: Served,
) -> None:
    damaged = [mutant(name, 1) for name in sound_files()][:MOST_FILES]
    results = served.api.post("/predict/batch", files=[("files", one) for one in damaged]).json()
    kinds = set()
    for result in results["results"]:
        if result["prediction"] is not None:
            served.check(result["prediction"])
            kinds.add("answered")
        else:
            assert result["problem"]["status"] in REFUSED
            kinds.add(result["problem"]["reason"])
    assert {"answered", "broken", "unknown_format"} <= kinds
    for route in ("/explain", "/similar"):
        for data in damaged[:4]:
            answer = served.api.post(route, files={"file": data})
            assert answer.status_code in {200, *REFUSED}, answer.text


@pytest.mark.parametrize(
    ("mode", "size"), [("L", (1, 1)), ("RGB", (1, 4000)), ("RGBA", (300, 200)), ("I;16", (40, 9))]
)
def test_photos_without_content_get_probabilities_that_are_numbers(
    served: Served, mode: str, size: tuple[int, int]
) -> None:
    target = io.BytesIO()
    Image.new(mode, size).save(target, "PNG")
    served.check(served.api.post("/predict", files={"file": target.getvalue()}).json())
    nearest = served.api.post("/similar", files={"file": target.getvalue()}).json()["photos"]
    assert all(-1.01 <= one["similarity"] <= 1.01 for one in nearest)


def test_a_training_photo_is_the_nearest_to_itself(
    served: Served, training_photos: dict[str, bytes]
) -> None:
    for sha256, data in training_photos.items():
        told = served.api.post("/similar", params={"count": 1}, files={"file": data}).json()
        (nearest,) = told["photos"]
        assert nearest["sha256"] == sha256
        assert nearest["similarity"] > 0.9


def test_a_copy_on_disk_starts_while_the_store_is_away(served: Served, tmp_path: Path) -> None:
    release = next(one for one in log.history(served.store) if one.version == "trained")
    engine = proven_engine(put_trained(served.store, served.model, "trained"))
    copy = OfflineCopy(tmp_path)
    copy.keep(served.store, release, engine)
    _, copied = copy.load()
    assert copied.files == engine.files
