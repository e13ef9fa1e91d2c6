"""What few photos can prove: exact tests of counts, corrected for how many classes are asked."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Counts = npt.NDArray[np.int64]
Chances = npt.NDArray[np.float64]

_HALF_OF_THE_ERRORS = 0.5


def probability_of_loss(lost: int, gained: int) -> float:
    """One-sided exact McNemar test: the chance of at least this many losses by luck alone.

    Source: McNemar, Psychometrika 12 (1947), with the binomial in place of the chi-square.
    """
    return float(probabilities_of_loss(np.array([lost]), np.array([gained]))[0])


def probabilities_of_loss(lost: Counts, gained: Counts) -> Chances:
    """The same for many pairs of counts at once, all of shape ``(N,)``."""
    chances: Chances = binom.sf(lost - 1, lost + gained, 0.5)
    return chances


def corrected_level(changed: Counts, level: float) -> float:
    """The level for each of many exact McNemar tests that together err at most at ``level``.

    A class on which the models disagree about two photos cannot fail a test at 1 %, whatever
    they say, so it need not be paid for. Source: Tarone, Biometrics 46 (1990): the smallest K
    for which at most K of the tests can fail at all at ``level / K``. With thousands of small
    classes this is far less strict than Bonferroni's division by all of them.

    Args:
        changed: photos lost or gained of each class, shape ``(classes,)``.
        level: the chance that any of them fails by luck.
    """
    smallest = np.sort(0.5 ** changed.astype(np.float64))
    tests = np.arange(1, len(smallest) + 1)
    possible = np.searchsorted(smallest, level / tests, side="right")
    enough = tests[possible <= tests]
    return float(level / enough[0]) if len(enough) else level


def guessed(photos: Sequence[int], said: Sequence[int]) -> float:
    """Photos that answers at random would get right, if each class is named as often as it is.

    Always naming the largest class is one such guess, and nothing is won by it: all answers are
    independent of the photo. Source: Cohen, Educational and Psychological Measurement 20 (1960).

    Args:
        photos: of each class.
        said: how often the model names each class.
    """
    total = sum(photos)
    return float(np.dot(np.array(photos, float), np.array(said, float)) / total)


def chance_of_guessing(right: int, photos: int, by_guessing: float) -> float:
    """The chance that a guesser gets so many photos right, or more (binomial)."""
    return float(binom.sf(right - 1, photos, by_guessing / photos))


def chance_of_use(right: int, photos: int, by_guessing: float) -> float:
    """The chance that a model of some use gets so few photos right, or fewer (binomial).

    Of some use is a model that makes half of the errors of a guesser.
    """
    share = by_guessing / photos
    return float(binom.cdf(right, photos, share + (1 - share) * _HALF_OF_THE_ERRORS))
