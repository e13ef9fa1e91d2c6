import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dandelion_pipeline.errors import BundleError, ImageRefused
from dandelion_pipeline.images.decoding.preprocess import Preprocessing, pixels_of
from dandelion_pipeline.release.bundle import open_bundle
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    SIZE,
    YELLOW,
    knows_its_photos,
    onnx_graph,
    photo,
    put_bundle,
    training_photos,
)
from serving.model.engine import Engine


def _engine(store: Store, onnx: bytes | None = None, **changes: Any) -> Engine:  # noqa: ANN401
    put_bundle(store, "v", onnx, **changes)
    return Engine(open_bundle(store, "v"))


def test_probabilities_carry_the_class_names_in_the_order_of_the_outputs(store: Store) -> None:
    engine = _engine(store)
    assert list(engine.classify(photo(YELLOW))) == ["dandelion", "grass"]
    assert engine.classify(photo(YELLOW))["dandelion"] > 0.9
    assert engine.classify(photo(GREEN))["grass"] > 0.9
    assert sum(engine.classify(photo(GREEN)).values()) == pytest.approx(1)


def test_a_batch_gives_what_its_photos_give_alone(store: Store) -> None:
    engine = _engine(store)
    pixels = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    alone = [engine.probabilities(row[np.newaxis])[0] for row in pixels]
    assert np.allclose(engine.probabilities(pixels), alone, atol=1e-6)


def test_the_temperature_softens_the_answer(store: Store) -> None:
    put_bundle(store, "hot", temperature=5.0)
    put_bundle(store, "plain")
    hot, plain = (Engine(open_bundle(store, v)).classify(photo()) for v in ("hot", "plain"))
    ratio = np.log(plain["dandelion"] / plain["grass"]) / np.log(hot["dandelion"] / hot["grass"])
    assert ratio == pytest.approx(5)


def test_extreme_logits_do_not_overflow(store: Store) -> None:
    assert _engine(store, temperature=1e-6).classify(photo())["dandelion"] == 1


@pytest.mark.parametrize("shorter_side", [75, 600])
def test_a_large_photo_is_reduced_as_far_as_the_bundle_says(
    store: Store, shorter_side: int
) -> None:
    preprocessing = Preprocessing(size=SIZE, shorter_side=shorter_side)
    engine = _engine(store, preprocessing=preprocessing.model_dump())
    file = io.BytesIO()
    Image.effect_noise((800, 600), 80).convert("RGB").save(file, "JPEG")
    prepared = engine.prepare(file.getvalue())
    assert (prepared.width, prepared.height) == (800, 600)
    assert (prepared.pixels == pixels_of(file.getvalue(), preprocessing)).all()


def test_bytes_that_are_no_photo_are_refused_with_a_reason(store: Store) -> None:
    with pytest.raises(ImageRefused) as refused:
        _engine(store).classify(b"no photo")
    assert refused.value.reason == "unknown_format"


@pytest.mark.parametrize(
    ("onnx", "changes", "complaint"),
    [
        (b"this is no graph", {}, "OpenVINO cannot run it"),
        (onnx_graph()[:-40], {}, "OpenVINO cannot run it"),
        (onnx_graph(size=SIZE + 1), {}, "inputs"),
        (onnx_graph(input_name="image"), {}, "inputs"),
        (onnx_graph(classes=3), {}, "outputs"),
        (None, {"preprocessing": {"size": 3}}, "preprocessing"),
        (None, {"preprocessing": Preprocessing(size=48).model_dump()}, "inputs"),
        (None, {"temperature": 0.0}, "temperature"),
    ],
)
def test_a_graph_that_is_not_what_the_manifest_says_is_no_model(
    store: Store, onnx: bytes | None, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        _engine(store, onnx, **changes)


def test_an_altered_file_is_never_parsed(store: Store) -> None:
    put_bundle(store, "v")
    store.put(layout.model_file("v", "model.onnx"), onnx_graph(flipped=True))
    with pytest.raises(BundleError, match="not what the manifest says"):
        Engine(open_bundle(store, "v"))


BLUE = (30, 40, 230)


def test_a_photo_unlike_those_of_training_is_far_from_them(store: Store) -> None:
    put_bundle(store, "v", **knows_its_photos())
    engine = Engine(open_bundle(store, "v"))
    pixels = np.stack([engine.prepare(photo(c)).pixels for c in (YELLOW, GREEN, BLUE)])
    answer = engine.answer(pixels)
    assert answer.novelty is not None
    assert (answer.novelty > 1).tolist() == [False, False, True]
    assert np.array_equal(answer.probabilities, engine.probabilities(pixels))


def test_training_photos_are_known_without_a_distribution(store: Store) -> None:
    engine = _engine(store, **{**knows_its_photos(), "ood": None})
    answer = engine.answer(engine.prepare(photo(GREEN)).pixels[np.newaxis])
    assert answer.novelty is None
    assert answer.features is not None
    assert engine.neighbours is not None
    assert engine.neighbours.nearest(answer.features[0], 1)[0].label == 1


def test_a_bundle_of_before_says_nothing_about_that(store: Store) -> None:
    engine = _engine(store)
    pixels = engine.prepare(photo(BLUE)).pixels[np.newaxis]
    assert engine.answer(pixels).novelty is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"onnx": onnx_graph()}, "is of other features"),
        ({"onnx": onnx_graph(), "ood": None}, "neighbours.safetensors is of other features"),
        ({"beside": {NEIGHBOURS_FILE: training_photos(2).to_bytes()}, "ood": None}, "neighbours"),
        ({"beside": {NEIGHBOURS_FILE: b"rubbish"}, "ood": None}, "cannot be read"),
        ({"beside": knows_its_photos(width=2)["beside"]}, "is of other features"),
        ({"beside": {}}, "ood.safetensors"),
        ({"beside": {"ood.safetensors": b"rubbish"}}, "cannot be read"),
    ],
)
def test_features_of_training_that_do_not_fit_the_graph_are_no_model(
    store: Store, changes: dict[str, Any], complaint: str
) -> None:
    put_bundle(store, "v", **{**knows_its_photos(), **changes})
    with pytest.raises(BundleError, match=complaint):
        Engine(open_bundle(store, "v"))
