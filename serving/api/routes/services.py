"""What the routes need, and how they get it."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from dandelion_pipeline.storage.objects.store import Store
from serving.api.problems import MEDIA_TYPE, no_model
from serving.api.schemas import Problem
from serving.inference.answers import Listener
from serving.inference.batching import Batcher
from serving.inference.explain import Explainer
from serving.model.follower import LiveModel, ModelFollower
from serving.records.activity import RecentAnswers
from serving.records.log.writer import PredictionLog
from serving.records.metrics import Metrics
from serving.records.team import TeamMetrics


@dataclass(frozen=True)
class Services:
    """What the routes need; an application carries one of these in its state."""

    store: Store
    models: ModelFollower
    batcher: Batcher
    metrics: Metrics
    team_metrics: TeamMetrics
    explainer: Explainer
    recent: RecentAnswers
    predictions: PredictionLog | None = None
    """None if answers are not kept."""

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What is told of every answer before it is sent."""
        return (self.metrics.tell, *([self.predictions.tell] if self.predictions else []))


# These two wait for nothing; were they no coroutines, FastAPI would send each to a thread and back.
async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


async def _live_model(services: Annotated[Services, Depends(_services)]) -> LiveModel:
    if services.models.live is None:
        trouble = services.models.trouble
        raise no_model(trouble.message if trouble else "The API is starting. Try again soon.")
    return services.models.live


AnyServices = Annotated[Services, Depends(_services)]
AnyLiveModel = Annotated[LiveModel, Depends(_live_model)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI."""
    document = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": document}
        for status in statuses
    }
