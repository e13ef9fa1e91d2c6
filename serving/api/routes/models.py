"""The live model, and what there is to know of it and of the others."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from dandelion_pipeline.release.manifest import CARD_HTML, CARD_MARKDOWN
from serving.api import model_facts
from serving.api.model_schemas import ModelDetails, ModelInfo, Refusals, ReleaseHistory
from serving.api.routes.services import AnyLiveModel, AnyServices, problems

router = APIRouter(tags=["model"])

AnyVersion = Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


def _document(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {"content": {media_type: {"schema": {"type": "string"}}}}
    return {200: content, **problems(401, 404, 422, 500, 503)}


@router.get("/model", summary="Which model answers?", responses=problems(401, 500, 503))
async def model(services: AnyServices, live: AnyLiveModel) -> ModelInfo:
    """The live model: how good it is, what it was made from, who made it live and why."""
    trouble = services.models.trouble
    return model_facts.model_info(live, trouble.message if trouble else None)


@router.get("/models", summary="What was live when?", responses=problems(401, 422, 500, 503))
async def models(
    services: AnyServices, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> ReleaseHistory:
    """The release log, newest first: who made which model live, when and why."""
    return await to_thread.run_sync(model_facts.history, services.store, limit)


@router.get(
    "/models/{version}",
    summary="How good is a model?",
    responses=problems(401, 404, 422, 500, 503),
)
async def details(services: AnyServices, version: AnyVersion) -> ModelDetails:
    """What was measured on the test photos, and what the gate said of it."""
    return await to_thread.run_sync(model_facts.model_details, services.store, version)


@router.get(
    "/refusals", summary="What did the gate refuse?", responses=problems(401, 422, 500, 503)
)
async def refusals(
    services: AnyServices, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> Refusals:
    """The models that were judged and never went live, newest first, and why."""
    return await to_thread.run_sync(model_facts.refused_models, services.store, limit)


@router.get(
    "/models/{version}/card",
    summary="What is a model good at?",
    response_class=Response,
    responses=_document("text/markdown"),
)
async def card(services: AnyServices, version: AnyVersion) -> Response:
    """The model card, in Markdown."""
    text = await to_thread.run_sync(model_facts.bundle_file, services.store, version, CARD_MARKDOWN)
    return Response(text, media_type="text/markdown; charset=utf-8")


@router.get(
    "/models/{version}/card.html",
    summary="What is a model good at, with its plots?",
    response_class=Response,
    responses=_document("text/html"),
)
async def card_page(services: AnyServices, version: AnyVersion) -> Response:
    """The model card with its pictures, as a page that needs nothing else."""
    text = await to_thread.run_sync(model_facts.bundle_file, services.store, version, CARD_HTML)
    return _to_keep(text, f"model-card-{version}.html")


@router.get(
    "/models/{version}/report.html",
    summary="What was a model made from?",
    response_class=Response,
    responses=_document("text/html"),
)
async def report_page(services: AnyServices, version: AnyVersion) -> Response:
    """The report of its data set, with contact sheets, as a page that needs nothing else."""
    text = await to_thread.run_sync(model_facts.data_report, services.store, version)
    return _to_keep(text, f"data-report-{version}.html")


def _to_keep(page: bytes, name: str) -> Response:
    """A page to save: shown here, it would have the API's own policy and no style."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(page, media_type="text/html; charset=utf-8", headers=disposition)
