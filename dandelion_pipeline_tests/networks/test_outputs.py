"""What a network says on the way to its answer changes nothing about the answer."""

import pytest
import torch
from torch import nn

from dandelion_pipeline.images.decoding.preprocess import Preprocessing
from dandelion_pipeline.networks.resnet import ServedNetwork, build_network
from dandelion_pipeline.networks.transfer import TransferNetwork


@pytest.mark.parametrize(
    ("network", "widths"),
    [(build_network(3), (3, 512, 128)), (TransferNetwork(3), (3, 1280, 80))],
    ids=["resnet18", "transfer"],
)
def test_a_served_network_answers_as_the_network_and_tells_two_kinds_of_features(
    network: nn.Module, widths: tuple[int, ...]
) -> None:
    served = ServedNetwork(network.eval(), Preprocessing(size=64)).eval()
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        outputs = served(pixels)
        expected = network(served.normalize(pixels.permute(0, 3, 1, 2)))
    assert [tuple(one.shape) for one in outputs] == [(2, width) for width in widths]
    assert torch.allclose(outputs[0], expected, atol=1e-5)
