"""How often the gate lets a model pass that is truly as good, or truly worse, by exact sums.

Photos on which both models agree tell the gate nothing. So a challenger is drawn as a number of
photos lost and a number gained; their chances follow from how often the two disagree and by how
much the challenger is truly worse. Recall floors are left out: they would refuse some more.
"""

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from dandelion_pipeline.training.gate import GateLimits, accuracy_criteria

DISAGREE = 0.08
"""Share of the photos on which two trainings are taken to disagree: two models of 91 %, say, that
are each wrong about photos of which the other gets half right."""

RARE = 1e-6
"""What happens less often than this is left out of the sums."""

WORSE = (0.0, 0.02, 0.04, 0.07, 0.10, 0.15)


def main() -> None:
    """Print one table: each row a size of the test split, each column a true loss of accuracy."""
    table = Table("test photos", "judged by", *(f"{loss:.0%} worse" for loss in WORSE))
    test_alone, both = GateLimits(max_accuracy_loss=1.0), GateLimits()
    for photos in (75, 150, 300, 1000):
        for name, limits in (("McNemar alone", test_alone), ("both bounds", both)):
            passed = (share_passed(photos, loss, limits) for loss in WORSE)
            table.add_row(str(photos), name, *(f"{share:.0%}" for share in passed))
    Console().print(table)


def share_passed(photos: int, loss: float, limits: GateLimits) -> float:
    """The chance that a challenger which is truly worse by so much passes.

    Args:
        photos: in the test split.
        loss: true loss of accuracy; the models disagree on at least that share of the photos.
        limits: of the gate.
    """
    disagree = max(DISAGREE, loss)
    share_lost = (disagree + loss) / 2 / disagree
    fewest, most = (int(n) for n in binom.interval(1 - RARE, photos, disagree))
    total = 0.0
    for apart in range(fewest, most + 1):
        lost = np.arange(apart + 1)
        passed = [
            all(c.passed for c in accuracy_criteria(int(n), apart - int(n), photos, limits))
            for n in lost
        ]
        chances = binom.pmf(lost, apart, share_lost) @ np.array(passed, float)
        total += float(binom.pmf(apart, photos, disagree) * chances)
    return total


if __name__ == "__main__":
    main()
