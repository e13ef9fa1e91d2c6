"""What Prometheus scrapes."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from serving.routes.services import AnyServices, problems

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
    """Counters, histograms and gauges in Prometheus' text format."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)
