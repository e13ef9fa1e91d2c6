"""How sure a share is that was counted on few photos."""

from scipy.stats import binomtest

CONFIDENCE = 0.95


def wilson_interval(hits: int, of: int) -> tuple[float, float] | None:
    """Wilson's score interval of a share at `CONFIDENCE`; None where nothing was counted.

    It keeps its promise for few photos and for shares near 0 and 1, where the textbook's normal
    interval does not. Source: Wilson, JASA 22 (1927); Brown, Cai and DasGupta, Statistical
    Science 16 (2001).
    """
    if not of:
        return None
    found = binomtest(hits, of).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)
