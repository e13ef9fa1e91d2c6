"""Whether the process lives, and whether it has a model: for those who watch it."""

from fastapi import APIRouter

from serving.api.problems import no_model
from serving.api.routes.services import AnyServices, problems
from serving.api.schemas import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?", responses=problems(500))
async def healthz() -> Health:
    """Always answers, with or without a model."""
    return Health(status="ok")


@router.get("/readyz", summary="Is a model loaded?", responses=problems(500, 503))
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
