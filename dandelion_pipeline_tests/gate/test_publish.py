from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.dataset import DatasetInfo, build_dataset
from dandelion_pipeline.dataset.splits.assignments import ASSIGNMENTS, Assignments, History
from dandelion_pipeline.evaluation.scores import champion_version, measure_both, score
from dandelion_pipeline.gate.publish import Origin, Outcome, publish
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import digests, open_bundle, put_files
from dandelion_pipeline.release.manifest import ONNX_FILE, DataSummary
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.records.tables import parquet_bytes, write_snapshot
from dandelion_pipeline.training.config import Model, TrainingConfig
from dandelion_pipeline.training.fit import TrainedModel, TrainingRecord
from dandelion_pipeline.training.transfer.fit import fit_transfer
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.data.clean_rows import clean_table
from dandelion_pipeline_tests.data.small_data_set import TINY
from serving.model.engine import Engine


def challenger(
    dataset: pa.Table,
    version: str,
    *,
    flipped: bool = False,
    sample: bool = False,
    onnx: bytes | None = None,
    architecture: str = "tiny",
) -> TrainedModel:
    info = DatasetInfo.of(dataset)
    files = {ONNX_FILE: onnx or tiny_models.onnx_graph(flipped=flipped)}
    record = TrainingRecord(
        version=version,
        architecture=architecture,
        classes=info.classes,
        preprocessing=TINY.preprocessing,
        data=DataSummary(
            hash=info.hash,
            is_sample=sample,
            counts=info.counts,
            snapshot=sha256_hex(parquet_bytes(dataset)),
        ),
        config=TINY,
        history=[],
        seconds=1.0,
        torch_version="none",
        files=digests(files),
    )
    return TrainedModel(record, files)


def published(
    store: Store,
    dataset: pa.Table,
    version: str,
    *,
    forced_because: str = "",
    **kind: Any,  # noqa: ANN401
) -> Outcome:
    model = challenger(dataset, version, **kind)
    put_files(store, version, model.bundle_files())
    scores = score(store, dataset, model)
    outcome = publish(store, model, scores, ORIGIN, forced_because=forced_because)
    assert outcome is not None
    return outcome


ORIGIN = Origin("1", "d", "m")
MISSES_SOME_GRASS = tiny_models.onnx_graph(blue=(0.15, 80))
"""Wrong about grass whose blue is below 60: a fifth of it."""

COLOURS = {"dandelion": tiny_models.YELLOW, "grass": tiny_models.GREEN}


def coloured(label: str, number: int) -> bytes:
    """A photo that `tiny_models.onnx_graph` gets right, and its flipped twin wrong."""
    red, green, blue = COLOURS[label]
    return tiny_models.photo((red, green, blue + number % 50), size=40 + number // 50, format="PNG")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that holds photos of two colours, and no model."""
    return open_store((tmp_path / "store").as_uri())


def coloured_dataset(store: Store, each: int = 60, salt: str = "salt") -> pa.Table:
    """A data set of so many photos of each colour, with its snapshot in the store.

    Another salt deals all photos anew.
    """
    rows = []
    for label in COLOURS:
        for number in range(each):
            data = coloured(label, number)
            store.put(layout.image(sha256_hex(data)), data)
            rows.append({"sha256": sha256_hex(data), "label": label, "name": f"{number}.png"})
    history = History.read(store).table if salt == "salt" else ASSIGNMENTS.empty_table()
    dataset = build_dataset(clean_table(rows), salt, Assignments.of(history)).used
    write_snapshot(store, "dataset", dataset)
    return dataset


@pytest.fixture
def dataset(store: Store) -> pa.Table:
    return coloured_dataset(store)


def test_the_temperature_goes_into_the_manifest_and_into_the_answers(
    store: Store, dataset: pa.Table
) -> None:
    plain = challenger(dataset, "one", flipped=False, sample=False)
    hot = TrainedModel(plain.record.model_copy(update={"temperature": 50.0}), plain.files)
    put_files(store, "one", hot.bundle_files())
    scores = score(store, dataset, hot)
    outcome = publish(store, hot, scores, ORIGIN)
    assert outcome is not None
    assert outcome.manifest.temperature == 50
    photo = store.get(layout.image(scores["sha256"][0].as_py()))
    served = Engine(open_bundle(store, "one")).classify(photo)
    assert list(served.values()) == pytest.approx(scores["probabilities"][0].as_py())
    assert max(served.values()) < 0.7


def test_a_head_on_the_backbone_goes_live_and_the_api_answers_as_it_was_judged(
    store: Store,
) -> None:
    dataset = coloured_dataset(store, each=30)
    model = fit_transfer(store, dataset, TrainingConfig(model=Model.TRANSFER, device="cpu"))
    put_files(store, model.record.version, model.bundle_files())
    scores = score(store, dataset, model)
    outcome = publish(store, model, scores, ORIGIN)
    assert outcome is not None
    assert outcome.decision.promote
    live = open_bundle(store, model.record.version)
    engine = Engine(live, live.manifest.form)
    for row in range(3):
        photo = store.get(layout.image(scores["sha256"][row].as_py()))
        judged = scores["probabilities"][row].as_py()
        assert list(engine.classify(photo).values()) == pytest.approx(judged, abs=0.02)


def test_the_first_model_goes_live(store: Store, dataset: pa.Table) -> None:
    outcome = published(store, dataset, "one")
    assert outcome.decision.promote
    assert log.live(store).version == "one"
    assert open_bundle(store, "one").manifest == outcome.manifest


def test_a_worse_challenger_keeps_its_bundle_and_is_not_live(
    store: Store, dataset: pa.Table
) -> None:
    published(store, dataset, "good")
    outcome = published(store, dataset, "bad", flipped=True)
    assert not outcome.decision.promote
    assert log.live(store).version == "good"
    metrics = open_bundle(store, "bad").manifest.metrics
    assert metrics.champion_version == "good"
    assert metrics.champion_accuracy is not None
    assert metrics.accuracy < metrics.champion_accuracy
    assert (metrics.lost, metrics.gained) == (metrics.test_photos, 0)


def test_of_the_same_photos_another_kind_of_model_has_to_be_better_and_to_lose_is_no_failure(
    store: Store, dataset: pa.Table
) -> None:
    published(store, dataset, "one")
    outcome = published(store, dataset, "equal", architecture="other")
    assert not outcome.decision.promote
    assert outcome.keeps_rival
    (against,) = outcome.decision.failed
    assert "trained on the same photos as the live model, it is not better" in against.says
    worse = published(store, dataset, "worse", architecture="other", flipped=True)
    assert not worse.keeps_rival  # for it is no better than guessing
    assert log.live(store).version == "one"


def test_of_the_same_photos_another_kind_of_model_goes_live_if_it_is_better(
    store: Store, dataset: pa.Table
) -> None:
    published(store, dataset, "some", onnx=MISSES_SOME_GRASS)
    outcome = published(store, dataset, "all", architecture="other")
    assert outcome.decision.promote
    assert not outcome.keeps_rival
    says = [criterion.says for criterion in outcome.decision.criteria]
    assert any("it is better on the" in one for one in says)


def test_on_other_photos_another_kind_of_model_has_to_be_no_worse(store: Store) -> None:
    published(store, coloured_dataset(store, each=50), "one")
    outcome = published(store, coloured_dataset(store, each=60), "two", architecture="other")
    assert outcome.decision.promote
    assert not any(
        "on the same photos as the live model" in c.says for c in outcome.decision.criteria
    )


def test_a_sample_model_never_replaces_a_real_one(store: Store, dataset: pa.Table) -> None:
    published(store, dataset, "real", onnx=MISSES_SOME_GRASS)
    assert not published(store, dataset, "sample", sample=True).decision.promote
    assert log.live(store).version == "real"


def test_publishing_the_same_model_twice_changes_nothing(store: Store, dataset: pa.Table) -> None:
    first = published(store, dataset, "one")
    second = published(store, dataset, "one")
    assert second.manifest == first.manifest
    assert len(log.history(store)) == 1


def test_a_champion_of_other_classes_is_not_compared(store: Store, dataset: pa.Table) -> None:
    tiny_models.publish(store, "cats", classes=["cat", "dog"])
    outcome = published(store, dataset, "flowers", onnx=MISSES_SOME_GRASS)
    assert outcome.decision.promote
    assert outcome.manifest.metrics.champion_accuracy is None


def test_a_model_goes_live_only_in_place_of_the_one_that_it_was_compared_with(
    store: Store, dataset: pa.Table
) -> None:
    model = challenger(dataset, "one", flipped=False, sample=False)
    put_files(store, "one", model.bundle_files())
    scores = score(store, dataset, model)
    assert champion_version(scores) is None
    tiny_models.publish(store, "other", tiny_models.onnx_graph(flipped=True))
    assert publish(store, model, scores, ORIGIN) is None
    assert log.live(store).version == "other"
    outcome = publish(store, model, score(store, dataset, model), ORIGIN)
    assert outcome is not None
    assert outcome.decision.promote
    assert log.live(store).previous == "other"


def test_both_models_answer_for_the_same_photos(store: Store, dataset: pa.Table) -> None:
    published(store, dataset, "one")
    model = challenger(dataset, "two", flipped=True, sample=False)
    metrics = measure_both(score(store, dataset, model), model.record.classes)
    assert metrics.champion_accuracy == 1.0
    assert metrics.accuracy == 0.0
