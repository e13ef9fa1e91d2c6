"""Small classes are heard in training, and probabilities stay those of the data."""

import pytest
import torch

from dandelion_pipeline.training.config import Imbalance
from dandelion_pipeline.training.inputs.imbalance import FROM_RATIO, Balance

UNEVEN = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)


def test_only_classes_of_very_different_size_are_balanced_by_default() -> None:
    even = torch.tensor([0] * int(FROM_RATIO * 10 - 1) + [1] * 10)
    assert Balance.of(Imbalance.AUTO, even, 2).method is Imbalance.NONE
    assert Balance.of(Imbalance.AUTO, UNEVEN, 3).method is not Imbalance.NONE


@pytest.mark.parametrize("method", [m for m in Imbalance if m is not Imbalance.AUTO])
def test_a_method_that_is_asked_for_is_taken(method: Imbalance) -> None:
    assert Balance.of(method, torch.tensor([0, 1]), 2).method is method


def test_balanced_sampling_draws_small_classes_more_often_and_the_logits_make_up_for_it() -> None:
    torch.manual_seed(0)
    balance = Balance.of(Imbalance.BALANCED_SAMPLING, UNEVEN, 3)
    drawn = torch.cat([UNEVEN[balance.order(UNEVEN)] for _ in range(20)])
    shares = torch.bincount(drawn, minlength=3) / len(drawn)
    assert shares[2] > 3 * 0.01
    served = (shares.log() + balance.served_offset()).softmax(0)
    assert served.tolist() == pytest.approx([0.9, 0.09, 0.01], rel=0.1)
    assert balance.loss_offset().abs().sum() == 0


def test_logit_adjustment_draws_all_alike_and_changes_the_loss_only() -> None:
    balance = Balance.of(Imbalance.LOGIT_ADJUSTMENT, UNEVEN, 3)
    assert balance.order(UNEVEN).unique().numel() == len(UNEVEN)
    assert balance.loss_offset().exp().tolist() == pytest.approx([0.9, 0.09, 0.01])
    assert balance.served_offset().abs().sum() == 0
