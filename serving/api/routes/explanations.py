"""What the model looked at in a photo."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile

from dandelion_pipeline.errors import ImageRefused
from serving.api.disconnect import while_connected
from serving.api.model_facts import model_ref
from serving.api.problems import no_such_label
from serving.api.request_id import request_id
from serving.api.routes.predictions import PHOTO, photo_file
from serving.api.routes.services import AnyLiveModel, AnyServices, problems
from serving.api.schemas import Box, Explanation

router = APIRouter(tags=["predictions"])


@router.post(
    "/explain",
    summary="What did the model look at?",
    responses=problems(400, 401, 413, 415, 422, 500, 503),
)
async def explain(
    request: Request,
    services: AnyServices,
    live: AnyLiveModel,
    file: Annotated[UploadFile, File(description=PHOTO)],
    label: Annotated[
        str, Form(description="The class that it is about; without one, the class that is seen")
    ] = "",
) -> Explanation:
    """By how much the probability of a class falls when a part of the photo is hidden.

    It takes some eighty times as long as an answer, and is done for one photo at a time. It is not
    in the prediction log.
    """
    engine = live.engine
    if label and label not in engine.manifest.classes:
        raise no_such_label(label, engine.manifest.classes)
    try:
        work = services.explainer.explain(engine, photo_file(file).read, label)
        found = await while_connected(request, work)
    except ImageRefused as error:
        services.metrics.refused.labels(error.reason).inc()
        raise
    left, top, width, height = found.box
    return Explanation(
        label=found.label,
        probability=found.probability,
        drops=found.drops.tolist(),
        box=Box(left=left, top=top, width=width, height=height),
        model=model_ref(engine.manifest),
        request_id=request_id(request.scope),
    )
