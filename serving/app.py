"""The application: `create_app`, which `python -m serving` runs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from serving.api import routes
from serving.api.problems import answer_errors_with_problems
from serving.api.routes.services import Services
from serving.inference.batching import Batcher
from serving.inference.explain import Explainer
from serving.middleware.auth import DOCUMENTED_KEYS, ApiKeyMiddleware
from serving.middleware.keys import Keys
from serving.middleware.limits import AdmissionMiddleware, BodyLimitMiddleware
from serving.middleware.origin import OriginMiddleware
from serving.middleware.rate import RateMiddleware
from serving.middleware.request_id import RequestIdMiddleware
from serving.middleware.security_headers import SecurityHeadersMiddleware
from serving.model.follower import ModelFollower
from serving.model.offline_copy import OfflineCopy
from serving.records.activity import RecentAnswers
from serving.records.log.writer import PredictionLog
from serving.records.metrics import Metrics, MetricsMiddleware
from serving.records.team import ALONE, Member, TeamMetrics
from serving.settings import Settings

_ABOUT = """
Send a photo, get the probability of each class, and the version of the model that said so.

Errors are problem documents (RFC 9457, `application/problem+json`) that say what to do.
Every answer carries `X-Request-ID`; send your own to find a request again in both logs.
"""
_log = logging.getLogger(__name__)


def create_app(settings: Settings, member: Member = ALONE) -> FastAPI:
    """The application, following the release log of the store that the settings name.

    Args:
        settings: what the environment says.
        member: which one it is, where several processes answer on one port.

    Raises:
        SettingsError: the store's address makes no sense.
    """
    store = open_store(settings.store)
    offline_copy = _offline_copy(settings, keeps=member.index == 0)
    models = ModelFollower(
        store,
        precision=settings.precision_wanted,
        offline_copy=offline_copy,
        threads=member.threads,
    )
    batcher = Batcher(settings.queue, settings.deadline_seconds, member.threads)
    predictions = _prediction_log(settings, store)
    metrics = Metrics(models, batcher, predictions)
    team_metrics = TeamMetrics(metrics.registry, member)

    app = FastAPI(
        title="Dandelion",
        version=version("dandelion-pipeline"),
        description=_ABOUT,
        lifespan=partial(_lifespan, settings),
        docs_url=None,  # these pages load scripts from other people's servers
        redoc_url=None,
    )
    app.state.services = Services(
        store,
        models,
        batcher,
        metrics,
        team_metrics,
        Explainer(),
        RecentAnswers(store),
        predictions,
    )
    for router in routes.OPEN:
        app.include_router(router)
    for router in routes.GUARDED:
        app.include_router(router, dependencies=DOCUMENTED_KEYS if settings.asks_for_keys else [])
    answer_errors_with_problems(app)
    _add_middleware(app, settings)
    return app


@asynccontextmanager
async def _lifespan(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last."""
    services: Services = app.state.services
    predictions = services.predictions
    await services.models.look_aside()
    follower = asyncio.create_task(services.models.follow(settings.poll_seconds))
    follower.add_done_callback(_report_a_bug)
    services.batcher.start()
    await services.team_metrics.start()
    if predictions is not None:
        predictions.start()
    yield
    await services.team_metrics.stop()
    await services.batcher.stop()
    if predictions is not None:
        await to_thread.run_sync(predictions.stop)
    follower.cancel()
    with suppress(asyncio.CancelledError):
        await follower


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """What a request meets before a route: the one that is added last comes first."""
    services: Services = app.state.services
    app.add_middleware(AdmissionMiddleware, batcher=services.batcher)
    app.add_middleware(BodyLimitMiddleware)
    keys = Keys((key.get_secret_value() for key in settings.api_keys), settings.api_keys_file)
    app.add_middleware(ApiKeyMiddleware, keys=keys)
    app.add_middleware(OriginMiddleware, this_machine_only=not settings.asks_for_keys)
    if settings.rate_per_second:
        app.add_middleware(RateMiddleware, keys=keys, rate=settings.rate_per_second)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=services.metrics)
    app.add_middleware(RequestIdMiddleware)  # added last: a request meets it first


def _offline_copy(settings: Settings, *, keeps: bool) -> OfflineCopy | None:
    """Nothing is gained by a copy of what lies on this machine already."""
    if settings.store.startswith("file:"):
        return None
    return OfflineCopy(_serving_folder(settings) / "model", keeps=keeps)


def _prediction_log(settings: Settings, store: Store) -> PredictionLog | None:
    if not settings.prediction_log:
        return None
    return PredictionLog(
        store,
        _serving_folder(settings) / "predictions",
        settings.log_seconds,
        settings.log_max_mb * 1_000_000,
        keep_photos=settings.keep_photos,
    )


def _serving_folder(settings: Settings) -> Path:
    return settings.home.expanduser().resolve() / "serving"


def _report_a_bug(follower: asyncio.Task[None]) -> None:
    if not follower.cancelled() and follower.exception() is not None:
        _log.critical(
            "The release log is no longer followed; restart the API.",
            exc_info=follower.exception(),
        )
