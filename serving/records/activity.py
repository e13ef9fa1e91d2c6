"""What was answered of late, minute by minute, out of the prediction log in the store.

A table of the log never changes and is read once. The name of a table says when its first row was
written, so a look at the last hour opens no older ones. Latencies are counted in bins of a
sixteenth of an octave: quantiles are right to 3 %.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from dandelion_pipeline.errors import DandelionError, ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from serving.api.problems import store_away
from serving.api.schemas import Activity, Minute

MOST_MINUTES = 180
_LONGEST_TABLE = timedelta(hours=1)  # the most that DANDELION_LOG_SECONDS allows
_FRESH_SECONDS = 2.0
"""A look at the store serves all who ask within that time."""

_BINS = 384
_PER_OCTAVE = 16
_SHORTEST_MS = 0.01


@dataclass
class _Counted:
    photos: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    confidence: float = 0.0
    """The sum."""

    latencies: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))


class RecentAnswers:
    """The last hours of the prediction log; threads may share it.

    Args:
        store: where the log lies.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._read: set[str] = set()
        self._minutes: dict[int, _Counted] = defaultdict(_Counted)
        self._looked = float("-inf")

    def last(self, minutes: int) -> Activity:
        """What was answered in the last minutes, up to `MOST_MINUTES`. Blocks.

        Raises:
            ApiProblem: the store is away.
        """
        now = datetime.now(UTC)
        since = now - timedelta(minutes=minutes)
        with self._turn:
            if time.monotonic() - self._looked > _FRESH_SECONDS:
                try:
                    self._look(now)
                except DandelionError as error:
                    raise store_away(str(error)) from None
                self._looked = time.monotonic()
            found = [
                _minute(number, counted)
                for number, counted in sorted(self._minutes.items())
                if number >= since.timestamp() // 60
            ]
        return Activity(minutes=found, since=_text(since), until=_text(now))

    def _look(self, now: datetime) -> None:
        """Count what is new, and forget what is old."""
        oldest = now - timedelta(minutes=MOST_MINUTES)
        keys = self._keys(oldest - _LONGEST_TABLE, now)
        self._count(sorted(keys - self._read))
        self._read &= keys
        for number in [n for n in self._minutes if n < oldest.timestamp() // 60]:
            del self._minutes[number]

    def _keys(self, begin: datetime, end: datetime) -> set[str]:
        """Of tables that may hold something of that time."""
        first = int(begin.timestamp() * 1e9)
        days = {f"{begin:%Y-%m-%d}", f"{end:%Y-%m-%d}"}
        return {
            found.key
            for day in days
            for found in self._store.list_objects(layout.predictions_day(day))
            if _begun(found.key) >= first
        }

    def _count(self, keys: Sequence[str]) -> None:
        from dandelion_pipeline.storage.records.tables import read_tables  # noqa: PLC0415  pyarrow is slow

        if not keys:
            return
        try:
            table = read_tables(self._store, keys)
        except ObjectDamaged:
            if len(keys) > 1:
                for key in keys:
                    self._count([key])
            else:  # `dandelion store check` names it; the others are worth showing
                self._read.update(keys)
            return
        self._read.update(keys)  # whatever happens to the next ones, these count once
        when = table["when"].to_numpy().astype("datetime64[s]").astype(np.int64) // 60
        stages = [table[name].to_numpy() for name in ("decode_ms", "queue_ms", "infer_ms")]
        labels = table["label"].to_pylist()
        confidences = table["confidence"].to_pylist()
        bins = _bin(np.sum(stages, axis=0))
        for number, label, confidence, slot in zip(when, labels, confidences, bins, strict=True):
            counted = self._minutes[int(number)]
            counted.photos[label] += 1
            counted.confidence += confidence
            counted.latencies[slot] += 1


def _begun(key: str) -> int:
    """When the first row of a table was written, in nanoseconds; what has another name is old."""
    with suppress(ValueError):
        return int(key.rpartition("/")[2].partition("-")[0])
    return 0


def _bin(milliseconds: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    octaves = np.log2(np.maximum(milliseconds, _SHORTEST_MS) / _SHORTEST_MS)
    return np.minimum((octaves * _PER_OCTAVE).astype(np.int64), _BINS - 1)


def _quantile(latencies: npt.NDArray[np.int64], share: float) -> float:
    """Milliseconds: the middle of the bin that holds it."""
    slot = int(np.searchsorted(latencies.cumsum(), share * latencies.sum()))
    return float(_SHORTEST_MS * 2 ** ((slot + 0.5) / _PER_OCTAVE))


def _minute(number: int, counted: _Counted) -> Minute:
    return Minute(
        start=_text(datetime.fromtimestamp(60 * number, UTC)),
        photos=dict(counted.photos),
        confidence=counted.confidence / sum(counted.photos.values()),
        median_ms=round(_quantile(counted.latencies, 0.5), 2),
        late_ms=round(_quantile(counted.latencies, 0.99), 2),
    )


def _text(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
