"""The API's own metrics, in figures for people."""

import re
from collections import Counter
from dataclasses import dataclass
from math import isfinite

_SAMPLE = re.compile(r"^(\w+?)(?:\{(.*)\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Counters:
    """Since the API was started."""

    requests: int
    """For predictions; health checks and this page do not count."""

    predictions: int
    uncertain: int
    """Predictions whose confidence was below the model's threshold."""

    outside: int
    """Predictions for photos unlike those that the model was trained on."""

    rejected: int
    error_rate: float
    """Share of the requests that ended with a status of 500 or more."""

    in_flight: int
    """Photos that are being processed, or wait for that."""

    median_ms: float | None
    """Latency of a request for one photo, rounded up to the bound of the metric's bucket; None if
    there was none."""

    @classmethod
    def of(cls, text: str) -> "Counters":
        """From Prometheus' text format, as the API writes it.

        Source: Prometheus, "Exposition formats"; buckets count all that took as long or less.
        """
        counted: Counter[str] = Counter()
        buckets: Counter[float] = Counter()
        for name, inside, value in _SAMPLE.findall(text):
            labels = dict(_LABEL.findall(inside))
            amount = float(value)
            if not labels.get("route", "/predict").startswith("/predict"):
                continue
            if name == "dandelion_request_seconds_bucket" and labels["route"] == "/predict":
                buckets[float(labels["le"])] += round(amount)
            if name == "dandelion_request_seconds_count" and labels["status"].startswith("5"):
                counted["failed"] += round(amount)
            if isfinite(amount):
                counted[name] += round(amount)
        requests = counted["dandelion_request_seconds_count"]
        return cls(
            requests=requests,
            predictions=counted["dandelion_predictions_total"],
            uncertain=counted["dandelion_photos_unsure_total"],
            outside=counted["dandelion_photos_outside_total"],
            rejected=counted["dandelion_photos_refused_total"],
            error_rate=counted["failed"] / requests if requests else 0.0,
            in_flight=counted["dandelion_photos_inside"],
            median_ms=_median(buckets),
        )


def _median(buckets: Counter[float]) -> float | None:
    half = max(buckets.values(), default=0) / 2
    if not half:
        return None
    return 1e3 * min(bound for bound, count in buckets.items() if count >= half)
