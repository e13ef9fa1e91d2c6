import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load

from dandelion_pipeline.dataset.dataset import TRAIN, VALIDATION, rows_of
from dandelion_pipeline.errors import BundleError, TrainingError
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.graphs import predict, predict_logits
from dandelion_pipeline.networks.resnet import ServedNetwork, build_network
from dandelion_pipeline.release.golden import GOLDEN_FILE, Golden
from dandelion_pipeline.release.manifest import INT8_FILE, ONNX_FILE, TRAINING_FILE, WEIGHTS_FILE
from dandelion_pipeline.statistics.calibration import fit_temperature
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.training.fit import TrainedModel, TrainingRecord, fit
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.loading import load_prepared
from dandelion_pipeline.training.optimization.budget import batches_per_epoch
from dandelion_pipeline_tests.data.small_data_set import TINY


def test_every_epoch_is_validated_and_reported(
    model: TrainedModel, reported: list[EpochMetrics]
) -> None:
    assert [row.epoch for row in reported] == [1, 2]
    assert model.record.history == reported


def test_what_the_schedule_ends_with_is_kept(model: TrainedModel) -> None:
    assert model.record.rounds == TINY.epochs


def test_the_served_file_and_the_weights_are_the_same_model(model: TrainedModel) -> None:
    network = build_network(2)
    network.load_state_dict(load(model.files[WEIGHTS_FILE]))
    served = ServedNetwork(network, Preprocessing(size=32, crop=TINY.center_crop)).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = served(torch.from_numpy(pixels))[0].softmax(1).numpy()
    assert predict(model.files[ONNX_FILE], pixels) == pytest.approx(expected, abs=1e-5)


def test_the_graphs_are_compared_on_all_validation_photos_and_the_quick_one_on_training_photos_too(
    model: TrainedModel, small_dataset: pa.Table
) -> None:
    fp32, int8 = model.record.fp32, model.record.int8
    assert fp32 is not None
    assert int8 is not None
    validation, training = (rows_of(small_dataset, of).num_rows for of in (VALIDATION, TRAIN))
    assert (fp32.photos, int8.photos) == (validation, validation + training)
    assert (fp32.labels_equal, fp32.agrees) == (1.0, True)
    assert fp32.largest_difference < 1e-5 < int8.largest_difference < 0.1


def test_the_graph_that_is_served_is_the_one_that_is_judged(model: TrainedModel) -> None:
    record = model.record
    assert (record.served_as, record.temperature) == ("fp32", record.temperatures["fp32"])
    assert "on so few photos it is not certain" in record.served_because
    assert record.served_in_words == f"32-bit floats: {record.served_because}"
    for served_as, name in (("fp32", ONNX_FILE), ("int8", INT8_FILE), (None, ONNX_FILE)):
        judged = replace(model, record=record.model_copy(update={"served_as": served_as}))
        assert judged.onnx == model.files[name]


def test_the_graph_in_8_bits_takes_batches_of_any_length_and_is_a_quarter_of_the_size(
    model: TrainedModel,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    int8 = model.files[INT8_FILE]
    together = predict(int8, pixels)
    assert together == pytest.approx(predict(model.files[ONNX_FILE], pixels), abs=0.1)
    assert np.concatenate([predict(int8, pixels[i : i + 1]) for i in range(5)]) == pytest.approx(
        together, abs=1e-6
    )
    assert len(int8) < 0.3 * len(model.files[ONNX_FILE])


def test_the_golden_examples_are_validation_photos_and_the_answers_of_both_graphs(
    model: TrainedModel, small_store: Store, small_dataset: pa.Table
) -> None:
    golden = Golden.parse(model.files[GOLDEN_FILE], "here")
    rows = rows_of(small_dataset, VALIDATION)
    validation = load_prepared(small_store, rows, model.record.classes, TINY.preprocessing)
    assert {row.tobytes() for row in golden.pixels} <= {row.tobytes() for row in validation.pixels}
    assert model.record.golden is not None
    assert len(golden.pixels) == model.record.golden.photos
    expected = torch.from_numpy(golden.logits).softmax(1).numpy()
    for name, allowed in (
        (ONNX_FILE, model.record.golden.tolerance),
        (INT8_FILE, model.record.golden.int8_tolerance),
    ):
        assert predict(model.files[name], golden.pixels) == pytest.approx(expected, abs=allowed)
    assert golden.int8_logits is not None
    own = torch.from_numpy(golden.int8_logits).softmax(1).numpy()
    assert predict(model.files[INT8_FILE], golden.pixels) == pytest.approx(own, abs=1e-5)


def test_the_temperature_is_fitted_on_the_validation_split(
    model: TrainedModel, small_store: Store, small_dataset: pa.Table
) -> None:
    rows = rows_of(small_dataset, VALIDATION)
    photos = load_prepared(small_store, rows, model.record.classes, TINY.preprocessing)
    logits = predict_logits(model.onnx, photos.pixels)
    assert model.record.temperature == fit_temperature(logits, photos.labels) != 1


def test_a_record_of_before_there_were_temperatures_says_one(model: TrainedModel) -> None:
    document = json.loads(model.record.model_dump_json())
    del document["temperature"]
    assert TrainingRecord.model_validate(document).temperature == 1


def test_a_model_knows_what_it_was_trained_on(model: TrainedModel) -> None:
    assert model.record.classes == ["dandelion", "grass"]
    assert model.record.data.is_sample
    assert sum(sum(splits.values()) for splits in model.record.data.counts.values()) == 60


def test_a_trained_model_reads_back_from_its_files(model: TrainedModel) -> None:
    assert TrainedModel.from_files(model.bundle_files()) == model


def test_a_record_that_names_its_last_round_twice_reads_back_too(model: TrainedModel) -> None:
    files = model.bundle_files()
    older = {**json.loads(files[TRAINING_FILE]), "best_epoch": TINY.epochs}
    read = TrainedModel.from_files({**files, TRAINING_FILE: json.dumps(older).encode()})
    assert read.record == model.record


def test_altered_weights_are_found_before_anybody_uses_them(model: TrainedModel) -> None:
    files = model.bundle_files()
    altered = bytearray(files[WEIGHTS_FILE])
    altered[-1] ^= 1
    with pytest.raises(BundleError, match="not those that training wrote"):
        TrainedModel.from_files({**files, WEIGHTS_FILE: bytes(altered)})


def test_a_loss_that_is_no_number_ends_training_with_the_knob_to_turn(
    small_store: Store, small_dataset: pa.Table
) -> None:
    config = TINY.model_copy(update={"learning_rate": 1e30, "epochs": 4})
    with pytest.raises(TrainingError, match="Lower learning_rate"):
        fit(small_store, small_dataset, config, lambda row: None)


def test_fewer_photos_than_a_batch_still_make_one_batch() -> None:
    assert [batches_per_epoch(n, 8) for n in (3, 8, 17)] == [1, 1, 2]
