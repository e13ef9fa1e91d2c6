"""The routes: what can be asked, and how an answer is put together."""

import os
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, BinaryIO, cast

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, File, Request, UploadFile

from dandelion_pipeline.release.manifest import Manifest
from serving.engine import Engine
from serving.models import LiveModel, Models
from serving.problems import MEDIA_TYPE, no_model
from serving.request_id import request_id
from serving.schemas import (
    Health,
    ModelInfo,
    ModelRef,
    Prediction,
    Problem,
    Readiness,
    ReleaseInfo,
)


def _as_many_as_cores() -> CapacityLimiter:
    return CapacityLimiter(os.cpu_count() or 1)


@dataclass(frozen=True)
class Services:
    """What the routes need; an application carries one of these in its state."""

    models: Models

    photos_at_once: CapacityLimiter = field(default_factory=_as_many_as_cores)
    """Decoding a large photo takes 100 MB: more at once than cores would only cost memory."""


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


def _live_model(services: Annotated[Services, Depends(_services)]) -> LiveModel:
    if services.models.live is None:
        trouble = services.models.trouble
        raise no_model(trouble.message if trouble else "The API is starting. Try again soon.")
    return services.models.live


AnyServices = Annotated[Services, Depends(_services)]
AnyLiveModel = Annotated[LiveModel, Depends(_live_model)]


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI."""
    document = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": document}
        for status in statuses
    }


health = APIRouter(tags=["health"])
guarded = APIRouter()


@health.get("/healthz", summary="Is the process alive?", responses=_problems(500))
async def healthz() -> Health:
    """Always answers, with or without a model."""
    return Health(status="ok")


@health.get("/readyz", summary="Is a model loaded?", responses=_problems(500, 503))
async def readyz(services: AnyServices) -> Readiness:
    """Answers 503 until a model is loaded. Needs no key, and so gives no internals away."""
    models = services.models
    if models.live is None:
        unpublished = models.trouble is not None and models.trouble.nothing_released
        raise no_model(
            models.trouble.message
            if models.trouble and unpublished
            else "None could be loaded. `GET /model` and the log say why."
        )
    return Readiness(
        ready=True, version=models.live.release.version, current=models.trouble is None
    )


@guarded.get(
    "/model", tags=["model"], summary="Which model answers?", responses=_problems(401, 500, 503)
)
async def model(services: AnyServices, live: AnyLiveModel) -> ModelInfo:
    """The live model: how good it is, what it was made from, who made it live and why."""
    trouble = services.models.trouble
    return model_info(live, trouble.message if trouble else None)


@guarded.post(
    "/predict",
    tags=["predictions"],
    summary="What is in this photo?",
    responses=_problems(400, 401, 413, 415, 422, 500, 503),
)
async def predict(
    request: Request,
    services: AnyServices,
    live: AnyLiveModel,
    file: Annotated[UploadFile, File(description="A JPEG, PNG, WebP, GIF or BMP, 20 MB at most")],
) -> Prediction:
    """The probability of each class. What the file is, is read from its content, not its name."""
    probabilities = await to_thread.run_sync(
        _classify, live.engine, file.file, limiter=services.photos_at_once
    )
    label = max(probabilities, key=probabilities.__getitem__)
    return Prediction(
        label=label,
        confidence=probabilities[label],
        probabilities=probabilities,
        model=ModelRef(**_ref(live.engine.manifest)),
        request_id=request_id(request.scope),
    )


def _classify(engine: Engine, file: BinaryIO) -> dict[str, float]:
    return engine.classify(file.read())


def model_info(live: LiveModel, trouble: str | None) -> ModelInfo:
    """What there is to know of a live model."""
    manifest, release = live.engine.manifest, live.release
    return ModelInfo(
        **_ref(manifest),
        classes=manifest.classes,
        architecture=manifest.architecture,
        created=manifest.created,
        size=live.engine.preprocessing.size,
        accuracy=manifest.metrics.accuracy,
        test_photos=manifest.metrics.test_photos,
        counts=manifest.data.counts,
        release=ReleaseInfo(**release.model_dump(include=set(ReleaseInfo.model_fields))),
        trouble=trouble,
    )


def _ref(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "is_sample": manifest.data.is_sample,
        "data_hash": manifest.data.hash,
        "dagster_run": manifest.dagster_run,
        "mlflow_run": manifest.mlflow_run,
    }
