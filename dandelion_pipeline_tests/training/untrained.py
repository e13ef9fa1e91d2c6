"""A model that was not trained: the weights of a fresh network, and a graph that goes by colour."""

import pyarrow as pa
import torch

from dandelion_pipeline.dataset.dataset import DatasetInfo
from dandelion_pipeline.networks.resnet import ARCHITECTURE, build_network
from dandelion_pipeline.release.bundle import digests
from dandelion_pipeline.release.manifest import ONNX_FILE, WEIGHTS_FILE, DataSummary
from dandelion_pipeline.training.export.onnx_graphs import export_weights
from dandelion_pipeline.training.fit import TrainedModel, TrainingRecord
from dandelion_pipeline_tests.data import tiny_models
from dandelion_pipeline_tests.data.small_data_set import TINY


def untrained_model(dataset: pa.Table, *, architecture: str = ARCHITECTURE) -> TrainedModel:
    """It is wrong about some photos of the sample, and cannot be told from a trained one."""
    info = DatasetInfo.of(dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = export_weights(build_network(len(info.classes)))
    files = {ONNX_FILE: tiny_models.onnx_graph(), WEIGHTS_FILE: weights}
    record = TrainingRecord(
        version="20250501-120000-abcdef12",
        architecture=architecture,
        classes=info.classes,
        preprocessing=TINY.preprocessing,
        data=DataSummary(hash=info.hash, is_sample=info.is_sample, counts=info.counts),
        config=TINY,
        history=[],
        seconds=75.0,
        torch_version="none",
        files=digests(files),
        temperature=0.8,
    )
    return TrainedModel(record, files)
