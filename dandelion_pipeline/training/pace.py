"""How long a training will take, said before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from dandelion_pipeline.training.choices import Choices
from dandelion_pipeline.training.loop import Training
from dandelion_pipeline.training.optimization.budget import Plan

_MINUTE = 60


@dataclass(frozen=True)
class Outlook:
    """What is known of a training before its first round."""

    plan: Plan
    choices: Choices
    rounds: tuple[float, ...]
    """Estimated seconds of each round that is left; checkpoints and the export come on top."""

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(self.rounds)

    def left(self, spent: Sequence[float]) -> float:
        """Seconds of the rounds to come, going by what those that were made have taken.

        Args:
            spent: seconds of each round since, at least one.
        """
        estimated = sum(self.rounds[: len(spent)])
        return sum(self.rounds[len(spent) :]) * sum(spent) / estimated

    def sentence(self) -> str:
        """The plan in words: ``2,720 steps, about 3 min``."""
        return f"{self.plan.steps:,} steps, about {in_words(self.seconds)}"


def in_words(seconds: float) -> str:
    """A duration, rounded up: ``40 s`` or ``3 min``."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{-(-seconds // _MINUTE):.0f} min"


def outlook(training: Training) -> Outlook:
    """Time a step at each size of crops, and the validation; the training is left as it is."""
    plan, config = training.plan, training.config
    crops = [config.crop_size(part, plan.rounds) for part in range(training.epoch, plan.rounds)]
    pace = {crop: training.rehearse(crop) for crop in sorted(set(crops))}
    seconds = (pace[crop].step * plan.steps_per_round + pace[crop].validation for crop in crops)
    return Outlook(plan, training.choices, tuple(seconds))
