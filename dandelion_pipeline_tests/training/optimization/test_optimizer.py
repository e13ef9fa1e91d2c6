import pytest
import torch

from dandelion_pipeline.networks.resnet import build_network
from dandelion_pipeline.training.config import TrainingConfig
from dandelion_pipeline.training.optimization.ema import WeightAverage
from dandelion_pipeline.training.optimization.optimizer import Optimization


@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(steps: int) -> None:
    config = TrainingConfig(learning_rate=0.01, warmup=0.2)
    optimization = Optimization(torch.nn.Linear(2, 2), config, steps)
    rates = [optimization.rate(step) for step in range(steps)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] <= max(rates) <= 0.01
    assert optimization.rate(steps) == pytest.approx(0, abs=1e-4 if steps > 3 else 0.01)


def test_norms_and_biases_do_not_decay() -> None:
    network = build_network(2)
    optimization = Optimization(network, TrainingConfig(weight_decay=0.1), 10)
    decaying, others = optimization.adamw.param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0)
    assert all(p.ndim > 1 for p in decaying["params"])
    assert len(decaying["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_the_average_follows_weights_and_statistics_and_trails_behind() -> None:
    network = torch.nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0.9)
    for step in range(1, 200):
        network.weight.data.fill_(step)
        network.running_mean = torch.full_like(torch.empty(1), step)
        average.update(network, step)
    trailing = average.network.state_dict()
    assert 185 < float(trailing["weight"]) < 199
    assert not average.network.training
