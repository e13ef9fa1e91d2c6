"""A file of a bundle that says what the features of training look like."""

import numpy as np
import pytest
from safetensors.numpy import save

from dandelion_pipeline.errors import BundleError
from dandelion_pipeline.release.ood import FeatureDistribution, joined

PARTS = {
    "means": np.zeros((2, 5), np.float32),
    "directions": np.zeros((5, 3), np.float32),
    "precisions": np.ones(3, np.float32),
    "rest": np.ones(1, np.float32),
}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no tensors", "cannot be read"),
        (save({**PARTS, "rest": np.ones(2, np.float32)}), "do not belong together"),
        (save({**PARTS, "directions": np.zeros((4, 3), np.float32)}), "do not belong together"),
        (save({**PARTS, "means": np.zeros((0, 5), np.float32)}), "do not belong together"),
        (save({**PARTS, "means": np.zeros((2, 5))}), "no finite 32-bit float"),
        (save({**PARTS, "rest": np.array([np.nan], np.float32)}), "no finite 32-bit float"),
        (save({k: v for k, v in PARTS.items() if k != "rest"}), "cannot be read"),
    ],
)
def test_what_is_no_feature_distribution_is_refused_by_name(data: bytes, complaint: str) -> None:
    with pytest.raises(BundleError, match=complaint) as refused:
        FeatureDistribution.parse(data, "ood.safetensors of model v")
    assert "ood.safetensors of model v" in str(refused.value)


def test_both_kinds_of_features_count_alike_however_bright_the_photo() -> None:
    random = np.random.default_rng(0)
    features, early = (random.uniform(0, 1, (4, n)).astype(np.float32) for n in (6, 3))
    both = joined(features, early)
    assert (both**2).sum(axis=1) == pytest.approx(2)
    assert joined(3 * features, 0.1 * early) == pytest.approx(both, abs=1e-6)
    assert np.isfinite(joined(np.zeros((1, 6), np.float32), early[:1])).all()
