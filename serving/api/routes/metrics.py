"""What Prometheus scrapes."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from serving.api.routes.services import AnyServices, problems

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    summary="How is it doing?",
    response_class=Response,
    responses={
        200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}},
        **problems(401, 500),
    },
)
async def metrics(services: AnyServices) -> Response:
    """Counters, histograms and gauges in Prometheus' text format, of all workers."""
    return Response(await services.team_metrics.text(), media_type=CONTENT_TYPE_LATEST)
