import numpy as np
import pytest
import torch

from dandelion_pipeline.evaluation.gradcam import grad_cam
from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.normalize import Normalize
from dandelion_pipeline.networks.resnet import build_network

PREPROCESSING = Preprocessing(size=64)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
TARGETS = np.array([0, 1, 1])


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_network(2).eval()


def test_behind_pooling_and_one_layer_it_is_the_class_activation_map(
    network: torch.nn.Module,
) -> None:
    """Selvaraju et al. prove it: there the gradients are the classifier's own weights."""
    with torch.inference_mode():
        features = Normalize(PREPROCESSING)(torch.from_numpy(PIXELS).permute(0, 3, 1, 2))
        for name, part in network.named_children():
            if name == "avgpool":
                break
            features = part(features)
        weights = network.state_dict()["fc.weight"][torch.from_numpy(TARGETS)]
        maps = torch.einsum("nc,nchw->nhw", weights, features).relu().numpy()
    expected = maps / maps.max(axis=(1, 2), keepdims=True)
    # Bilinear by 32 from 2 x 2: the corners are those of the small map.
    found = grad_cam(network, PREPROCESSING, PIXELS, TARGETS)
    corners = found[:, [0, 0, -1, -1], [0, -1, 0, -1]].reshape(-1, 2, 2)
    assert corners == pytest.approx(expected, abs=1e-4)


def test_maps_have_the_size_of_the_photo_and_go_from_zero_to_one(
    network: torch.nn.Module,
) -> None:
    found = grad_cam(network, PREPROCESSING, PIXELS, TARGETS)
    assert found.shape == PIXELS.shape[:3]
    assert found.min() >= 0
    assert found.max() == pytest.approx(1, abs=1e-6)


def test_the_network_is_left_as_it_was(network: torch.nn.Module) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = grad_cam(network, PREPROCESSING, PIXELS, TARGETS)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    assert (grad_cam(network, PREPROCESSING, PIXELS, TARGETS) == first).all()
