"""Steps are what a training has; photos and epochs follow from them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.training.config import Preset, TrainingConfig
from dandelion_pipeline.training.history import EpochMetrics
from dandelion_pipeline.training.inputs.loading import TrainingPhotos
from dandelion_pipeline.training.loop import Training
from dandelion_pipeline.training.optimization.budget import (
    MOST,
    SHORTEST_ROUND,
    batches_per_epoch,
    plan_for,
)
from dandelion_pipeline.training.pace import outlook
from dandelion_pipeline_tests.training.test_checkpoints import new_training, photos, weights_of

BUDGET = TrainingConfig(steps=48, size=32, batch_size=2, device="cpu")


def row(epoch: int, *, right: bool) -> EpochMetrics:
    share = 1.0 if right else 0.9
    return EpochMetrics(epoch, 0.001, 0.3, share, 0.1, share, 1.0)


@pytest.mark.parametrize(("preset", "epochs"), [(Preset.FAST, 34), (Preset.BEST, 84)])
def test_some_400_photos_train_as_they_did_when_presets_were_in_epochs(
    preset: Preset, epochs: int
) -> None:
    plan = plan_for(TrainingConfig.of(preset), 283)
    assert (plan.rounds, plan.steps_per_round, plan.unit) == (epochs, 8, "epoch")


def test_epochs_count_if_they_are_given() -> None:
    plan = plan_for(TrainingConfig.of(Preset.FAST, epochs=5), 5_000)
    assert (plan.rounds, plan.steps) == (5, 5 * batches_per_epoch(5_000, 32))
    assert not plan.may_stop


@given(st.integers(2, 10**6), st.integers(1, 5_000))
def test_any_number_of_photos_gets_about_the_steps_of_its_budget(photos: int, steps: int) -> None:
    plan = plan_for(TrainingConfig(steps=steps), photos)
    least = min(steps, steps - SHORTEST_ROUND / 2)
    assert 0.9 * least <= plan.steps <= 1.1 * MOST * steps + SHORTEST_ROUND
    assert plan.steps_per_round >= min(SHORTEST_ROUND, steps)
    more = plan_for(TrainingConfig(steps=steps), 2 * photos)
    assert more.steps >= 0.85 * plan.steps - SHORTEST_ROUND


def test_a_training_ends_early_only_when_everything_has_been_right_for_long() -> None:
    plan = plan_for(TrainingConfig.of(Preset.FAST), 283)
    wavering = [row(n, right=n % 5 != 0) for n in range(1, 35)]
    assert plan.last_round(wavering) == plan.rounds
    sure = [row(n, right=n > 4) for n in range(1, 35)]
    assert plan.settled_after(sure[:9]) is None
    assert plan.settled_after(sure) == 10
    assert plan.last_round(sure) == 10 + plan.tail < plan.rounds
    explicit = plan_for(TrainingConfig.of(Preset.FAST, epochs=34), 283)
    assert explicit.last_round(sure) == 34


def test_a_settled_training_comes_to_its_end_on_full_crops_with_a_falling_rate() -> None:
    training = new_training(BUDGET)
    training.history.extend(row(n, right=True) for n in range(1, 4))
    rows = []
    while not training.ended:
        rows.append(training.run_epoch())
    assert [made.epoch for made in rows] == [4]
    assert training.optimization.rate(training.steps) == pytest.approx(0, abs=1e-9)


def test_how_long_it_will_take_is_said_and_changes_nothing() -> None:
    training = new_training(BUDGET)
    weights, state = weights_of(training.network), torch.get_rng_state()
    ahead = outlook(training)
    assert len(ahead.rounds) == ahead.plan.rounds == 6
    assert ahead.sentence().startswith("48 steps, about ")
    assert ahead.left(ahead.rounds[:1]) == pytest.approx(sum(ahead.rounds[1:]))
    assert weights_of(training.network) == weights
    assert torch.get_rng_state().equal(state)


def test_a_class_with_one_photo_trains_in_batches_of_any_kind() -> None:
    many, validation = photos()
    labels = torch.tensor([1] + [0] * 11)
    for size in (5, 32):
        config = BUDGET.model_copy(update={"steps": 2, "batch_size": size})
        uneven = TrainingPhotos(many.pixels, many.aspects, labels)
        training = Training(uneven, validation, 2, config)
        assert training.choices.imbalance == "balanced_sampling"
        training.run_epoch()
        served = training.served_network().get_parameter("fc.bias")
        moved = served - training.average.network.get_parameter("fc.bias")
        assert moved[0] > moved[1]
