"""Which training photos a bundle knows: as many of each class, as the served graph sees them."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.dataset import TRAIN, rows_of
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import run
from dandelion_pipeline.release.agreement import Agreement, GoldenExamples
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE, Neighbours
from dandelion_pipeline.release.ood import unit_length
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.export import neighbours
from dandelion_pipeline.training.export.golden import class_by_class
from dandelion_pipeline.training.export.neighbours import with_neighbours
from dandelion_pipeline.training.export.onnx_graphs import Exported
from dandelion_pipeline.training.export.served import Served
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline_tests.data.tiny_models import CLASSES, SIZE, onnx_graph

PREPROCESSING = Preprocessing(size=SIZE)
COMPARED = 10
"""Photos of which the export knows the features already."""


@pytest.fixture(scope="module")
def rows(small_dataset: pa.Table) -> pa.Table:
    return rows_of(small_dataset, TRAIN)


def features_of(store: Store, rows: pa.Table) -> np.ndarray:
    pixels = load_prepared(store, rows, CLASSES, PREPROCESSING).pixels
    return unit_length(run(onnx_graph(with_features=True), pixels).features)


def exported(features: np.ndarray) -> Exported:
    """A network whose graph in integers is served; the other one cannot be run."""
    files = {INT8_FILE: onnx_graph(with_features=True), ONNX_FILE: b"no graph"}
    agrees = Agreement(photos=1, labels_equal=1, labels_wanted=1, largest_difference=0, agrees=True)
    golden = GoldenExamples(photos=0, tolerance=0, int8_tolerance=0)
    served = Served("int8", "it is faster")
    return Exported(files, agrees, agrees, golden, None, served, {}, features)


def found(store: Store, rows: pa.Table, features: np.ndarray) -> Neighbours:
    made = with_neighbours(exported(features), store, rows, CLASSES, PREPROCESSING)
    return Neighbours.parse(made.files[NEIGHBOURS_FILE], "here", len(CLASSES))


def test_every_photo_of_a_small_set_is_known_with_its_hash_label_and_features(
    small_store: Store, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_LOADED", 7)
    expected = features_of(small_store, rows)
    known = found(small_store, rows, expected[:COMPARED])
    assert [one.tobytes().hex() for one in known.hashes] == rows["sha256"].to_pylist()
    assert [CLASSES[label] for label in known.labels] == rows["label"].to_pylist()
    assert known.features == pytest.approx(expected, abs=1e-3)


def test_of_a_large_set_as_many_of_each_class_are_known(
    small_store: Store, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "MOST_PHOTOS", 12)
    one, other = (
        rows.filter(pa.array([label == name for label in rows["label"].to_pylist()]))
        for name in CLASSES
    )
    few = pa.concat_tables([one, other.slice(0, 4)])
    known = found(small_store, few, features_of(small_store, few.slice(0, COMPARED)))
    assert Counter(known.labels.tolist()) == {0: 8, 1: 4}
    assert class_by_class(np.array([0, 0, 0, 1, 2, 2])).tolist() == [0, 3, 4, 1, 5, 2]


def test_photos_in_which_the_graph_sees_nothing_are_left_out(
    small_store: Store, rows: pa.Table
) -> None:
    features = features_of(small_store, rows)
    features[3] = 0
    features[5] = np.nan
    known = [one.tobytes().hex() for one in found(small_store, rows, features).hashes]
    left_out = set(rows["sha256"].to_pylist()) - set(known)
    assert left_out == {rows["sha256"][row].as_py() for row in (3, 5)}
    nothing = exported(np.zeros_like(features))
    same = with_neighbours(nothing, small_store, rows, CLASSES, PREPROCESSING)
    assert NEIGHBOURS_FILE not in same.files
