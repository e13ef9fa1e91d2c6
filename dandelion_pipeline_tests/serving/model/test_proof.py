import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, Form
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import golden, onnx_graph, publish, put_bundle
from serving.model.follower import ModelFollower
from serving.model.proof import proven_engine
from serving.settings import Precision

EXAMPLES = GoldenExamples(photos=2, tolerance=1e-3, int8_tolerance=0.05)
AGREES = Agreement(
    photos=40, labels_equal=1.0, labels_wanted=0.99, largest_difference=0.01, agrees=True
)
DIFFERS = AGREES.model_copy(update={"labels_equal": 0.9, "agrees": False})


def bundle(
    store: Store,
    *,
    fp32: bytes | None = None,
    int8: bytes | None = None,
    says: Agreement = AGREES,
    examples: bytes | None = None,
    served_as: Form | None = None,
) -> Bundle:
    """A bundle with golden examples, and with an int8 graph if one is given."""
    beside: Mapping[str, bytes] = {GOLDEN_FILE: examples or golden().to_bytes()}
    if int8 is not None:
        beside = {**beside, INT8_FILE: int8}
    measured = says if int8 is not None else None
    return put_bundle(
        store, "v", fp32, beside=beside, golden=EXAMPLES, int8=measured, served_as=served_as
    )


def test_a_model_that_answers_its_golden_examples_is_served(store: Store) -> None:
    assert proven_engine(bundle(store)).graph == ONNX_FILE


def test_the_golden_examples_hold_at_any_temperature(store: Store) -> None:
    written = put_bundle(
        store,
        "hot",
        beside={GOLDEN_FILE: golden().to_bytes()},
        golden=EXAMPLES,
        temperature=3.0,
    )
    assert proven_engine(written).graph == ONNX_FILE


def test_a_model_that_answers_otherwise_is_refused_with_how_far_it_is_off(store: Store) -> None:
    with pytest.raises(BundleError, match=r"golden examples are off by 1 here, and 0\.001 is"):
        proven_engine(bundle(store, fp32=onnx_graph(flipped=True)))


def test_a_bundle_from_before_there_were_golden_examples_is_served(store: Store) -> None:
    assert proven_engine(put_bundle(store, "old")).graph == ONNX_FILE


@pytest.mark.parametrize(
    ("wanted", "graph"), [("auto", INT8_FILE), ("int8", INT8_FILE), ("fp32", ONNX_FILE)]
)
def test_a_graph_in_8_bits_that_agrees_is_served_where_it_is_wanted(
    store: Store, wanted: Precision, graph: str
) -> None:
    assert proven_engine(bundle(store, int8=onnx_graph()), wanted).graph == graph


def test_a_graph_in_8_bits_that_does_not_agree_is_not_served(store: Store) -> None:
    assert proven_engine(bundle(store, int8=onnx_graph(), says=DIFFERS)).graph == (ONNX_FILE)


def test_a_graph_in_8_bits_that_answers_otherwise_here_gives_way_and_a_warning(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        engine = proven_engine(bundle(store, int8=onnx_graph(flipped=True)))
    assert engine.graph == ONNX_FILE
    assert "answers in 32-bit floats: in 8 bits, its probabilities" in caplog.text


def test_an_altered_graph_in_8_bits_is_a_damaged_bundle(store: Store) -> None:
    written = bundle(store, int8=onnx_graph())
    store.put(layout.model_file("v", INT8_FILE), onnx_graph(flipped=True))
    with pytest.raises(BundleError, match="not what the manifest says"):
        proven_engine(written)


@pytest.mark.parametrize(
    ("examples", "complaint"),
    [
        (b"no tensors", r"golden examples .*golden\.safetensors: it cannot be read"),
        (Golden(golden().pixels[:, 1:], golden().logits).to_bytes(), "are for another model"),
        (Golden(golden().pixels, golden().logits[:, :1]).to_bytes(), "are for another model"),
        (Golden(golden().pixels, golden().logits[:1]).to_bytes(), "no photos with an answer"),
        (Golden(golden().pixels, golden().logits * np.nan).to_bytes(), "no photos with"),
    ],
)
def test_examples_that_prove_nothing_prove_no_model(
    store: Store, examples: bytes, complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        proven_engine(bundle(store, examples=examples))


def test_a_model_that_cannot_prove_itself_never_takes_over(store: Store) -> None:
    publish(store, "first")
    models = ModelFollower(store)
    models.look()
    publish(
        store,
        "liar",
        onnx_graph(flipped=True),
        beside={GOLDEN_FILE: golden().to_bytes()},
        golden=EXAMPLES,
    )
    models.look()
    assert models.live is not None
    assert models.live.release.version == "first"
    assert models.trouble is not None
    assert "golden examples are off" in models.trouble.message


@pytest.mark.parametrize(
    ("judged", "agrees", "graph"),
    [
        ("int8", AGREES, INT8_FILE),
        ("int8", DIFFERS, INT8_FILE),
        ("fp32", AGREES, ONNX_FILE),
        (None, AGREES, INT8_FILE),
        (None, DIFFERS, ONNX_FILE),
    ],
)
def test_the_graph_that_was_judged_is_served_and_in_older_bundles_the_one_that_agrees(
    store: Store, judged: Form | None, agrees: Agreement, graph: str
) -> None:
    written = bundle(store, int8=onnx_graph(), says=agrees, served_as=judged)
    assert proven_engine(written).graph == graph


def test_a_graph_in_8_bits_is_held_to_its_own_answers_where_they_are_kept(store: Store) -> None:
    own = replace(golden(), int8_logits=-golden().logits).to_bytes()  # so it was judged
    flipped = bundle(store, int8=onnx_graph(flipped=True), examples=own, served_as="int8")
    assert proven_engine(flipped).graph == INT8_FILE


def test_a_graph_in_8_bits_that_answers_otherwise_than_where_it_was_judged_gives_way(
    store: Store,
) -> None:
    own = replace(golden(), int8_logits=-golden().logits).to_bytes()
    engine = proven_engine(bundle(store, int8=onnx_graph(), examples=own, served_as="int8"))
    assert engine.graph == ONNX_FILE
    assert "in 8-bit integers, its probabilities for the golden examples are off" in engine.because
