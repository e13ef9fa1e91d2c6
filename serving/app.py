"""The API: `python -m serving.app`, or `create_app` for a server of your own."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import uvicorn
from anyio import to_thread
from fastapi import FastAPI

from dandelion_pipeline.errors import DandelionError, SettingsError
from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from serving import routes
from serving.auth import DOCUMENTED_KEYS, ApiKeyMiddleware
from serving.batching import Batcher
from serving.explain import Explainer
from serving.kept import KeptModel
from serving.keys import Keys
from serving.limits import BodyLimitMiddleware, RoomMiddleware
from serving.log.writer import PredictionLog
from serving.memory import give_large_buffers_back, spare_what_stays
from serving.metrics import Metrics, MetricsMiddleware
from serving.models import Models
from serving.origin import OriginMiddleware
from serving.problems import answer_errors_with_problems
from serving.protocol import BoundedProtocol
from serving.rate import RateMiddleware
from serving.request_id import RequestIdMiddleware
from serving.routes.services import Services
from serving.security_headers import SecurityHeadersMiddleware
from serving.settings import Settings, load_settings

_ABOUT = """
Send a photo, get the probability of each class, and the version of the model that said so.

Errors are problem documents (RFC 9457, `application/problem+json`) that say what to do.
Every answer carries `X-Request-ID`; send your own to find a request again in both logs.
"""
_STOP_SECONDS = 10  # for requests in flight when the API is told to stop

# httpx keeps idle connections for 5 seconds, and so does uvicorn: a client that comes back
# just then finds the connection closed under it. The server must be the more patient one.
KEEP_ALIVE_SECONDS = 20
_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The application, following the release log of the store that the settings name.

    Raises:
        SettingsError: the store's address makes no sense.
    """
    store = open_store(settings.store)
    models = Models(store, int8=settings.int8, kept=_kept(settings))
    batcher = Batcher(settings.queue, settings.deadline_seconds)
    predictions = _prediction_log(settings, store)
    metrics = Metrics(models, batcher, predictions)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await models.look_aside()
        follower = asyncio.create_task(models.follow(settings.poll_seconds))
        follower.add_done_callback(_report_a_bug)
        batcher.start()
        if predictions is not None:
            predictions.start()
        yield
        await batcher.stop()
        if predictions is not None:
            await to_thread.run_sync(predictions.stop)
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower

    app = FastAPI(
        title="Dandelion",
        version=version("dandelion-pipeline"),
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from other people's servers
        redoc_url=None,
    )
    listeners = (metrics.tell, *([predictions.tell] if predictions is not None else []))
    app.state.services = Services(store, models, batcher, metrics, Explainer(), listeners=listeners)
    for router in routes.OPEN:
        app.include_router(router)
    for router in routes.GUARDED:
        app.include_router(router, dependencies=DOCUMENTED_KEYS if settings.asks_for_keys else [])
    answer_errors_with_problems(app)
    app.add_middleware(RoomMiddleware, batcher=batcher)
    app.add_middleware(BodyLimitMiddleware)
    keys = Keys((key.get_secret_value() for key in settings.api_keys), settings.api_keys_file)
    app.add_middleware(ApiKeyMiddleware, keys=keys)
    app.add_middleware(OriginMiddleware, this_machine_only=not settings.asks_for_keys)
    if settings.rate_per_second:
        app.add_middleware(RateMiddleware, keys=keys, rate=settings.rate_per_second)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(RequestIdMiddleware)  # added last: a request meets it first
    return app


def _kept(settings: Settings) -> KeptModel | None:
    """Nothing is gained by a copy of what lies on this machine already."""
    if settings.store.startswith("file:"):
        return None
    return KeptModel(_serving_folder(settings) / "model")


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


def main() -> None:
    """Run the API as the environment says, until SIGINT or SIGTERM."""
    give_large_buffers_back()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(message)s")
    try:
        settings = load_settings()
        app = create_app(settings)
        listening = _listen(settings.api_host, settings.api_port)
    except DandelionError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    config = server_config(app)
    with listening, suppress(KeyboardInterrupt):  # uvicorn stops in order, then raises it
        _log.info("The API answers on http://%s:%d", settings.api_host, settings.api_port)
        _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn's, in a process that does nothing else."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's: until it listens."""
        await super().startup(sockets)
        spare_what_stays()


def server_config(
    app: FastAPI, protocol: type[BoundedProtocol] = BoundedProtocol
) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        server_header=False,
        log_config=None,
        access_log=False,  # a line for each request would cost more than the routing of it
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"the API on {host}:{port}",
            f"it cannot listen there ({error.strerror})",
            "Stop what runs there, or choose another DANDELION_API_HOST or DANDELION_API_PORT",
        ) from None


if __name__ == "__main__":
    main()
