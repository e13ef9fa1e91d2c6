import pytest
import torch

from dandelion_pipeline.networks.efficientnet_lite import LITE0_EARLY, LITE0_FEATURES
from dandelion_pipeline.networks.transfer import EARLY_WEIGHT, HeadInputs, TransferNetwork


def seen(photos: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand((photos, LITE0_FEATURES + LITE0_EARLY), generator=random)


def test_both_stages_count_by_fixed_shares_whatever_their_scale() -> None:
    inputs = HeadInputs()
    given = seen(20) * 50
    inputs.fit(given)
    found = inputs(given)
    late, early = found[:, :LITE0_FEATURES], found[:, LITE0_FEATURES:]
    assert late.norm(dim=1).numpy() == pytest.approx(1, abs=1e-4)
    assert early.norm(dim=1).numpy() == pytest.approx(EARLY_WEIGHT, abs=1e-4)


def test_a_channel_of_the_earlier_stage_that_never_changes_gives_finite_inputs() -> None:
    inputs = HeadInputs()
    given = seen(20)
    given[:, -1] = 3.0
    inputs.fit(given)
    assert inputs(given)[:, -1].abs().max() < 1e-6
    assert torch.isfinite(inputs(seen(5, seed=1))).all()


def test_logits_come_from_the_features_that_the_network_gives() -> None:
    network = TransferNetwork(3).eval()
    pixels = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        features = network.features(pixels)
        assert features.shape == (2, LITE0_FEATURES + LITE0_EARLY)
        assert network.classify(features).numpy() == pytest.approx(network(pixels).numpy())
