"""What was answered of late."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query

from serving.api.routes.services import AnyServices, problems
from serving.api.schemas import Activity
from serving.records.activity import MOST_MINUTES

router = APIRouter(tags=["operations"])


@router.get(
    "/activity",
    summary="What was answered of late?",
    responses=problems(401, 422, 500, 503),
)
async def activity(
    services: AnyServices, minutes: Annotated[int, Query(ge=1, le=MOST_MINUTES)] = 60
) -> Activity:
    """Photos by class, confidence and latency for each minute, out of the prediction log."""
    return await to_thread.run_sync(services.recent.last, minutes)
