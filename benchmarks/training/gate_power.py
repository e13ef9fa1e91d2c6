"""How often the gate refuses a model that is truly as good, or truly worse, by simulation.

Photos are easy (every model is right), hard (none is), or open: on these a model is right with a
probability of its own, independently of other models. A model that is truly worse is right on
fewer of the open ones. All that is drawn goes through `gate.decide`, with all of its criteria.

Run: ``python -m benchmarks.training.gate_power`` (some two minutes on two cores).
"""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.gate.contest import CalibrationError, Changes, Pairs, Recall
from dandelion_pipeline.gate.gate import (
    CALIBRATED,
    Challenger,
    Champion,
    decide,
    surely_better,
)
from dandelion_pipeline.gate.limits import GateLimits
from dandelion_pipeline.statistics.calibration import (
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    probabilities_at,
    reliability,
)

OPEN = 0.16
"""Share of the photos on which models differ: two models that are right on half of these disagree
on 8 % of all photos."""

EASY = 0.83
"""Share of the photos on which all are right: with half of the open ones, the accuracy is 0.91."""

SHAPES = (
    (2, 38, 4000, 500),
    (10, 40, 3000, 500),
    (100, 25, 1500, 50),
    (100, 50, 1500, 50),
    (1000, 10, 800, 5),
)
"""Classes, test photos of each, and how often both simulations are drawn."""

WEEKS = 20
LIMITS = GateLimits()
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Photos:
    """Test photos: their classes, and which models are right on."""

    labels: npt.NDArray[np.int64]
    difficulty: npt.NDArray[np.float64]
    """Uniform from 0 to 1: the easiest are below `EASY`."""

    classes: int

    @classmethod
    def drawn(cls, random: np.random.Generator, classes: int, each: int) -> "Photos":
        """As many of each class."""
        labels = np.repeat(np.arange(classes), each)
        return cls(labels, random.random(len(labels)), classes)

    def answered(self, random: np.random.Generator, worse: float) -> Bools:
        """The photos on which a model is right that is truly so much worse than the best."""
        share = 0.5 - worse / OPEN
        easy = EASY + min(0.0, share) * OPEN  # below all open ones, easy ones get lost
        is_open = (self.difficulty >= EASY) & (self.difficulty < EASY + OPEN)
        lucky = random.random(len(self.labels)) < max(0.0, share)
        right: Bools = (self.difficulty < easy) | (is_open & lucky)
        return right

    def challenger(self, right: Bools) -> Challenger:
        """What the gate is told of it; wrong answers name all classes alike."""
        hits = np.bincount(self.labels[right], minlength=self.classes)
        photos = np.bincount(self.labels, minlength=self.classes)
        recalls = {
            str(i): Recall(int(hits[i]), int(photos[i]), int(photos[i]))
            for i in range(self.classes)
        }
        return Challenger(is_sample=False, recalls=recalls, calibration=None)

    def champion(self, ours: Bools, theirs: Bools) -> Champion:
        """What the gate is told of another model."""
        counts = [
            np.bincount(self.labels[which], minlength=self.classes)
            for which in (theirs & ~ours, ours & ~theirs, np.ones_like(ours))
        ]
        classes = {
            str(i): Changes(*(int(count[i]) for count in counts)) for i in range(self.classes)
        }
        pairs = Pairs(sum(classes.values(), Changes(0, 0, 0)), classes)
        return Champion("other", is_sample=False, pairs=pairs)


def passes(photos: Photos, ours: Bools, live: Bools, best: Bools | None = None) -> bool:
    """Whether the gate lets a model replace the live one."""
    criteria = decide(
        photos.challenger(ours),
        photos.champion(ours, live),
        LIMITS,
        None if best is None else photos.champion(ours, best),
    )
    return all(criterion.passed for criterion in criteria)


def refused(
    classes: int, each: int, worse: float, draws: int, *, with_best: bool, seed: int = 0
) -> float:
    """Share of the challengers that the gate refuses.

    Args:
        classes: number of classes.
        each: test photos of each.
        worse: true loss of accuracy; the live model, and the best one before, have none.
        draws: of photos and models.
        with_best: whether the best model so far is another one than the live one.
        seed: of the draws.
    """
    random, count = np.random.default_rng(seed), 0
    for _ in range(draws):
        photos = Photos.drawn(random, classes, each)
        ours, live, best = (photos.answered(random, loss) for loss in (worse, 0.0, 0.0))
        count += not passes(photos, ours, live, best if with_best else None)
    return count / draws


def below_the_best(
    photos_each: int, histories: int, *, anchored: bool = True, classes: int = 2, seed: int = 0
) -> npt.NDArray[np.float64]:
    """How far below the best the live model is at its worst in `WEEKS`, shape ``(histories,)``.

    Each week brings a challenger that is one point worse than the live model; the test photos
    stay the same.

    Args:
        photos_each: test photos of each class.
        histories: how many to draw.
        anchored: whether the gate compares with the best model so far as well.
        classes: number of classes.
        seed: of the draws.
    """
    random, worst = np.random.default_rng(seed), np.zeros(histories)
    for history in range(histories):
        photos = Photos.drawn(random, classes, photos_each)
        live_loss, live = 0.0, photos.answered(random, 0.0)
        best = live
        for _ in range(WEEKS):
            ours = photos.answered(random, live_loss + 0.01)
            other = best if anchored and best is not live else None
            if passes(photos, ours, live, other):
                pairs = photos.champion(ours, best).pairs
                assert pairs is not None  # noqa: S101  for mypy
                live, live_loss = ours, live_loss + 0.01
                best = ours if surely_better(pairs.all) else best
        worst[history] = live_loss
    return worst


def miscalibrated(photos: int, classes: int, draws: int, seed: int = 0) -> float:
    """Share of honest challengers whose calibration is refused.

    Their logits are twice too large, and a temperature is fitted on half as many validation
    photos, as in training. The live model's error is taken to be 0.
    """
    random, count = np.random.default_rng(seed), 0
    for _ in range(draws):
        labels = random.integers(0, classes, photos + photos // 2)
        logits = random.normal(size=(len(labels), classes)) * 1.5
        logits[np.arange(len(labels)), labels] += 4.0
        logits *= 2.0
        temperature = fit_temperature(logits[photos:], labels[photos:])
        probabilities = probabilities_at(logits[:photos], temperature)
        found = expected_calibration_error(reliability(probabilities, labels[:photos]))
        error = CalibrationError(found, error_by_chance(probabilities).most)
        recalls = {"all": Recall(photos, photos, photos)}
        nothing_lost = Pairs(Changes(0, 0, photos), {"all": Changes(0, 0, photos)})
        live = Champion("live", False, pairs=nothing_lost, calibration=CalibrationError(0.0, 0.0))
        criteria = decide(Challenger(False, recalls, error), live, LIMITS)
        count += any(c.check == CALIBRATED and not c.passed for c in criteria)
    return count / draws


def main() -> None:
    """Print three tables: false refusals, power, and how far a slow decline gets."""
    started, console = time.perf_counter(), Console(width=110)
    console.print(_false_refusals(), _power(), _declines())
    console.print(f"{time.perf_counter() - started:.0f} s")


def _false_refusals() -> Table:
    table = Table(
        "classes x photos",
        "alone",
        "beside the best so far",
        "calibration",
        "5 points worse",
        title="Refused: equally good challengers, and such as are five points worse",
    )
    for classes, each, draws, fitted in SHAPES:
        alone, beside = (
            refused(classes, each, 0.0, draws, with_best=with_best) for with_best in (False, True)
        )
        honest = miscalibrated(classes * each, classes, fitted)
        worse = refused(classes, each, 0.05, draws // 4, with_best=True)
        shares = (f"{share:.1%}" for share in (alone, beside, honest, worse))
        table.add_row(f"{classes} x {each}", *shares)
    return table


def _power() -> Table:
    losses = (0.01, 0.02, 0.03, 0.05, 0.07, 0.10)
    table = Table(
        "test photos",
        *(f"{loss:.0%} worse" for loss in losses),
        title="Refused, two classes, beside the best so far",
    )
    for photos, draws in ((76, 1500), (150, 1500), (300, 1500), (1000, 1500), (16_000, 200)):
        shares = (refused(2, photos // 2, loss, draws, with_best=True) for loss in losses)
        table.add_row(f"{photos:,}", *(f"{share:.0%}" for share in shares))
    return table


def _declines() -> Table:
    table = Table(
        "test photos",
        "compared with",
        "mean",
        "1 history in 20",
        "1 in 100",
        "most",
        title=f"Points below the best after {WEEKS} weeks, each challenger one point worse",
    )
    for photos in (76, 300, 1000, 5000):
        for anchored, name in ((False, "the live model"), (True, "and the best so far")):
            lost = 100 * below_the_best(photos // 2, 200, anchored=anchored)
            figures = (lost.mean(), *np.quantile(lost, (0.95, 0.99)), lost.max())
            table.add_row(f"{photos:,}", name, *(f"{figure:.1f}" for figure in figures))
    return table


if __name__ == "__main__":
    main()
