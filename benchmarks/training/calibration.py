"""What calibration figures of few photos are worth.

Photos of two classes are drawn whose probabilities are true; their logits have a standard
deviation of 3, which makes 84 % of the answers right. The first table is the calibration error
that they show all the same, by chance. For the second, true logits are doubled, and a temperature
that mends it (2) is fitted on few photos, by the likelihood alone and with our prior; the loss is
that of 20,000 other photos at that temperature, in nats over what the true probabilities have.
"""

from statistics import mean, median

import numpy as np
from rich.console import Console
from rich.table import Table

from dandelion_pipeline.statistics.calibration import (
    PRIOR_WIDTH,
    Floats,
    Labels,
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    probabilities_at,
    reliability,
)

TIMES = 200
SPREAD = 3.0
SPOILT = 2.0
NO_PRIOR = 1e6
RANDOM = np.random.default_rng(0)


def main() -> None:
    """Print both tables."""
    show_chance()
    show_prior()


def drawn(photos: int) -> tuple[Floats, Labels]:
    """Logits, and labels drawn with the very probabilities that they mean."""
    logits = np.stack([RANDOM.normal(0, SPREAD, photos), np.zeros(photos)], axis=1)
    is_second = RANDOM.random(photos) < probabilities_at(logits, 1.0)[:, 1]
    return logits, is_second.astype(np.int64)


def show_chance() -> None:
    """The calibration error of true probabilities, measured and foretold."""
    table = Table("test photos", "bins", "error by chance", "foretold", "at most, 19 of 20")
    for photos in (75, 200, 1_000):
        samples = [drawn(photos) for _ in range(TIMES)]
        true = [probabilities_at(logits, 1.0) for logits, _ in samples]
        bins = [reliability(p, labels) for p, (_, labels) in zip(true, samples, strict=True)]
        chances = [error_by_chance(p) for p in true]
        table.add_row(
            str(photos),
            str(len(bins[0])),
            f"{mean(map(expected_calibration_error, bins)):.3f}",
            f"{mean(chance.mean for chance in chances):.3f}",
            f"{mean(chance.most for chance in chances):.3f}",
        )
    Console().print(table)


def show_prior() -> None:
    """What a prior is worth on few photos."""
    others, answers = drawn(20_000)
    best = negative_log_likelihood(others, answers)
    table = Table("validation photos", "prior", "median T", "T from", "to", "mean loss", "worst")
    for photos in (20, 40, 80, 400):
        samples = [drawn(photos) for _ in range(TIMES)]
        for name, width in (("none", NO_PRIOR), ("ours", PRIOR_WIDTH)):
            found = [fit_temperature(SPOILT * z, labels, width) for z, labels in samples]
            losses = [negative_log_likelihood(SPOILT * others / t, answers) - best for t in found]
            figures = (median(found), min(found), max(found), mean(losses), max(losses))
            table.add_row(str(photos), name, *(f"{figure:.3f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
