"""What is in a photo."""

from typing import Annotated, BinaryIO

from anyio import to_thread
from fastapi import APIRouter, File, Request, UploadFile

from serving.engine import Engine
from serving.request_id import request_id
from serving.routes.models import model_ref
from serving.routes.services import AnyLiveModel, AnyServices, problems
from serving.schemas import Prediction

router = APIRouter(tags=["predictions"])


@router.post(
    "/predict",
    summary="What is in this photo?",
    responses=problems(400, 401, 413, 415, 422, 500, 503),
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
        model=model_ref(live.engine.manifest),
        request_id=request_id(request.scope),
    )


def _classify(engine: Engine, file: BinaryIO) -> dict[str, float]:
    return engine.classify(file.read())
