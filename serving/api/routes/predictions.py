"""What is in a photo, or in many."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, File, Request, UploadFile

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.decode import NAMES
from serving.api.disconnect import while_connected
from serving.api.limits import MAX_PHOTO_BYTES
from serving.api.model_facts import model_ref
from serving.api.problems import (
    MOST_FILES,
    busy,
    document,
    photo_refused,
    photo_too_large,
    too_many_files,
)
from serving.api.request_id import request_id
from serving.api.routes.services import AnyLiveModel, AnyServices, Services, problems
from serving.api.schemas import BatchPrediction, BatchResult, PhotoPrediction, Prediction
from serving.inference.answers import Answered
from serving.inference.batching import Busy, Classified
from serving.inference.batching import File as PhotoFile

router = APIRouter(tags=["predictions"])

PHOTO = f"A {NAMES}, {MAX_PHOTO_BYTES / 1e6:.0f} MB at most"


@router.post(
    "/predict",
    summary="What is in this photo?",
    responses=problems(400, 401, 413, 415, 422, 500, 503),
)
async def predict(
    request: Request,
    services: AnyServices,
    live: AnyLiveModel,
    file: Annotated[UploadFile, File(description=PHOTO)],
) -> Prediction:
    """The probability of each class. What the file is, is read from its content, not its name."""
    work = services.batcher.classify(live, photo_file(file))
    try:
        classified = await while_connected(request, work)
    except ImageRefused as error:
        services.metrics.refused.labels(error.reason).inc()
        raise
    seen = _told(request, services, classified)
    return Prediction(
        **dict(seen), model=model_ref(live.engine.manifest), request_id=request_id(request.scope)
    )


@router.post(
    "/predict/batch",
    summary="What is in these photos?",
    responses=problems(400, 401, 413, 422, 500, 503),
)
async def predict_batch(
    request: Request,
    services: AnyServices,
    live: AnyLiveModel,
    files: Annotated[list[UploadFile], File(description=f"{PHOTO}; up to {MOST_FILES} of them")],
) -> BatchPrediction:
    """One result for each photo, in their order, all by one model.

    A photo that is refused does not spoil the others: its result says why.
    """
    if len(files) > MOST_FILES:
        raise too_many_files(len(files))
    work = services.batcher.classify_all(live, [photo_file(file) for file in files])
    found = await while_connected(request, work)
    return BatchPrediction(
        results=_results(request, services, found),
        model=model_ref(live.engine.manifest),
        request_id=request_id(request.scope),
    )


def photo_file(upload: UploadFile) -> PhotoFile:
    """A file as it was uploaded."""

    def read() -> bytes:
        if (upload.size or 0) > MAX_PHOTO_BYTES:
            raise photo_too_large(upload.size or 0, MAX_PHOTO_BYTES)
        upload.file.seek(0)
        return upload.file.read()

    return PhotoFile(upload.size or 0, read)


def _results(
    request: Request, services: Services, found: Sequence[Classified | BaseException]
) -> list[BatchResult]:
    results = []
    for index, outcome in enumerate(found):
        if isinstance(outcome, Classified):
            seen = _told(request, services, outcome)
            results.append(BatchResult(index=index, prediction=seen))
        elif isinstance(outcome, ImageRefused):
            services.metrics.refused.labels(outcome.reason).inc()
            why = document(photo_refused(outcome), request.scope)
            results.append(BatchResult(index=index, problem=why))
        elif isinstance(outcome, Busy):
            why = document(busy(outcome.seconds), request.scope)
            results.append(BatchResult(index=index, problem=why))
        else:
            raise outcome
    return results


def _told(request: Request, services: Services, classified: Classified) -> PhotoPrediction:
    """The answer for one photo, once all who listen know of it."""
    probabilities = classified.probabilities
    label = max(probabilities, key=probabilities.__getitem__)
    answered = Answered(
        prediction_id=uuid4().hex,
        request_id=request_id(request.scope),
        when=datetime.now(UTC),
        read_photo=classified.file.read,
        photo_sha256=classified.sha256,
        size=classified.file.size,
        format=classified.prepared.format,
        width=classified.prepared.width,
        height=classified.prepared.height,
        label=label,
        probabilities=probabilities,
        novelty=classified.novelty,
        sure=probabilities[label] >= classified.live.engine.unsure_below,
        manifest=classified.live.engine.manifest,
        stages=classified.stages,
        batch=classified.batch,
    )
    for listener in services.listeners:
        listener(answered)
    return PhotoPrediction(
        prediction_id=answered.prediction_id,
        label=label,
        confidence=probabilities[label],
        probabilities=probabilities,
        sure=answered.sure,
        outside=answered.outside,
        novelty=answered.novelty,
    )
