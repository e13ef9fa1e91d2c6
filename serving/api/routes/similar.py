"""The training photos that resemble a photo most."""

from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile

from dandelion_pipeline.errors import ImageRefused
from serving.api.disconnect import while_connected
from serving.api.limits import MOST_SIMILAR
from serving.api.model_facts import model_ref
from serving.api.problems import no_neighbours
from serving.api.request_id import request_id
from serving.api.routes.predictions import PHOTO, photo_file
from serving.api.routes.services import AnyLiveModel, AnyServices, problems
from serving.api.schemas import SimilarPhoto, SimilarPhotos

router = APIRouter(tags=["predictions"])


@router.post(
    "/similar",
    summary="Which training photos resemble it most?",
    responses=problems(400, 401, 409, 413, 415, 422, 500, 503),
)
async def similar(
    request: Request,
    services: AnyServices,
    live: AnyLiveModel,
    file: Annotated[UploadFile, File(description=PHOTO)],
    count: Annotated[int, Query(ge=1, le=MOST_SIMILAR, description="How many are wanted")] = 5,
) -> SimilarPhotos:
    """The nearest training photos by what the model sees in them, each with its label.

    The photos themselves are not shown. The request is not in the prediction log.
    """
    manifest, neighbours = live.engine.manifest, live.engine.neighbours
    if neighbours is None:
        raise no_neighbours(manifest.version)
    work = services.batcher.classify(live, photo_file(file))
    try:
        classified = await while_connected(request, work)
    except ImageRefused as error:
        services.metrics.refused.labels(error.reason).inc()
        raise
    features = classified.features
    assert features is not None  # noqa: S101  an engine with neighbours gives them
    return SimilarPhotos(
        photos=[
            SimilarPhoto(
                label=manifest.classes[one.label], similarity=one.cosine, sha256=one.sha256
            )
            for one in neighbours.nearest(features, count)
        ],
        searched=len(neighbours.labels),
        model=model_ref(manifest),
        request_id=request_id(request.scope),
    )
