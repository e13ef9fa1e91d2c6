from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torchvision.models import ResNet18_Weights

from dandelion_pipeline.defs.assets.training import TrainedModelConfig
from dandelion_pipeline.errors import TrainingError
from dandelion_pipeline.networks.resnet import build_network
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.export.onnx_graphs import export_weights
from dandelion_pipeline.training.initial_weights import apply_weights, starting_weights
from dandelion_pipeline_tests.servers.processes import free_port

KEY = "models/v1/weights.safetensors"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    """A network of three classes that differs from every new one."""
    torch.manual_seed(5)
    return build_network(3)


@pytest.fixture(scope="module")
def data(trained: torch.nn.Module) -> bytes:
    return export_weights(trained)


def config(weights: str, sha256: str) -> TrainingConfig:
    return TrainingConfig(weights=weights, weights_sha256=sha256)


def test_no_weights_are_no_weights(store: Store) -> None:
    assert starting_weights(store, TrainingConfig()) is None


@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("kind", ["file", "key"])
def test_a_network_begins_with_the_weights_of_a_file_or_key(
    kind: str, classes: int, store: Store, data: bytes, trained: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / "begin.safetensors"
    path.write_bytes(data)
    store.put(KEY, data)
    name = str(path) if kind == "file" else KEY
    weights = starting_weights(store, config(name, sha256_hex(data)))
    network = build_network(classes)
    assert weights is not None
    apply_weights(network, weights, name)
    expected = trained.state_dict()
    for layer, value in network.state_dict().items():
        if classes == 3 or not layer.startswith("fc."):
            assert value.equal(expected[layer]), layer
    assert network.get_parameter("fc.weight").shape == (classes, 512)


def test_other_bytes_than_the_hash_says_are_refused(store: Store, data: bytes) -> None:
    store.put(KEY, data[:-1] + b"x")
    with pytest.raises(TrainingError, match=f"{KEY}.*weights_sha256 asks for another"):
        starting_weights(store, config(KEY, sha256_hex(data)))


def test_a_pickle_is_never_read(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": torch.zeros(2)}, path)
    with pytest.raises(TrainingError, match=r"no safetensors file.*pickled weights"):
        starting_weights(store, config(str(path), sha256_hex(path.read_bytes())))


def test_weights_that_are_nowhere_are_named_with_the_places_looked_at(store: Store) -> None:
    with pytest.raises(TrainingError, match=r"no such file here, and no such key in file://"):
        starting_weights(store, config("nowhere", "0" * 64))


def test_weights_of_another_network_are_refused_by_the_layer() -> None:
    other = build_network(2).state_dict()
    other["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    with pytest.raises(TrainingError, match=r"another network: conv1.weight \(64, 3, 3, 3\)"):
        apply_weights(build_network(2), other, "theirs")
    with pytest.raises(TrainingError, match="another network"):
        apply_weights(build_network(2), {"weight": torch.zeros(1)}, "theirs")


def test_without_a_network_the_imagenet_weights_say_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # nothing is cached
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TrainingError, match=r"could not be downloaded.*Connect to the internet"):
        starting_weights(store, TrainingConfig(weights="imagenet"))


def test_a_cached_file_of_imagenet_weights_is_used_without_a_network(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trained: torch.nn.Module
) -> None:
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    name = ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
    torch.save(trained.state_dict(), folder / name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = starting_weights(store, TrainingConfig(weights="imagenet"))
    assert weights is not None
    assert weights["conv1.weight"].equal(trained.state_dict()["conv1.weight"])


@pytest.mark.parametrize("kind", [TrainingConfig, TrainedModelConfig])
def test_a_file_is_named_with_its_hash_and_nothing_else_is(kind: type[TrainingConfig]) -> None:
    with pytest.raises(ValidationError, match="needs weights_sha256"):
        kind(weights="a.safetensors")
    with pytest.raises(ValidationError, match="leave weights_sha256 empty"):
        kind(weights="imagenet", weights_sha256="0" * 64)
    with pytest.raises(ValidationError):
        kind(weights="a.safetensors", weights_sha256="too short")


def test_weights_without_a_classifier_are_enough(trained: torch.nn.Module) -> None:
    body = {n: v for n, v in trained.state_dict().items() if not n.startswith("fc.")}
    network = build_network(2)
    apply_weights(network, body, "a body")
    assert network.get_parameter("conv1.weight").equal(trained.get_parameter("conv1.weight"))
