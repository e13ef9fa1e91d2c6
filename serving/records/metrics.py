"""What Prometheus is told, under the names that docs/serving.md explains."""

import time
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.inference.answers import Answered
from serving.inference.batching import Batcher
from serving.model.engine import BATCHES
from serving.model.follower import ModelFollower
from serving.records.log.writer import PredictionLog

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
_NO_ROUTE = "none"  # never the path itself: strangers would make as many series as they like

_DOUBTS = {
    "unsure": "Photos whose confidence was below the model's threshold",
    "outside": "Photos of another kind than those of training",
}


class Metrics:
    """All metrics of one application.

    Args:
        models: whose state is read at each scrape.
        batcher: likewise.
        predictions: likewise, if answers are logged.
    """

    def __init__(
        self, models: ModelFollower, batcher: Batcher, predictions: PredictionLog | None = None
    ) -> None:
        disable_created_metrics()  # a second series for each of ours, of when it was made
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "dandelion_request_seconds",
            "Time from a request's head to the end of its answer",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "dandelion_stage_seconds",
            "Where time goes: receive (a request's body), decode, queue, infer (a photo)",
            ("stage",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "dandelion_batch_photos",
            "How many photos were inferred together with a photo, itself included",
            buckets=BATCHES,
            registry=self.registry,
        )
        self._predictions = Counter(
            "dandelion_predictions",
            "Photos by the class that was seen in them",
            ("label",),
            registry=self.registry,
        )
        self._confidence = Histogram(
            "dandelion_confidence",
            "Probability of the class that was seen",
            buckets=_CONFIDENCES,
            registry=self.registry,
        )
        self._unsure, self._outside = (
            Counter(f"dandelion_photos_{name}", words, registry=self.registry)
            for name, words in _DOUBTS.items()
        )
        self.refused = Counter(
            "dandelion_photos_refused",
            "Photos that were refused, by reason",
            ("reason",),
            registry=self.registry,
        )
        self.registry.register(_State(models, batcher, predictions))
        ProcessCollector(namespace="dandelion", registry=self.registry)

    def tell(self, answered: Answered) -> None:
        """Count an answer; a `Listener`."""
        self._predictions.labels(answered.label).inc()
        self._confidence.observe(answered.probabilities[answered.label])
        self._batches.observe(answered.batch)
        self._unsure.inc(not answered.sure)
        self._outside.inc(bool(answered.outside))
        for stage in ("decode", "queue", "infer"):
            self.stages.labels(stage).observe(getattr(answered.stages, stage))


class _State(Collector):
    """What is read when somebody asks."""

    def __init__(
        self, models: ModelFollower, batcher: Batcher, predictions: PredictionLog | None
    ) -> None:
        self._models = models
        self._batcher = batcher
        self._predictions = predictions

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._of_models()
        yield _gauge("photos_inside", "Photos decoded, waiting or inferred", self._batcher.inside)
        yield _gauge("photos_waiting", "Photos that wait to be inferred", self._batcher.waiting)
        log = self._predictions
        if log is not None:
            waiting = log.waiting_bytes
            yield _counter("log_rows_written", "Predictions that the store has", log.written)
            yield _counter("log_rows_dropped", "Predictions that were not logged", log.dropped)
            yield _gauge("log_waiting_bytes", "Of the prediction log on this disk", waiting)

    def _of_models(self) -> Iterator[Metric]:
        models = self._models
        live = models.live
        yield _gauge("model_loaded", "1 if a model answers", live is not None)
        yield _gauge("model_current", "1 if it is what the log names", models.trouble is None)
        if live is not None:
            manifest = live.engine.manifest
            info = {
                "version": manifest.version,
                "graph": live.engine.graph,
                "data_hash": manifest.data.hash,
                "is_sample": str(manifest.data.is_sample).lower(),
            }
            yield InfoMetricFamily("dandelion_model", "The model that answers", info)
            yield _gauge("release_number", "Of the release that answers", live.release.number)
        yield _gauge("store_reachable", "1 if the last look at the log worked", models.reachable)
        looked = time.monotonic() - models.last_look
        yield _gauge("last_look_age_seconds", "Since the last look that worked", looked)
        yield _counter("model_swaps", "Models that took over", models.swaps)
        yield _counter("models_refused", "Models that were refused", models.refusals)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dandelion_{name}", words, value)


def _counter(name: str, words: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"dandelion_{name}", words, value)


class MetricsMiddleware:
    """Measures every request, whatever becomes of it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        received = False

        async def receive_timed() -> Message:
            nonlocal received
            message = await receive()
            if not received and not message.get("more_body", False):
                received = True
                self._metrics.stages.labels("receive").observe(time.perf_counter() - began)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_timed, send_noted)
        finally:
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            method = scope["method"] if route != _NO_ROUTE else _NO_ROUTE
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(method, route, status).observe(seconds)
