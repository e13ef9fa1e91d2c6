"""What the routes need, and how they get it."""

import os
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, cast

from anyio import CapacityLimiter
from fastapi import Depends, Request

from serving.models import LiveModel, Models
from serving.problems import MEDIA_TYPE, no_model
from serving.schemas import Problem


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


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI."""
    document = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": document}
        for status in statuses
    }
