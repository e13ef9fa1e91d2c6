"""Rows from the answers to the journal, and from the journal to the store."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.storage.objects.store import Store
from serving.inference.answers import Answered
from serving.records.log.journal import Segment, abandoned
from serving.records.log.photos import AnsweredPhotos
from serving.threads import step_back

_STOP_SECONDS = 5
_log = logging.getLogger(__name__)


class PredictionLog:
    """Keeps a row for every answer, between `start` and `stop`.

    A row is in the journal before the answer is sent. A thread writes what has gathered to the
    store every few seconds, under a key that the journal's segment names, and only then deletes the
    segment: a process that is killed in between loses nothing and doubles nothing. While the store
    is away, segments gather on disk up to a limit; above it new rows are dropped and counted.

    Args:
        store: where the tables go.
        folder: where the journal lies.
        seconds: between two tables.
        most_bytes: that all of it may take on disk.
        keep_photos: whether the photos themselves go to the store, too.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        seconds: float,
        most_bytes: int,
        *,
        keep_photos: bool = False,
    ) -> None:
        self._store = store
        self._folder = folder
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._photos = AnsweredPhotos(folder / "photos") if keep_photos else None
        self._segment: Segment | None = None
        self._gathered = 0  # bytes of all that is on disk, but for the segment
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)
        self._complaint = ""
        self.written = 0
        """Rows that are in the store."""

        self.dropped = 0
        """Rows that the disk did not take, or that there was no room for."""

    def start(self) -> None:
        """Begin with what earlier processes left."""
        # A fifth of a second, here and not at the first table, when requests would wait for it.
        import dandelion_pipeline.storage.records.predictions  # noqa: F401, PLC0415

        self._thread.start()

    def stop(self) -> None:
        """Write what has gathered; what the store does not take in time stays on disk."""
        self._over.set()
        self._thread.join(_STOP_SECONDS)

    @property
    def waiting_bytes(self) -> int:
        """Of rows that are not in the store yet."""
        with self._lock:
            return self._gathered + (self._segment.size if self._segment else 0)

    def tell(self, answered: Answered) -> None:
        """Put an answer into the journal; a `Listener`. Whatever the disk does, nothing fails."""
        row = _row(answered)
        try:
            with self._lock:
                self._segment = self._segment or Segment.new(self._folder)
                if self._gathered + self._segment.size > self._most_bytes:
                    raise OSError("the journal has reached its limit (DANDELION_LOG_MAX_MB)")
                self._segment.append(row)
            if self._photos is not None:
                self._photos.keep(answered)
        except OSError as error:
            self.dropped += 1
            self._complain(f"Predictions are not logged: {error}")

    def _run(self) -> None:
        step_back()
        while not self._over.wait(self._seconds):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        try:
            with self._lock:
                segment, self._segment = self._segment, None
                if segment is not None:
                    segment.close()  # abandoned for the moment between this and the next line
            for left in abandoned(self._folder):
                self._write(left)
            if self._photos is not None:
                self._photos.send(self._store)
            self._complaint = ""
        except (DandelionError, OSError) as error:
            self._complain(f"The prediction log stays on disk for now: {error}")
        with self._lock, suppress(OSError):
            own = self._segment.size if self._segment else 0
            self._gathered = _bytes_below(self._folder) - own

    def _write(self, segment: Segment) -> None:
        from dandelion_pipeline.storage.records.predictions import write_predictions  # noqa: PLC0415

        try:
            days = _by_day(segment.rows())
            for day, rows in days.items():
                write_predictions(self._store, day, segment.name, rows)
        except BaseException:
            segment.close()
            raise
        segment.remove()
        self.written += sum(map(len, days.values()))

    def _complain(self, words: str) -> None:
        if words != self._complaint:  # once, not at every row
            _log.warning("%s", words)
        self._complaint = words


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in list(folder.rglob("*")):
        with suppress(FileNotFoundError):  # another process has sent it
            total += path.stat().st_size
    return total


def _row(answered: Answered) -> dict[str, Any]:
    manifest, stages = answered.manifest, answered.stages
    return {
        "prediction_id": answered.prediction_id,
        "request_id": answered.request_id,
        "when": answered.when.isoformat(),
        "label": answered.label,
        "confidence": answered.probabilities[answered.label],
        "classes": list(answered.probabilities),
        "probabilities": list(answered.probabilities.values()),
        "model_version": manifest.version,
        "data_hash": manifest.data.hash,
        "dagster_run": manifest.dagster_run,
        "mlflow_run": manifest.mlflow_run,
        "photo_sha256": answered.photo_sha256,
        "format": answered.format,
        "width": answered.width,
        "height": answered.height,
        "bytes": answered.size,
        "batch": answered.batch,
        "decode_ms": round(stages.decode * 1e3, 3),
        "queue_ms": round(stages.queue * 1e3, 3),
        "infer_ms": round(stages.infer * 1e3, 3),
        "sure": answered.sure,
        "outside": answered.outside,
        "novelty": answered.novelty,
    }


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        when = datetime.fromisoformat(row["when"])
        days[f"{when:%Y-%m-%d}"].append({**row, "when": when})
    return days
